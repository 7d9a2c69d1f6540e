internal import BasicContainers
package import LustreWire
package import RDMATransport
internal import Structures

/// How far the discovery of a peer has come (spec 01 §7.2).
package enum PeerState: UInt8, BitwiseCopyable, Sendable {
  /// Never asked, or what we knew is void.
  case undiscovered
  /// A ping is under way.
  case pinging
  /// It was good; our own list is being pushed to the peer.
  case pushing
  case upToDate
}

/// What changed the state of a peer.
package enum PeerTrigger: UInt8, BitwiseCopyable, Sendable {
  case created, sendWanted, discoveryWanted, replyGood, replyBad, replyTruncated, pingFailed
  case pushArrived, pushAcknowledged, pushFailed, ownListChanged, configured, merged
  /// The NID that was asked is no longer one of the peer's.
  case interfaceGone
}

/// One change of a peer's state.
package struct PeerTransition: Equatable, BitwiseCopyable, Sendable {
  /// Nanoseconds, as the turn's.
  package var time: UInt64 = 0
  package var old = PeerState.undiscovered
  package var new = PeerState.undiscovered
  package var trigger = PeerTrigger.created
}

/// What is known about a node.
struct PeerRecord: BitwiseCopyable {
  /// How many changes of state are kept, as at Lustre's imports.
  static let historyLength = 16

  var primary: NID
  var firstInterface: UInt32
  var interfaceCount: UInt32
  var state: PeerState
  /// Parked messages, oldest first, by slot.
  var firstParked: UInt32
  var lastParked: UInt32
  /// How parked messages that are still to be flushed end: 0 sends them.
  var flushStatus: Int32
  var isFlushing: Bool
  var isTaken: Bool
  var isMultiRail: Bool
  /// It said that it does not discover (spec 01 §7.4).
  var isWithoutDiscovery: Bool
  /// An administrator said which NIDs it has: discovery changes neither them nor the primary.
  var isConfigured: Bool
  var features: PingFeatures
  /// The sequence number of the list that we have of it; 0 for none.
  var sequence: UInt32
  /// The sequence number of the list that it has of us; 0 for none.
  var acknowledgedSequence: UInt32
  var pushedSequence: UInt32
  /// Pings of this discovery, and pushes that had to be sent again.
  var attempts: UInt8
  /// The ping or push whose answer it waits for.
  var probe: Handle
  /// The interface that a peer with one rail is always sent from; -1 until the first contact (spec 01 §11).
  var preferredInterface: Int8
  /// The NID that answered or pushed last: where a push goes.
  var contact: NID
  var historyCount: UInt32

  static let free = PeerRecord(
    primary: .any, firstInterface: noCell, interfaceCount: 0, state: .undiscovered,
    firstParked: noCell, lastParked: noCell, flushStatus: 0, isFlushing: false, isTaken: false,
    isMultiRail: false, isWithoutDiscovery: false, isConfigured: false, features: [], sequence: 0,
    acknowledgedSequence: 0, pushedSequence: 0, attempts: 0, probe: .none, preferredInterface: -1,
    contact: .any, historyCount: 0)
}

extension LNet {
  /// The one place where a peer's state changes.
  mutating func set(
    peer: Int, to state: PeerState, because trigger: PeerTrigger, at time: UInt64
  ) {
    let count = peers[peer].historyCount
    let place = peer * PeerRecord.historyLength + Int(count) % PeerRecord.historyLength
    histories[place] = PeerTransition(
      time: time, old: peers[peer].state, new: state, trigger: trigger)
    peers.cells[peer].historyCount = count &+ 1
    peers.cells[peer].state = state
  }

  /// The peer interface with this NID; a peer is made for one that is new. `.none` when there is no room.
  mutating func findOrCreate(_ nid: NID, turn: inout Turn) -> PeerInterfaceRef {
    let known = findPeerInterface(nid)
    if known != .none { return known }
    return createPeer(nid, turn: &turn)
  }

  private mutating func createPeer(_ nid: NID, turn: inout Turn) -> PeerInterfaceRef {
    guard nid.isLegal, nid != .loopback, ownInterface(nid) == nil else { return .none }
    if peers.freeCount == 0 || peerInterfaces.freeCount == 0 {
      let isEvicted = evictOne(.undiscovered, turn: &turn)
      // An idle peer that is forgotten costs a ping when it is next sent to.
      if !isEvicted { _ = evictOne(.upToDate, turn: &turn) }
    }
    guard peerInterfaces.freeCount > 0, let peer = peers.take() else {
      counters.peersRefused += 1
      note(.peerTableFull, nid, 1, at: turn.now)
      return .none
    }
    peers.cells[peer] = .free
    peers.cells[peer].isTaken = true
    peers.cells[peer].primary = nid
    peers.cells[peer].contact = nid
    set(peer: peer, to: .undiscovered, because: .created, at: turn.now)
    return addInterface(nid, toPeer: peer)
  }

  /// Forgets one peer in this state with whom nothing is under way; false when none was found. A hand goes
  /// round, and looks at no more than 32 peers a call.
  private mutating func evictOne(_ state: PeerState, turn: inout Turn) -> Bool {
    for _ in 0..<min(32, peers.capacity) {
      evictionHand = (evictionHand + 1) % peers.capacity
      let peer = evictionHand
      guard peers[peer].isTaken, peers[peer].state == state, !peers[peer].isConfigured,
        peers[peer].firstParked == noCell, !peers[peer].isFlushing, isIdle(peer: peer)
      else { continue }
      removePeer(peer, turn: &turn)
      return true
    }
    return false
  }

  /// Whether no message is under way to any NID of a peer, and none is being recovered.
  private mutating func isIdle(peer: Int) -> Bool {
    var index = peers[peer].firstInterface
    while index != noCell {
      let slot = Int(index)
      if peerInterfaces[slot].outstanding != 0 || peerInterfaces[slot].isRecovering {
        return false
      }
      index = peerInterfaces[slot].nextOfPeer
    }
    return true
  }

  /// Forgets a peer that has nothing parked.
  mutating func removePeer(_ peer: Int, turn: inout Turn) {
    while peers[peer].firstInterface != noCell {
      remove(interface: Int(peers[peer].firstInterface), turn: &turn)
    }
    peers.cells[peer].isTaken = false
    peers.give(peer)
  }

  /// Tells of a node in advance (as LNetAddPeer does): with several NIDs it is a multi-rail one. What an
  /// administrator configured is not changed by discovery, and its messages are sent at once.
  package mutating func addPeer(
    primary: NID, others: Span<NID> = Span(), isConfigured: Bool = true, turn: inout Turn
  ) throws(LNetError) {
    let first = findOrCreate(primary, turn: &turn)
    guard first != .none else { throw .busy }
    let peer = Int(peerInterfaces[first.slot].peer)
    peers.cells[peer].primary = primary
    var isWhole = true
    for index in others.indices where isWhole {
      isWhole = adopt(others[index], peer: peer, turn: &turn)
    }
    if !others.isEmpty { peers.cells[peer].isMultiRail = true }
    if isConfigured && isWhole {
      peers.cells[peer].isConfigured = true
      set(peer: peer, to: .upToDate, because: .configured, at: turn.now)
      discoveryEnded(peer: peer, status: 0, turn: &turn)
    } else {
      discoverForAdopted(peer: peer, turn: &turn)
    }
    guard isWhole else { throw .busy }
  }

  package var peerCount: Int { peers.takenCount }
  package var peerInterfaceCount: Int { peerInterfaces.takenCount }
  package var parkedMessageCount: Int { parkedCount }
}

/// A peer as shown to people.
package struct PeerView: Equatable, BitwiseCopyable, Sendable {
  package var primary: NID
  package var state: PeerState
  package var isMultiRail: Bool
  package var isWithoutDiscovery: Bool
  package var isConfigured: Bool
  package var features: PingFeatures
  package var interfaceCount: Int
  package var transitionCount: Int
}

/// A NID of a peer as shown to people.
package struct PeerInterfaceView: Equatable, BitwiseCopyable, Sendable {
  package var nid: NID
  package var health: Int
  package var isUp: Bool
  package var outstanding: Int
}

extension LNet {
  /// What is known about the node with this NID.
  package func peer(_ nid: NID) -> PeerView? {
    guard let peer = peerIndex(of: nid) else { return nil }
    // Not copied: a record with its history is long.
    return PeerView(
      primary: peers[peer].primary, state: peers[peer].state,
      isMultiRail: peers[peer].isMultiRail,
      isWithoutDiscovery: peers[peer].isWithoutDiscovery,
      isConfigured: peers[peer].isConfigured, features: peers[peer].features,
      interfaceCount: Int(peers[peer].interfaceCount),
      transitionCount: min(Int(peers[peer].historyCount), PeerRecord.historyLength))
  }

  /// One of the NIDs of the node with this NID; the first ones are the oldest.
  package func interface(ofPeer nid: NID, at place: Int) -> PeerInterfaceView? {
    guard let peer = peerIndex(of: nid) else { return nil }
    var index = peers[peer].firstInterface
    for _ in 0..<place where index != noCell { index = peerInterfaces[Int(index)].nextOfPeer }
    guard index != noCell else { return nil }
    let record = peerInterfaces[Int(index)]
    return PeerInterfaceView(
      nid: record.nid, health: Int(record.health), isUp: record.isUp,
      outstanding: Int(record.outstanding))
  }

  /// One of the last changes of state of the node with this NID, the newest at 0.
  package func transition(ofPeer nid: NID, at age: Int) -> PeerTransition? {
    guard let peer = peerIndex(of: nid) else { return nil }
    let count = Int(peers[peer].historyCount)
    guard age >= 0, age < min(count, PeerRecord.historyLength) else { return nil }
    return histories[
      peer * PeerRecord.historyLength + (count - 1 - age) % PeerRecord.historyLength]
  }

  /// The peers in the order of their table, for lists: the primary NID at a place, nil for an empty one.
  package func primaryNID(atPlace place: Int) -> NID? {
    guard place < peers.capacity, peers[place].isTaken else { return nil }
    return peers[place].primary
  }

  package var peerPlaceCount: Int { peers.capacity }

  func peerIndex(of nid: NID) -> Int? {
    let ref = findPeerInterface(nid)
    return ref == .none ? nil : Int(peerInterfaces[ref.slot].peer)
  }
}
