/// The checksum of o2iblnd messages, for looking at captures; we send none and reject nobody for his.
///
/// **Wire:** `ibm_cksum` (spec 02 §12): over `ibm_nob` bytes with the field taken as 0, rotate left by one and add
/// each byte; 0 becomes 1. Nodes disagree whether a byte is signed.
package enum O2IBChecksum {
  /// How a node widens a byte above 0x7F.
  package enum ByteSign: Sendable {
    /// Sign-extended: x86 kernels before 6.2.
    case signed
    /// Zero-extended: kernels from 6.2, and arm64.
    case unsigned
  }

  /// The checksum over the first `count` bytes of a message; `count` is at most what `bytes` has.
  package static func compute(
    over bytes: borrowing RawSpan, count: Int, sign: ByteSign
  ) -> UInt32 {
    var sum: UInt32 = 0
    for index in 0..<count {
      let byte = (12..<16).contains(index) ? 0 : bytes.byte(at: index)
      let addend: UInt32 =
        switch sign {
        case .signed: UInt32(bitPattern: Int32(Int8(bitPattern: byte)))
        case .unsigned: UInt32(byte)
        }
      sum = (sum << 1 | sum >> 31) &+ addend
    }
    return sum == 0 ? 1 : sum
  }
}
