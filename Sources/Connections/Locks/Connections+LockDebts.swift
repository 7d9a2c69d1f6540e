internal import BasicContainers
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

// What a lock needs and there is no room for: events of the handler, requests for callbacks. A peer can take all of that
// for a while, so it is tried again; until its holder was asked, nobody is evicted for not having answered.
extension Connections {
  private static let retryInterval: UInt64 = 1_000_000_000

  /// Something is to be done for a lock as soon as there is room.
  mutating func owe(_ debt: LockDebts, _ lock: Int, turn: inout Turn) {
    counters.lockCallsDelayed += 1
    locks.cells[lock].debts.insert(debt)
    if let timer = locks.cells[lock].timer {
      turn.timers.arm(timer, at: turn.now + Self.retryInterval)
    }
  }

  /// Tells the handler that a lock that had to wait is granted. One event may grant very many: what is kept free for
  /// other consequences of it stays free.
  mutating func announce(_ lock: Int, turn: inout Turn) {
    guard events.freeCapacity > reservedEventCount / 2 else {
      return owe(.telling, lock, turn: &turn)
    }
    tell(ConnectionsEvent(.lockGranted, locks.handle(lock), tag: locks.cells[lock].target))
  }

  mutating func payDebts(_ lock: Int, rpc: inout PtlRPC, turn: inout Turn) {
    let debts = locks.cells[lock].debts
    locks.cells[lock].debts = []
    if debts.contains(.telling) { announce(lock, turn: &turn) }
    if debts.contains(.completion),
      !callBack(lock, .ldlmCompletionCallback, rpc: &rpc, turn: &turn)
    {
      owe(.completion, lock, turn: &turn)
    }
    if debts.contains(.blocking) {
      block(lock, because: nil, rpc: &rpc, turn: &turn)
    } else if locks.cells[lock].debts.isEmpty, locks.cells[lock].isBlocked,
      locks.cells[lock].export != noRecord, let timer = locks.cells[lock].timer
    {
      turn.timers.arm(timer, at: max(turn.now, locks.cells[lock].deadline))
    }
  }

  /// Who wants a lock's place now; a revoked one must go for nobody.
  mutating func claim(on lock: Int) -> LockDescriptor {
    if let waiting = waiter(for: lock) { return locks.cells[waiting].descriptor }
    var claim = locks.cells[lock].descriptor
    claim.requestedMode = .exclusive
    claim.grantedMode = .none
    return claim
  }
}
