// A full disk refuses what needs room, keeps what it has, takes what gives room back, and serves on.
// Method: a store on a file system of 4 MiB in memory, made for the test; that takes root's rights.
import Foundation
import LustreWire
import Testing

@testable import Storage
@testable import Verbena

/// A small file system in memory, for as long as the test holds it.
final class SmallDisk: Sendable {
  static let byteCount = 4 << 20
  /// Whether this process may mount at all: root in a container may not.
  static let isPossible = (try? SmallDisk()) != nil

  private let folder = TestDirectory()
  var target: String { folder.target }

  init() throws {
    try Self.call("mount", ["-t", "tmpfs", "-o", "size=\(Self.byteCount)", "tmpfs", folder.path])
  }

  deinit { try? Self.call("umount", ["--lazy", folder.path]) }

  private static func call(_ name: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/\(name)")
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.fileWriteNoPermission) }
  }
}

@Suite(.serialized, .enabled(if: SmallDisk.isPossible, "mounting a small disk takes root's rights"))
struct FullDiskTests {
  private static let kept = StoredObjectID(sequence: 1, object: 1)
  private static let filler = StoredObjectID(sequence: 1, object: 2)
  private static let late = StoredObjectID(sequence: 1, object: 3)
  private static let piece = [UInt8](repeating: 7, count: 64 << 10)

  /// Writes pieces one behind the other until there is no room; how many there were.
  private static func fill(_ disk: inout Disk<SyncStore>) -> Int {
    var count = 0
    while count < SmallDisk.byteCount / piece.count {
      let result = disk.write(
        filler, piece, at: UInt64(count * piece.count), transno: 10 + UInt64(count))
      guard result.errno == 0 else {
        #expect(result.errno == StorageErrno.noSpace)
        break
      }
      count += 1
    }
    return count
  }

  /// Writes what comes late; its errno. A process that another test starts has a copy of all our descriptors until it
  /// executes its program, and so long a file that was removed keeps its room.
  private static func writeOnceThereIsRoom(_ disk: inout Disk<SyncStore>, transno: UInt64) -> Int32
  {
    var errno = StorageErrno.noSpace
    for attempt in 0..<20_000 as Range<UInt64> where errno == StorageErrno.noSpace {
      if attempt > 0 { usleep(1000) }
      errno = disk.write(late, piece, transno: transno + attempt, isSync: true).errno
    }
    return errno
  }

  private static func start(_ path: String) throws -> Disk<SyncStore> {
    var disk = Disk(try SyncStore(path))
    #expect(disk.run(.create(kept, StoredAttributes()), transno: 1).errno == 0)
    #expect(disk.write(kept, [1, 2, 3, 4], transno: 2, isSync: true).errno == 0)
    #expect(disk.run(.create(filler, StoredAttributes()), transno: 3).errno == 0)
    return disk
  }

  @Test func whatDoesNotFitIsRefusedAndTheRestServesOn() async throws {
    try await onThread {
      let small = try SmallDisk()
      var disk = try Self.start(small.target)
      let count = Self.fill(&disk)
      #expect(count > 8 && count < SmallDisk.byteCount / Self.piece.count)
      // The refused piece has left nothing behind, and what was there is there.
      #expect(disk.record(Self.filler)?.size == UInt64(count * Self.piece.count))
      #expect(disk.read(Self.kept, count: 8) == [1, 2, 3, 4])
      #expect(disk.store.counters.noSpace > 0 && disk.store.counters.ioErrors == 0)
      // Of a transaction that has no room, nothing stays.
      let next = 1000 as UInt64
      _ = disk.run(.create(Self.late, StoredAttributes()), transno: next, continues: true)
      #expect(disk.write(Self.late, Self.piece, transno: next).errno == StorageErrno.noSpace)
      #expect(disk.record(Self.late) == nil)
      // A full disk takes what gives room back, and then more.
      #expect(disk.run(.destroy(Self.filler), transno: next + 1, isSync: true).errno == 0)
      #expect(disk.run(.create(Self.late, StoredAttributes()), transno: next + 2).errno == 0)
      #expect(Self.writeOnceThereIsRoom(&disk, transno: next + 3) == 0)
      #expect(disk.store.report.failure == nil)
      try disk.store.reopen(small.target)
      #expect(disk.read(Self.kept, count: 8) == [1, 2, 3, 4])
      #expect(disk.read(Self.late, count: Self.piece.count) == Self.piece)
      #expect(disk.record(Self.filler) == nil)
    }
  }

  /// What was safe when the disk filled up is there after a crash, with the disk as full as before.
  @Test func aStoreOpensOnAFullDisk() async throws {
    try await onThread {
      let small = try SmallDisk()
      var disk = try Self.start(small.target)
      let count = Self.fill(&disk)
      let isSafe = disk.store.commit()
      #expect(isSafe)
      try disk.store.reopen(small.target)
      #expect(disk.record(Self.filler)?.size == UInt64(count * Self.piece.count))
      #expect(disk.read(Self.kept, count: 8) == [1, 2, 3, 4])
      #expect(
        disk.write(Self.kept, Self.piece, at: 4, transno: 2000).errno == StorageErrno.noSpace)
      #expect(disk.run(.destroy(Self.filler), transno: 2001, isSync: true).errno == 0)
      #expect(disk.write(Self.kept, Self.piece, at: 4, transno: 2002, isSync: true).errno == 0)
    }
  }
}
