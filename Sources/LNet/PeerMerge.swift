internal import BasicContainers
internal import LustreWire
internal import RDMATransport

// What a ping info does to what we know of a peer (spec 01 §7.2, 3; §7.4).
extension LNet {
  /// Takes over a sound ping info.
  mutating func absorb(
    _ reader: PingInfoReader, _ info: BufferRef, peer: Int, from hop: PeerInterfaceRef,
    turn: inout Turn
  ) {
    peers.cells[peer].features = reader.features
    peers.cells[peer].isWithoutDiscovery = !discovers || !reader.features.contains(.discovery)
    let isMultiRail = discovers && reader.features.contains([.multiRail, .discovery])
    if !peers[peer].isConfigured {
      if isMultiRail {
        peers.cells[peer].isMultiRail = true
        adoptAll(reader, info, peer: peer, turn: &turn)
        dropMissing(reader, info, peer: peer, turn: &turn)
      } else if peers[peer].isMultiRail {
        note(
          .multiRailLost, peers[peer].primary, UInt64(reader.features.rawValue), at: turn.now)
        reduce(peer: peer, to: hop, turn: &turn)
      }
    }
    refreshStates(reader, info, peer: peer, turn: &turn)
  }

  private mutating func adoptAll(
    _ reader: PingInfoReader, _ info: BufferRef, peer: Int, turn: inout Turn
  ) {
    var refused: UInt64 = 0
    for index in 1..<max(1, reader.presentEntries) {
      let nid = reader.entry(at: index, in: turn.memory.bytes(info)).nid
      guard nid.isLegal, nid != .loopback, ownInterface(nid) == nil else { continue }
      let isAdopted = adopt(nid, peer: peer, turn: &turn)
      if !isAdopted {
        refused += 1
      } else if index == 1, !reader.features.contains(.primaryIsLarge) {
        peers.cells[peer].primary = nid
      }
    }
    if refused > 0 { note(.peerTableFull, peers[peer].primary, refused, at: turn.now) }
  }

  /// Makes a NID one of this peer's; false when it may not be. It is taken from another peer only if that one
  /// has no other, has not itself said that it is its own, and was not configured.
  mutating func adopt(_ nid: NID, peer: Int, turn: inout Turn) -> Bool {
    let known = findPeerInterface(nid)
    guard known != .none else {
      guard Int(peers[peer].interfaceCount) < limits.interfacesPerPeer else { return false }
      return addInterface(nid, toPeer: peer) != .none
    }
    let owner = Int(peerInterfaces[known.slot].peer)
    guard owner != peer else { return true }
    guard peers[owner].interfaceCount == 1, !peers[owner].isConfigured,
      !(peers[owner].isMultiRail && peers[owner].state == .upToDate),
      Int(peers[peer].interfaceCount) < limits.interfacesPerPeer
    else { return false }
    note(.interfaceMoved, peers[peer].primary, nid.rawValue, at: turn.now)
    move(interface: known.slot, toPeer: peer)
    moveParked(from: owner, to: peer)
    moveDiscoveries(from: owner, to: peer)
    removePeer(owner, turn: &turn)
    return true
  }

  /// Removes NIDs that the peer no longer lists.
  private mutating func dropMissing(
    _ reader: PingInfoReader, _ info: BufferRef, peer: Int, turn: inout Turn
  ) {
    var index = peers[peer].firstInterface
    while index != noCell {
      let slot = Int(index)
      index = peerInterfaces[slot].nextOfPeer
      let nid = peerInterfaces[slot].nid
      if peers[peer].interfaceCount > 1 && !lists(reader, info, nid, turn: turn) {
        drop(interface: slot, ofPeer: peer, turn: &turn)
      }
    }
  }

  private func lists(
    _ reader: PingInfoReader, _ info: BufferRef, _ nid: NID, turn: borrowing Turn
  ) -> Bool {
    let bytes = turn.memory.bytes(info)
    for index in 1..<max(1, reader.presentEntries)
    where reader.entry(at: index, in: bytes).nid == nid {
      return true
    }
    return false
  }

  /// The peer has only one rail after all.
  private mutating func reduce(peer: Int, to hop: PeerInterfaceRef, turn: inout Turn) {
    peers.cells[peer].isMultiRail = false
    peers.cells[peer].preferredInterface = -1
    peers.cells[peer].primary = peerInterfaces[hop.slot].nid
    var index = peers[peer].firstInterface
    while index != noCell {
      let slot = Int(index)
      index = peerInterfaces[slot].nextOfPeer
      if slot != hop.slot { drop(interface: slot, ofPeer: peer, turn: &turn) }
    }
  }

  /// Removes one of several NIDs of a peer; parked messages that were to go there go elsewhere.
  private mutating func drop(interface slot: Int, ofPeer peer: Int, turn: inout Turn) {
    remove(interface: slot, turn: &turn)
    if peers[peer].firstParked != noCell { readdressParked(peer: peer) }
    if peers[peer].primary == .any || findPeerInterface(peers[peer].primary) == .none {
      peers.cells[peer].primary = peerInterfaces[Int(peers[peer].firstInterface)].nid
    }
  }

  /// Takes over which of the peer's NIDs are up; one that went down loses health.
  private mutating func refreshStates(
    _ reader: PingInfoReader, _ info: BufferRef, peer: Int, turn: inout Turn
  ) {
    for index in 1..<max(1, reader.presentEntries) {
      let entry = reader.entry(at: index, in: turn.memory.bytes(info))
      let hop = findPeerInterface(entry.nid)
      guard hop != .none, Int(peerInterfaces[hop.slot].peer) == peer else { continue }
      if entry.status == .down {
        if peerInterfaces[hop.slot].isUp {
          setUp(interface: hop.slot, false)
          weaken(interface: hop.slot, turn: &turn)
        }
      } else if entry.status == .up {
        setUp(interface: hop.slot, true)
      }
    }
  }
}
