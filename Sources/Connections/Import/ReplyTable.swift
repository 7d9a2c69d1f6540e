/// What is known when a CONNECT has ended, apart from the import itself (spec 11 §9.5).
package struct ConnectReplyFacts: Sendable, BitwiseCopyable {
  /// 0 for a reply of type 4713 with status 0, else the positive errno; a time-out is ETIMEDOUT.
  package var errno: Int32 = 0
  package var hasConnectData = true
  /// Whether the local object that cookie B names still exists.
  package var hasLocalExport = true
  /// Whether both granted flag words are subsets of what was asked for.
  package var isSubset = true
  /// Whether the import joins two metadata targets and is not a light-weight one.
  package var isBetweenMDTs = false
  /// Whether major and minor numbers are equal and the patches at most 3 apart.
  package var isVersionNear = true
  /// Whether checksum types were asked for and none of them is left.
  package var isWithoutChecksum = false
  /// Whether the remote handle was 0 when the request was built.
  package var isInitial = false
  /// Operation flags of the reply (spec 10 §3.4).
  package var isRecovering = false
  package var isReconnect = false
  package var isReplayable = false
  package var isLightweight = false
  /// Cookie A of the reply.
  package var handle: UInt64 = 0
  package var lastCommitted: UInt64 = 0

  package init() {}
}

/// What a row of §9.5 asks.
package enum ReplyCondition: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  case closed, failed, withoutData, withoutLocalExport, notSubset, farVersion, withoutChecksum
  case initialRecovering, initial
  case reconnectWithoutHandle, reconnectNewHandle, reconnectInvalid, reconnectRecovering, reconnect
  case restarted, lightweight, forgottenWithoutData, forgotten
}

/// What a row of §9.5 decides.
package enum ReplyOutcome: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// The import is closed: the reply comes too late.
  case ignore
  /// §9.6, with the errno of the reply.
  case fail
  /// §9.6, with EPROTO, ENODEV or ENOTCONN of our own.
  case failProtocol, failNoDevice, failNotConnected
  case full, resend, replay, replayLocks, evicted
  /// Goes on where the last recovery was interrupted.
  case resumeReplay
}

/// One row.
package struct ReplyRule: Equatable, Sendable, BitwiseCopyable {
  /// The row's number in §9.5; 18 has two halves.
  package var row: UInt8
  package var condition: ReplyCondition
  package var outcome: ReplyOutcome

  init(_ row: UInt8, _ condition: ReplyCondition, _ outcome: ReplyOutcome) {
    self.row = row
    self.condition = condition
    self.outcome = outcome
  }
}

/// How a CONNECT's reply is understood, as data: the first row whose condition holds decides (spec 11 §9.5).
///
/// Rows 7 and 12 change values and decide nothing; rows 19 and 20 follow every success.
package struct ReplyTable: Sendable, BitwiseCopyable {
  package var rules: InlineArray<18, ReplyRule>

  package init() {
    rules = [
      ReplyRule(0, .closed, .ignore),
      ReplyRule(1, .failed, .fail),
      ReplyRule(2, .withoutData, .failProtocol),
      ReplyRule(3, .withoutLocalExport, .failNoDevice),
      ReplyRule(4, .notSubset, .failProtocol),
      ReplyRule(5, .farVersion, .failProtocol),
      ReplyRule(6, .withoutChecksum, .failProtocol),
      ReplyRule(8, .initialRecovering, .replayLocks),
      ReplyRule(9, .initial, .full),
      ReplyRule(10, .reconnectWithoutHandle, .failNotConnected),
      ReplyRule(11, .reconnectNewHandle, .evicted),
      ReplyRule(13, .reconnectInvalid, .evicted),
      ReplyRule(14, .reconnectRecovering, .resumeReplay),
      ReplyRule(15, .reconnect, .resend),
      ReplyRule(16, .restarted, .replay),
      ReplyRule(17, .lightweight, .resend),
      ReplyRule(18, .forgottenWithoutData, .full),
      ReplyRule(18, .forgotten, .evicted),
    ]
  }

  /// The row that decides.
  package func decide(_ facts: ConnectReplyFacts, _ machine: ImportMachine) -> ReplyRule {
    // Not `rules[index]`, which copies all of them first.
    let rules = rules.span
    for index in rules.indices where holds(rules[index].condition, facts, machine) {
      return rules[index]
    }
    preconditionFailure("the last row holds always")
  }

  private func holds(
    _ condition: ReplyCondition, _ facts: ConnectReplyFacts, _ machine: ImportMachine
  ) -> Bool {
    let isValid = !machine.flags.contains(.invalid)
    switch condition {
    case .closed: return machine.state == .closed
    case .failed: return facts.errno != 0
    case .withoutData: return !facts.hasConnectData
    case .withoutLocalExport: return !facts.hasLocalExport
    case .notSubset: return !facts.isSubset
    case .farVersion: return facts.isBetweenMDTs && !facts.isVersionNear
    case .withoutChecksum: return facts.isWithoutChecksum
    case .initialRecovering: return facts.isInitial && facts.isRecovering
    case .initial: return facts.isInitial
    case .reconnectWithoutHandle: return facts.isReconnect && facts.handle == 0
    case .reconnectNewHandle:
      return facts.isReconnect && facts.handle != machine.remoteHandle && !facts.isRecovering
    case .reconnectInvalid: return facts.isReconnect && !isValid
    case .reconnectRecovering: return facts.isReconnect && facts.isRecovering
    case .reconnect: return facts.isReconnect
    case .restarted: return facts.isRecovering && isValid
    case .lightweight: return facts.isLightweight && isValid
    case .forgottenWithoutData: return machine.flags.contains(.noCachedData)
    case .forgotten: return true
    }
  }
}
