// A directory's store without its thread, so that a test can stop it anywhere.
// Method: commands are executed when they are submitted; one that waits for its being safe commits.
import CLinuxShims
import Foundation
import LustreWire
import RDMATransport
import Structures

@testable import Storage
@testable import Verbena

struct SyncStore: ~Copyable, TargetStore {
  /// Lets the directory go with its last reference.
  private final class Box {
    var store: DirectoryStore
    init(_ store: consuming DirectoryStore) { self.store = store }
  }

  private var box: Box?
  private var current: Box {
    guard let box else { fatalError("the directory was let go") }
    return box
  }

  private var ended: [StorageCompletion] = []
  private var reported: UInt64

  init(_ path: String, _ identity: TargetIdentity = testIdentity) throws(NodeError) {
    let box = Box(try StoreFolder.open(path, identity))
    reported = box.store.durableTransno
    self.box = box
  }

  /// Lets go of the directory, as it is, and opens it again.
  mutating func reopen(_ path: String) throws(NodeError) {
    box = nil
    ended = []
    let new = Box(try StoreFolder.open(path, testIdentity))
    reported = new.store.durableTransno
    box = new
  }

  mutating func close() { box = nil }

  var image: TargetImage { current.store.image }
  var report: StoreReport { current.store.report }
  var counters: StoreCounters { current.store.counters }
  mutating func commit() -> Bool { current.store.commit() }

  mutating func submit(
    _ commands: inout FixedQueue<StorageCommand>, memory: inout NodeMemory, at now: UInt64
  ) {
    while let command = commands.popFirst() {
      var address: UInt64 = 0
      if let buffer = command.operation.buffer, buffer.length > 0 {
        address = memory.address(buffer)
      }
      var result = current.store.execute(command, address: address)
      if command.isSync, !command.continues, result.errno == 0, !current.store.commit() {
        result.errno = StorageErrno.ioError
      }
      ended.append(.ended(result))
    }
  }

  mutating func poll(
    _ completions: inout FixedQueue<StorageCompletion>, memory: inout NodeMemory, at now: UInt64
  ) {
    while !ended.isEmpty, !completions.isFull { completions.append(ended.removeFirst()) }
    guard ended.isEmpty, current.store.durableTransno > reported, !completions.isFull else {
      return
    }
    reported = current.store.durableTransno
    completions.append(.durable(transno: reported))
  }

  mutating func nextDeadline() -> UInt64? { nil }
}

/// A directory that goes with its test.
final class TestDirectory: Sendable {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "verbena-store-\(UInt64.random(in: 0 ... .max))"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Of the target, not made yet.
  var target: String { path + "/lfs-OST0001" }

  func read(_ name: String) -> [UInt8] { bytes(ofFile: "\(target)/\(name)") }

  func copyObjects(_ from: String, to: String) throws {
    try? FileManager.default.removeItem(atPath: "\(target)/\(to)")
    try FileManager.default.copyItem(atPath: "\(target)/\(from)", toPath: "\(target)/\(to)")
  }

  func write(_ name: String, _ bytes: [UInt8]) {
    _ = FileManager.default.createFile(atPath: "\(target)/\(name)", contents: Data(bytes))
  }
}

/// What wakes a test as it would a loop.
final class TestBell: Sendable {
  let descriptor = clinux_eventfd()
  private let epoll = clinux_epoll()

  init() { _ = clinux_epoll_add(epoll, descriptor) }

  deinit {
    clinux_close(epoll)
    clinux_close(descriptor)
  }

  func wait() {
    _ = clinux_epoll_sleep(epoll, -1)
    _ = clinux_eventfd_drain(descriptor)
  }
}

/// Runs what may block on a thread of its own: the pool's few must not.
func onThread<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}

/// A file's content; empty when there is none. Foundation's whole-file readers leak a buffer for some files.
func bytes(ofFile path: String) -> [UInt8] {
  guard let file = FileHandle(forReadingAtPath: path) else { return [] }
  defer { try? file.close() }
  return (try? file.readToEnd()).map { Array($0) } ?? []
}
