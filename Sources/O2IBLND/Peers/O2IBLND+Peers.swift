internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

extension O2IBLND {
  @inline(__always)
  mutating func findPeer(_ nid: NID, _ interface: Int) -> Int? {
    peerIndex.find(nid, UInt8(truncatingIfNeeded: interface), in: peers)
  }

  /// A slot for a peer that is not known yet; nil when the table or the timers are exhausted.
  mutating func takePeer(_ nid: NID, _ interface: Int, _ turn: inout Turn) -> Int? {
    if freePeer < 0 { forgetOnePaced(&turn) }
    guard freePeer >= 0 else { return nil }
    let p = Int(freePeer)
    let owner = Handle(slot: p, generation: peers[p].generation).raw
    guard let timer = turn.timers.make(kind: timerKind + 1, owner: owner) else { return nil }
    freePeer = peers[p].nextFree
    let generation = peers[p].generation
    peers[p] = Peer()
    peers[p].isUsed = true
    peers[p].generation = generation
    peers[p].nid = nid
    peers[p].interface = UInt8(interface)
    peers[p].timer = timer
    peers[p].nextDepth = UInt16(depth)
    peers[p].nextFragments = limits.maximumFragments
    peerIndex.insert(p, nid, UInt8(interface))
    peerCount += 1
    return p
  }

  /// Forgets a peer that nothing holds any more, or sets its timer by what it still waits for.
  mutating func tidyPeer(_ p: Int, _ turn: inout Turn) {
    let isPaced = peers[p].attemptAt > turn.now && !isStopping && !isDeviceRemoved
    if peers[p].connections == 0 && peers[p].pending.isEmpty && !isPaced {
      forget(p, &turn)
    } else {
      armPeer(p, isPaced: isPaced, &turn)
    }
  }

  private mutating func forget(_ p: Int, _ turn: inout Turn) {
    peerIndex.remove(p, in: peers)
    if let timer = peers[p].timer { turn.timers.free(timer) }
    peers[p].timer = nil
    peers[p].isUsed = false
    peers[p].generation = (peers[p].generation + 1) & 0xFFF
    peers[p].nextFree = freePeer
    freePeer = Int32(p)
    peerCount -= 1
  }

  /// Makes room in a full table: of a peer that could not be reached, only the time of the next attempt is kept, and
  /// whoever talks with many peers would be held up by those that are not there. Takes them in turn.
  private mutating func forgetOnePaced(_ turn: inout Turn) {
    for _ in 0..<peers.count {
      pacedHand = pacedHand + 1 < peers.count ? pacedHand + 1 : 0
      let peer = pacedHand
      guard peers[peer].isUsed, peers[peer].connections == 0, peers[peer].pending.isEmpty else {
        continue
      }
      forget(peer, &turn)
      return
    }
  }

  private func armPeer(_ p: Int, isPaced: Bool, _ turn: inout Turn) {
    guard let timer = peers[p].timer else { return }
    var deadline = UInt64.max
    if !peers[p].pending.isEmpty { deadline = transmits.slots[Int(peers[p].pending.head)].deadline }
    if isPaced { deadline = min(deadline, peers[p].attemptAt) }
    if deadline == .max {
      turn.timers.disarm(timer)
    } else {
      turn.timers.arm(timer, at: deadline)
    }
  }

  // MARK: - The ring of established connections

  mutating func link(_ c: Int) {
    let p = Int(connections[c].peer)
    connections[c].isLinked = true
    peers[p].established += 1
    let head = Int(peers[p].ring)
    if head < 0 {
      connections[c].nextInPeer = Int32(c)
      connections[c].previousInPeer = Int32(c)
      peers[p].ring = Int32(c)
      return
    }
    let last = Int(connections[head].previousInPeer)
    connections[c].nextInPeer = Int32(head)
    connections[c].previousInPeer = Int32(last)
    connections[last].nextInPeer = Int32(c)
    connections[head].previousInPeer = Int32(c)
  }

  /// Takes a connection out of its peer's ring, if it was in it; tells LNet when it was the last
  /// one.
  mutating func unlink(_ c: Int, isError: Bool, _ turn: inout Turn) {
    guard connections[c].isLinked else { return }
    connections[c].isLinked = false
    let p = Int(connections[c].peer)
    peers[p].established -= 1
    let next = connections[c].nextInPeer
    let previous = connections[c].previousInPeer
    if Int(next) == c {
      peers[p].ring = Connection.none
    } else {
      connections[Int(previous)].nextInPeer = next
      connections[Int(next)].previousInPeer = previous
      if Int(peers[p].ring) == c { peers[p].ring = next }
    }
    if isError { peers[p].hasError = true }
    reportIfDown(p)
  }

  mutating func reportIfDown(_ p: Int) {
    guard peers[p].hasError, peers[p].established == 0, peers[p].activeInProgress == 0,
      peers[p].passiveInProgress == 0
    else { return }
    peers[p].hasError = false
    let index = interfaces[Int(peers[p].interface)].given.index
    report(LNDEvent(kind: .peerDown, interface: index, peer: peers[p].nid))
  }

  /// A connection has been closed by the peer, as when its process ends: imports there may follow it.
  mutating func reportIfLeft(_ p: Int) {
    guard peers[p].established == 0 else { return }
    let index = interfaces[Int(peers[p].interface)].given.index
    report(LNDEvent(kind: .peerLeft, interface: index, peer: peers[p].nid))
  }

  // MARK: - Messages that wait for a connection

  /// Gives what waits for a peer to its connections.
  mutating func givePending(_ p: Int, _ turn: inout Turn) {
    while peers[p].ring >= 0, peers[p].pending.head != TransmitQueue.end {
      let t = peers[p].pending.head
      transmits.remove(t, from: &peers[p].pending)
      enqueue(t, on: nextConnection(p), &turn)
    }
    if let timer = peers[p].timer { turn.timers.disarm(timer) }
  }

  /// The connection whose turn it is.
  @inline(__always)
  mutating func nextConnection(_ p: Int) -> Int {
    let c = Int(peers[p].ring)
    peers[p].ring = connections[c].nextInPeer
    return c
  }

  mutating func failPending(
    _ p: Int, _ outcome: SendOutcome, _ status: Int32, _ turn: inout Turn
  ) {
    while peers[p].pending.head != TransmitQueue.end {
      let t = peers[p].pending.head
      transmits.remove(t, from: &peers[p].pending)
      fail(t, outcome, status, &turn)
    }
  }

  // MARK: - Attempts

  /// Sees to it that messages that wait for a peer will have a connection, unless one is on its
  /// way.
  mutating func seekConnection(_ p: Int, _ turn: inout Turn) {
    guard !peers[p].pending.isEmpty, peers[p].established == 0, peers[p].activeInProgress == 0,
      peers[p].passiveInProgress == 0
    else { return }
    guard !isStopping, !isDeviceRemoved else {
      failPending(p, .localAborted, -Errno.shutdown, &turn)
      return
    }
    if peers[p].attemptAt <= turn.now {
      var started = 0
      while started < configuration.connectionsPerPeer, startAttempt(p, &turn) { started += 1 }
      if started == 0 {
        counters.resourcesExhausted += 1
        let index = interfaces[Int(peers[p].interface)].given.index
        log(.resourcesExhausted, peer: peers[p].nid, interface: index, at: turn.now)
        peers[p].failures += 1
        delayAttempt(p, &turn)
      }
    }
    tidyPeer(p, &turn)
  }

  /// Our own back-off: half of it fixed, half of it by chance, so that many nodes do not come back
  /// at once.
  private mutating func delayAttempt(_ p: Int, _ turn: inout Turn) {
    let most = configuration.backoffNanoseconds(failures: Int(peers[p].failures))
    peers[p].attemptAt = turn.now &+ most / 2 &+ turn.random.next() % (most / 2 + 1)
  }

  /// An attempt of ours has failed: again, or the messages that wait fail (spec 02 §4.4).
  mutating func attemptFailed(
    _ p: Int, _ c: Int, _ failure: ConnectFailure, _ turn: inout Turn
  ) {
    switch failure.rejectReason {
    case ConnectFailure.reasonConsumer: rejected(p, c, failure, &turn)
    case ConnectFailure.reasonStaleConnection:
      counters.staleConnectionRejects += 1
      peers[p].nextStamp = 0
      reconnect(p, later: false, &turn)
    case ConnectFailure.reasonInvalidServiceID:
      giveUp(p, c, .networkTimeout, Errno.hostUnreachable, &turn)
    case 0: unreachable(p, c, failure, &turn)
    default: giveUp(p, c, .remoteDropped, Errno.connectionRefused, &turn)
    }
  }

  private mutating func unreachable(
    _ p: Int, _ c: Int, _ failure: ConnectFailure, _ turn: inout Turn
  ) {
    switch (failure.errno, failure.step) {
    case (Errno.timedOut, _), (Errno.hostUnreachable, _):
      giveUp(p, c, .networkTimeout, failure.errno, &turn)
    case (_, .resolveAddress), (_, .resolveRoute):
      giveUp(p, c, .networkTimeout, Errno.hostUnreachable, &turn)
    case (Errno.connectionRefused, _):
      giveUp(p, c, .remoteDropped, failure.errno, &turn)
    default: giveUp(p, c, .localDropped, failure.errno, &turn)
    }
  }

  private mutating func rejected(
    _ p: Int, _ c: Int, _ failure: ConnectFailure, _ turn: inout Turn
  ) {
    guard let reject = try? O2IBReject(decoding: failure.privateData.bytes) else {
      counters.rejectsUnreadable += 1
      log(.rejectUnreadable, c, at: turn.now)
      giveUp(p, c, .remoteDropped, Errno.connectionRefused, &turn)
      return
    }
    counters.rejectsReceived.count(reject.reason)
    log(.rejectReceived, c, number: Int64(reject.reason.rawValue), at: turn.now)
    // What a node of version 1 says in FATAL is that it speaks no other; its other fields are not
    // set.
    let speaksOurs = reject.version == O2IBProtocol.version
    if speaksOurs && reject.incarnation != 0 { peers[p].nextStamp = reject.incarnation }
    switch tables.rejects[reject.reason] {
    case .fail: break
    case .reconnect:
      reconnect(p, later: false, &turn)
      return
    case .reconnectVersion:
      if speaksOurs {
        reconnect(p, later: false, &turn)
        return
      }
    case .reconnectFragments:
      let fragments = reject.parameters.maximumFragments
      if speaksOurs && fragments > 0 && fragments < connections[c].wantedFragments {
        peers[p].nextFragments = min(peers[p].nextFragments, fragments)
        reconnect(p, later: false, &turn)
        return
      }
    case .reconnectDepth:
      // Never less than 8: a tiny depth makes a real peer send NOOPs without end (spec 02 §15.7).
      let depth = reject.parameters.queueDepth
      if speaksOurs && depth >= 8 && depth < connections[c].wantedDepth {
        peers[p].nextDepth = min(peers[p].nextDepth, depth)
        reconnect(p, later: false, &turn)
        return
      }
    case .reconnectLater:
      reconnect(p, later: true, &turn)
      return
    case .awaitPeer:
      counters.racesLost += 1
      peers[p].attemptAt = turn.now &+ configuration.raceNanoseconds
      tidyPeer(p, &turn)
      return
    }
    giveUp(p, c, .remoteDropped, Errno.connectionRefused, &turn)
  }

  /// Again, if anything waits for it and the peer itself is not connecting: at once ten times in a
  /// row, then once a second (spec 02 §10).
  private mutating func reconnect(_ p: Int, later: Bool, _ turn: inout Turn) {
    peers[p].reconnects += 1
    counters.reconnects += 1
    let isPaced = later || Int(peers[p].reconnects) > configuration.immediateReconnects
    peers[p].attemptAt = isPaced ? turn.now &+ configuration.paceNanoseconds : turn.now
    let isNeeded =
      !peers[p].pending.isEmpty && peers[p].passiveInProgress == 0 && peers[p].established == 0
    if isNeeded && !isPaced && !isStopping && !isDeviceRemoved && startAttempt(p, &turn) { return }
    seekConnection(p, &turn)
  }

  /// The attempt has failed for good: unless another one is on its way, so has what waits.
  private mutating func giveUp(
    _ p: Int, _ c: Int, _ outcome: SendOutcome, _ errno: Int32, _ turn: inout Turn
  ) {
    counters.connectsFailed += 1
    log(.connectFailed, c, number: Int64(errno), at: turn.now)
    peers[p].hasError = true
    if peers[p].established == 0 && peers[p].activeInProgress == 0
      && peers[p].passiveInProgress == 0
    {
      peers[p].failures += 1
      delayAttempt(p, &turn)
      failPending(p, outcome, -errno, &turn)
      reportIfDown(p)
    }
    tidyPeer(p, &turn)
  }

  mutating func peerExpired(_ p: Int, _ turn: inout Turn) {
    while peers[p].pending.head != TransmitQueue.end {
      let t = peers[p].pending.head
      guard transmits.slots[Int(t)].deadline <= turn.now else { break }
      transmits.remove(t, from: &peers[p].pending)
      counters.waitTimeouts += 1
      let index = interfaces[Int(peers[p].interface)].given.index
      log(.waitTimeout, peer: peers[p].nid, interface: index, at: turn.now)
      fail(t, .networkTimeout, -Errno.timedOut, &turn)
    }
    seekConnection(p, &turn)
    if peers[p].isUsed { tidyPeer(p, &turn) }
  }
}
