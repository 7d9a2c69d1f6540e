internal import LustreWire

/// The sum of an early reply's body (spec 10 §8.3).
enum EarlyReplyChecksum {
  /// CRC-32, reflected, without the final inversion. Early replies are rare: a table would only take room.
  static func sum(of bytes: borrowing RawSpan) -> UInt32 {
    var sum: UInt32 = 0xFFFF_FFFF
    for offset in 0..<bytes.byteCount {
      sum ^= UInt32(bytes.byte(at: offset))
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
    return sum
  }
}
