internal import BasicContainers
package import LNet
package import LustreWire
package import PtlRPC
package import RDMATransport
internal import Structures

// Imports as their owners see them, and what follows from a change of state (spec 11 §9).
extension Connections {
  /// Takes a place for an import; nil when all are taken. `connect` starts it.
  package mutating func makeImport(
    _ description: ImportDescription, rpc: inout PtlRPC, turn: inout Turn
  ) -> ImportHandle? {
    guard let slot = imports.take() else { return nil }
    let timer = imports.cells[slot].timer
    imports.cells[slot] = Import(
      description: description, clientHandle: cookies.make(), timer: timer)
    importIndex.insert(slot, key: imports.cells[slot].clientHandle.rawValue)
    rpc.resetImport(UInt32(slot))
    imports.cells[slot].lastReply = turn.now
    _ = imports.cells[slot].machine.step(.initialized, importTable, at: turn.now)
    return ImportHandle(raw: imports.handle(slot))
  }

  /// Adds a NID of the target, after those that are known; false when there are too many.
  package mutating func addConnection(_ nid: NID, to handle: ImportHandle) -> Bool {
    let isKept = imports.cells[slot(of: handle)].connections.append(nid)
    if !isKept { counters.connectionsLeftOut += 1 }
    return isKept
  }

  /// Starts to connect; `connected` or `attemptFailed` follows. In FULL or on the way there nothing happens.
  package mutating func connect(
    _ handle: ImportHandle, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let slot = slot(of: handle)
    step(slot, .connectRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  /// The user leaves: everything that waits or is in flight fails; `closed` follows when the server knows.
  package mutating func close(
    _ handle: ImportHandle, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let slot = slot(of: handle)
    if imports.cells[slot].machine.state == .connecting {
      // The CONNECT's answer is waited for, so that no export is left behind.
      imports.cells[slot].closesAfterConnect = true
      if !imports.cells[slot].isAttemptUnsent { return }
    }
    failUserRequests(slot, WireErrno.eshutdown.status, rpc: &rpc, turn: &turn)
    step(slot, .closeRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  /// Gives up a closed import's place. Its requests must have been released.
  package mutating func removeImport(_ handle: ImportHandle, turn: inout Turn) {
    let slot = slot(of: handle)
    precondition(imports.cells[slot].machine.state == .closed, "an import in use")
    precondition(imports.cells[slot].firstRequest == noRecord, "an import with requests")
    importIndex.remove(slot, key: imports.cells[slot].clientHandle.rawValue)
    disarm(slot, &turn)
    imports.give(slot)
  }

  /// Takes an import out of use until `activate`: requests fail.
  package mutating func deactivate(
    _ handle: ImportHandle, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let slot = slot(of: handle)
    imports.cells[slot].machine.deactivate()
    failUserRequests(slot, WireErrno.eio.status, rpc: &rpc, turn: &turn)
  }

  package mutating func activate(
    _ handle: ImportHandle, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let slot = slot(of: handle)
    imports.cells[slot].machine.activate()
    verify(slot, turn: &turn)
    step(slot, .connectRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  /// Finds out at once whether the server is there: a ping, or a connect.
  package mutating func verify(_ handle: ImportHandle, turn: inout Turn) {
    verify(slot(of: handle), turn: &turn)
  }

  /// Connects anew although nothing was noticed: an administrator's wish.
  package mutating func recover(
    _ handle: ImportHandle, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let slot = slot(of: handle)
    step(slot, .requestFailed, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  package func view(_ handle: ImportHandle) -> ImportView? {
    guard let slot = imports.slot(handle.raw) else { return nil }
    return view(ofImportAt: slot)
  }

  /// For lists: the import at a place, nil for an empty one.
  package func importHandle(at place: Int) -> ImportHandle? {
    imports.isTaken(place) ? ImportHandle(raw: imports.handle(place)) : nil
  }

  package var importCount: Int { imports.count }
  /// Places for imports, taken or not.
  package var importPlaceCount: Int { imports.capacity }

  private func view(ofImportAt slot: Int) -> ImportView {
    let record = imports.cells[slot]
    return ImportView(
      state: record.machine.state, flags: record.machine.flags, description: record.description,
      granted: record.granted, connections: record.connections,
      connectionCount: record.machine.connectionCount, generation: record.machine.generation,
      remoteHandle: Cookie(rawValue: record.machine.remoteHandle),
      clientHandle: record.clientHandle, history: record.machine.history,
      requestCount: record.requestCount, committed: record.committed,
      lastReply: record.lastReply)
  }

  // MARK: - For the other files of the room

  mutating func slot(of handle: ImportHandle) -> Int {
    guard let slot = imports.slot(handle.raw) else { preconditionFailure("a stale import") }
    return slot
  }

  mutating func verify(_ slot: Int, turn: inout Turn) {
    imports.cells[slot].machine.flags.insert(.forceVerify)
    arm(slot, at: turn.now, &turn)
  }

  mutating func note(_ kind: ConnectionsEvent.Kind, import slot: Int, status: Int32 = 0) {
    tell(
      ConnectionsEvent(
        kind, imports.handle(slot), status: status, tag: imports.cells[slot].description.tag))
  }

  /// Hands an event to an import's machine and does what it says.
  mutating func step(
    _ slot: Int, _ event: ImportEvent, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let effect = imports.cells[slot].machine.step(event, importTable, at: turn.now)
    perform(effect, slot, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  mutating func perform(
    _ effect: ImportEffect, _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    index(slot)
    switch effect {
    case .ignore: counters.eventsIgnored += 1
    case .stay: settled(slot, turn: &turn)
    case .connect: startAttempt(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .reconnect: lostConnection(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .retryLater: retryLater(slot, rpc: &rpc, turn: &turn)
    case .replayRequests: step(slot, .requestsReplayed, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .replayLocks: step(slot, .locksReplayed, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .sendFinalPing: sendFinalPing(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .resend:
      resendUnanswered(slot, rpc: &rpc, turn: &turn)
      step(slot, .resent, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .wake: isFull(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .invalidate: invalidate(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .sendDisconnect: sendDisconnect(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .failAll: closed(slot, rpc: &rpc, turn: &turn)
    }
  }

  /// Keeps the imports that are FULL by NID.
  private mutating func index(_ slot: Int) {
    let old = imports.cells[slot].indexedNID
    let isFull = imports.cells[slot].machine.state == .full
    let new = isFull ? imports.cells[slot].connections.current?.nid ?? .any : .any
    guard old != new else { return }
    if old != .any { serverIndex.remove(slot, key: old.rawValue) }
    if new != .any { serverIndex.insert(slot, key: new.rawValue) }
    imports.cells[slot].indexedNID = new
  }

  /// It is idle, or new: nothing is due until someone wants it.
  private mutating func settled(_ slot: Int, turn: inout Turn) {
    disarm(slot, &turn)
    if imports.cells[slot].machine.state == .idle { note(.idle, import: slot) }
  }

  private mutating func lostConnection(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    if imports.cells[slot].machine.state == .new {
      return step(slot, .connectRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    note(.lost, import: slot)
    if imports.cells[slot].machine.flags.contains(.invalid) {
      failUserRequests(slot, WireErrno.eio.status, rpc: &rpc, turn: &turn)
    }
    guard imports.cells[slot].machine.state == .disconnected else { return }
    if timing.reconnectJitter > 0 {
      imports.cells[slot].machine.flags.insert(.forceVerify)
      let wait = turn.random.next() % timing.reconnectJitter
      arm(slot, at: turn.now + wait, &turn)
    } else {
      step(slot, .connectRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
  }

  private mutating func retryLater(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    failDelayed(slot, rpc: &rpc, turn: &turn)
    let next = Pinger.afterFailure(
      at: turn.now, attemptDeadline: imports.cells[slot].attemptDeadline,
      isForced: imports.cells[slot].machine.flags.contains(.forceVerify), timing)
    imports.cells[slot].nextPing = next
    arm(slot, at: next, &turn)
  }

  private mutating func isFull(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    counters.connects += 1
    note(.connected, import: slot)
    imports.cells[slot].lastReply = turn.now
    activity(slot, turn: &turn)
    if imports.cells[slot].closesAfterConnect {
      failUserRequests(slot, WireErrno.eshutdown.status, rpc: &rpc, turn: &turn)
      return step(slot, .closeRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    releaseDelayed(slot, rpc: &rpc, turn: &turn)
  }

  private mutating func invalidate(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    counters.evictions += 1
    note(.evicted, import: slot)
    failUserRequests(slot, WireErrno.eio.status, rpc: &rpc, turn: &turn)
    dropHeldLocks(slot, rpc: &rpc, turn: &turn)
    imports.cells[slot].committed = 0
    step(slot, .invalidated, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  private mutating func closed(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    disarm(slot, &turn)
    abandonOwnRequest(slot, rpc: &rpc, turn: &turn)
    failUserRequests(slot, WireErrno.eio.status, rpc: &rpc, turn: &turn)
    dropHeldLocks(slot, rpc: &rpc, turn: &turn)
    note(
      .closed, import: slot,
      status: imports.cells[slot].machine.flags.contains(.deactivated)
        ? WireErrno.eproto.status : 0)
  }

  mutating func arm(_ slot: Int, at deadline: UInt64, _ turn: inout Turn) {
    guard let timer = imports.cells[slot].timer else { preconditionFailure("without a timer") }
    turn.timers.arm(timer, at: deadline)
  }

  mutating func disarm(_ slot: Int, _ turn: inout Turn) {
    guard let timer = imports.cells[slot].timer else { preconditionFailure("without a timer") }
    turn.timers.disarm(timer)
  }

  /// Something was sent: the ping that would say the same is due later.
  mutating func activity(_ slot: Int, turn: inout Turn) {
    let next = Pinger.afterSending(at: turn.now, awaitsCommit: false, timing)
    imports.cells[slot].nextPing = next
    armFull(slot, at: next, &turn)
  }

  /// Arms for a ping, or for what was postponed if that is earlier: other requests must not put it off for ever.
  mutating func armFull(_ slot: Int, at deadline: UInt64, _ turn: inout Turn) {
    let isFull = imports.cells[slot].machine.state == .full
    arm(slot, at: isFull ? min(deadline, imports.cells[slot].nextPostponed) : deadline, &turn)
  }
}
