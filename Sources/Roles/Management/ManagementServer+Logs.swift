internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport

// Reading of logs (spec 11 §12).
extension ManagementServer {
  /// Opens a log by its name. Security rules there are none: clients take their absence for that (spec 11 §12, 1).
  mutating func serveOpen(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ node: inout NodeCore
  ) {
    let asked = Self.name(in: received.message, node.turn.memory.bytes(received.bytes))
    guard let name = asked else { return refuseMalformed(request, &node) }
    var body = LogBody()
    guard let log = id(ofLog: name) else {
      counters.logsUnknown += 1
      return reply(request, export, body, status: WireErrno.enoent.status, &node)
    }
    counters.logsOpened += 1
    body.log = log
    reply(request, export, body, &node)
  }

  private func id(ofLog name: String) -> LogID? {
    if name == parameters.name { return parameters.id }
    for known in fileSystems {
      if let place = known.log(name) { return known.logs[place].log.id }
    }
    return nil
  }

  /// The name as it is sent: behind the structure, and with its NUL.
  private static func name(in message: RPCMessage, _ bytes: borrowing RawSpan) -> String? {
    guard message.length(of: 1, in: bytes) >= LogBody.byteCount,
      let range = message.range(of: 2, in: bytes), (2...64).contains(range.count),
      bytes.byte(at: range.upperBound - 1) == 0
    else { return nil }
    var name: [UInt8] = []
    for place in range.dropLast() { name.append(bytes.byte(at: place)) }
    return name.contains(0) ? nil : String(decoding: name, as: UTF8.self)
  }

  /// Lends the log that a request names.
  private func withLog<Result>(
    _ id: LogID, _ body: (borrowing ConfigLog) -> Result
  ) -> Result? {
    if id == parameters.id { return body(parameters) }
    guard let (fileSystem, place) = logPlaces[id.object] else { return nil }
    let found = fileSystems[fileSystem].logs[place].log.id == id
    return found ? body(fileSystems[fileSystem].logs[place].log) : nil
  }

  mutating func serveHeader(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ node: inout NodeCore
  ) {
    guard let asked: LogBody = value(1, of: received, request, &node) else { return }
    let lengths = BufferLengths(LogHeader.byteCount)
    guard let message = try? node.rpc.beginReply(request, buffers: lengths, turn: &node.turn)
    else { return node.rpc.refuse(request, .enomem, turn: &node.turn) }
    var bytes = node.turn.memory.mutableBytes(message)
    let isFound: Void? = withLog(asked.log) { log in
      bytes.copy(
        from: log.bytes.rawBytes.extracting(0..<LogHeader.byteCount), at: lengths.offset(of: 1))
    }
    if isFound == nil { counters.logsUnknown += 1 }
    let status = isFound == nil ? WireErrno.enoent.status : 0
    node.rpc.reply(
      request, node.connections.replyFields(export, status: status), turn: &node.turn)
  }

  mutating func serveBlock(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ node: inout NodeCore
  ) {
    guard let asked: LogBody = value(1, of: received, request, &node) else { return }
    let lengths = BufferLengths(LogBody.byteCount, ConfigLog.chunkByteCount)
    guard let message = try? node.rpc.beginReply(request, buffers: lengths, turn: &node.turn)
    else { return node.rpc.refuse(request, .enomem, turn: &node.turn) }
    var bytes = node.turn.memory.mutableBytes(message)
    let hasBlock = withLog(asked.log) { log in
      let answer = log.answer(asked)
      answer.body.encode(into: &bytes, at: lengths.offset(of: 1))
      guard let data = answer.data else { return false }
      bytes.copy(from: log.bytes.rawBytes.extracting(data), at: lengths.offset(of: 2))
      return true
    }
    var status: Int32 = 0
    switch hasBlock {
    case nil:
      counters.logsUnknown += 1
      status = WireErrno.enoent.status
    case false?: status = WireErrno.ebadr.status
    case true?: counters.blocksRead += 1
    }
    node.rpc.reply(
      request, node.connections.replyFields(export, status: status), turn: &node.turn)
  }
}
