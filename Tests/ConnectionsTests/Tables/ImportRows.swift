// The life of an import, written by hand from spec 11 §9.3, §9.5, §9.6 and §9.8.
@testable import Connections

struct ImportRow {
  let section: String
  let from: [ImportState]
  let event: ImportEvent
  let to: ImportState
  let effect: ImportEffect

  init(
    _ section: String, _ from: [ImportState], _ event: ImportEvent, _ to: ImportState,
    _ effect: ImportEffect
  ) {
    self.section = section
    self.from = from
    self.event = event
    self.to = to
    self.effect = effect
  }
}

/// What is not listed is ignored: the state stays.
let importRows: [ImportRow] = [
  ImportRow("9.3 create", [.closed], .initialized, .new, .stay),
  ImportRow("9.3 connect", [.new], .connectRequested, .connecting, .connect),
  ImportRow("9.3 connect", [.disconnected], .connectRequested, .connecting, .connect),
  ImportRow("9.3 connect", [.idle], .connectRequested, .connecting, .connect),
  ImportRow("9.3 connect", [.recover], .connectRequested, .connecting, .connect),
  ImportRow(
    "9.3 connect", [.replay, .replayLocks, .replayWait], .connectRequested, .connecting, .connect),
  ImportRow("9.3 local error", [.connecting], .attemptFailed, .disconnected, .retryLater),
  ImportRow("9.6", [.connecting], .connectFailed, .disconnected, .retryLater),
  ImportRow("9.6 EPROTO", [.connecting], .connectRefused, .closed, .failAll),
  ImportRow("9.5.9", [.connecting], .grantedFull, .full, .wake),
  ImportRow("9.5.15", [.connecting], .grantedResend, .recover, .resend),
  ImportRow("9.5.16", [.connecting], .grantedReplay, .replay, .replayRequests),
  ImportRow("9.5.8", [.connecting], .grantedLockReplay, .replayLocks, .replayLocks),
  ImportRow("9.5.11", [.connecting], .grantedEvicted, .evicted, .invalidate),
  ImportRow("9.3 replayed", [.replay], .requestsReplayed, .replayLocks, .replayLocks),
  ImportRow("9.3 locks", [.replayLocks], .locksReplayed, .replayWait, .sendFinalPing),
  ImportRow("9.3 final ping", [.replayWait], .finalPingAnswered, .recover, .resend),
  ImportRow(
    "9.3 replay failed", [.replay, .replayLocks, .replayWait], .replayFailed, .connecting, .connect),
  ImportRow("9.3 resent", [.recover], .resent, .full, .wake),
  ImportRow("9.3 evicted", [.evicted], .invalidated, .recover, .resend),
  ImportRow("9.3 lost", [.full], .requestFailed, .disconnected, .reconnect),
  ImportRow("9.3 unused", [.full], .idleTimePassed, .connecting, .sendDisconnect),
  ImportRow("9.8 answered", [.connecting], .idleDisconnected, .idle, .stay),
  ImportRow("9.8 wanted again", [.connecting], .idleInterrupted, .new, .reconnect),
  ImportRow("9.3 idle", [.idle], .requestQueued, .connecting, .connect),
  ImportRow("9.3 umount", [.full], .closeRequested, .connecting, .sendDisconnect),
  ImportRow("9.8 umount", [.connecting], .disconnected, .closed, .failAll),
  ImportRow(
    "9.8 sent only from FULL",
    [
      .new, .disconnected, .idle, .connecting, .replay, .replayLocks, .replayWait, .recover,
      .evicted,
    ],
    .closeRequested, .closed, .failAll),
]

/// After a change to this state, a reconnect during recovery goes on there (§9.3, last paragraph).
let replayStateRows: [(ImportState, ImportState?)] = [
  (.closed, nil), (.new, nil), (.disconnected, nil), (.connecting, nil),
  (.replayWait, .replayLocks),
  (.replay, .replay), (.replayLocks, .replay), (.recover, .replay), (.full, .replay),
  (.evicted, .replay), (.idle, .replay),
]
