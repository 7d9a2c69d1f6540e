package import RDMATransport
internal import Structures

/// What an entry of this room in the timer wheel is for: the upper 4 bits of its owner; the rest is a slot.
enum LNetTimer: UInt32 {
  case responses, work, ping, recovery

  func owner(slot: Int) -> UInt32 { rawValue << 28 | UInt32(truncatingIfNeeded: slot) }
}

extension LNet {
  /// One of this room's timers has expired.
  package mutating func timerExpired(owner: UInt32, turn: inout Turn) {
    guard let kind = LNetTimer(rawValue: owner >> 28) else { return }
    let slot = Int(owner & 0xFFF_FFFF)
    switch kind {
    case .responses: expireResponses(turn: &turn)
    case .work: continueWork(turn: &turn)
    case .ping: probeTimedOut(slot: slot, turn: &turn)
    case .recovery: recoveryDue(slot: slot, turn: &turn)
    }
  }

  /// Asks to be called again in the next turn.
  mutating func postponeWork(turn: inout Turn) { turn.timers.arm(workTimer, at: turn.now) }

  private mutating func continueWork(turn: inout Turn) {
    drainMarkedPortals(turn: &turn)
    tellDiscoverers(turn: &turn)
    if flushPending { flushParked(turn: &turn) }
    if releasePending { releaseAllWaiting(turn: &turn) }
    if pushHand < peers.capacity { continuePushes(turn: &turn) }
  }
}
