internal import BasicContainers
package import LNet
package import RDMATransport
internal import Structures

/// What an entry of this room in the timer wheel is for: the upper 4 bits of its owner; the rest is a slot.
enum RPCTimer: UInt32 {
  case request, serverRequest, work

  func owner(slot: Int) -> UInt32 { rawValue << 28 | UInt32(truncatingIfNeeded: slot) }
}

let nanosecondsPerSecond: UInt64 = 1_000_000_000

extension PtlRPC {
  /// One of this room's timers has expired.
  package mutating func timerExpired(owner: UInt32, turn: inout Turn) {
    guard let kind = RPCTimer(rawValue: owner >> 28) else { return }
    let slot = Int(owner & 0xFFF_FFFF)
    switch kind {
    case .request: requestTimedOut(slot, turn: &turn)
    case .serverRequest: serverRequestDue(slot, turn: &turn)
    case .work: break
    }
  }

  // MARK: - Work: what LNet must be asked for

  private static var serverBit: UInt32 { 1 << 31 }

  /// Has a request of ours looked at by `perform`.
  mutating func queue(request slot: Int) {
    guard !requests.cells[slot].isQueued else { return }
    requests.cells[slot].isQueued = true
    work.append(UInt32(slot))
  }

  /// Has a request of a peer looked at by `perform`.
  mutating func queue(serverRequest slot: Int) {
    guard !serverRequests.cells[slot].isQueued else { return }
    serverRequests.cells[slot].isQueued = true
    work.append(UInt32(slot) | Self.serverBit)
  }

  /// Whether `perform` has something to do.
  package var hasWork: Bool { mutating get { servicesToServe != 0 || !work.isEmpty } }

  /// Does what calls and events have left to do, as long as LNet has room. What must wait for memory or a
  /// place in a table is tried again a millisecond later.
  ///
  /// - Returns: whether anything was done.
  @discardableResult
  package mutating func perform(lnet: inout LNet, turn: inout Turn) -> Bool {
    if servicesToServe != 0 { serveAll(turn: &turn) }
    guard !work.isEmpty else { return false }
    var remaining = work.count
    var isBusy = false
    var isAnyDone = false
    while remaining > 0, hasRoom, lnet.hasRoom, let item = work.popFirst() {
      remaining -= 1
      let slot = Int(item & ~Self.serverBit)
      let isDone: Bool
      if item & Self.serverBit == 0 {
        requests.cells[slot].isQueued = false
        isDone = advance(request: slot, lnet: &lnet, turn: &turn)
        if !isDone { queue(request: slot) }
      } else {
        serverRequests.cells[slot].isQueued = false
        isDone = advance(serverRequest: slot, lnet: &lnet, turn: &turn)
        if !isDone { queue(serverRequest: slot) }
      }
      if isDone { isAnyDone = true } else { isBusy = true }
    }
    if isBusy {
      turn.timers.arm(workTimer, at: turn.now &+ 1_000_000)
    } else if !work.isEmpty || servicesToServe != 0 {
      turn.timers.arm(workTimer, at: turn.now)
    }
    return isAnyDone
  }
}
