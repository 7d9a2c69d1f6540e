/// What is known of an import when its timer has expired.
package struct PingerFacts: Sendable, BitwiseCopyable {
  package var state: ImportState
  package var isDeactivated = false
  /// Someone wants to know at once whether the server is there.
  package var isForced = false
  /// PINGLESS has been granted, and the management server tells of restarts.
  package var isPingless = false
  package var isPingable = true
  /// Nanoseconds; 0 for never.
  package var idleTimeout: UInt64 = 0
  package var hasRequests = false
  package var hasLocks = false
  package var lastReply: UInt64 = 0
  package var nextPing: UInt64 = 0

  package init(state: ImportState) { self.state = state }
}

/// What the pinger does with an import.
package enum PingerAction: Equatable, Sendable, BitwiseCopyable {
  /// Nothing until this time; never, when nil.
  case wait(until: UInt64?)
  /// Connect; the next look is at this time.
  case connect(next: UInt64)
  case ping
  case disconnectIdle
}

/// When an import is pinged, connected again or left (spec 11 §9.7): rules over plain values.
///
/// Each import has one deadline on the loop's timer wheel, so that nothing ever walks all imports.
package enum Pinger {
  package static func decide(
    _ facts: PingerFacts, at now: UInt64, _ profile: TimingProfile
  ) -> PingerAction {
    let isDue = facts.isForced || now + profile.pingSlack >= facts.nextPing
    switch facts.state {
    case .disconnected:
      if facts.isDeactivated { return .wait(until: nil) }
      guard isDue else { return .wait(until: facts.nextPing) }
      return .connect(next: now + profile.attemptSpacing)
    case .full:
      if facts.isDeactivated || !facts.isPingable { return .wait(until: nil) }
      guard isDue else { return .wait(until: facts.nextPing) }
      if isUnused(facts, at: now) { return .disconnectIdle }
      if facts.isPingless && !facts.isForced {
        return .wait(until: now + profile.pingInterval)
      }
      return .ping
    case .closed, .new, .connecting, .replay, .replayLocks, .replayWait, .recover, .evicted, .idle:
      return .wait(until: nil)
    }
  }

  private static func isUnused(_ facts: PingerFacts, at now: UInt64) -> Bool {
    facts.idleTimeout > 0 && !facts.hasRequests && !facts.hasLocks
      && facts.lastReply + facts.idleTimeout <= now
  }

  /// The deadline after a request has been sent on an import.
  ///
  /// - Parameter awaitsCommit: requests are retained until the server has committed them.
  package static func afterSending(
    at now: UInt64, awaitsCommit: Bool, _ profile: TimingProfile
  ) -> UInt64 {
    now + (awaitsCommit ? profile.pingIntervalShort : profile.pingInterval)
  }

  /// The deadline of an import that has lost its connection, or failed to connect.
  ///
  /// - Parameter attemptDeadline: that of the attempt that failed; 0 for none.
  package static func afterFailure(
    at now: UInt64, attemptDeadline: UInt64, isForced: Bool, _ profile: TimingProfile
  ) -> UInt64 {
    if isForced { return now }
    guard profile.waitsOutDeadline, attemptDeadline > 0 else { return now + profile.attemptSpacing }
    return max(now, attemptDeadline) + 1_000_000_000
  }
}
