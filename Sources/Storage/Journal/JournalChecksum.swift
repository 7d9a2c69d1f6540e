internal import LustreWire

/// The checksum of a journal's parts: 64 bits over words of 8 bytes.
///
/// Each step maps the sum so far one-to-one for a given word, and the word one-to-one for a given sum, so a
/// change of a single word is always seen, and any other but once in 2⁶⁴.
package enum JournalChecksum {
  /// - Parameters:
  ///   - range: its length is a multiple of 8.
  ///   - seed: tells journals apart, so that a record of one is none in another.
  package static func compute(
    over bytes: borrowing RawSpan, _ range: Range<Int>, seed: UInt64
  ) -> UInt64 {
    precondition(range.count % 8 == 0)
    var sum = seed ^ 0x9E37_79B9_7F4A_7C15
    var at = range.lowerBound
    while at < range.upperBound {
      sum = (sum ^ bytes.little(UInt64.self, at: at)) &* 0xFF51_AFD7_ED55_8CCD
      sum ^= sum >> 32
      at += 8
    }
    // 0 is what was never written.
    return sum == 0 ? 1 : sum
  }
}
