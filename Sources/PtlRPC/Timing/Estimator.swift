/// The highest of the values measured in the last `history` seconds, in four bins (spec 12 §2.1).
package struct Estimator: Equatable, BitwiseCopyable, Sendable {
  /// The estimate in seconds, or what it was begun with.
  package private(set) var current: UInt32
  private var bins: (UInt16, UInt16, UInt16, UInt16) = (0, 0, 0, 0)
  /// Seconds when the first bin began, and 1: 0 before the first value.
  private var binStart: UInt32 = 0

  /// - Parameter initial: seconds, until something is measured.
  package init(initial: UInt32) { current = initial }

  /// Takes a value of so many seconds, measured at `now` seconds; 0 counts for nothing.
  package mutating func measure(_ value: UInt32, at now: UInt32, _ settings: AdaptiveSettings) {
    guard value > 0 else { return }
    let sample = UInt16(clamping: value)
    let width = max(settings.history / 4, 1)
    let elapsed = binStart == 0 ? 0 : now &- (binStart - 1)
    if binStart == 0 {
      bins = (sample, 0, 0, 0)
      binStart = now + 1
      current = value
    } else if elapsed < width {
      bins.0 = max(bins.0, sample)
      current = max(current, value)
    } else {
      let shift = elapsed / width
      switch shift {
      case 1: bins = (sample, bins.0, bins.1, bins.2)
      case 2: bins = (sample, 0, bins.0, bins.1)
      case 3: bins = (sample, 0, 0, bins.0)
      default: bins = (sample, 0, 0, 0)
      }
      current = UInt32(max(max(bins.0, bins.1), max(bins.2, bins.3)))
      binStart += shift * width
    }
    current = settings.clamped(current)
  }

  /// Forgets what was measured.
  package mutating func reset(to initial: UInt32) { self = Estimator(initial: initial) }

  package static func == (one: Estimator, other: Estimator) -> Bool {
    one.current == other.current && one.bins == other.bins && one.binStart == other.binStart
  }
}
