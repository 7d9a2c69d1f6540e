// A directory that is not this target's, in use, damaged or from the future is refused, and left as it was.
// Method: each kind made by hand; the message must name the directory and the reason.
import Foundation
import LustreWire
import Testing

@testable import Storage
@testable import Verbena

@Suite struct RefusalTests {
  private func refusal(_ path: String, _ identity: TargetIdentity = testIdentity) -> String {
    do throws(NodeError) {
      _ = try SyncStore(path, identity)
      return ""
    } catch {
      #expect(error.explanation.contains(path))
      return error.explanation
    }
  }

  private func make() throws -> TestDirectory {
    let directory = TestDirectory()
    var disk = Disk(try SyncStore(directory.target))
    _ = disk.run(.setLastID(sequence: 1, id: 2), transno: 1, isSync: true)
    _ = disk.run(.setLastID(sequence: 1, id: 3), transno: 2, isSync: true)
    _ = disk.run(.setLastID(sequence: 1, id: 4), transno: 3, isSync: true)
    return directory
  }

  @Test func anotherTarget() throws {
    let directory = try make()
    var other = testIdentity
    other.uuid = uuid("lfs-OST0002_UUID")
    let text = refusal(directory.target, other)
    #expect(text.contains("lfs-OST0001_UUID") && text.contains("lfs-OST0002_UUID"))
    other = testIdentity
    other.kind = .metadata
    #expect(!refusal(directory.target, other).isEmpty)
    #expect(refusal(directory.target).isEmpty)
  }

  @Test func inUse() throws {
    let directory = try make()
    var store = try SyncStore(directory.target)
    #expect(refusal(directory.target).contains("process \(getpid())"))
    store.close()
    #expect(refusal(directory.target).isEmpty)
  }

  @Test func newerFormat() throws {
    let directory = try make()
    var bytes = directory.read("journal")
    bytes[8] = 9
    directory.write("journal", bytes)
    #expect(refusal(directory.target).contains("format 9"))
    #expect(directory.read("journal") == bytes)
  }

  @Test func olderFormatIsWrittenAnew() throws {
    let directory = try make()
    let bytes = directory.read("journal")
    directory.write("journal", JournalTests.header(bytes, version: 1))
    #expect(refusal(directory.target).isEmpty)
    #expect(directory.read("journal")[8] == UInt8(JournalFormat.version))
  }

  @Test func notAJournal() throws {
    let directory = try make()
    for bytes in [[], Array("hello".utf8), [UInt8](repeating: 0, count: 9000)] {
      directory.write("journal", bytes)
      #expect(refusal(directory.target).contains("none of a Verbena target"))
      #expect(directory.read("journal") == bytes)
    }
  }

  @Test func damagedHeader() throws {
    let directory = try make()
    var bytes = directory.read("journal")
    bytes[17] ^= 1
    directory.write("journal", bytes)
    #expect(refusal(directory.target).contains("damaged"))
  }

  @Test func damagedMiddle() throws {
    let directory = try make()
    var bytes = directory.read("journal")
    bytes[JournalFormat.headerByteCount + JournalFormat.frameByteCount] ^= 1
    directory.write("journal", bytes)
    let text = refusal(directory.target)
    #expect(text.contains("record 1") && text.contains("safely"))
    #expect(directory.read("journal") == bytes)
  }

  @Test func foreignFiles() throws {
    let directory = TestDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.target, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    directory.write("thesis.tex", [1])
    #expect(refusal(directory.target).contains("thesis.tex"))
    #expect(directory.read("thesis.tex") == [1])
  }

  @Test func unfinishedFirstStartIsMadeAnew() throws {
    let directory = TestDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.target + "/objects", withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    directory.write("journal.new", [1, 2, 3])
    var store = try SyncStore(directory.target)
    #expect(store.image.identity.mountCount == 1)
    store.close()
  }

  @Test func everyStartIsCounted() throws {
    let directory = TestDirectory()
    for count in 1...4 as ClosedRange<UInt64> {
      let store = try SyncStore(directory.target)
      #expect(store.image.identity.mountCount == count)
    }
  }
}
