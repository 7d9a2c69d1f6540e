internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

// Two modules call a structure ConnectionParameters: the wire's is meant here. The other is built
// in `O2IBLND+Flush`.

extension O2IBLND {
  /// Starts an attempt to connect to a peer; false when a table or the arena is exhausted.
  mutating func startAttempt(_ p: Int, _ turn: inout Turn) -> Bool {
    let wanted = Int(peers[p].nextDepth)
    guard let c = takeConnection(p, depth: wanted, &turn) else { return false }
    counters.connectsStarted += 1
    connections[c].isActive = true
    connections[c].wantedDepth = UInt16(wanted)
    connections[c].wantedFragments = peers[p].nextFragments
    connections[c].peerStamp = peers[p].nextStamp
    connections[c].setState(.preparing, on: .ready, at: turn.now)
    peers[p].activeInProgress += 1
    issue(.prepare, c)
    armTimer(c, at: turn.now &+ configuration.prepareNanoseconds, &turn)
    return true
  }

  /// Takes a slot, a timer and receive buffers for a connection of a peer; nil when something
  /// lacks.
  mutating func takeConnection(_ p: Int, depth: Int, _ turn: inout Turn) -> Int? {
    let count = O2IBConfiguration.receiveCount(depth: depth)
    guard turn.memory.messages.freePieceCount >= count + limits.sendPieces,
      let free = freeConnections.first
    else { return nil }
    let c = Int(free)
    let generation = connections[c].generation
    let handle = Handle(slot: c, generation: generation)
    guard let timer = turn.timers.make(kind: timerKind, owner: handle.raw) else { return nil }
    _ = freeConnections.popFirst()
    // The slot may still be listed as dirty from its former life.
    let isDirty = connections[c].isDirty
    let nextDirty = connections[c].nextDirty
    connections[c] = Connection()
    connections[c].isDirty = isDirty
    connections[c].nextDirty = nextDirty
    connections[c].generation = generation
    connections[c].timer = timer
    connections[c].peer = Int32(p)
    connections[c].peerNID = peers[p].nid
    connections[c].interface = peers[p].interface
    let own = interfaces[Int(peers[p].interface)].given
    connections[c].lnetInterface = own.index
    connections[c].localNID = own.nid
    connections[c].localStamp = own.stamp
    peers[p].connections += 1
    takeReceives(c, count, &turn)
    return c
  }

  private mutating func takeReceives(_ c: Int, _ count: Int, _ turn: inout Turn) {
    for index in 0..<count {
      guard let piece = turn.memory.messages.allocatePiece() else {
        preconditionFailure("the arena had fewer pieces than it said")
      }
      turn.memory.messages.move(piece, from: .filling, to: .held)
      let slot = c * receiveStride + index
      receives[slot].piece = piece
      receives[slot].holder = .connection
    }
    connections[c].receiveCount = UInt16(count)
  }

  /// The queue pair is there: fit the depth to it, post the receives, then connect or accept.
  mutating func beginExchange(
    _ c: Int, _ queuePair: QueuePairHandle, _ granted: QueuePairAttributes, _ turn: inout Turn
  ) {
    connections[c].queuePair = queuePair
    connections[c].sendCapacity = granted.sendCapacity
    connections[c].inlineByteCount = UInt32(granted.inlineByteCount)
    issue(.connect, c)
    let wanted = Int(connections[c].wantedDepth)
    let fitting = (Int(min(granted.receiveCapacity, 1 << 16)) - 2) / 2
    if fitting < wanted {
      counters.depthReduced += 1
      log(.depthReduced, c, number: Int64(fitting), limit: Int64(wanted), at: turn.now)
      connections[c].wantedDepth = UInt16(max(0, fitting))
    }
    // A tiny depth would make a real peer send NOOPs without end (spec 02 §15.7).
    guard fitting >= min(wanted, 8), granted.sendCapacity >= 4 else {
      counters.resourcesExhausted += 1
      let failure = ConnectFailure(step: .createQueuePair, errno: Errno.noMemory)
      apply(.failed, to: c, &turn, .failed(failure))
      return
    }
    let depth = Int(connections[c].wantedDepth)
    connections[c].credits = Credits(
      depth: depth, highWater: configuration.highWater(depth: depth))
    releaseReceives(c, from: O2IBConfiguration.receiveCount(depth: depth), &turn)
    for index in 0..<Int(connections[c].receiveCount) {
      receives[c * receiveStride + index].effect = .nothing
      queueReceive(c, index)
    }
    postReceives(c, &turn)
    // A little later than the connection manager's own deadline, which knows more.
    armTimer(c, at: turn.now &+ configuration.connectNanoseconds &+ 1_000_000_000, &turn)
  }

  /// Both directions work: check the CONNACK if we are the active side, and take it into use.
  mutating func adopt(_ c: Int, _ data: PrivateData, _ turn: inout Turn) {
    let p = Int(connections[c].peer)
    if connections[c].isActive {
      peers[p].activeInProgress -= 1
      guard checkAcknowledge(c, data) else {
        counters.badAcknowledges += 1
        log(.badAcknowledge, c, at: turn.now)
        close(c, status: -Errno.protocolError, &turn)
        attemptFailed(
          p, c, ConnectFailure(step: .established, errno: Errno.protocolError), &turn)
        return
      }
      counters.establishedActive += 1
      peers[p].stamp = connections[c].peerStamp
    } else {
      peers[p].passiveInProgress -= 1
      guard connections[c].peerStamp == peers[p].stamp else {
        // A later instance of the peer has asked meanwhile.
        counters.staleIdentities += 1
        closeForViolation(c, .staleIncarnation, status: -Errno.stale, &turn)
        seekConnection(p, &turn)
        return
      }
      counters.establishedPassive += 1
    }
    log(.established, c, number: Int64(connections[c].credits.depth), at: turn.now)
    connections[c].lastSend = turn.now
    link(c)
    if connections[c].isActive {
      closeOtherInstances(p, stamp: connections[c].peerStamp, &turn)
    }
    peers[p].reconnects = 0
    peers[p].failures = 0
    peers[p].attemptAt = 0
    peers[p].nextStamp = 0
    peers[p].hasError = false
    givePending(p, &turn)
    scheduleCheck(c, &turn)
    receiveEarly(c, &turn)
  }

  /// The checks of spec 02 §4.1, 3; adopts what was negotiated.
  private mutating func checkAcknowledge(_ c: Int, _ data: PrivateData) -> Bool {
    guard let message = try? O2IBMessage(decoding: data.bytes),
      case .connectAcknowledge(let granted) = message.body
    else { return false }
    let envelope = message.envelope
    guard envelope.version == O2IBProtocol.version,
      granted.queueDepth > 0, granted.queueDepth <= connections[c].wantedDepth,
      granted.maximumFragments <= connections[c].wantedFragments,
      granted.maximumMessageBytes <= O2IBProtocol.maximumMessageBytes,
      envelope.destinationNID == connections[c].localNID,
      envelope.destinationStamp == connections[c].localStamp
    else { return false }
    connections[c].peerStamp = envelope.sourceStamp
    connections[c].maximumFragments = granted.maximumFragments
    let depth = Int(granted.queueDepth)
    connections[c].credits = Credits(
      depth: depth, highWater: configuration.highWater(depth: depth))
    return true
  }

  /// Closes the established connections of other incarnations of a peer (spec 02 §8.3).
  mutating func closeOtherInstances(_ p: Int, stamp: UInt64, _ turn: inout Turn) {
    var left = peers[p].established
    var c = Int(peers[p].ring)
    while left > 0 {
      let next = Int(connections[c].nextInPeer)
      if connections[c].peerStamp != stamp {
        log(.staleIncarnation, c, at: turn.now)
        close(c, status: -Errno.stale, &turn)
      }
      c = next
      left -= 1
    }
  }
}
