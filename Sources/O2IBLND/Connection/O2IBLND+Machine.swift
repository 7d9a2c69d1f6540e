internal import BasicContainers
internal import LNet
internal import LustreWire
package import RDMATransport
internal import Structures

/// What an event of the connection machine brings along.
enum ConnectionDetail: BitwiseCopyable {
  case none
  case ready(QueuePairHandle, QueuePairAttributes)
  case established(PrivateData)
  case failed(ConnectFailure)
  /// An errno, negative, and what it means for the messages.
  case closed(status: Int32, outcome: SendOutcome)
}

extension O2IBLND {
  /// Takes an event of the connection manager.
  package mutating func cmEvent(_ event: CMEvent, _ turn: inout Turn) {
    if event.owner >> 32 != 0 {
      listenerEvent(event, interface: Int(event.owner & 0xFF), &turn)
      return
    }
    if case .deviceRemoved = event.kind {
      removeDevice(&turn)
      return
    }
    guard let c = connection(Handle(raw: UInt32(truncatingIfNeeded: event.owner))) else {
      counters.eventsIgnored += 1
      return
    }
    switch event.kind {
    case .ready(let queuePair, let granted):
      apply(.ready, to: c, &turn, .ready(queuePair, granted))
    case .established(let data): apply(.established, to: c, &turn, .established(data))
    case .failed(let failure): apply(.failed, to: c, &turn, .failed(failure))
    case .disconnected: apply(.disconnected, to: c, &turn)
    case .released: apply(.released, to: c, &turn)
    case .listening, .listenFailed, .connectRequest, .deviceRemoved:
      counters.eventsIgnored += 1
    }
  }

  /// The one place where a connection changes its state: the table decides, and this carries it
  /// out.
  mutating func apply(
    _ event: ConnectionEvent, to c: Int, _ turn: inout Turn, _ detail: ConnectionDetail = .none
  ) {
    let old = connections[c].state
    let step = tables.machine[old, event]
    if step.next != old { connections[c].setState(step.next, on: event, at: turn.now) }
    switch step.action {
    case .ignore: counters.eventsIgnored += 1
    case .connect, .accept:
      if case .ready(let queuePair, let granted) = detail {
        beginExchange(c, queuePair, granted, &turn)
      }
    case .adopt:
      if case .established(let data) = detail { adopt(c, data, &turn) }
    case .abandon:
      let failure: ConnectFailure
      switch detail {
      case .failed(let cause): failure = cause
      case .closed(let status, _): failure = ConnectFailure(step: .connect, errno: -status)
      case .none, .ready, .established:
        if event == .expired { counters.connectTimeouts += 1 }
        let errno = event == .expired ? Errno.timedOut : Errno.connectionRefused
        failure = ConnectFailure(step: .connect, errno: errno)
      }
      abandon(c, failure, &turn)
    case .disconnect:
      if case .closed(let status, let outcome) = detail {
        tearDown(c, status: status, outcome: outcome, isError: true, &turn)
      }
      issue(.disconnect, c)
      armTimer(c, at: turn.now &+ configuration.closeNanoseconds, &turn)
    case .destroy:
      if old == .established {
        let status = -(event == .deviceRemoved ? Errno.networkDown : Errno.io)
        tearDown(c, status: status, outcome: .localError, isError: true, &turn)
      }
      destroy(c, &turn)
    case .hangUp:
      counters.closedByPeer += 1
      log(.closedByPeer, c, at: turn.now)
      tearDown(
        c, status: -Errno.connectionAborted, outcome: .localError, isError: false, &turn)
      reportIfLeft(Int(connections[c].peer))
      destroy(c, &turn)
    case .check: check(c, &turn)
    case .release:
      if Self.isSetUp(old) {
        // The transport ended it unasked.
        connections[c].commands = CommandSet()
        endSetUp(c, ConnectFailure(step: .connect, errno: Errno.io), &turn)
      } else if old == .established {
        tearDown(c, status: -Errno.io, outcome: .localError, isError: true, &turn)
      }
      release(c, &turn)
    }
  }

  private static func isSetUp(_ state: ConnectionState) -> Bool {
    switch state {
    case .preparing, .replying, .connecting, .accepting: true
    case .free, .established, .closing, .destroying: false
    }
  }

  /// Closes an established connection, or gives one up that was on its way.
  mutating func close(
    _ c: Int, status: Int32, outcome: SendOutcome = .localError, _ turn: inout Turn
  ) {
    apply(.closed, to: c, &turn, .closed(status: status, outcome: outcome))
  }

  /// A violation: counted and logged by the caller, who names the cause.
  mutating func closeForViolation(
    _ c: Int, _ cause: O2IBLogCause, number: Int64 = 0, limit: Int64 = 0, status: Int32,
    _ turn: inout Turn
  ) {
    log(cause, c, number: number, limit: limit, at: turn.now)
    close(c, status: status, &turn)
  }

  mutating func issue(_ command: CommandSet, _ c: Int) {
    connections[c].commands.insert(command)
    markDirty(c)
  }

  func armTimer(_ c: Int, at deadline: UInt64, _ turn: inout Turn) {
    if let timer = connections[c].timer { turn.timers.arm(timer, at: deadline) }
  }

  mutating func destroy(_ c: Int, _ turn: inout Turn) {
    if let timer = connections[c].timer { turn.timers.disarm(timer) }
    connections[c].commands.remove([.connect, .disconnect])
    issue(.destroy, c)
  }

  /// The set-up of a connection has ended without a connection.
  mutating func abandon(_ c: Int, _ failure: ConnectFailure, _ turn: inout Turn) {
    let wasIssued = !connections[c].commands.contains(.prepare)
    let mayReject = !connections[c].isActive && connections[c].commands.contains(.connect)
    if wasIssued {
      if mayReject { issue(.reject, c) }
      destroy(c, &turn)
    } else {
      // The transport never heard of it, and so will never say that it is released.
      if !connections[c].isActive {
        refuse(
          connections[c].request, connections[c].rejectReason, Int(connections[c].interface))
      }
      connections[c].commands = CommandSet()
    }
    endSetUp(c, failure, &turn)
    if !wasIssued { apply(.released, to: c, &turn) }
  }

  /// What the end of a set-up means for the peer.
  private mutating func endSetUp(_ c: Int, _ failure: ConnectFailure, _ turn: inout Turn) {
    let p = Int(connections[c].peer)
    if connections[c].isActive {
      peers[p].activeInProgress -= 1
      attemptFailed(p, c, failure, &turn)
    } else {
      peers[p].passiveInProgress -= 1
      log(.connectFailed, c, number: Int64(failure.errno), at: turn.now)
      reportIfDown(p)
      seekConnection(p, &turn)
    }
  }

  // MARK: - Ends

  /// Takes an established connection out of use. What is not posted fails now; what is posted, or
  /// what the peer may still write to, ends when the wire is done with it.
  mutating func tearDown(
    _ c: Int, status: Int32, outcome: SendOutcome, isError: Bool, _ turn: inout Turn
  ) {
    counters.closed += 1
    log(.closed, c, number: Int64(status), at: turn.now)
    connections[c].closeStatus = status
    connections[c].closeOutcome = outcome
    connections[c].early = ReceiveQueue()
    connections[c].toPost = ReceiveQueue()
    let late = status == -Errno.timedOut
    failQueue(c, \.uncredited, late ? .localTimeout : outcome, &turn)
    failQueue(c, \.credited, late ? .localTimeout : outcome, &turn)
    failQueue(c, \.reserved, late ? .localTimeout : outcome, &turn)
    markQueue(connections[c].inFlight, late ? .networkTimeout : outcome, turn.now)
    markQueue(connections[c].awaiting, late ? .remoteTimeout : outcome, turn.now)
    unlink(c, isError: isError, &turn)
  }

  /// Fails the unposted transmits of a queue; one that is partly posted goes over to those in
  /// flight.
  private mutating func failQueue(
    _ c: Int, _ queue: WritableKeyPath<Connection, TransmitQueue>, _ outcome: SendOutcome,
    _ turn: inout Turn
  ) {
    let status = connections[c].closeStatus
    while connections[c][keyPath: queue].head != TransmitQueue.end {
      let t = connections[c][keyPath: queue].head
      transmits.remove(t, from: &connections[c][keyPath: queue])
      let isLate = outcome == .localTimeout && transmits.slots[Int(t)].deadline > turn.now
      let own = isLate ? connections[c].closeOutcome : outcome
      if transmits.slots[Int(t)].hasStarted {
        transmits.slots[Int(t)].lastSequence = connections[c].sendPosted
        transmits.slots[Int(t)].outcome = own
        transmits.append(t, to: &connections[c].inFlight, as: .inFlight)
        connections[c].sendsInFlight += 1
      } else {
        fail(t, own, status, &turn)
      }
    }
  }

  /// Notes what those in flight will fail with, if they do.
  private mutating func markQueue(_ queue: TransmitQueue, _ outcome: SendOutcome, _ now: UInt64) {
    var t = queue.head
    while t != TransmitQueue.end {
      let isLate = transmits.slots[Int(t)].deadline <= now
      transmits.slots[Int(t)].outcome = isLate ? outcome : .localError
      t = transmits.slots[Int(t)].next
    }
  }

  /// Whether the wire is done with everything that a closed connection carried: then it fails.
  mutating func finishIfDrained(_ c: Int, _ turn: inout Turn) {
    guard connections[c].sawFlush, !connections[c].isUndrainable,
      connections[c].postedReceives == 0, connections[c].isSendQueueEmpty
    else { return }
    finishAll(c, &turn)
  }

  private mutating func finishAll(_ c: Int, _ turn: inout Turn) {
    let status = connections[c].closeStatus
    while connections[c].inFlight.head != TransmitQueue.end {
      let t = connections[c].inFlight.head
      transmits.remove(t, from: &connections[c].inFlight)
      fail(t, transmits.slots[Int(t)].outcome, status, &turn)
    }
    while connections[c].awaiting.head != TransmitQueue.end {
      let t = connections[c].awaiting.head
      transmits.remove(t, from: &connections[c].awaiting)
      fail(t, transmits.slots[Int(t)].outcome, status, &turn)
    }
  }

  /// The transport has given everything back: so do we.
  private mutating func release(_ c: Int, _ turn: inout Turn) {
    finishAll(c, &turn)
    releaseReceives(c, from: 0, &turn)
    if let timer = connections[c].timer { turn.timers.free(timer) }
    connections[c].timer = nil
    let p = Int(connections[c].peer)
    connections[c].generation = (connections[c].generation + 1) & 0xFFF
    connections[c].commands = CommandSet()
    freeConnections.append(Int32(c))
    peers[p].connections -= 1
    tidyPeer(p, &turn)
  }

  /// Gives receive buffers back to the arena; those that LNet holds follow with its answer.
  mutating func releaseReceives(_ c: Int, from first: Int, _ turn: inout Turn) {
    for index in first..<Int(connections[c].receiveCount) {
      let slot = c * receiveStride + index
      if receives[slot].holder != .reception {
        turn.memory.messages.release(receives[slot].piece)
      }
      receives[slot].piece = .none
      receives[slot].holder = .connection
    }
    connections[c].receiveCount = UInt16(first)
  }

  /// The device is gone with everything on it.
  private mutating func removeDevice(_ turn: inout Turn) {
    guard !isDeviceRemoved else { return }
    isDeviceRemoved = true
    counters.devicesRemoved += 1
    log(
      .deviceRemoved, peer: interfaces[0].given.nid, interface: interfaces[0].given.index,
      at: turn.now)
    for slot in 0..<interfaces.count { interfaces[slot].listen = .failed(errno: Errno.networkDown) }
    for c in 0..<connections.count where connections[c].state != .free {
      apply(.deviceRemoved, to: c, &turn)
    }
    for p in 0..<peers.count where peers[p].isUsed {
      failPending(p, .localError, -Errno.networkDown, &turn)
      tidyPeer(p, &turn)
    }
  }
}
