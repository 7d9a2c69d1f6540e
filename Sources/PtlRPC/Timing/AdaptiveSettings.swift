/// The node's rules for adaptive timeouts, in seconds (spec 12 §1).
package struct AdaptiveSettings: Equatable, BitwiseCopyable, Sendable {
  /// `at_min`: no estimate is lower once it was measured.
  package var minimum: UInt32 = 5
  /// `at_max`: no estimate is higher; 0 turns adaptive timeouts off.
  package var maximum: UInt32 = 600
  /// `at_history`: how long a high value is remembered.
  package var history: UInt32 = 600
  /// `at_early_margin`: how long before a deadline its early reply is sent.
  package var earlyMargin: UInt32 = 5
  /// `at_extra`: what an early reply asks for.
  package var extra: UInt32 = 30
  /// `obd_timeout`: what counts without adaptive timeouts.
  package var fixedTimeout: UInt32 = 100
  /// `bulk_timeout`: the longest that a server waits for one bulk transfer.
  package var bulkTimeout: UInt32 = 100

  package init() {}

  package var isEnabled: Bool { maximum != 0 }

  /// The time that a client gives a request whose service is expected to take `estimate` seconds.
  package static func timeout(forEstimate estimate: UInt32) -> UInt32 {
    estimate + estimate / 4 + 5
  }

  /// About the estimate that a timeout was made from (spec 12 §2.1).
  package static func estimate(forTimeout timeout: UInt32) -> UInt32 {
    max(4 * timeout / 5, 5) - 4
  }

  /// Step 4 of spec 12 §2.1.
  func clamped(_ value: UInt32) -> UInt32 {
    let bounded = maximum > 0 ? min(value, maximum) : value
    return max(bounded, minimum)
  }
}
