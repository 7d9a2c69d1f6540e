internal import LustreWire

/// One direction between two queue pairs: the sender's address, and the receiver's with its queue pair.
struct StreamKey: Hashable, Sendable {
  var source: UInt32
  var destination: UInt32
  var queuePair: UInt32
}

/// What every message of one direction of a connection must carry (spec 02 §5).
struct StreamIdentity: Hashable, Sendable {
  var sourceNID: NID
  var sourceStamp: UInt64
  var destinationNID: NID
  var destinationStamp: UInt64

  func matches(_ envelope: O2IBEnvelope) -> Bool {
    sourceNID == envelope.sourceNID && sourceStamp == envelope.sourceStamp
      && destinationNID == envelope.destinationNID
      && destinationStamp == envelope.destinationStamp
  }
}

/// One direction of a connection.
struct Stream: Sendable {
  var reassembler: StreamReassembler
  /// Counted from 1; nil when the set-up was not seen.
  var connection: Int?
  /// Whether it carries o2iblnd; nil while unknown.
  var isO2IB: Bool?
  var identity: StreamIdentity?
}

/// Which queue pairs belong together, learnt from the connection manager.
struct ConnectionTable: Sendable {
  private struct Name: Hashable, Sendable {
    var owner: UInt32
    var other: UInt32
    var id: UInt32
  }

  private struct Pending: Sendable {
    var request: CMMessage.Request
    var envelope: O2IBEnvelope?
  }

  private var pending: [Name: Pending] = [:]
  private var connections: [Name: Int] = [:]
  private var streams: [StreamKey: Stream] = [:]
  private var established = 0

  /// Remembers a request; false when the same one was seen already.
  mutating func request(
    _ request: CMMessage.Request, from source: UInt32, to destination: UInt32,
    envelope: O2IBEnvelope?
  ) -> Bool {
    let name = Name(owner: source, other: destination, id: request.localID)
    if pending[name]?.request == request { return false }
    if pending.count >= CaptureLimits.pendingConnects { pending.removeAll() }
    pending[name] = Pending(request: request, envelope: envelope)
    return true
  }

  /// Whether an o2iblnd request of this name, sent by `destination`, waits for its answer.
  func isPending(_ id: UInt32, from source: UInt32, to destination: UInt32) -> Bool {
    pending[Name(owner: destination, other: source, id: id)]?.envelope != nil
  }

  /// The connection of which `source` knows itself as `id`; nil for connections that are not o2iblnd's.
  func connection(_ id: UInt32, of source: UInt32, with destination: UInt32) -> Int? {
    connections[Name(owner: source, other: destination, id: id)]
  }

  /// Makes the connection that a reply accepts and returns its number; nil for a reply that was seen already.
  mutating func reply(
    _ reply: CMMessage.Reply, from source: UInt32, to destination: UInt32,
    envelope: O2IBEnvelope?, isO2IB: Bool
  ) -> Int? {
    let passive = Name(owner: source, other: destination, id: reply.ids.local)
    let active = Name(owner: destination, other: source, id: reply.ids.remote)
    let asked = pending.removeValue(forKey: active)
    if asked == nil, connections[passive] != nil { return nil }
    if streams.count + 2 > CaptureLimits.streams {
      streams.removeAll()
      connections.removeAll()
    }
    var number: Int?
    if isO2IB {
      established += 1
      number = established
      connections[passive] = established
      connections[active] = established
    }
    let toActive = envelope.map {
      StreamIdentity(
        sourceNID: $0.sourceNID, sourceStamp: $0.sourceStamp, destinationNID: $0.destinationNID,
        destinationStamp: $0.destinationStamp)
    }
    let toPassive = toActive.map {
      StreamIdentity(
        sourceNID: $0.destinationNID, sourceStamp: $0.destinationStamp,
        destinationNID: $0.sourceNID, destinationStamp: $0.sourceStamp)
    }
    streams[StreamKey(source: destination, destination: source, queuePair: reply.queuePair)] =
      Stream(
        reassembler: StreamReassembler(startingSequence: reply.startingSequence),
        connection: number, isO2IB: isO2IB, identity: toPassive)
    if let asked {
      let key = StreamKey(
        source: source, destination: destination, queuePair: asked.request.queuePair)
      streams[key] = Stream(
        reassembler: StreamReassembler(startingSequence: asked.request.startingSequence),
        connection: number, isO2IB: isO2IB, identity: toActive)
    }
    return number
  }

  /// The stream of a packet, made when it is not known.
  mutating func take(
    _ packet: RoCEPacket, in bytes: borrowing RawSpan
  ) -> (stream: Stream, event: StreamEvent, gap: StreamProblem?) {
    let key = StreamKey(
      source: packet.source, destination: packet.destination,
      queuePair: packet.base.destinationQueuePair)
    var stream =
      streams[key]
      ?? Stream(
        reassembler: StreamReassembler(startingSequence: nil), connection: nil, isO2IB: nil,
        identity: nil)
    let result = stream.reassembler.take(packet, in: bytes)
    if stream.isO2IB == nil, case .message(let message) = result.event {
      stream.isO2IB = MessageText.hasMagic(message.rawBytes)
    }
    if streams.count >= CaptureLimits.streams, streams[key] == nil { streams.removeAll() }
    streams[key] = stream
    return (stream, result.event, result.gap)
  }
}
