internal import BenchKit
internal import Dispatch
internal import Foundation
internal import Synchronization

/// A capture file that a loop appends to without waiting for the disk; a queue of its own writes.
///
/// Complete once this value is gone, which is when the node that captures has stopped.
final class CaptureFile: Sendable {
  /// Bytes that may wait for the disk; what would exceed them is left out of the file, and counted.
  private static let waitingByteCountMax = 64 << 20

  /// What the queue works on; it outlives the file for no longer than it takes to write.
  private final class Writer: Sendable {
    let file: FileHandle
    let waitingByteCount = Atomic<Int>(0)
    let problem = Mutex<String?>(nil)

    init(_ file: FileHandle) { self.file = file }

    func write(_ bytes: [UInt8]) {
      defer { waitingByteCount.subtract(bytes.count, ordering: .relaxed) }
      guard problem.withLock({ $0 }) == nil else { return }
      do {
        try file.write(contentsOf: Data(bytes))
      } catch { problem.withLock { $0 = error.localizedDescription } }
    }
  }

  private let path: String
  private let writer: Writer
  private let queue = DispatchQueue(label: "capture")
  private let leftOutByteCount = Atomic<Int>(0)

  init(path: String) throws(CommandFailure) {
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let file = FileHandle(forWritingAtPath: path)
    else {
      throw CommandFailure(.usage, "--pcap \(path): cannot be written; give a file that can")
    }
    self.path = path
    writer = Writer(file)
  }

  /// Appends whole records.
  func append(_ bytes: [UInt8]) {
    let waiting = writer.waitingByteCount.add(bytes.count, ordering: .relaxed).newValue
    guard waiting <= Self.waitingByteCountMax else {
      writer.waitingByteCount.subtract(bytes.count, ordering: .relaxed)
      leftOutByteCount.add(bytes.count, ordering: .relaxed)
      return
    }
    queue.async { [writer] in writer.write(bytes) }
  }

  deinit {
    queue.sync {}
    try? writer.file.close()
    if let problem = writer.problem.withLock({ $0 }) {
      Streams.error("verbena: cannot write \(path): \(problem); the capture is cut\n")
    }
    let leftOut = leftOutByteCount.load(ordering: .relaxed)
    if leftOut > 0 {
      Streams.error("verbena: \(path) lacks \(leftOut) bytes: the disk was slower than the node\n")
    }
  }
}
