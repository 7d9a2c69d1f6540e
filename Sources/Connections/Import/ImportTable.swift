/// The life of an import as a table: which event in which state does what (spec 11 §9.3, §9.8).
///
/// An event that has no rule in a state is a *legitimate race*: it is ignored and counted. Nothing is
/// unreachable, as events come from timers, replies and callers in any order.
package struct ImportTable: Sendable, BitwiseCopyable {
  package struct Step: Equatable, Sendable, BitwiseCopyable {
    package var next: ImportState
    package var effect: ImportEffect

    package init(_ next: ImportState, _ effect: ImportEffect) {
      self.next = next
      self.effect = effect
    }
  }

  /// 12 states (0 is none) times 32 events.
  private var steps: InlineArray<384, Step>

  package init() {
    steps = InlineArray(repeating: Step(.closed, .ignore))
    for state in ImportState.allCases {
      for event in ImportEvent.allCases {
        self[state, event] = Self.rule(state, event) ?? Step(state, .ignore)
      }
    }
  }

  package subscript(state: ImportState, event: ImportEvent) -> Step {
    // Not `steps[…]`, which copies all of them first.
    get { steps.span[Int(state.rawValue) * 32 + Int(event.rawValue)] }
    set { steps[Int(state.rawValue) * 32 + Int(event.rawValue)] = newValue }
  }

  private static func rule(_ state: ImportState, _ event: ImportEvent) -> Step? {
    switch state {
    case .closed: event == .initialized ? Step(.new, .stay) : nil
    case .new, .disconnected: waiting(event)
    case .idle: event == .requestQueued ? Step(.connecting, .connect) : waiting(event)
    case .connecting: connecting(event)
    case .replay: event == .requestsReplayed ? Step(.replayLocks, .replayLocks) : replaying(event)
    case .replayLocks:
      event == .locksReplayed ? Step(.replayWait, .sendFinalPing) : replaying(event)
    case .replayWait: event == .finalPingAnswered ? Step(.recover, .resend) : replaying(event)
    case .recover:
      switch event {
      case .resent: Step(.full, .wake)
      case .connectRequested: Step(.connecting, .connect)
      case .closeRequested: Step(.closed, .failAll)
      default: nil
      }
    case .full: full(event)
    case .evicted:
      switch event {
      case .invalidated: Step(.recover, .resend)
      case .closeRequested: Step(.closed, .failAll)
      default: nil
      }
    }
  }

  private static func waiting(_ event: ImportEvent) -> Step? {
    switch event {
    case .connectRequested: Step(.connecting, .connect)
    case .closeRequested: Step(.closed, .failAll)
    default: nil
    }
  }

  private static func replaying(_ event: ImportEvent) -> Step? {
    switch event {
    case .replayFailed, .connectRequested: Step(.connecting, .connect)
    case .closeRequested: Step(.closed, .failAll)
    default: nil
    }
  }

  private static func full(_ event: ImportEvent) -> Step? {
    switch event {
    case .requestFailed: Step(.disconnected, .reconnect)
    case .idleTimePassed, .closeRequested: Step(.connecting, .sendDisconnect)
    default: nil
    }
  }

  private static func connecting(_ event: ImportEvent) -> Step? {
    switch event {
    case .attemptFailed, .connectFailed: Step(.disconnected, .retryLater)
    case .connectRefused: Step(.closed, .failAll)
    case .grantedFull: Step(.full, .wake)
    case .grantedResend: Step(.recover, .resend)
    case .grantedReplay: Step(.replay, .replayRequests)
    case .grantedLockReplay: Step(.replayLocks, .replayLocks)
    case .grantedEvicted: Step(.evicted, .invalidate)
    case .closeRequested: Step(.closed, .failAll)
    case .idleDisconnected: Step(.idle, .stay)
    case .idleInterrupted: Step(.new, .reconnect)
    case .disconnected: Step(.closed, .failAll)
    default: nil
    }
  }
}
