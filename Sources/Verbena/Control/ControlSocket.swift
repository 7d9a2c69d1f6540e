internal import CLinuxShims
internal import Synchronization

/// What a command asks of a running node: one line of words.
package struct ControlRequest: Sendable {
  package var words: [String]
  package init(words: [String]) { self.words = words }
}

/// What the node answers: a status line, then text.
package enum ControlReply: Sendable, Equatable {
  case text(String)
  case failure(code: String, explanation: String)

  var encoded: String {
    switch self {
    case .text(let text): "ok\n" + text
    case .failure(let code, let explanation): "error \(code) \(explanation)\n"
    }
  }

  init?(encoded: String) {
    let end = encoded.firstIndex(of: "\n") ?? encoded.endIndex
    let status = encoded[..<end]
    if status == "ok" {
      self = .text(String(encoded[end...].dropFirst()))
      return
    }
    let words = status.split(separator: " ", maxSplits: 2)
    guard words.count == 3, words[0] == "error" else { return nil }
    self = .failure(code: String(words[1]), explanation: String(words[2]))
  }
}

/// The control socket of a running node: one for each of its NIDs.
///
/// A thread of its own waits for callers; what they ask is done by tasks. Only the same user and root
/// get an answer.
final class ControlSocket: Sendable {
  private static let requestByteCountMax = 4096
  /// Callers that are listened to at a time.
  private static let readerCountMax = 64

  /// How long the thread waits when there is no descriptor for a caller.
  private static let pauseNanoseconds: Int64 = 100_000_000

  /// Open for as long as anybody has this socket: its thread, or who closes it.
  private let listener: Int32
  private let isClosing = Atomic<Bool>(false)
  private let readerCount = Atomic<Int>(0)
  private let path: String
  /// How long a caller may take to say what it wants.
  private let patienceMilliseconds: Int32

  init(
    _ name: NodeName, patienceMilliseconds: Int32 = 5000,
    answer: @escaping @Sendable (ControlRequest) async -> ControlReply
  ) throws(NodeError) {
    path = name.socketPath
    self.patienceMilliseconds = patienceMilliseconds
    // SAFETY: the string is a C string for the length of the call.
    let descriptor = unsafe clinux_control_listen(path)
    guard descriptor >= 0 else {
      throw NodeError(
        code: .system, operation: "control socket", errno: -descriptor,
        explanation: "\(path): errno \(-descriptor)")
    }
    listener = descriptor
    try LoopThread.start(name: "control") { self.accept(answer) }
  }

  deinit { clinux_close(listener) }

  /// Takes callers until the socket is closed.
  private func accept(
    _ answer: @escaping @Sendable (ControlRequest) async -> ControlReply
  ) {
    while true {
      let caller = clinux_control_accept(listener)
      if caller >= 0 {
        take(caller, answer)
      } else if isClosing.load(ordering: .acquiring) {
        break
      } else {
        clinux_sleep(Self.pauseNanoseconds)
      }
    }
  }

  /// Stops answering; callers in progress get their answers.
  func close() {
    isClosing.store(true, ordering: .releasing)
    clinux_control_shutdown(listener)
    // SAFETY: the string is a C string for the length of the call.
    unsafe clinux_control_remove(path)
  }

  /// Reads what a caller asks on a thread of its own: one that says nothing keeps the others from nothing. When there are
  /// too many, the next ones wait.
  private func take(
    _ caller: Int32, _ answer: @escaping @Sendable (ControlRequest) async -> ControlReply
  ) {
    let isCrowded =
      readerCount.wrappingAdd(1, ordering: .relaxed).newValue > Self.readerCountMax
    if !isCrowded {
      do throws(NodeError) {
        return try LoopThread.start(name: "caller") {
          self.serve(caller, answer)
          self.readerCount.wrappingSubtract(1, ordering: .relaxed)
        }
      } catch {}
    }
    serve(caller, answer)
    readerCount.wrappingSubtract(1, ordering: .relaxed)
  }

  private func serve(
    _ caller: Int32, _ answer: @escaping @Sendable (ControlRequest) async -> ControlReply
  ) {
    var line = [CChar](repeating: 0, count: Self.requestByteCountMax)
    // SAFETY: the buffer is passed with its size, and the call ends before it is read.
    let length = unsafe clinux_control_read_line(
      caller, &line, Self.requestByteCountMax, patienceMilliseconds)
    guard length >= 0 else {
      clinux_close(caller)
      return
    }
    let text = String(
      decoding: line.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    let request = ControlRequest(words: text.split(separator: " ").map(String.init))
    Task {
      let reply = await answer(request).encoded
      // SAFETY: the string is a C string of so many bytes for the length of the call.
      _ = unsafe clinux_control_write(caller, reply, reply.utf8.count)
      clinux_close(caller)
    }
  }
}

/// Asks the node that owns a NID on this host.
package enum ControlClient {
  private static let replyByteCountMax = 16 << 20

  /// Whether a node of this host owns the NID and can be asked.
  package static func isServed(_ name: NodeName) -> Bool {
    // SAFETY: the string is a C string for the length of the call.
    let socket = unsafe clinux_control_connect(name.socketPath)
    guard socket >= 0 else { return false }
    clinux_close(socket)
    return true
  }

  /// Sends a request and waits for the answer; blocks the calling thread.
  ///
  /// - Parameter timeoutMilliseconds: for each part of the answer.
  package static func ask(
    _ name: NodeName, _ request: ControlRequest, timeoutMilliseconds: Int32
  ) throws(NodeError) -> ControlReply {
    let path = name.socketPath
    // SAFETY: strings are C strings and the buffer is passed with its size, for the length of each call.
    let socket = unsafe clinux_control_connect(path)
    guard socket >= 0 else {
      throw NodeError(
        code: .unreachable, operation: "control socket", peer: name.nid, errno: -socket,
        explanation: "\(path): errno \(-socket): no node of this host owns this NID")
    }
    defer { clinux_close(socket) }
    let line = request.words.joined(separator: " ") + "\n"
    let sent = unsafe clinux_control_write(socket, line, line.utf8.count)
    var buffer = [CChar](repeating: 0, count: replyByteCountMax)
    let length =
      sent < 0
      ? Int64(sent)
      : unsafe clinux_control_read_all(socket, &buffer, replyByteCountMax, timeoutMilliseconds)
    let bytes = buffer.prefix(Int(max(length, 0))).map(UInt8.init(bitPattern:))
    guard length >= 0, let reply = ControlReply(encoded: String(decoding: bytes, as: UTF8.self))
    else {
      throw NodeError(
        code: .unreachable, operation: "control socket", peer: name.nid,
        errno: Int32(clamping: -min(length, 0)),
        explanation: "\(path): no answer (errno \(-min(length, 0)))")
    }
    return reply
  }
}
