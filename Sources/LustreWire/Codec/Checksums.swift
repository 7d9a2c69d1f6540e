/// Tables for a reflected CRC of 32 bits, eight bytes a step.
struct CRCTables: Sendable {
  // Table t, entry i at t * 256 + i: what byte i does t bytes further on.
  private let entries: [UInt32]

  static let crc32 = CRCTables(polynomial: 0xEDB8_8320)
  static let crc32c = CRCTables(polynomial: 0x82F6_3B78)

  init(polynomial: UInt32) {
    var table = [UInt32](repeating: 0, count: 8 * 256)
    for index in 0..<256 {
      var value = UInt32(index)
      for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 1 ? polynomial : 0) }
      table[index] = value
    }
    for index in 256..<8 * 256 {
      let before = table[index - 256]
      table[index] = before >> 8 ^ table[Int(before & 0xFF)]
    }
    entries = table
  }

  func update(_ start: UInt32, with bytes: borrowing RawSpan) -> UInt32 {
    let table = entries.span
    precondition(table.count == 8 * 256)
    var crc = start
    var index = 0
    let count = bytes.byteCount
    while index + 8 <= count {
      let word = bytes.little(UInt64.self, at: index) ^ UInt64(crc)
      // SAFETY: table t (0...7) and a byte make an index below 8 * 256, which was checked above.
      unsafe crc =
        table[unchecked: 7 << 8 | Int(word & 0xFF)]
        ^ table[unchecked: 6 << 8 | Int(word >> 8 & 0xFF)]
        ^ table[unchecked: 5 << 8 | Int(word >> 16 & 0xFF)]
        ^ table[unchecked: 4 << 8 | Int(word >> 24 & 0xFF)]
        ^ table[unchecked: 3 << 8 | Int(word >> 32 & 0xFF)]
        ^ table[unchecked: 2 << 8 | Int(word >> 40 & 0xFF)]
        ^ table[unchecked: 1 << 8 | Int(word >> 48 & 0xFF)] ^ table[unchecked: Int(word >> 56)]
      index += 8
    }
    while index < count {
      crc = crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ bytes.byte(at: index))]
      index += 1
    }
    return crc
  }
}

/// Adler-32, continued from a value; the first is 1.
enum Adler32 {
  private static let modulus: UInt32 = 65521
  /// So many bytes can be added before the sums have to be reduced.
  private static let block = 5552

  static func update(_ start: UInt32, with byte: UInt8) -> UInt32 {
    let low = (start & 0xFFFF + UInt32(byte)) % modulus
    let high = (start >> 16 + low) % modulus
    return high << 16 | low
  }

  static func update(_ start: UInt32, with bytes: borrowing RawSpan) -> UInt32 {
    var low = start & 0xFFFF
    var high = start >> 16
    var index = 0
    while index < bytes.byteCount {
      let end = min(index + block, bytes.byteCount)
      while index + 8 <= end {
        // Eight bytes at once: the first is added to the high sum eight times, the last once.
        let word = bytes.little(UInt64.self, at: index)
        var weighted: UInt32 = 0
        var plain: UInt32 = 0
        for place in 0..<8 {
          let byte = UInt32(truncatingIfNeeded: word >> UInt64(8 * place) & 0xFF)
          weighted &+= byte &* UInt32(8 - place)
          plain &+= byte
        }
        high &+= low &* 8 &+ weighted
        low &+= plain
        index += 8
      }
      while index < end {
        low &+= UInt32(bytes.byte(at: index))
        high &+= low
        index += 1
      }
      low %= modulus
      high %= modulus
    }
    return high << 16 | low
  }
}

/// The checksum of the internet: the complement of the ones' complement sum of 16-bit words.
enum IPChecksum {
  /// Adds bytes to a sum that need not be reduced; `startsOdd` when an odd number of bytes came before.
  static func add(
    _ bytes: borrowing RawSpan, _ range: Range<Int>, to start: UInt64, startsOdd: Bool
  ) -> UInt64 {
    var sum = start
    var index = range.lowerBound
    if startsOdd, index < range.upperBound {
      sum += UInt64(bytes.byte(at: index)) << 8
      index += 1
    }
    // Sixteen words at once, halves apart, so that no sum overflows.
    var low: UInt64 = 0
    var high: UInt64 = 0
    while index + 32 <= range.upperBound {
      let words = (
        bytes.little(UInt64.self, at: index), bytes.little(UInt64.self, at: index + 8),
        bytes.little(UInt64.self, at: index + 16), bytes.little(UInt64.self, at: index + 24)
      )
      low &+= words.0 & 0xFFFF_FFFF &+ words.1 & 0xFFFF_FFFF
      low &+= words.2 & 0xFFFF_FFFF &+ words.3 & 0xFFFF_FFFF
      high &+= words.0 >> 32 &+ words.1 >> 32
      high &+= words.2 >> 32 &+ words.3 >> 32
      index += 32
    }
    sum += low + high
    while index + 4 <= range.upperBound {
      sum += UInt64(bytes.little(UInt32.self, at: index))
      index += 4
    }
    var shift: UInt64 = 0
    while index < range.upperBound {
      sum += UInt64(bytes.byte(at: index)) << shift
      shift += 8
      index += 1
    }
    return sum
  }

  static func finish(_ sum: UInt64) -> UInt16 {
    var folded = sum
    while folded > 0xFFFF { folded = folded >> 16 + folded & 0xFFFF }
    return ~UInt16(folded)
  }
}

/// CRC-16 of T10: polynomial 0x8BB7, not reflected, first value 0.
enum CRC16 {
  private static let table: [UInt16] = (0..<256).map { index in
    var value = UInt16(index) << 8
    for _ in 0..<8 { value = value << 1 ^ (value & 0x8000 != 0 ? 0x8BB7 : 0) }
    return value
  }

  static func update(_ start: UInt16, with bytes: borrowing RawSpan, _ range: Range<Int>) -> UInt16
  {
    let entries = table.span
    var crc = start
    for index in range {
      crc = crc << 8 ^ entries[Int(UInt8(crc >> 8) ^ bytes.byte(at: index))]
    }
    return crc
  }
}
