/// Choices read from bytes, so that a fuzzer can make them; when they run out, every choice is 0.
package struct ByteSource {
  private let bytes: [UInt8]
  private var position = 0

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package var isEmpty: Bool { position >= bytes.count }

  package mutating func next() -> UInt8 {
    guard position < bytes.count else { return 0 }
    defer { position += 1 }
    return bytes[position]
  }

  package mutating func next16() -> Int { Int(next()) | Int(next()) << 8 }

  package mutating func next(below limit: Int) -> Int { limit <= 1 ? 0 : Int(next()) % limit }

  /// One of the values at the edges of 64 bits, or a small one.
  package mutating func edge() -> UInt64 {
    let choice = next()
    let edges: [UInt64] = [0, 1, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 32, 1 << 63, .max]
    return choice < 8 ? edges[Int(choice)] : UInt64(choice - 8)
  }
}
