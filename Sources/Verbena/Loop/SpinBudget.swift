/// How long an idle loop polls before it sleeps.
///
/// To sleep and be woken takes many times as long as a message. So a sleep that ended soon was a mistake: from then
/// on the loop polls for twice the gap that it slept through, as long as gaps stay below `longest`. A longer gap means
/// that nobody waits for the loop, and it polls for `base` again. Polling thus ends within `longest` of the last
/// message, and a node with nothing to do polls for `base` after each one.
struct SpinBudget: Sendable {
  /// What a loop polls that was idle for long, in nanoseconds; 0: it never polls.
  let base: UInt64
  /// What it polls at most, in nanoseconds.
  let longest: UInt64
  /// What it polls now, in nanoseconds.
  private(set) var nanoseconds: UInt64

  /// Gaps worth polling through unless the base is longer, in nanoseconds: a round trip between two loops that both
  /// sleep takes 20 µs on hardware and 250 µs on an emulated processor.
  static let longestGap: UInt64 = 500_000

  init(base: UInt64) {
    self.base = base
    longest = base == 0 ? 0 : max(base, Self.longestGap)
    nanoseconds = base
  }

  /// Something has ended a sleep.
  ///
  /// - Parameter gap: since when nothing had happened, in nanoseconds.
  mutating func slept(through gap: UInt64) {
    nanoseconds = gap > longest ? base : max(nanoseconds, min(2 &* gap, longest))
  }
}
