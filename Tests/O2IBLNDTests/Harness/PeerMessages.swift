// What the scripted peer says, byte by byte.

import LNet
import LustreWire
import RDMATransport
import Structures

@testable import O2IBLND

/// A CONNREQ or CONNACK with every field open to mischief.
struct Hello {
  var magic = O2IBProtocol.magic
  var version: UInt16 = 0x12
  var type: UInt8 = 0xC0
  var byteCount: UInt32 = 56
  var depth: UInt16 = 8
  var fragments: UInt16 = 257
  var messageByteCount: UInt32 = 4096
  var source = OneNode.peer
  var sourceStamp = OneNode.peerStamp
  var destination = OneNode.nid
  var destinationStamp: UInt64 = 0
  var length = 56

  var bytes: [UInt8] {
    var all = [UInt8](repeating: 0, count: 56)
    store(magic, 0, &all)
    store(version, 4, &all)
    store(type, 6, &all)
    store(byteCount, 8, &all)
    store(source.rawValue, 16, &all)
    store(sourceStamp, 24, &all)
    store(destination.rawValue, 32, &all)
    store(destinationStamp, 40, &all)
    store(depth, 48, &all)
    store(fragments, 50, &all)
    store(messageByteCount, 52, &all)
    return Array(all.prefix(length))
  }

  static func acknowledge(depth: UInt16 = 8) -> Hello {
    Hello(type: 0xC1, depth: depth, destinationStamp: OneNode.stamp)
  }
}

/// A reject as the spec's §3.3 lays it out.
func rejectBytes(
  _ why: UInt8, incarnation: UInt64 = OneNode.peerStamp, depth: UInt16 = 8,
  fragments: UInt16 = 257, version: UInt16 = 0x12, magic: UInt32 = O2IBProtocol.magic
) -> [UInt8] {
  var all = [UInt8](repeating: 0, count: 24)
  store(magic, 0, &all)
  store(version, 4, &all)
  store(why, 6, &all)
  store(incarnation, 8, &all)
  store(depth, 16, &all)
  store(fragments, 18, &all)
  store(UInt32(4096), 20, &all)
  return all
}

func store<Value: FixedWidthInteger>(_ value: Value, _ offset: Int, _ bytes: inout [UInt8]) {
  withUnsafeBytes(of: value) { source in
    for (index, byte) in source.enumerated() { bytes[offset + index] = byte }
  }
}

/// Messages between established peers.
struct PeerMessage {
  var type: UInt8
  var credits: UInt8 = 0
  var source = OneNode.peer
  var sourceStamp = OneNode.peerStamp
  var destination = OneNode.nid
  var destinationStamp = OneNode.stamp
  var body: [UInt8] = []
  /// nil: as long as it is.
  var declared: UInt32?

  var bytes: [UInt8] {
    var all = [UInt8](repeating: 0, count: 48) + body
    store(O2IBProtocol.magic, 0, &all)
    store(UInt16(0x12), 4, &all)
    store(type, 6, &all)
    store(credits, 7, &all)
    store(declared ?? UInt32(all.count), 8, &all)
    store(source.rawValue, 16, &all)
    store(sourceStamp, 24, &all)
    store(destination.rawValue, 32, &all)
    store(destinationStamp, 40, &all)
    return all
  }

  static func noop(_ credits: UInt8) -> PeerMessage { PeerMessage(type: 0xD0, credits: credits) }

  static func immediate(_ credits: UInt8 = 0, payload: Int = 0) -> PeerMessage {
    PeerMessage(
      type: 0xD1, credits: credits,
      body: header(.put, payload: UInt32(payload)) + [UInt8](repeating: 7, count: payload))
  }

  static func putRequest(_ cookie: UInt64, payload: UInt32 = 8192) -> PeerMessage {
    PeerMessage(type: 0xD2, body: header(.put, payload: payload) + little(cookie))
  }

  static func completion(_ type: UInt8, _ cookie: UInt64, _ status: Int32) -> PeerMessage {
    PeerMessage(type: type, body: little(cookie) + little(status))
  }

  static func putAcknowledge(
    _ source: UInt64, _ sink: UInt64, _ fragments: [(UInt32, UInt64)], key: UInt32 = 99,
    count: UInt32? = nil
  ) -> PeerMessage {
    PeerMessage(
      type: 0xD4, body: little(source) + little(sink) + descriptor(fragments, key, count))
  }

  static func getRequest(
    _ cookie: UInt64, _ fragments: [(UInt32, UInt64)], key: UInt32 = 99, count: UInt32? = nil
  ) -> PeerMessage {
    PeerMessage(
      type: 0xD6,
      body: header(.get(fragments.reduce(0) { $0 &+ $1.0 })) + little(cookie)
        + descriptor(fragments, key, count))
  }

  private static func descriptor(
    _ fragments: [(UInt32, UInt64)], _ key: UInt32, _ count: UInt32?
  ) -> [UInt8] {
    fragments.reduce(little(key) + little(count ?? UInt32(fragments.count))) {
      $0 + little($1.0) + little($1.1)
    }
  }

  enum Kind {
    case put
    case get(UInt32)
  }

  static func header(_ kind: Kind, payload: UInt32 = 0) -> [UInt8] {
    let body: LNetBody
    switch kind {
    case .put:
      body = .put(LNetPut(acknowledgeHandle: .none, matchBits: 1, portal: Portal(rawValue: 9)))
    case .get(let length):
      body = .get(
        LNetGet(
          returnHandle: .none, matchBits: 1, portal: Portal(rawValue: 9), sinkLength: length))
    }
    let header = LNetHeader(
      destination: ProcessID(nid: OneNode.nid), source: ProcessID(nid: OneNode.peer),
      payloadLength: payload, body: body)
    var bytes = [UInt8](repeating: 0, count: 72)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    header.encode(into: &raw)
    return bytes
  }
}

func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

extension OneNode {
  /// A message of LNet to the peer, with its memory; its name.
  @discardableResult
  func send(_ kind: MessageKind, to peer: NID = OneNode.peer) -> Handle {
    let id = Handle(raw: UInt32(nextMessage))
    nextMessage += 1
    var message = LNDMessage(
      id: id, interface: 0, peer: peer, header: OneNode.outgoing(kind, to: peer))
    switch kind {
    case .ack: break
    case .put(let count) where count > 0, .putCopied(let count) where count > 0:
      guard let run = turn.memory.bulk.allocateRun(byteCount: count) else { fatalError("bulk") }
      message.payload = run
    case .put, .putCopied: break
    case .putInPlace(let count):
      guard let piece = turn.memory.messages.allocatePiece() else { fatalError("piece") }
      message.payload = piece.part(offset: 120, length: count)
    case .get(let count):
      if count > 0 {
        guard let run = turn.memory.bulk.allocateRun(byteCount: count) else { fatalError("bulk") }
        message.sink = run
      }
    }
    lnd.send(&message, &turn)
    endTurn()
    return id
  }

  enum MessageKind {
    case ack
    case put(Int)
    case putCopied(Int)
    case putInPlace(Int)
    case get(Int)
  }

  static func outgoing(_ kind: MessageKind, to peer: NID) -> LNetHeader {
    let body: LNetBody
    var payload = 0
    switch kind {
    case .ack:
      body = .ack(LNetAck(destinationHandle: .none, matchBits: 1, depositedBytes: 0))
    case .put(let count), .putCopied(let count), .putInPlace(let count):
      payload = count
      body = .put(LNetPut(acknowledgeHandle: .none, matchBits: 1, portal: Portal(rawValue: 9)))
    case .get(let count):
      body = .get(
        LNetGet(
          returnHandle: .none, matchBits: 1, portal: Portal(rawValue: 9),
          sinkLength: UInt32(count)))
    }
    return LNetHeader(
      destination: ProcessID(nid: peer), source: ProcessID(nid: OneNode.nid),
      payloadLength: UInt32(payload), body: body)
  }

  var connection: Connection { lnd.connections[connectionSlots[0]] }

  /// Slots of connections that are in use.
  var connectionSlots: [Int] {
    (0..<lnd.connections.count).filter { lnd.connections[$0].state != .free }
  }

  func states() -> [ConnectionState] { connectionSlots.map { lnd.connections[$0].state } }
}
