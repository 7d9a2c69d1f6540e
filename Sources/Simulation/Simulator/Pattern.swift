internal import LustreWire
internal import RDMATransport

/// The bytes of a transfer: they tell which transfer they belong to and where in it they lie.
enum Pattern {
  /// A word a cache line, and the last byte: enough to see what is missing, misplaced or another's.
  private static var stride: Int { 64 }

  private static func word(_ transfer: UInt64, _ offset: Int) -> UInt64 {
    var z = transfer &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(offset) &* 0xD1B5_4A32_D192_ED03 &+ 1
    z = (z ^ z >> 31) &* 0xBF58_476D_1CE4_E5B9
    return z ^ z >> 29
  }

  static func fill(_ ref: BufferRef, of memory: inout NodeMemory, transfer: UInt64) {
    var bytes = memory.mutableBytes(ref)
    var offset = 0
    while offset + 8 <= bytes.byteCount {
      bytes.storeBytes(of: word(transfer, offset), toByteOffset: offset, as: UInt64.self)
      offset += stride
    }
    let last = bytes.byteCount - 1
    if last >= 0 {
      bytes.storeBytes(
        of: UInt8(truncatingIfNeeded: word(transfer, last)), toByteOffset: last, as: UInt8.self)
    }
  }

  /// Where the bytes are not those of the transfer; nil when they are.
  static func firstDifference(
    _ ref: BufferRef, of memory: borrowing NodeMemory, transfer: UInt64
  ) -> Int? {
    let bytes = memory.bytes(ref)
    let last = bytes.byteCount - 1
    var offset = 0
    while offset + 8 <= bytes.byteCount {
      var expected = word(transfer, offset)
      // The last byte has a value of its own, which may lie in the last word.
      if offset + 7 == last {
        let byte = UInt64(UInt8(truncatingIfNeeded: word(transfer, last)))
        expected = expected & 0x00FF_FFFF_FFFF_FFFF | byte << 56
      }
      if bytes.native(UInt64.self, at: offset) != expected { return offset }
      offset += stride
    }
    if last >= 0, bytes.byte(at: last) != UInt8(truncatingIfNeeded: word(transfer, last)) {
      return last
    }
    return nil
  }
}
