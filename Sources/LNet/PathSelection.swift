internal import BasicContainers
internal import LustreWire
internal import RDMATransport

/// The way of a message: from which interface to which NID.
struct Route: BitwiseCopyable {
  var interface: UInt8
  var nid: NID
  var hop: PeerInterfaceRef
  /// It must wait until the peer has been discovered.
  var parks: Bool
}

// Path selection (spec 01 §11). Responses need none: they go back the way the request came.
extension LNet {
  /// The way of a PUT or GET of a consumer.
  mutating func route(
    to target: NID, by interface: UInt8?, turn: inout Turn
  ) throws(LNetError) -> Route {
    if target == .loopback || ownInterface(target) != nil {
      return Route(interface: interface ?? 0, nid: .loopback, hop: .none, parks: false)
    }
    let hop = findOrCreate(target, turn: &turn)
    guard hop != .none else { throw .busy }
    let peer = Int(peerInterfaces[hop.slot].peer)
    let parks =
      pingsBeforeSending
      && (peers[peer].state != .upToDate || peers[peer].firstParked != noCell)
    if let interface {
      precondition(Int(interface) < interfaces.count)
      guard interfaces[Int(interface)].nid.net == target.net else { throw .noRoute }
      return Route(interface: interface, nid: target, hop: hop, parks: parks)
    }
    guard var route = choose(peer: peer, target: hop, avoiding: .none) else { throw .noRoute }
    route.parks = parks
    return route
  }

  /// The way to exactly this NID, for pings and pushes: they wait for nothing.
  mutating func route(exactlyTo target: NID, turn: inout Turn) -> Route? {
    let hop = findOrCreate(target, turn: &turn)
    guard hop != .none, let own = bestInterface(net: target.net, avoiding: -1) else { return nil }
    return Route(interface: UInt8(own), nid: target, hop: hop, parks: false)
  }

  /// Chooses among our interfaces and the peer's NIDs: a peer with one rail always gets the same interface of
  /// ours, one with several any of its NIDs, by health, then fewest messages under way, then in turn.
  ///
  /// - Parameter avoiding: a NID that has just failed, taken only when there is no other.
  @inline(__always)
  mutating func choose(
    peer: Int, target: PeerInterfaceRef, avoiding failed: PeerInterfaceRef
  ) -> Route? {
    // One way only.
    if interfaces.count == 1, peers.cells[peer].interfaceCount == 1 {
      let nid = peerInterfaces.cells[target.slot].nid
      guard interfaces[0].nid.net == nid.net else { return nil }
      return Route(interface: 0, nid: nid, hop: target, parks: false)
    }
    return chooseOfMany(peer: peer, target: target, avoiding: failed)
  }

  @inline(never)
  private mutating func chooseOfMany(
    peer: Int, target: PeerInterfaceRef, avoiding failed: PeerInterfaceRef
  ) -> Route? {
    guard peers[peer].isMultiRail else {
      let nid = peerInterfaces[target.slot].nid
      let preferred = Int(peers[peer].preferredInterface)
      if preferred >= 0, interfaces[preferred].nid.net == nid.net {
        return Route(interface: UInt8(preferred), nid: nid, hop: target, parks: false)
      }
      guard let own = bestInterface(net: nid.net, avoiding: -1) else { return nil }
      peers.cells[peer].preferredInterface = Int8(own)
      return Route(interface: UInt8(own), nid: nid, hop: target, parks: false)
    }
    var best = noCell
    var index = peers[peer].firstInterface
    while index != noCell {
      if reaches(peerInterfaces[Int(index)].nid.net)
        && (best == noCell || isBetter(index, than: best, avoiding: failed))
      {
        best = index
      }
      index = peerInterfaces[Int(index)].nextOfPeer
    }
    guard best != noCell else { return nil }
    let slot = Int(best)
    guard let own = bestInterface(net: peerInterfaces[slot].nid.net, avoiding: -1) else {
      return nil
    }
    peerInterfaces.cells[slot].turn &+= 1
    return Route(
      interface: UInt8(own), nid: peerInterfaces[slot].nid,
      hop: PeerInterfaceRef(raw: best, generation: peerInterfaces[slot].generation), parks: false)
  }

  private mutating func isBetter(
    _ index: UInt32, than other: UInt32, avoiding failed: PeerInterfaceRef
  ) -> Bool {
    if other == failed.raw { return true }
    if index == failed.raw { return false }
    let a = peerInterfaces[Int(index)]
    let b = peerInterfaces[Int(other)]
    if a.health != b.health { return a.health > b.health }
    if a.outstanding != b.outstanding { return a.outstanding < b.outstanding }
    return a.turn < b.turn
  }

  /// Our best interface on a network; the one to avoid only when there is no other.
  mutating func bestInterface(net: NetID, avoiding failed: Int) -> Int? {
    var best = -1
    for index in 0..<interfaces.count where interfaces[index].nid.net == net {
      if best < 0 || isBetter(ownInterface: index, than: best, avoiding: failed) { best = index }
    }
    guard best >= 0 else { return nil }
    interfaces[best].turn &+= 1
    return best
  }

  private mutating func isBetter(ownInterface index: Int, than other: Int, avoiding failed: Int)
    -> Bool
  {
    if other == failed { return true }
    if index == failed { return false }
    let a = interfaces[index]
    let b = interfaces[other]
    if (a.status == .up) != (b.status == .up) { return a.status == .up }
    if a.health != b.health { return a.health > b.health }
    if a.outstanding != b.outstanding { return a.outstanding < b.outstanding }
    return a.turn < b.turn
  }
}
