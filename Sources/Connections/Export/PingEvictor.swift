package import PtlRPC

/// When clients that have fallen silent are evicted (spec 12 §3.1): rules over plain values.
///
/// Nobody walks all exports: each request moves its client's deadline, and looks at the oldest deadline of its
/// target. A target that hears of nobody evicts nobody.
package enum PingEvictor {
  private static let second: UInt64 = 1_000_000_000

  /// A new client's time, in nanoseconds.
  package static let firstAllowance = 150 * second

  /// How long a client may be silent after a request, in nanoseconds: 1.0625 × (two pings and their way).
  ///
  /// - Parameters:
  ///   - estimate: what the service is expected to take, in seconds.
  ///   - latency: of the reverse import, in seconds.
  package static func allowance(
    estimate: UInt32, latency: UInt32, _ settings: AdaptiveSettings
  ) -> UInt64 {
    let way =
      settings.isEnabled
      ? UInt64(AdaptiveSettings.timeout(forEstimate: estimate)) + 2 * UInt64(latency) + 5
      : UInt64(settings.fixedTimeout / 2)
    return (50 + way) * second / 16 * 17
  }

  /// How much longer all clients get when the target itself may have been cut off, in nanoseconds.
  package static func respite(latency: UInt32) -> UInt64 {
    3 * (5 + max(50, UInt64(latency))) * second / 16 * 17
  }
}

/// What a target knows of its silent clients.
struct Silence: BitwiseCopyable {
  /// Timed exports as a list of slots, the one whose deadline passes first in front.
  var first = noRecord
  var last = noRecord
  /// When a request came last, and how long its client may then be silent.
  var lastRequest: UInt64 = 0
  var lastAllowance: UInt64 = 0
  /// Not before this time is anybody evicted; 0 when no deadline has passed.
  var respite: UInt64 = 0
}
