internal import CLinuxShims
internal import LustreWire
internal import Synchronization

/// Serves metrics over HTTP: `GET /metrics` at a TCP port, for Prometheus and whoever reads its format.
///
/// A thread of its own waits for callers. Bounded: a request has 4 KiB and a second, at most 8 are answered at a
/// time and others are told so, and an answer is never waited with.
package final class MetricsEndpoint: Sendable {
  private static let requestByteCountMax: UInt32 = 4096
  private static let patienceMilliseconds: Int32 = 1000
  private static let concurrentCountMax = 8
  /// How long the thread waits when there is no descriptor for a caller.
  private static let pauseNanoseconds: Int64 = 100_000_000

  package typealias Text = @Sendable () async -> String?

  /// The port that it listens on.
  package let port: UInt16
  private let listener: Int32
  private let isClosing = Atomic<Bool>(false)
  private let concurrentCount = Atomic<Int>(0)

  /// - Parameters:
  ///   - address: of this host, IPv4, first octet on top; 0 for all.
  ///   - port: 0 for a free one.
  ///   - text: the metrics; nil when there are none any more.
  /// - Throws: `NodeError.system` when it cannot listen there.
  package init(address: UInt32, port: UInt16, text: @escaping Text) throws(NodeError) {
    let listener = clinux_tcp_listen(address, port)
    let bound = listener < 0 ? listener : clinux_tcp_port(listener)
    guard bound >= 0 else {
      if listener >= 0 { clinux_close(listener) }
      throw NodeError(
        code: .system, operation: "metrics", errno: -bound,
        explanation: "cannot listen at \(IPv4Text.describe(address)):\(port): "
          + "\(ErrnoName(Int64(bound))); give an address of this host and a port that is free")
    }
    self.listener = listener
    self.port = UInt16(truncatingIfNeeded: bound)
    try LoopThread.start(name: "metrics") { self.accept(text) }
  }

  deinit { clinux_close(listener) }

  /// Takes no more callers.
  package func close() {
    isClosing.store(true, ordering: .releasing)
    clinux_control_shutdown(listener)
  }

  private func accept(_ text: @escaping Text) {
    while true {
      let caller = clinux_tcp_accept(listener)
      if caller >= 0 {
        serve(caller, text)
      } else if isClosing.load(ordering: .acquiring) {
        break
      } else {
        clinux_sleep(Self.pauseNanoseconds)
      }
    }
  }

  private func serve(_ caller: Int32, _ text: @escaping Text) {
    var head = [CChar](repeating: 0, count: Int(Self.requestByteCountMax))
    // SAFETY: the buffer is passed with its size, and the call ends before it is read.
    let length = unsafe clinux_tcp_read_head(
      caller, &head, Self.requestByteCountMax, Self.patienceMilliseconds)
    guard length >= 0 else { return clinux_close(caller) }
    let line = head.prefix(Int(length)).map(UInt8.init(bitPattern:)).prefix { $0 >= 0x20 }
    let words = String(decoding: line, as: UTF8.self).split(separator: " ")
    guard words.count == 3, words[2].hasPrefix("HTTP/") else {
      return Self.answer(caller, "400 Bad Request", "this speaks HTTP\n")
    }
    guard words[0] == "GET" else {
      return Self.answer(caller, "405 Method Not Allowed", "only GET\n")
    }
    guard words[1] == "/metrics" else {
      return Self.answer(caller, "404 Not Found", "only /metrics\n")
    }
    guard
      concurrentCount.add(1, ordering: .relaxed).newValue <= Self.concurrentCountMax
    else {
      concurrentCount.subtract(1, ordering: .relaxed)
      return Self.answer(caller, "503 Service Unavailable", "too many at a time\n")
    }
    Task {
      if let text = await text() {
        Self.answer(caller, "200 OK", text)
      } else {
        Self.answer(caller, "503 Service Unavailable", "the node has stopped\n")
      }
      concurrentCount.subtract(1, ordering: .relaxed)
    }
  }

  /// Leaves the answer to the system, which has room for it, and closes.
  private static func answer(_ caller: Int32, _ status: String, _ body: String) {
    let text =
      "HTTP/1.1 \(status)\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
      + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n" + body
    // SAFETY: the string is a C string of so many bytes for the length of the call.
    unsafe clinux_tcp_answer(caller, text, UInt64(text.utf8.count))
    clinux_close(caller)
  }
}
