internal import BasicContainers
internal import LNet
package import LustreWire
package import RDMATransport
package import Structures

extension O2IBLND {
  /// Listens on every NI.
  package mutating func start(_ turn: inout Turn) {
    for slot in 0..<interfaces.count where interfaces[slot].listen == .down {
      interfaces[slot].listen = .starting
      interfaces[slot].isPending = true
      listenersPending = true
    }
  }

  /// How far the listener of an NI is, by LNet's number.
  package func listenState(interface: UInt8) -> O2IBListenState {
    let slot = Int(interfaceSlots[Int(interface)])
    return slot < 0 ? .down : interfaces[slot].listen
  }

  /// Takes an expired wheel entry: `timerKind` is a connection's, the next kind a peer's.
  package mutating func timerExpired(_ expiry: TimerWheel.Expiry, _ turn: inout Turn) {
    let owner = Handle(raw: expiry.owner)
    if expiry.kind == timerKind {
      guard let c = connection(owner) else { return }
      apply(.expired, to: c, &turn)
    } else if owner.slot < peers.count, peers[owner.slot].isUsed,
      peers[owner.slot].generation == owner.generation
    {
      peerExpired(owner.slot, &turn)
    }
  }

  /// A request that the transport will never accept, nor complete.
  package mutating func postFailed(id: UInt64, errno: Int32, _ turn: inout Turn) {
    let work = WorkID(raw: id)
    guard let c = connection(work.connection) else {
      counters.staleCompletions += 1
      return
    }
    counters.postsRefused += 1
    log(.postRefused, c, number: Int64(errno), at: turn.now)
    connections[c].isUndrainable = true
    let slot = c * receiveStride + Int(work.number)
    if !work.isSend && Int(work.number) < Int(connections[c].receiveCount)
      && receives[slot].holder == .device
    {
      turn.memory.messages.move(receives[slot].piece, from: .posted, to: .held)
      receives[slot].holder = .connection
      connections[c].postedReceives -= 1
    }
    close(c, status: -Errno.io, &turn)
  }

  /// Closes every connection to a peer and fails what waits for it.
  package mutating func closePeer(_ nid: NID, interface: UInt8, _ turn: inout Turn) {
    let slot = Int(interfaceSlots[Int(interface)])
    guard slot >= 0, let p = findPeer(nid, slot) else { return }
    failPending(p, .localAborted, -Errno.connectionAborted, &turn)
    for c in 0..<connections.count where connections[c].state != .free {
      if Int(connections[c].peer) == p { close(c, status: -Errno.connectionAborted, &turn) }
    }
    if peers[p].isUsed { tidyPeer(p, &turn) }
  }

  /// Ends everything in good order; `isQuiet` says when it is done.
  package mutating func shutdown(_ turn: inout Turn) {
    guard !isStopping else { return }
    isStopping = true
    for slot in 0..<interfaces.count {
      switch interfaces[slot].listen {
      case .starting, .listening:
        let wasAsked = !interfaces[slot].isPending
        interfaces[slot].listen = wasAsked ? .stopping : .down
        interfaces[slot].isPending = wasAsked
        listenersPending = listenersPending || wasAsked
      case .down, .failed, .stopping: break
      }
    }
    for p in 0..<peers.count where peers[p].isUsed {
      failPending(p, .localAborted, -Errno.shutdown, &turn)
    }
    for c in 0..<connections.count where connections[c].state != .free {
      close(c, status: -Errno.shutdown, outcome: .localAborted, &turn)
    }
    for p in 0..<peers.count where peers[p].isUsed { tidyPeer(p, &turn) }
  }

  /// Nothing is connected, under way, waiting or held.
  package var isQuiet: Bool {
    guard connectionCount == 0, transmits.usedCount == 0, receptions.count == 0, peerCount == 0
    else { return false }
    for slot in 0..<interfaces.count where interfaces[slot].listen == .stopping { return false }
    return true
  }

  /// Connections in any state.
  package var connectionCount: Int { limits.connections - freeConnections.count }
  package var transmitCount: Int { transmits.usedCount }
  package var receptionCount: Int { receptions.count }

  // MARK: - Deadlines of an established connection

  /// Sets the timer: soon when something is under way, else by the keepalive.
  mutating func scheduleCheck(_ c: Int, _ turn: inout Turn) {
    guard let timer = connections[c].timer else { return }
    let hasWork = connections[c].hasWork
    connections[c].timerIsLong = !hasWork
    if hasWork {
      turn.timers.arm(timer, at: turn.now &+ configuration.timeoutNanoseconds / 4)
    } else if configuration.keepaliveNanoseconds > 0 {
      let due = connections[c].lastSend &+ configuration.keepaliveNanoseconds
      turn.timers.arm(timer, at: max(due, turn.now &+ 1_000_000_000))
    } else {
      turn.timers.disarm(timer)
    }
  }

  /// Looks after deadlines, about four times in a time-out (spec 02 §10), and after the keepalive.
  mutating func check(_ c: Int, _ turn: inout Turn) {
    let hasLate =
      hasExpired(connections[c].uncredited, turn.now)
      || hasExpired(connections[c].credited, turn.now)
      || hasExpired(connections[c].reserved, turn.now)
      || hasExpired(connections[c].inFlight, turn.now)
      || hasExpired(connections[c].awaiting, turn.now)
    if hasLate {
      counters.transmitTimeouts += 1
      closeForViolation(c, .transmitTimeout, status: -Errno.timedOut, &turn)
      return
    }
    let keepalive = configuration.keepaliveNanoseconds
    if keepalive > 0 && turn.now &- connections[c].lastSend >= keepalive {
      connections[c].keepaliveDue = true
      markDirty(c)
    }
    scheduleCheck(c, &turn)
  }

  private func hasExpired(_ queue: TransmitQueue, _ now: UInt64) -> Bool {
    var t = queue.head
    while t != TransmitQueue.end {
      if transmits.slots[Int(t)].deadline <= now { return true }
      t = transmits.slots[Int(t)].next
    }
    return false
  }
}
