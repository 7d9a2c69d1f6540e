/// What an import's machine remembers besides its state.
package struct ImportFlags: OptionSet, Sendable, BitwiseCopyable {
  package var rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Evicted or deactivated: no request may be sent.
  package static let invalid = ImportFlags(rawValue: 1 << 0)
  /// Deactivated by an administrator.
  package static let deactivated = ImportFlags(rawValue: 1 << 1)
  /// The target can replay.
  package static let replayable = ImportFlags(rawValue: 1 << 2)
  /// The request that was being replayed when the connection was lost is to be marked as resent.
  package static let resendReplay = ImportFlags(rawValue: 1 << 3)
  /// The last attempt was answered EBUSY or EAGAIN: the same connection again.
  package static let forceReconnect = ImportFlags(rawValue: 1 << 4)
  /// The pinger acts at once.
  package static let forceVerify = ImportFlags(rawValue: 1 << 5)
  /// It has never held locks or transaction numbers.
  package static let noCachedData = ImportFlags(rawValue: 1 << 6)
  package static let connectTried = ImportFlags(rawValue: 1 << 7)
  /// It was idle: the next CONNECT is not a user's first.
  package static let wasIdle = ImportFlags(rawValue: 1 << 8)
  /// A DISCONNECT is in flight, because the import was unused.
  package static let becomingIdle = ImportFlags(rawValue: 1 << 9)
  /// A DISCONNECT is in flight, because its user leaves.
  package static let closing = ImportFlags(rawValue: 1 << 10)
  package static let pingable = ImportFlags(rawValue: 1 << 11)
  /// Adaptive timeouts have been granted.
  package static let adaptiveTimeouts = ImportFlags(rawValue: 1 << 12)
  /// A replayed request found another version of its object.
  package static let versionRecoveryFailed = ImportFlags(rawValue: 1 << 13)
}

/// The state of one import, and the numbers whose rules hang on it (spec 11 §2, §9).
///
/// A value without clock or input of its own: each event is handed in with the time, and what the owner must do
/// comes back as an effect. Every change of state goes through `step`, which records it.
package struct ImportMachine: Sendable, BitwiseCopyable {
  package private(set) var state = ImportState.closed
  /// Where a reconnect during recovery goes on: `.replay` or `.replayLocks` (§9.3).
  package private(set) var replayState = ImportState.replay
  package var flags: ImportFlags = [.pingable]
  /// Requests of an earlier generation are never sent again (§2).
  package private(set) var generation: UInt32 = 0
  /// Number of CONNECTs made, sent or not; in every request (§2). Never reset.
  package private(set) var connectionCount: UInt32 = 0
  /// Cookie A, the server's export; 0 for none.
  package private(set) var remoteHandle: UInt64 = 0
  package private(set) var history = StateHistory()

  package init() {}

  /// Takes an event; the effect is what is left to do for the caller.
  package mutating func step(
    _ event: ImportEvent, _ table: borrowing ImportTable, at time: UInt64
  ) -> ImportEffect {
    let step = table[state, event]
    guard step.effect != .ignore else { return .ignore }
    apply(event, step)
    set(step.next, because: event, at: time)
    return step.effect
  }

  /// The numbers that an event changes beside the state.
  private mutating func apply(_ event: ImportEvent, _ step: ImportTable.Step) {
    switch event {
    case .initialized:
      generation &+= 1
      flags.remove(.invalid)
    case .requestQueued:
      generation &+= 1
    case .idleTimePassed:
      flags.insert([.becomingIdle, .wasIdle])
    case .closeRequested:
      if step.effect == .sendDisconnect { flags.insert(.closing) }
    case .idleDisconnected, .disconnected:
      endConnection()
    case .idleInterrupted:
      endConnection()
      generation &+= 1
    case .grantedEvicted:
      generation &+= 1
      flags.insert(.invalid)
    case .invalidated, .grantedFull, .resent:
      if !flags.contains(.deactivated) { flags.remove(.invalid) }
      flags.remove(.wasIdle)
    case .requestFailed:
      // What cannot be replayed cannot be kept over a lost connection (spec 12 §4).
      if !flags.contains(.replayable) {
        flags.insert(.invalid)
        generation &+= 1
      }
    case .connectRequested, .attemptFailed, .connectFailed, .connectRefused, .grantedResend,
      .grantedReplay, .grantedLockReplay, .requestsReplayed, .locksReplayed, .finalPingAnswered,
      .replayFailed:
      break
    }
    if step.effect == .connect {
      connectionCount &+= 1
      flags.insert(.connectTried)
    }
    if step.next == .closed { flags.insert(.invalid) }
  }

  /// After a DISCONNECT, whatever came of it, the next CONNECT is a first one (§9.8).
  private mutating func endConnection() {
    remoteHandle = 0
    flags.remove([.becomingIdle, .closing])
  }

  private mutating func set(_ new: ImportState, because event: ImportEvent, at time: UInt64) {
    history.record(ImportTransition(time: time, old: state, new: new, event: event))
    state = new
    switch new {
    case .closed, .new, .disconnected, .connecting: break
    case .replayWait: replayState = .replayLocks
    case .replay, .replayLocks, .recover, .full, .evicted, .idle: replayState = .replay
    }
  }

  /// Takes the server's export from a CONNECT's reply.
  package mutating func adopt(handle: UInt64) { remoteHandle = handle }

  /// An administrator takes the import out of use: everything that waits or is in flight fails.
  package mutating func deactivate() {
    flags.insert([.deactivated, .invalid])
    generation &+= 1
  }

  /// It is used again; the caller then asks for a connection.
  package mutating func activate() {
    flags.remove([.deactivated, .invalid])
  }
}
