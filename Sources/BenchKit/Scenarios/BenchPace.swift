/// When the operations of an open loop should begin: so many a second, whatever becomes of those before.
package struct BenchPace: Sendable {
  package var ratePerSecond: Int
  /// When the first one should begin, in nanoseconds.
  package var start: UInt64

  /// - Parameter ratePerSecond: at least 1.
  package init(ratePerSecond: Int, start: UInt64) {
    precondition(ratePerSecond > 0)
    self.ratePerSecond = ratePerSecond
    self.start = start
  }

  /// When the operation with this index should begin. Rounding does not add up: a million at a million a second take
  /// a second.
  package func time(of index: Int) -> UInt64 {
    let (high, low) = UInt64(index).multipliedFullWidth(by: 1_000_000_000)
    return start &+ UInt64(ratePerSecond).dividingFullWidth((high, low)).quotient
  }
}
