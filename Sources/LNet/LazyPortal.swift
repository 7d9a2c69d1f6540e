internal import BasicContainers
internal import LustreWire
internal import RDMATransport
internal import Structures

/// A reception without an answer yet: it waits on a lazy portal, or a consumer reads it in place.
struct HeldReception: BitwiseCopyable {
  var reception: Reception
  /// Bulk memory that a message was fetched into, for reading in place.
  var run: BufferRef
  /// The slot of the next one that waits on the same portal.
  var next: UInt32
  var isDelivered: Bool
}

// Lazy portals: a PUT without a buffer waits, and its sender's credit with it (spec 01 §4.1, 02 §6.2).
extension LNet {
  mutating func hold(
    _ reception: Reception, portal: Int, turn: inout Turn
  ) -> ReceptionAnswer {
    guard heldCount < limits.heldMessages,
      let handle = held.insert(
        HeldReception(reception: reception, run: .none, next: noCell, isDelivered: false))
    else {
      counters.droppedHeldLimit += 1
      note(.heldLimit, reception.peer, UInt64(portal), at: turn.now)
      return reception.refusal()
    }
    heldCount += 1
    counters.held += 1
    let slot = UInt32(handle.slot)
    if portals[portal].lastHeld == noCell {
      portals[portal].firstHeld = slot
    } else if let last = held.handle(at: Int(portals[portal].lastHeld)) {
      held.cells[held.slot(last)].next = slot
    }
    portals[portal].lastHeld = slot
    return .held
  }

  /// Looks again at the PUTs that wait on a portal, oldest first.
  mutating func drain(portal: Int, turn: inout Turn) {
    var previous = noCell
    var slot = portals[portal].firstHeld
    while slot != noCell {
      guard hasRoom else {
        portalsToDrain |= 1 << UInt64(portal)
        postponeWork(turn: &turn)
        return
      }
      guard let handle = held.handle(at: Int(slot)) else {
        preconditionFailure("a reception left its portal's list unnoticed")
      }
      let reception = held[handle].reception
      let next = held[handle].next
      guard case .put(let put) = reception.header.body else {
        preconditionFailure("only PUTs wait")
      }
      let found = match(query(reception, put))
      if found.kind == .full { portalsWithoutPlace |= 1 << UInt64(portal) }
      let leaves: Bool
      switch found.kind {
      case .matched, .tooLong: leaves = true
      case .none, .full: leaves = !portals[portal].isLazy
      }
      if leaves {
        takeOut(handle, portal: portal, previous: previous, next: next)
        settleWaiting(reception, put, found, turn: &turn)
      } else {
        previous = slot
      }
      slot = next
    }
  }

  /// A place to read a message in place is free: who waits for one gets it, the portal whose message left it
  /// last, so that none starves the others.
  mutating func drainPortalsWithoutPlace(after reception: Reception, turn: inout Turn) {
    guard case .put(let put) = reception.header.body else { return }
    let start = put.portal.rawValue + 1
    for step in 0..<UInt32(LNetLimits.portals) where portalsWithoutPlace != 0 {
      guard inPlaceCount < limits.messagesInPlace else { return }
      let bit = UInt64(1) << UInt64((start + step) % UInt32(LNetLimits.portals))
      guard portalsWithoutPlace & bit != 0 else { continue }
      portalsWithoutPlace &= ~bit
      drain(portal: bit.trailingZeroBitCount, turn: &turn)
    }
  }

  mutating func drainMarkedPortals(turn: inout Turn) {
    while portalsToDrain != 0 && hasRoom {
      let portal = portalsToDrain.trailingZeroBitCount
      portalsToDrain &= portalsToDrain - 1
      drain(portal: portal, turn: &turn)
    }
    if portalsToDrain != 0 { postponeWork(turn: &turn) }
  }

  private mutating func takeOut(
    _ handle: Handle, portal: Int, previous: UInt32, next: UInt32
  ) {
    if previous == noCell {
      portals[portal].firstHeld = next
    } else if let before = held.handle(at: Int(previous)) {
      held.cells[held.slot(before)].next = next
    }
    if next == noCell { portals[portal].lastHeld = previous }
    held.remove(handle)
    heldCount -= 1
  }

  private mutating func settleWaiting(
    _ reception: Reception, _ put: LNetPut, _ found: Match, turn: inout Turn
  ) {
    switch found.kind {
    case .matched:
      let answer = land(reception, put, found, turn: &turn)
      settle(reception, answer, turn: &turn)
    case .tooLong:
      counters.droppedTooLong += 1
      settle(reception, reception.refusal(), turn: &turn)
    case .none, .full:
      counters.droppedNoMatch += 1
      settle(reception, reception.refusal(), turn: &turn)
    }
  }
}
