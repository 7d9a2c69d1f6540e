internal import BasicContainers
package import LustreWire
package import RDMATransport
internal import Structures

/// A call to discover a node that waits for the end.
struct DiscoveryRequest: BitwiseCopyable {
  var nid: NID
  var tag: UInt64
  /// The peer that had the NID, or has swallowed the one that had it.
  var peer: UInt32
  /// How it ended, and the peer's primary NID then; its caller is told when there is room.
  var isEnded = false
  var status: Int32 = 0
  var primary = NID.any
}

// Peer discovery (spec 01 §7.1, §7.2): before the first message of a consumer a peer is pinged, and if it
// takes pushes it gets our list; meanwhile its messages are parked.
extension LNet {
  static let attemptsMax: UInt8 = 3

  var discovers: Bool { features.contains([.multiRail, .discovery]) }

  /// Asks a node anew what it is. `discovered` follows.
  package mutating func discover(
    _ nid: NID, tag: UInt64, turn: inout Turn
  ) throws(LNetError) {
    let hop = findOrCreate(nid, turn: &turn)
    guard hop != .none, discoveries.count < discoveries.capacity else { throw .busy }
    let peer = Int(peerInterfaces[hop.slot].peer)
    guard contact(of: peer) != nil else { throw .noRoute }
    _ = discoveries.insert(DiscoveryRequest(nid: nid, tag: tag, peer: UInt32(peer)))
    switch peers[peer].state {
    case .pinging, .pushing: break
    case .undiscovered, .upToDate:
      beginDiscovery(peer: peer, because: .discoveryWanted, turn: &turn)
    }
  }

  /// Messages and callers that came with a NID from a peer that was being discovered wait for a discovery of
  /// their new one.
  mutating func discoverForAdopted(peer: Int, turn: inout Turn) {
    switch peers[peer].state {
    case .pinging, .pushing: return
    case .undiscovered, .upToDate:
      guard peers[peer].firstParked != noCell || isAskedFor(peer: peer) else { return }
      beginDiscovery(peer: peer, because: .merged, turn: &turn)
    }
  }

  /// Whether a call to discover this peer waits for its end.
  private mutating func isAskedFor(peer: Int) -> Bool {
    guard discoveries.count > 0 else { return false }
    for slot in 0..<discoveries.capacity
    where discoveries.handle(at: slot) != nil && !discoveries.cells[slot].isEnded
      && Int(discoveries.cells[slot].peer) == peer
    {
      return true
    }
    return false
  }

  mutating func beginDiscovery(peer: Int, because trigger: PeerTrigger, turn: inout Turn) {
    peers.cells[peer].attempts = 0
    ping(peer: peer, sinkLength: Int(LNetLimits.discoverySinkBytes), trigger, turn: &turn)
  }

  private mutating func ping(
    peer: Int, sinkLength: Int, _ trigger: PeerTrigger, turn: inout Turn
  ) {
    set(peer: peer, to: .pinging, because: trigger, at: turn.now)
    peers.cells[peer].attempts += 1
    guard let nid = contact(of: peer) else {
      discoveryFailed(peer: peer, status: Errno.hostUnreachable, turn: &turn)
      return
    }
    do {
      peers.cells[peer].probe = try startProbe(
        .discovery, nid, ofPeer: UInt32(peer), sinkLength: sinkLength, turn: &turn)
    } catch {
      discoveryFailed(
        peer: peer, status: error == .noRoute ? Errno.hostUnreachable : Errno.noMemory,
        turn: &turn)
    }
  }

  /// The NID of a peer to ping: its primary one, or the first that we can reach.
  func contact(of peer: Int) -> NID? {
    if reaches(peers[peer].primary.net) { return peers[peer].primary }
    var index = peers[peer].firstInterface
    while index != noCell {
      let nid = peerInterfaces[Int(index)].nid
      if reaches(nid.net) { return nid }
      index = peerInterfaces[Int(index)].nextOfPeer
    }
    return nil
  }

  /// Whether a NID, as it was when it was asked, is still one of this peer's: a list that came meanwhile
  /// may have taken it away.
  mutating func isStill(_ hop: PeerInterfaceRef, ofPeer peer: Int) -> Bool {
    isLive(hop) && Int(peerInterfaces[hop.slot].peer) == peer
  }

  /// The ping of a peer has been answered, or not.
  mutating func discoveryAnswered(
    peer: Int, _ hop: PeerInterfaceRef, status: Int32, info: BufferRef, turn: inout Turn
  ) {
    guard peers[peer].state == .pinging else { return }
    guard isStill(hop, ofPeer: peer) else {
      // Whoever was asked says nothing of this peer any more: another of its NIDs is asked.
      guard peers[peer].attempts < Self.attemptsMax else {
        discoveryFailed(peer: peer, status: Errno.hostUnreachable, turn: &turn)
        return
      }
      ping(
        peer: peer, sinkLength: Int(LNetLimits.discoverySinkBytes), .interfaceGone, turn: &turn)
      return
    }
    guard status == 0 else {
      discoveryFailed(peer: peer, status: status, turn: &turn)
      return
    }
    let reader: PingInfoReader
    do {
      reader = try PingInfoReader(decoding: turn.memory.bytes(info))
    } catch {
      counters.badPingInfos += 1
      note(.badPingInfo, peerInterfaces[hop.slot].nid, UInt64(info.length), at: turn.now)
      guard peers[peer].attempts < Self.attemptsMax else {
        discoveryFailed(peer: peer, status: Errno.protocolError, turn: &turn)
        return
      }
      ping(
        peer: peer, sinkLength: Int(LNetLimits.discoverySinkBytes), .replyBad, turn: &turn)
      return
    }
    if reader.isTruncated && Int(info.length) < Int(LNetLimits.pingCommandSinkBytes)
      && peers[peer].attempts < Self.attemptsMax
    {
      ping(
        peer: peer, sinkLength: Int(LNetLimits.pingCommandSinkBytes), .replyTruncated,
        turn: &turn)
      return
    }
    peers.cells[peer].contact = peerInterfaces[hop.slot].nid
    let first = reader.entry(at: 0, in: turn.memory.bytes(info)).status
    if first != .up {
      // A lower number than before: the node has restarted and knows nothing of us.
      if first.rawValue < peers[peer].sequence { peers.cells[peer].acknowledgedSequence = 0 }
      peers.cells[peer].sequence = first.rawValue
    }
    absorb(reader, info, peer: peer, from: hop, turn: &turn)
    advance(peer: peer, because: .replyGood, turn: &turn)
  }

  /// The peer's list is known: ours is pushed if it must be, else the peer is up to date.
  mutating func advance(peer: Int, because trigger: PeerTrigger, turn: inout Turn) {
    if discovers && peers[peer].isMultiRail && peers[peer].acknowledgedSequence != sequence {
      startPush(peer: peer, because: trigger, turn: &turn)
    } else {
      set(peer: peer, to: .upToDate, because: trigger, at: turn.now)
      discoveryEnded(peer: peer, status: 0, turn: &turn)
    }
  }

  mutating func discoveryFailed(
    peer: Int, status: Int32, because trigger: PeerTrigger = .pingFailed, turn: inout Turn
  ) {
    let kind: LNetLogRecord.Kind = trigger == .pushFailed ? .pushFailed : .discoveryFailed
    note(kind, peers[peer].primary, UInt64(status.magnitude), at: turn.now)
    set(peer: peer, to: .undiscovered, because: trigger, at: turn.now)
    discoveryEnded(peer: peer, status: status, turn: &turn)
  }

  /// Tells callers that wait, and sends or fails the parked messages.
  mutating func discoveryEnded(peer: Int, status: Int32, turn: inout Turn) {
    if discoveries.count > 0 {
      for slot in 0..<discoveries.capacity {
        guard let handle = discoveries.handle(at: slot), !discoveries[handle].isEnded,
          Int(discoveries[handle].peer) == peer
        else { continue }
        discoveries.cells[slot].isEnded = true
        discoveries.cells[slot].status = status
        discoveries.cells[slot].primary = peers[peer].primary
      }
      tellDiscoverers(turn: &turn)
    }
    startFlush(peer: peer, status: status, turn: &turn)
  }

  /// Tells the callers whose discovery has ended, as many as there is room for.
  mutating func tellDiscoverers(turn: inout Turn) {
    guard discoveries.count > 0 else { return }
    for slot in 0..<discoveries.capacity {
      guard let handle = discoveries.handle(at: slot), discoveries[handle].isEnded else {
        continue
      }
      guard hasRoom else {
        postponeWork(turn: &turn)
        return
      }
      let request = discoveries[handle]
      discoveries.free(handle)
      var event = LNetEvent(kind: .discovered, status: request.status, tag: request.tag)
      event.source = request.nid
      event.initiator = request.primary
      emit(event, owner: .consumer, turn: &turn)
    }
  }

  /// Gives the callers that wait for one peer to another, whose NID it turned out to be.
  mutating func moveDiscoveries(from peer: Int, to other: Int) {
    guard discoveries.count > 0 else { return }
    for slot in 0..<discoveries.capacity
    where discoveries.handle(at: slot) != nil && !discoveries.cells[slot].isEnded
      && Int(discoveries.cells[slot].peer) == peer
    {
      discoveries.cells[slot].peer = UInt32(other)
    }
  }
}
