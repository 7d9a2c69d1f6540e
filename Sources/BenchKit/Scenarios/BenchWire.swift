package import LustreWire

/// How two nodes measure each other: ordinary LNet PUTs and GETs on two portals that Lustre leaves free.
///
/// Every message carries all that the other end must know of it, so there is nothing to agree on beforehand: the kind
/// stands in the top byte of the match bits, then the asker's own number of the message (8 bits of its phase, 16 of
/// its slot), its session in the low 32 bits; a checksum of the data is in the header data.
package enum BenchWire {
  /// Where a node serves measurements.
  package static let service = Portal(rawValue: 60)
  /// Where the asker takes the answers.
  package static let answers = Portal(rawValue: 61)

  package enum Kind: UInt8, Sendable {
    /// A PUT that is taken and forgotten.
    case discard = 1
    /// A PUT that is answered by a PUT of the same length, whose header data is the service's account of the
    /// session.
    case echo = 2
    /// A PUT whose data is held against the checksum in its header data, if that is not 0.
    case data = 3
    /// A GET of the pattern.
    case pattern = 4
  }

  private static let kindShift: UInt64 = 56
  private static let phaseShift: UInt64 = 48
  private static let slotShift: UInt64 = 32
  package static let sessionMask: UInt64 = 0xFFFF_FFFF
  /// What an answer repeats of the message it answers.
  package static let answerMask: UInt64 = (1 << kindShift) - 1

  /// - Parameters:
  ///   - phase: tells the asker's answers of one phase from those of another; its low byte counts.
  ///   - slot: at most 65535.
  package static func matchBits(
    _ kind: Kind, session: UInt32, phase: Int = 0, slot: Int = 0
  ) -> UInt64 {
    UInt64(kind.rawValue) << kindShift | UInt64(UInt8(truncatingIfNeeded: phase)) << phaseShift
      | UInt64(UInt16(truncatingIfNeeded: slot)) << slotShift | UInt64(session)
  }

  package static func kind(_ matchBits: UInt64) -> Kind? {
    Kind(rawValue: UInt8(truncatingIfNeeded: matchBits >> kindShift))
  }

  package static func phase(_ matchBits: UInt64) -> UInt8 {
    UInt8(truncatingIfNeeded: matchBits >> phaseShift)
  }

  package static func slot(_ matchBits: UInt64) -> Int {
    Int(UInt16(truncatingIfNeeded: matchBits >> slotShift))
  }

  /// The most bytes of a message or transfer: LNet's own limit.
  package static let byteCountMax = 1 << 20
}

/// A checksum of bulk data: fast, and no two single-bit errors have the same one. Never 0.
///
/// Four lanes of multiply and add over 8-byte words, so that it is memory and not arithmetic that bounds it. It
/// guards a measurement against bytes in the wrong place, not against an adversary.
package enum TransferChecksum {
  private static let prime: UInt64 = 0x9E37_79B9_7F4A_7C15

  package static func of(_ bytes: borrowing RawSpan) -> UInt64 {
    var lanes: (UInt64, UInt64, UInt64, UInt64) = (1, 2, 3, 4)
    let count = bytes.byteCount
    var offset = 0
    while offset + 32 <= count {
      lanes.0 = (lanes.0 ^ word(bytes, offset)) &* prime
      lanes.1 = (lanes.1 ^ word(bytes, offset + 8)) &* prime
      lanes.2 = (lanes.2 ^ word(bytes, offset + 16)) &* prime
      lanes.3 = (lanes.3 ^ word(bytes, offset + 24)) &* prime
      offset += 32
    }
    var sum = lanes.0 ^ (lanes.1 << 17 | lanes.1 >> 47) ^ (lanes.2 << 31 | lanes.2 >> 33)
    sum = (sum ^ (lanes.3 << 47 | lanes.3 >> 17)) &* prime
    while offset < count {
      // SAFETY: the offset is below the byte count; any bit pattern is a UInt8.
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      sum = (sum ^ UInt64(byte)) &* prime
      offset += 1
    }
    sum ^= UInt64(count)
    sum ^= sum >> 29
    return sum == 0 ? 1 : sum
  }

  @inline(__always)
  private static func word(_ bytes: borrowing RawSpan, _ offset: Int) -> UInt64 {
    // SAFETY: the caller has seen that 8 bytes follow the offset; any bit pattern is a UInt64.
    unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
  }
}

/// The bytes that a measured node lets peers read: the same on every node, and nowhere the same for long.
package enum TransferPattern {
  package static func fill(_ bytes: inout MutableRawSpan) {
    var state: UInt64 = 0x5EED
    var offset = 0
    // The start of a longer pattern is a shorter one, also within a word.
    while offset < bytes.byteCount {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      var word = (state ^ state >> 33).littleEndian
      if offset + 8 <= bytes.byteCount {
        bytes.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
        offset += 8
        continue
      }
      for _ in offset..<bytes.byteCount {
        bytes.storeBytes(of: UInt8(truncatingIfNeeded: word), toByteOffset: offset, as: UInt8.self)
        word >>= 8
        offset += 1
      }
    }
  }
}
