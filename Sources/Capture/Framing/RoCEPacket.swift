internal import LustreWire

/// Why a frame that claims to be RoCE is not.
package enum FrameError: Error, Hashable, Sendable {
  /// The frame, or what the capture kept of it, ends inside a header or before the payload does.
  case cutOff(needed: Int, available: Int)
  /// The IPv4 packet is a fragment.
  case fragment
  /// A header says a length that cannot be.
  case badLength
}

extension FrameError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .cutOff(let needed, let available):
      "frame is cut off: \(needed) bytes needed, \(available) captured"
    case .fragment: "RoCE packet is an IPv4 fragment"
    case .badLength: "IPv4 or UDP length does not fit the headers"
    }
  }
}

/// A RoCE version 2 packet: Ethernet, IPv4, UDP to port 4791, transport headers, payload, checksum.
package struct RoCEPacket: Hashable, Sendable {
  /// The sender's address, first octet on top.
  package var source: UInt32
  /// The receiver's address, first octet on top.
  package var destination: UInt32
  /// The header that all packets have.
  package var base: BaseTransportHeader
  /// Where the headers that follow it start, in the bytes that were parsed.
  package var extendedOffset: Int
  /// Where the payload is in the bytes that were parsed, padding left out.
  package var payload: Range<Int>

  /// The UDP port of RoCE version 2.
  package static let udpPort: UInt16 = 4791
  static let ethernetBytes = 14
  static let invariantCRCBytes = 4

  /// The opcode, or nil when it is none of those that are met with o2iblnd.
  package var opcode: RoCEOpcode? { RoCEOpcode(rawValue: base.opcode) }

  /// Parses the frame at `range` of `bytes`; nil for frames that are not RoCE at all.
  package init?(frame range: Range<Int>, in bytes: borrowing RawSpan) throws(FrameError) {
    guard let ip = Self.ipv4Offset(range, in: bytes) else { return nil }
    let headerBytes = Int(bytes.byte(at: ip) & 0xF) * 4
    let udp = ip + headerBytes
    guard headerBytes >= 20, range.upperBound - udp >= 8 else { return nil }
    let fragment = bytes.big(UInt16.self, at: ip + 6)
    guard fragment & 0x1FFF == 0, bytes.big(UInt16.self, at: udp + 2) == Self.udpPort else {
      return nil
    }
    guard fragment & 0x2000 == 0 else { throw .fragment }
    let total = Int(bytes.big(UInt16.self, at: ip + 2))
    let udpBytes = Int(bytes.big(UInt16.self, at: udp + 4))
    guard total == headerBytes + udpBytes else { throw .badLength }
    let end = ip + total
    guard end <= range.upperBound else {
      throw .cutOff(needed: end - range.lowerBound, available: range.count)
    }
    let transport = udp + 8
    let headersEnd = transport + BaseTransportHeader.byteCount
    guard headersEnd + Self.invariantCRCBytes <= end else { throw .badLength }
    base = BaseTransportHeader(at: transport, in: bytes)
    let extended = RoCEOpcode(rawValue: base.opcode)?.extendedByteCount ?? 0
    let payloadEnd = end - Self.invariantCRCBytes - Int(base.padBytes)
    guard headersEnd + extended <= payloadEnd else { throw .badLength }
    source = bytes.big(UInt32.self, at: ip + 12)
    destination = bytes.big(UInt32.self, at: ip + 16)
    extendedOffset = headersEnd
    payload = headersEnd + extended..<payloadEnd
  }

  /// Where the IPv4 header of a UDP packet starts, one VLAN tag allowed; nil for all other frames.
  private static func ipv4Offset(_ range: Range<Int>, in bytes: borrowing RawSpan) -> Int? {
    var offset = range.lowerBound + ethernetBytes
    guard range.count >= ethernetBytes + 20 else { return nil }
    var type = bytes.big(UInt16.self, at: offset - 2)
    if type == 0x8100, range.count >= ethernetBytes + 24 {
      offset += 4
      type = bytes.big(UInt16.self, at: offset - 2)
    }
    guard type == 0x0800, bytes.byte(at: offset) >> 4 == 4, bytes.byte(at: offset + 9) == 17 else {
      return nil
    }
    return offset
  }
}
