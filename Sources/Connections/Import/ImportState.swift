/// Where an import is in its life (spec 11 §9.2). The numbers are Lustre's.
package enum ImportState: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// Disconnected for good, or not yet set up.
  case closed = 1
  /// Never connected.
  case new = 2
  /// The connection is lost; the pinger will connect again.
  case disconnected = 3
  /// A CONNECT or a DISCONNECT is in flight.
  case connecting = 4
  /// Retained requests are replayed one by one.
  case replay = 5
  /// Locks are replayed.
  case replayLocks = 6
  /// The final ping has been sent; the server ends its recovery.
  case replayWait = 7
  /// Requests without a reply are sent again.
  case recover = 8
  case full = 9
  /// What depended on the lost export is being invalidated.
  case evicted = 10
  /// Disconnected in order, because unused.
  case idle = 11

  /// The name as the real tools print it.
  package var name: StaticString {
    switch self {
    case .closed: "CLOSED"
    case .new: "NEW"
    case .disconnected: "DISCONN"
    case .connecting: "CONNECTING"
    case .replay: "REPLAY"
    case .replayLocks: "REPLAY_LOCKS"
    case .replayWait: "REPLAY_WAIT"
    case .recover: "RECOVER"
    case .full: "FULL"
    case .evicted: "EVICTED"
    case .idle: "IDLE"
    }
  }

  /// Whether a reconnect is being recovered from: requests that may be sent in recovery go.
  package var isRecovering: Bool {
    switch self {
    case .replay, .replayLocks, .replayWait, .recover: true
    case .closed, .new, .disconnected, .connecting, .full, .evicted, .idle: false
    }
  }
}

/// What happens to an import.
package enum ImportEvent: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// It has been set up, or set up anew.
  case initialized
  /// A connection is wanted: by a caller, the pinger or a failed replay.
  case connectRequested
  /// The CONNECT could not be built, or no connection could be chosen.
  case attemptFailed
  /// The CONNECT failed in a way that lets it be tried again (§9.6).
  case connectFailed
  /// The server speaks another version: never again (§9.6).
  case connectRefused
  /// The reply says: connected, nothing to recover (§9.5 rows 9, 18).
  case grantedFull
  /// The reply says: resend only (§9.5 rows 15, 17).
  case grantedResend
  /// The reply says: replay requests (§9.5 rows 14, 16).
  case grantedReplay
  /// The reply says: replay locks (§9.5 rows 8, 14).
  case grantedLockReplay
  /// The reply says: the server has forgotten us (§9.5 rows 11, 13, 18).
  case grantedEvicted
  /// All retained requests have been replayed.
  case requestsReplayed
  /// No lock replay is in flight.
  case locksReplayed
  case finalPingAnswered
  /// A replayed request timed out or was refused.
  case replayFailed
  /// All requests without a reply have been sent again.
  case resent
  /// Nothing is left of what depended on the lost export.
  case invalidated
  /// A request timed out, or was answered ENOTCONN or ENODEV, on the present connection.
  case requestFailed
  /// No requests and no locks for the idle time.
  case idleTimePassed
  /// A request waits for an idle import.
  case requestQueued
  /// The user leaves.
  case closeRequested
  /// The DISCONNECT of an idle import was answered or timed out.
  case idleDisconnected
  /// The same, and a request has been queued meanwhile.
  case idleInterrupted
  /// The DISCONNECT of a leaving user was answered or timed out.
  case disconnected

  package var name: StaticString {
    switch self {
    case .initialized: "initialized"
    case .connectRequested: "connect requested"
    case .attemptFailed: "attempt failed"
    case .connectFailed: "connect failed"
    case .connectRefused: "connect refused"
    case .grantedFull: "granted"
    case .grantedResend: "granted, resend"
    case .grantedReplay: "granted, replay"
    case .grantedLockReplay: "granted, replay locks"
    case .grantedEvicted: "granted, evicted"
    case .requestsReplayed: "requests replayed"
    case .locksReplayed: "locks replayed"
    case .finalPingAnswered: "final ping answered"
    case .replayFailed: "replay failed"
    case .resent: "resent"
    case .invalidated: "invalidated"
    case .requestFailed: "request failed"
    case .idleTimePassed: "idle"
    case .requestQueued: "request queued"
    case .closeRequested: "close requested"
    case .idleDisconnected: "disconnected, idle"
    case .idleInterrupted: "disconnected, wanted again"
    case .disconnected: "disconnected"
    }
  }
}

/// What the owner of an import does after an event.
package enum ImportEffect: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// Nothing: a legitimate race, counted only.
  case ignore
  /// Nothing more than the change of state.
  case stay
  /// Choose a connection and send a CONNECT.
  case connect
  /// Connect again without the pinger's delay.
  case reconnect
  /// Fail waiting requests that may not be sent again; the pinger takes over.
  case retryLater
  /// Replay retained requests.
  case replayRequests
  /// Replay locks.
  case replayLocks
  /// Send the ping that says that both replays are done.
  case sendFinalPing
  /// Send requests without a reply again.
  case resend
  /// Let waiting requests go.
  case wake
  /// Fail everything of the old generation and drop locks.
  case invalidate
  /// Send a DISCONNECT.
  case sendDisconnect
  /// Everything that waits or is in flight fails.
  case failAll
}
