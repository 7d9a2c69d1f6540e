internal import LustreWire

/// What came of a CONNECT.
package struct ConnectVerdict: Equatable, Sendable, BitwiseCopyable {
  /// The row of spec 11 §9.5 that decided.
  package var row: UInt8
  package var effect: ImportEffect
  /// Why it failed; 0 when it did not.
  package var errno: Int32
  /// Row 16: nothing has been replayed to the new instance.
  package var forgetsLastReplay = false
  /// Row 17: cached state is dropped, though nothing was evicted.
  package var dropsCache = false
  /// Row 19: the server has lost what it had called committed. Warned of, then we go on.
  package var wentBackInTime = false
}

extension ImportMachine {
  /// Interprets the end of a CONNECT (spec 11 §9.5) and changes the state accordingly.
  ///
  /// - Parameter committed: the highest `last_committed` that the target has shown.
  package mutating func connectEnded(
    _ facts: ConnectReplyFacts, committed: UInt64, failure: borrowing ConnectFailure,
    _ replies: borrowing ReplyTable, _ table: borrowing ImportTable, at time: UInt64
  ) -> ConnectVerdict {
    let rule = replies.decide(facts, self)
    var verdict = ConnectVerdict(row: rule.row, effect: .ignore, errno: 0)
    switch rule.outcome {
    case .ignore: return verdict
    case .fail: verdict.errno = facts.errno == 0 ? WireErrno.eio.rawValue : facts.errno
    case .failProtocol: verdict.errno = WireErrno.eproto.rawValue
    case .failNoDevice: verdict.errno = WireErrno.enodev.rawValue
    case .failNotConnected: verdict.errno = WireErrno.enotconn.rawValue
    case .full, .resend, .replay, .replayLocks, .evicted, .resumeReplay: break
    }
    if verdict.errno != 0 {
      verdict.effect = connectFailed(verdict.errno, failure, table, at: time)
      return verdict
    }
    verdict.wentBackInTime = facts.lastCommitted < committed
    flags.remove([.forceReconnect, .forceVerify])
    if facts.isInitial { set(.replayable, to: facts.isReplayable) }
    adopt(handle: facts.handle)
    if rule.row == 14 { flags.insert(.resendReplay) }
    if rule.row == 16 {
      verdict.forgetsLastReplay = true
      flags.remove(.resendReplay)
    }
    verdict.dropsCache = rule.row == 17
    verdict.effect = step(event(for: rule.outcome), table, at: time)
    return verdict
  }

  private func event(for outcome: ReplyOutcome) -> ImportEvent {
    switch outcome {
    case .full: .grantedFull
    case .resend: .grantedResend
    case .replay: .grantedReplay
    case .replayLocks: .grantedLockReplay
    case .evicted: .grantedEvicted
    case .resumeReplay: replayState == .replayLocks ? .grantedLockReplay : .grantedReplay
    case .ignore, .fail, .failProtocol, .failNoDevice, .failNotConnected:
      preconditionFailure("a failure grants nothing")
    }
  }

  mutating func set(_ flag: ImportFlags, to isSet: Bool) {
    if isSet { flags.insert(flag) } else { flags.remove(flag) }
  }

  /// What a failed CONNECT means (spec 11 §9.6).
  private mutating func connectFailed(
    _ errno: Int32, _ failure: borrowing ConnectFailure, _ table: borrowing ImportTable,
    at time: UInt64
  ) -> ImportEffect {
    let reaction = failure.reaction(to: errno)
    set(.forceReconnect, to: reaction == .sameConnection)
    switch reaction {
    case .sameConnection, .retry: break
    case .retryAtOnce: flags.insert(.forceVerify)
    case .deactivate:
      _ = step(.connectFailed, table, at: time)
      deactivate()
      return .failAll
    case .close:
      deactivate()
      return step(.connectRefused, table, at: time)
    }
    return step(.connectFailed, table, at: time)
  }
}

/// What follows a failed CONNECT.
package enum FailureReaction: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// The next attempt goes the same way, at the pinger's pace.
  case sameConnection
  /// The pinger tries another connection at its pace.
  case retry
  /// The pinger tries another connection at once.
  case retryAtOnce
  /// Out of use until an administrator activates it again.
  case deactivate
  /// Never again.
  case close
}

/// What else a failed CONNECT depends on.
package struct ConnectFailure: Sendable, BitwiseCopyable {
  /// The version word in the server's reply differs from ours.
  package var isOtherVersion = false
  /// A light-weight import, or one between servers: a refusal of access passes (§9.6).
  package var isBetweenServers = false
  /// Another connection has not been tried for 5 s or more.
  package var hasRestedConnection = false

  package init() {}

  package func reaction(to errno: Int32) -> FailureReaction {
    switch errno {
    case WireErrno.ebusy.rawValue, WireErrno.eagain.rawValue: .sameConnection
    case WireErrno.eacces.rawValue, WireErrno.erofs.rawValue:
      isBetweenServers ? .sameConnection : .deactivate
    case WireErrno.eproto.rawValue: isOtherVersion ? .close : .retry
    case WireErrno.enodev.rawValue, WireErrno.etimedout.rawValue:
      hasRestedConnection ? .retryAtOnce : .retry
    default: .retry
    }
  }
}
