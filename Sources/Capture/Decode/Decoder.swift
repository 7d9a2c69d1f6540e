internal import LustreWire

/// Reads the o2iblnd and LNet messages out of a capture file, one after the other.
///
/// Segments are put together, packets that were sent again count once, connections are followed through the
/// connection manager. Bytes that are not what they should be become error records; no file makes it trap.
package struct Decoder: Sequence, IteratorProtocol, Sendable {
  private var reader: PcapReader
  private var table = ConnectionTable()
  private var rendezvous = RendezvousTable()
  private var ready: [DecodedMessage] = []
  private var isAtEnd = false
  /// When the first frame was captured, since 1970, in nanoseconds; 0 before the first call of ``next()``.
  package private(set) var startNanoseconds: UInt64 = 0

  /// Takes the whole file.
  package init(_ bytes: [UInt8]) throws(CaptureError) {
    reader = try PcapReader(bytes)
  }

  /// The next record, or nil when the file is read.
  package mutating func next() -> DecodedMessage? {
    while ready.isEmpty, !isAtEnd {
      do throws(CaptureError) {
        guard let record = try reader.next() else {
          isAtEnd = true
          break
        }
        if record.number == 1 { startNanoseconds = record.timeNanoseconds }
        decode(record)
      } catch {
        isAtEnd = true
        ready.append(Self.blank(.error, frame: 0, time: startNanoseconds, summary: "\(error)"))
      }
    }
    return ready.isEmpty ? nil : ready.removeFirst()
  }

  private static func blank(
    _ kind: DecodedMessage.Kind, frame: Int, time: UInt64, summary: String
  ) -> DecodedMessage {
    DecodedMessage(
      kind: kind, frame: frame, timeNanoseconds: time, sourceAddress: 0, destinationAddress: 0,
      connection: nil, name: "error", sourceNID: nil, destinationNID: nil, credits: nil,
      summary: summary, fields: [], bytes: [])
  }

  private mutating func decode(_ record: PcapRecord) {
    let file = reader.bytes
    let bytes = file.rawBytes
    do throws(FrameError) {
      guard let packet = try RoCEPacket(frame: record.range, in: bytes) else { return }
      if packet.opcode == .datagram, packet.base.destinationQueuePair == 1 {
        if let message = CMMessage(at: packet.payload.lowerBound, in: bytes) {
          decode(message, packet, record)
        }
      } else if packet.base.opcode >> 5 == 0 {
        decodeSegment(packet, record, in: bytes)
      }
    } catch {
      ready.append(
        Self.blank(
          .error, frame: record.number, time: record.timeNanoseconds, summary: "\(error)"))
    }
  }

  private mutating func decodeSegment(
    _ packet: RoCEPacket, _ record: PcapRecord, in bytes: borrowing RawSpan
  ) {
    let (stream, event, gap) = table.take(packet, in: bytes)
    guard stream.isO2IB == true else { return }
    if let gap { emit(.error, packet, record, stream, summary: "\(gap)") }
    switch event {
    case .none: break
    case .problem(let problem):
      emit(.error, packet, record, stream, summary: "\(problem)")
    case .write(let header, let byteCount, let content):
      var list = FieldList()
      list.addHex("reth.virtual_address", header.address)
      list.addHex("reth.remote_key", header.remoteKey)
      list.add("reth.dma_length", byteCount)
      list.say("bytes \(byteCount) key \(hexText(header.remoteKey))")
      list.say("address \(hexText(header.address))")
      var rpc: [UInt8] = []
      if let put = rendezvous.put(of: header, to: packet.destination, byteCount: byteCount),
        list.add(payload: content.rawBytes, of: put)
      {
        rpc = content
      }
      emit(
        .write, packet, record, stream, name: "WRITE", summary: list.summary, fields: list.fields,
        rpc: rpc)
    case .message(let message):
      let text = MessageText(message: message.rawBytes)
      rendezvous.take(message.rawBytes, from: packet.source, to: packet.destination)
      var note = ""
      if let identity = stream.identity, let envelope = text.envelope,
        !identity.matches(envelope)
      {
        note = "identity is not the connection's"
      }
      emit(text, packet, record, connection: stream.connection, bytes: message, note: note)
    }
  }

  private mutating func emit(
    _ kind: DecodedMessage.Kind, _ packet: RoCEPacket, _ record: PcapRecord, _ stream: Stream,
    name: String = "error", summary: String, fields: [DecodedField] = [], rpc: [UInt8] = []
  ) {
    ready.append(
      DecodedMessage(
        kind: kind, frame: record.number, timeNanoseconds: record.timeNanoseconds,
        sourceAddress: packet.source, destinationAddress: packet.destination,
        connection: stream.connection, name: name, sourceNID: stream.identity?.sourceNID,
        destinationNID: stream.identity?.destinationNID, credits: nil, summary: summary,
        fields: fields, bytes: [], rpc: rpc))
  }

  private mutating func emit(
    _ text: MessageText, _ packet: RoCEPacket, _ record: PcapRecord, connection: Int?,
    bytes: [UInt8], note: String = ""
  ) {
    let problem = text.failure.map { "\($0)" } ?? ""
    let summary = [text.list.summary, problem, note].filter { !$0.isEmpty }
    ready.append(
      DecodedMessage(
        kind: text.failure == nil ? .message : .error, frame: record.number,
        timeNanoseconds: record.timeNanoseconds, sourceAddress: packet.source,
        destinationAddress: packet.destination, connection: connection, name: text.name,
        sourceNID: text.envelope?.sourceNID, destinationNID: text.envelope?.destinationNID,
        credits: text.envelope?.credits, summary: summary.joined(separator: " "),
        fields: text.list.fields, bytes: bytes,
        rpc: text.rpc.map { Array(bytes[$0]) } ?? []))
  }
}

/// The connection manager's side.
extension Decoder {
  private mutating func decode(
    _ message: CMMessage, _ packet: RoCEPacket, _ record: PcapRecord
  ) {
    switch message {
    case .request(let request):
      guard let (text, bytes) = Self.hello(request.privateData) else {
        guard request.serviceID == CMMessage.tcpService + UInt64(O2IBProtocol.servicePort) else {
          return
        }
        emitStep("REQ", packet, record, "without o2iblnd message")
        return
      }
      let isNew = table.request(
        request, from: packet.source, to: packet.destination, envelope: text.envelope)
      emit(text, packet, record, connection: nil, bytes: bytes, note: isNew ? "" : "(sent again)")
    case .reply(let reply):
      let hello = Self.hello(reply.privateData)
      let number = table.reply(
        reply, from: packet.source, to: packet.destination, envelope: hello?.0.envelope,
        isO2IB: hello != nil)
      guard let (text, bytes) = hello else { return }
      let known =
        number ?? table.connection(reply.ids.local, of: packet.source, with: packet.destination)
      emit(
        text, packet, record, connection: known, bytes: bytes,
        note: number == nil ? "(sent again)" : "")
    case .reject(let reject):
      decodeReject(reject, packet, record)
    case .readyToUse(let ids): emitStep("RTU", packet, record, ids: ids)
    case .disconnectRequest(let ids, _): emitStep("DREQ", packet, record, ids: ids)
    case .disconnectReply(let ids): emitStep("DREP", packet, record, ids: ids)
    }
  }

  private mutating func decodeReject(
    _ reject: CMMessage.Reject, _ packet: RoCEPacket, _ record: PcapRecord
  ) {
    if MessageText.hasMagic(reject.privateData.rawBytes) {
      let bytes = Array(reject.privateData.prefix(O2IBReject.byteCount))
      let text = MessageText(reject: reject.privateData.rawBytes)
      emit(text, packet, record, connection: nil, bytes: bytes)
    } else if table.isPending(reject.ids.remote, from: packet.source, to: packet.destination) {
      emitStep("REJ", packet, record, "reason \(reject.reason)")
    }
  }

  /// The message in private data, its padding cut off; nil when there is none.
  private static func hello(_ privateData: [UInt8]) -> (MessageText, [UInt8])? {
    guard MessageText.hasMagic(privateData.rawBytes) else { return nil }
    let bytes = Array(privateData.prefix(O2IBProtocol.helloBytes))
    return (MessageText(message: bytes.rawBytes), bytes)
  }

  private mutating func emitStep(
    _ name: String, _ packet: RoCEPacket, _ record: PcapRecord, ids: CMMessage.Pair
  ) {
    guard
      let number = table.connection(ids.local, of: packet.source, with: packet.destination)
    else { return }
    emitStep(name, packet, record, "connection \(number)", connection: number)
  }

  private mutating func emitStep(
    _ name: String, _ packet: RoCEPacket, _ record: PcapRecord, _ summary: String,
    connection: Int? = nil
  ) {
    ready.append(
      DecodedMessage(
        kind: .connectionManager, frame: record.number, timeNanoseconds: record.timeNanoseconds,
        sourceAddress: packet.source, destinationAddress: packet.destination,
        connection: connection, name: "CM \(name)", sourceNID: nil, destinationNID: nil,
        credits: nil, summary: summary, fields: [], bytes: []))
  }
}
