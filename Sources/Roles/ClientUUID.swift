package import LustreWire
package import Structures

extension ObdUUID {
  /// A name that nobody else has, as clients give themselves (RFC 9562, version 4).
  package static func random(_ generator: inout SeededGenerator) -> ObdUUID {
    let high = generator.next() & ~0xF000 | 0x4000
    let low = generator.next() & ~(3 << 62) | 2 << 62
    func digits(_ word: UInt64, _ range: Range<Int>) -> String {
      let text = String(word, radix: 16)
      let padded = String(repeating: "0", count: 16 - text.utf8.count) + text
      return String(padded.dropFirst(range.lowerBound).prefix(range.count))
    }
    let text =
      "\(digits(high, 0..<8))-\(digits(high, 8..<12))-\(digits(high, 12..<16))-"
      + "\(digits(low, 0..<4))-\(digits(low, 4..<16))"
    return ObdUUID(text) ?? ObdUUID()
  }
}
