internal import BasicContainers
internal import LustreWire
internal import RDMATransport
internal import Structures

// Recovery of peer NIDs with less than full health: they are pinged until messages from them have brought
// it back (spec 01 §10.3).
extension LNet {
  private static let second: UInt64 = 1_000_000_000

  mutating func startRecovery(_ slot: Int, turn: inout Turn) {
    guard !peerInterfaces[slot].isRecovering,
      let timer = turn.timers.make(kind: timerKind, owner: LNetTimer.recovery.owner(slot: slot))
    else { return }
    peerInterfaces.cells[slot].isRecovering = true
    peerInterfaces.cells[slot].isPinged = false
    peerInterfaces.cells[slot].recoveryFailures = 0
    peerInterfaces.cells[slot].recoveryTimer = timer
    turn.timers.arm(timer, at: turn.now &+ Self.second)
  }

  mutating func stopRecovery(_ slot: Int, turn: inout Turn) {
    guard peerInterfaces[slot].isRecovering else { return }
    peerInterfaces.cells[slot].isRecovering = false
    if let timer = peerInterfaces[slot].recoveryTimer { turn.timers.free(timer) }
    peerInterfaces.cells[slot].recoveryTimer = nil
  }

  mutating func recoveryDue(slot: Int, turn: inout Turn) {
    guard peerInterfaces[slot].isRecovering, let timer = peerInterfaces[slot].recoveryTimer else {
      return
    }
    if !peerInterfaces[slot].isPinged {
      do {
        _ = try startProbe(
          .recovery, peerInterfaces[slot].nid, sinkLength: Int(LNetLimits.discoverySinkBytes),
          turn: &turn)
        peerInterfaces.cells[slot].isPinged = true
        counters.recoveryPings += 1
      } catch {
        // No room for it now: the next one is due soon.
      }
    }
    // 1, 2, 4 … 512 seconds while they fail, then 900.
    let failures = UInt64(peerInterfaces[slot].recoveryFailures)
    let seconds: UInt64 = failures > 9 ? 900 : 1 << failures
    turn.timers.arm(timer, at: turn.now &+ seconds * Self.second)
  }

  /// A recovery ping was answered or not; the arrival itself has given health.
  mutating func recoveryAnswered(_ hop: PeerInterfaceRef, status: Int32) {
    guard isLive(hop), peerInterfaces[hop.slot].isRecovering else { return }
    peerInterfaces.cells[hop.slot].isPinged = false
    if status != 0 {
      peerInterfaces.cells[hop.slot].recoveryFailures = min(
        10, peerInterfaces[hop.slot].recoveryFailures + 1)
    } else {
      peerInterfaces.cells[hop.slot].recoveryFailures = 0
    }
  }
}
