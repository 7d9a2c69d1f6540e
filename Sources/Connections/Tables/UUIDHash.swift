internal import LustreWire

/// Numbers for UUIDs, for the tables of a node: any two UUIDs have the same number, or numbers in one bucket, as rarely
/// as two drawn at random, whoever has chosen them.
///
/// Multilinear hashing: the upper half of a sum of products with secret factors, modulo 2¹²⁸. The standard library's
/// hash keeps its promise for texts of any length, and costs ten times as much.
struct UUIDHash: BitwiseCopyable {
  private var start: UInt128
  private var factors: (UInt128, UInt128, UInt128, UInt128, UInt128)

  /// The process's own. Peers choose UUIDs, and must not know which of them meet: the factors come from the key that
  /// the standard library has drawn for its hashes.
  static let secret = UUIDHash { index in
    var hasher = Hasher()
    hasher.combine(index)
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }

  /// - Parameter draw: gives 12 words that nobody can guess.
  init(_ draw: (Int) -> UInt64) {
    func pair(_ index: Int) -> UInt128 {
      UInt128(draw(2 * index)) << 64 | UInt128(draw(2 * index + 1))
    }
    start = pair(0)
    factors = (pair(1), pair(2), pair(3), pair(4), pair(5))
  }

  func number(_ uuid: ObdUUID) -> UInt64 {
    var sum = start
    sum &+= factors.0 &* UInt128(uuid.words.0)
    sum &+= factors.1 &* UInt128(uuid.words.1)
    sum &+= factors.2 &* UInt128(uuid.words.2)
    sum &+= factors.3 &* UInt128(uuid.words.3)
    sum &+= factors.4 &* UInt128(uuid.words.4)
    return UInt64(truncatingIfNeeded: sum >> 64)
  }
}
