/// Two things measured in turns, so that what else the machine does meets both alike.
package struct PairedRatio: Sendable {
  package private(set) var ratios: [Double] = []

  package init() {}

  /// Adds a pair; `theirs` must not be 0. Pairs without a number are left out.
  package mutating func add(ours: Double, theirs: Double) {
    guard theirs > 0, ours.isFinite, theirs.isFinite else { return }
    ratios.append(ours / theirs)
  }

  package var count: Int { ratios.count }
  package var minimum: Double? { ratios.min() }
  package var maximum: Double? { ratios.max() }

  /// The middle ratio, or the mean of the two in the middle.
  package var median: Double? {
    guard !ratios.isEmpty else { return nil }
    let sorted = ratios.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  /// `1.12 (1.05–1.31, 10 pairs)`.
  package var text: String {
    guard let median, let minimum, let maximum else { return "no pair" }
    let low = Fixed.text(minimum, places: 2)
    let high = Fixed.text(maximum, places: 2)
    return "\(Fixed.text(median, places: 2)) (\(low)–\(high), \(count) pairs)"
  }
}
