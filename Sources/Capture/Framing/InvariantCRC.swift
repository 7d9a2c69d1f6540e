internal import LustreWire

/// The checksum at the end of a RoCE packet, over everything that no router changes.
///
/// **Wire:** CRC-32 of Ethernet over 8 bytes of ones and the packet from its IPv4 header on, with type of
/// service, time to live, both checksums and the reserved byte of the base header taken as ones;
/// little-endian.
package enum InvariantCRC {
  private static let table: [UInt32] = (0..<256 as Range<UInt32>).map { index in
    (0..<8).reduce(index) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }

  /// The checksum of the packet whose 20-byte IPv4 header is at `offset` and whose checksum is at `end`.
  package static func compute(
    from offset: Int, to end: Int, in bytes: borrowing RawSpan
  ) -> UInt32 {
    var crc: UInt32 = .max
    func update(_ byte: UInt8) {
      crc = crc >> 8 ^ table[Int((crc ^ UInt32(byte)) & 0xFF)]
    }
    for _ in 0..<8 { update(0xFF) }
    for index in offset..<end {
      switch index - offset {
      case 1, 8, 10, 11, 26, 27, 32: update(0xFF)
      default: update(bytes.byte(at: index))
      }
    }
    return ~crc
  }
}
