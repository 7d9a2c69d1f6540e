internal import LustreWire

/// What a RoCE packet does: the operation codes of the InfiniBand transports that are met with o2iblnd.
///
/// **Wire:** first byte of the base transport header; the upper three bits name the transport, 000 reliable
/// connection, 011 unreliable datagram.
package enum RoCEOpcode: UInt8, Sendable {
  case sendFirst = 0x00
  case sendMiddle = 0x01
  case sendLast = 0x02
  case sendLastImmediate = 0x03
  case sendOnly = 0x04
  case sendOnlyImmediate = 0x05
  case writeFirst = 0x06
  case writeMiddle = 0x07
  case writeLast = 0x08
  case writeLastImmediate = 0x09
  case writeOnly = 0x0A
  case writeOnlyImmediate = 0x0B
  case readRequest = 0x0C
  case readResponseFirst = 0x0D
  case readResponseMiddle = 0x0E
  case readResponseLast = 0x0F
  case readResponseOnly = 0x10
  case acknowledge = 0x11
  case sendLastInvalidate = 0x16
  case sendOnlyInvalidate = 0x17
  case datagram = 0x64

  /// Bytes of the headers between the base header and the payload.
  var extendedByteCount: Int {
    switch self {
    case .sendFirst, .sendMiddle, .sendLast, .sendOnly, .writeMiddle, .writeLast: 0
    case .readResponseMiddle: 0
    case .sendLastImmediate, .sendOnlyImmediate, .writeLastImmediate: 4
    case .sendLastInvalidate, .sendOnlyInvalidate: 4
    case .readResponseFirst, .readResponseLast, .readResponseOnly, .acknowledge: 4
    case .writeFirst, .writeOnly, .readRequest: 16
    case .writeOnlyImmediate: 20
    case .datagram: 8
    }
  }
}

/// The base transport header of every RoCE packet, 12 bytes, big-endian.
package struct BaseTransportHeader: Hashable, Sendable {
  /// What the packet does; numbers without a name are kept.
  package var opcode: UInt8
  /// Bytes of padding behind the payload, 0...3.
  package var padBytes: UInt8
  /// The receiving queue pair, 24 bits.
  package var destinationQueuePair: UInt32
  /// Whether the receiver shall acknowledge.
  package var acknowledgeRequested: Bool
  /// The packet's sequence number, 24 bits.
  package var sequence: UInt32

  static let byteCount = 12

  package init(
    opcode: RoCEOpcode, padBytes: UInt8 = 0, destinationQueuePair: UInt32,
    acknowledgeRequested: Bool = false, sequence: UInt32
  ) {
    self.opcode = opcode.rawValue
    self.padBytes = padBytes
    self.destinationQueuePair = destinationQueuePair
    self.acknowledgeRequested = acknowledgeRequested
    self.sequence = sequence
  }

  init(at offset: Int, in bytes: borrowing RawSpan) {
    opcode = bytes.byte(at: offset)
    padBytes = bytes.byte(at: offset + 1) >> 4 & 3
    destinationQueuePair = bytes.big(UInt32.self, at: offset + 4) & 0xFF_FFFF
    let last = bytes.big(UInt32.self, at: offset + 8)
    acknowledgeRequested = last >> 31 == 1
    sequence = last & 0xFF_FFFF
  }

  func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeBig(opcode, at: offset)
    bytes.storeBig(padBytes << 4, at: offset + 1)
    bytes.storeBig(UInt16(0xFFFF), at: offset + 2)
    bytes.storeBig(destinationQueuePair & 0xFF_FFFF, at: offset + 4)
    bytes.storeBig(
      (acknowledgeRequested ? 1 << 31 : 0) | sequence & 0xFF_FFFF, at: offset + 8)
  }
}

/// The RDMA header of WRITE and READ, 16 bytes, big-endian.
package struct RDMATransportHeader: Hashable, Sendable {
  /// The remote address.
  package var address: UInt64
  /// The remote key.
  package var remoteKey: UInt32
  /// Bytes of the whole operation.
  package var byteCount: UInt32

  static let headerByteCount = 16

  package init(address: UInt64, remoteKey: UInt32, byteCount: UInt32) {
    self.address = address
    self.remoteKey = remoteKey
    self.byteCount = byteCount
  }

  init(at offset: Int, in bytes: borrowing RawSpan) {
    address = bytes.big(UInt64.self, at: offset)
    remoteKey = bytes.big(UInt32.self, at: offset + 8)
    byteCount = bytes.big(UInt32.self, at: offset + 12)
  }

  func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeBig(address, at: offset)
    bytes.storeBig(remoteKey, at: offset + 8)
    bytes.storeBig(byteCount, at: offset + 12)
  }
}

/// The header of an acknowledgement, 4 bytes.
package struct AcknowledgeHeader: Hashable, Sendable {
  /// What is acknowledged and with how many credits of the transport; 0x1F: no flow control.
  package var syndrome: UInt8
  /// The message sequence number, 24 bits.
  package var messageSequence: UInt32

  package init(syndrome: UInt8 = 0x1F, messageSequence: UInt32) {
    self.syndrome = syndrome
    self.messageSequence = messageSequence
  }

  init(at offset: Int, in bytes: borrowing RawSpan) {
    let word = bytes.big(UInt32.self, at: offset)
    syndrome = UInt8(word >> 24)
    messageSequence = word & 0xFF_FFFF
  }

  func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeBig(UInt32(syndrome) << 24 | messageSequence & 0xFF_FFFF, at: offset)
  }
}
