/// What an LNet message asks for or answers: the part of the header that differs by type.
///
/// **Wire:** `struct lnet_put`, `lnet_get`, `lnet_ack`, `lnet_reply`, `lnet_hello`; 40 bytes, little-endian
/// but for the opaque handles and `hdr_data`, unused tail zero (spec 01 §3.2).
public enum LNetBody: Hashable, Sendable, BitwiseCopyable {
  /// Answers a PUT: so many bytes were deposited.
  case ack(LNetAck)
  /// Deposits the payload at the receiver.
  case put(LNetPut)
  /// Asks for data of the receiver.
  case get(LNetGet)
  /// Answers a GET with the payload.
  case reply(LNetReply)
  /// Part of old TCP handshakes; never a message between nodes.
  case hello(LNetHello)

  /// The number in the header's `type` field.
  @inlinable public var type: UInt32 {
    switch self {
    case .ack: 0
    case .put: 1
    case .get: 2
    case .reply: 3
    case .hello: 4
    }
  }

  /// Lustre's name of the type.
  public var name: StaticString {
    switch self {
    case .ack: "ACK"
    case .put: "PUT"
    case .get: "GET"
    case .reply: "REPLY"
    case .hello: "HELLO"
    }
  }

  /// Bytes on the wire, whatever the type.
  @inlinable package static var byteCount: Int { 40 }
}

/// **Wire:** `struct lnet_ack`, 28 bytes used.
public struct LNetAck: Hashable, Sendable, BitwiseCopyable {
  /// The PUT's ``LNetPut/acknowledgeHandle``, echoed.
  public var destinationHandle: WireHandle
  /// The PUT's match bits, echoed.
  public var matchBits: UInt64
  /// Bytes deposited, after truncation.
  public var depositedBytes: UInt32

  /// An ACK of its fields.
  @inlinable
  public init(destinationHandle: WireHandle, matchBits: UInt64, depositedBytes: UInt32) {
    self.destinationHandle = destinationHandle
    self.matchBits = matchBits
    self.depositedBytes = depositedBytes
  }
}

/// **Wire:** `struct lnet_put`, 40 bytes used.
public struct LNetPut: Hashable, Sendable, BitwiseCopyable {
  /// To be echoed in the ACK; ``WireHandle/none`` when no ACK is wanted.
  public var acknowledgeHandle: WireHandle
  /// Selects the match entry at the receiver.
  public var matchBits: UInt64
  /// Handed up unswapped; 0 in all Lustre traffic.
  public var headerData: UInt64
  /// The receiver's portal.
  public var portal: Portal
  /// Where to deposit, when the receiver's descriptor is remotely managed; in bytes.
  public var offset: UInt32

  /// A PUT of its fields.
  @inlinable
  public init(
    acknowledgeHandle: WireHandle, matchBits: UInt64, headerData: UInt64 = 0, portal: Portal,
    offset: UInt32 = 0
  ) {
    self.acknowledgeHandle = acknowledgeHandle
    self.matchBits = matchBits
    self.headerData = headerData
    self.portal = portal
    self.offset = offset
  }
}

/// **Wire:** `struct lnet_get`, 36 bytes used.
public struct LNetGet: Hashable, Sendable, BitwiseCopyable {
  /// To be echoed in the REPLY.
  public var returnHandle: WireHandle
  /// Selects the match entry at the receiver.
  public var matchBits: UInt64
  /// The receiver's portal.
  public var portal: Portal
  /// Where to read from, when the receiver's descriptor is remotely managed; in bytes.
  public var sourceOffset: UInt32
  /// The most bytes that the requester takes.
  public var sinkLength: UInt32

  /// A GET of its fields.
  @inlinable
  public init(
    returnHandle: WireHandle, matchBits: UInt64, portal: Portal, sourceOffset: UInt32 = 0,
    sinkLength: UInt32
  ) {
    self.returnHandle = returnHandle
    self.matchBits = matchBits
    self.portal = portal
    self.sourceOffset = sourceOffset
    self.sinkLength = sinkLength
  }
}

/// **Wire:** `struct lnet_reply`, 16 bytes used.
public struct LNetReply: Hashable, Sendable, BitwiseCopyable {
  /// The GET's ``LNetGet/returnHandle``, echoed.
  public var destinationHandle: WireHandle

  /// A REPLY to the GET with this handle.
  @inlinable public init(destinationHandle: WireHandle) {
    self.destinationHandle = destinationHandle
  }
}

/// **Wire:** `struct lnet_hello`, 12 bytes used.
public struct LNetHello: Hashable, Sendable, BitwiseCopyable {
  /// The sender's incarnation.
  public var incarnation: UInt64
  /// The kind of connection.
  public var connectionType: UInt32

  /// A HELLO of its fields.
  @inlinable public init(incarnation: UInt64, connectionType: UInt32) {
    self.incarnation = incarnation
    self.connectionType = connectionType
  }
}

extension LNetBody {
  /// Reads the body of a header whose length was checked, and checks type and payload length as real
  /// nodes do (spec 01 §3.5).
  @inlinable @inline(__always)
  package init(
    type: UInt32, payloadLength: UInt32, at offset: Int, in bytes: borrowing RawSpan
  ) throws(WireError) {
    switch type {
    case 0:
      guard payloadLength == 0 else {
        throw .unexpectedPayload(headerType: type, length: payloadLength)
      }
      self = .ack(
        LNetAck(
          destinationHandle: WireHandle(at: offset, in: bytes),
          matchBits: bytes.little(UInt64.self, at: offset + 16),
          depositedBytes: bytes.little(UInt32.self, at: offset + 24)))
    case 1:
      guard payloadLength <= LNetLimits.maximumPayloadBytes else {
        throw .payloadTooLong(length: payloadLength)
      }
      self = .put(
        LNetPut(
          acknowledgeHandle: WireHandle(at: offset, in: bytes),
          matchBits: bytes.little(UInt64.self, at: offset + 16),
          headerData: bytes.native(UInt64.self, at: offset + 24),
          portal: Portal(rawValue: bytes.little(UInt32.self, at: offset + 32)),
          offset: bytes.little(UInt32.self, at: offset + 36)))
    case 2:
      guard payloadLength == 0 else {
        throw .unexpectedPayload(headerType: type, length: payloadLength)
      }
      self = .get(
        LNetGet(
          returnHandle: WireHandle(at: offset, in: bytes),
          matchBits: bytes.little(UInt64.self, at: offset + 16),
          portal: Portal(rawValue: bytes.little(UInt32.self, at: offset + 24)),
          sourceOffset: bytes.little(UInt32.self, at: offset + 28),
          sinkLength: bytes.little(UInt32.self, at: offset + 32)))
    case 3:
      guard payloadLength <= LNetLimits.maximumPayloadBytes else {
        throw .payloadTooLong(length: payloadLength)
      }
      self = .reply(LNetReply(destinationHandle: WireHandle(at: offset, in: bytes)))
    case 4:
      self = .hello(
        LNetHello(
          incarnation: bytes.little(UInt64.self, at: offset),
          connectionType: bytes.little(UInt32.self, at: offset + 8)))
    default:
      throw .unknownHeaderType(type)
    }
  }

  /// Writes 40 bytes.
  @inlinable @inline(__always)
  package func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    switch self {
    case .ack(let ack):
      ack.destinationHandle.encode(into: &bytes, at: offset)
      bytes.storeLittle(ack.matchBits, at: offset + 16)
      bytes.storeLittle(ack.depositedBytes, at: offset + 24)
      bytes.storeLittle(UInt32(0), at: offset + 28)
      bytes.storeLittle(UInt64(0), at: offset + 32)
    case .put(let put):
      put.acknowledgeHandle.encode(into: &bytes, at: offset)
      bytes.storeLittle(put.matchBits, at: offset + 16)
      bytes.storeNative(put.headerData, at: offset + 24)
      bytes.storeLittle(put.portal.rawValue, at: offset + 32)
      bytes.storeLittle(put.offset, at: offset + 36)
    case .get(let get):
      get.returnHandle.encode(into: &bytes, at: offset)
      bytes.storeLittle(get.matchBits, at: offset + 16)
      bytes.storeLittle(get.portal.rawValue, at: offset + 24)
      bytes.storeLittle(get.sourceOffset, at: offset + 28)
      bytes.storeLittle(get.sinkLength, at: offset + 32)
      bytes.storeLittle(UInt32(0), at: offset + 36)
    case .reply(let reply):
      reply.destinationHandle.encode(into: &bytes, at: offset)
      bytes.storeLittle(UInt64(0), at: offset + 16)
      bytes.storeLittle(UInt64(0), at: offset + 24)
      bytes.storeLittle(UInt64(0), at: offset + 32)
    case .hello(let hello):
      bytes.storeLittle(hello.incarnation, at: offset)
      bytes.storeLittle(hello.connectionType, at: offset + 8)
      bytes.storeLittle(UInt32(0), at: offset + 12)
      bytes.storeLittle(UInt64(0), at: offset + 16)
      bytes.storeLittle(UInt64(0), at: offset + 24)
      bytes.storeLittle(UInt64(0), at: offset + 32)
    }
  }
}
