internal import BasicContainers
internal import LustreWire
internal import RDMATransport
internal import Structures

// Push, both ways (spec 01 §7.3).
extension LNet {
  /// A PUT to portal 0 has come.
  mutating func pushArrived(
    _ reception: Reception, _ put: LNetPut, turn: inout Turn
  ) -> ReceptionAnswer {
    guard put.matchBits == LNetLimits.pingMatchBits else {
      counters.droppedNoMatch += 1
      return reception.refusal()
    }
    let length = min(
      reception.header.payloadLength, UInt32(turn.memory.messages.pieceByteCount))
    if reception.carrier == .putRequest && length != 0 {
      return fetch(
        Operation(
          kind: .push, reception: reception, descriptor: noCell, offset: 0, moved: length),
        turn: &turn)
    }
    let bytes =
      length == 0 ? BufferRef.none : reception.payload.part(offset: 0, length: Int(length))
    takePush(reception, put, bytes: bytes, turn: &turn)
    return reception.refusal()
  }

  /// The data of a push is here: it is acknowledged whatever it says, then looked at.
  mutating func takePush(
    _ reception: Reception, _ put: LNetPut, bytes: BufferRef, turn: inout Turn
  ) {
    counters.pushesReceived += 1
    if !put.acknowledgeHandle.isNone {
      sendAcknowledge(reception, put, length: bytes.length, turn: &turn)
    }
    guard bytes != .none, let reader = read(push: bytes, turn: turn),
      reader.features.contains(.multiRail)
    else {
      counters.droppedBadPush += 1
      note(.badPush, reception.peer, UInt64(bytes.length), at: turn.now)
      return
    }
    // Nobody on a network that we cannot reach is sent to: what it has is of no use.
    guard discovers, isLive(reception.sender), reaches(reception.header.source.nid.net) else {
      return
    }
    let peer = Int(peerInterfaces[reception.sender.slot].peer)
    let first = reader.entry(at: 0, in: turn.memory.bytes(bytes)).status
    let isStale = first != .up && first.rawValue < peers[peer].sequence
    if isStale { counters.droppedStalePush += 1 }
    guard !isStale, !reader.isTruncated else {
      // Its node may have restarted, or the rest is missing: a ping tells.
      switch peers[peer].state {
      case .pinging, .pushing: break
      case .undiscovered, .upToDate:
        beginDiscovery(peer: peer, because: .pushArrived, turn: &turn)
      }
      return
    }
    if first != .up { peers.cells[peer].sequence = first.rawValue }
    peers.cells[peer].contact = reception.header.source.nid
    absorb(reader, bytes, peer: peer, from: reception.sender, turn: &turn)
    switch peers[peer].state {
    case .pinging, .pushing: break
    case .undiscovered, .upToDate:
      peers.cells[peer].attempts = 0
      advance(peer: peer, because: .pushArrived, turn: &turn)
    }
  }

  private func read(push bytes: BufferRef, turn: borrowing Turn) -> PingInfoReader? {
    try? PingInfoReader(decoding: turn.memory.bytes(bytes))
  }

  /// Sends our list to a peer.
  mutating func startPush(peer: Int, because trigger: PeerTrigger, turn: inout Turn) {
    set(peer: peer, to: .pushing, because: trigger, at: turn.now)
    peers.cells[peer].pushedSequence = sequence
    // A list may come from a NID that it does not name: the peer does not have it any more.
    let hasContact = peerIndex(of: peers[peer].contact) == peer
    guard let nid = hasContact ? peers[peer].contact : contact(of: peer) else {
      discoveryFailed(
        peer: peer, status: Errno.hostUnreachable, because: .pushFailed, turn: &turn)
      return
    }
    do {
      peers.cells[peer].probe = try startProbe(
        .push, nid, ofPeer: UInt32(peer), turn: &turn)
    } catch {
      discoveryFailed(
        peer: peer, status: error == .noRoute ? Errno.hostUnreachable : Errno.noMemory,
        because: .pushFailed, turn: &turn)
    }
  }

  /// A push was acknowledged, or not.
  mutating func pushAnswered(
    peer: Int, _ hop: PeerInterfaceRef, status: Int32, turn: inout Turn
  ) {
    guard peers[peer].state == .pushing else { return }
    guard isStill(hop, ofPeer: peer) else {
      guard peers[peer].attempts < Self.attemptsMax else {
        discoveryFailed(
          peer: peer, status: Errno.hostUnreachable, because: .pushFailed, turn: &turn)
        return
      }
      peers.cells[peer].attempts += 1
      startPush(peer: peer, because: .interfaceGone, turn: &turn)
      return
    }
    guard status == 0 else {
      discoveryFailed(peer: peer, status: status, because: .pushFailed, turn: &turn)
      return
    }
    peers.cells[peer].acknowledgedSequence = peers[peer].pushedSequence
    advance(peer: peer, because: .pushAcknowledged, turn: &turn)
  }

  /// Our list has changed: all peers that have an older one get the new one, a few at a time.
  mutating func continuePushes(turn: inout Turn) {
    while pushHand < peers.capacity {
      guard hasRoom, probes.count * 2 <= probes.capacity else {
        // Ten milliseconds: those under way are acknowledged meanwhile.
        turn.timers.arm(workTimer, at: turn.now &+ 10_000_000)
        return
      }
      let peer = pushHand
      pushHand += 1
      if peers[peer].isTaken, peers[peer].state == .upToDate, discovers,
        peers[peer].isMultiRail, peers[peer].acknowledgedSequence != 0,
        peers[peer].acknowledgedSequence != sequence
      {
        peers.cells[peer].attempts = 0
        startPush(peer: peer, because: .ownListChanged, turn: &turn)
      }
    }
  }
}
