internal import BasicContainers
internal import LustreWire
internal import RDMATransport
internal import Structures

/// One NID of a peer, in one of its lives.
struct PeerInterfaceRef: Equatable, BitwiseCopyable {
  var raw: UInt32
  var generation: UInt32

  static let none = PeerInterfaceRef(raw: noCell, generation: 0)
  var slot: Int { Int(raw) }
}

/// What is known about one NID of a peer.
struct PeerInterfaceRecord: BitwiseCopyable {
  var nid: NID
  var peer: UInt32
  var generation: UInt32
  /// The next NID of the same peer, and the next in the same hash bucket.
  var nextOfPeer: UInt32
  var nextInBucket: UInt32
  /// Messages of ours with the driver, or waiting for a credit; of these, responses.
  var outstanding: UInt32
  var responses: UInt32
  /// PUTs and GETs with the driver or waiting for our interface, and those that wait for one of them to end.
  var withDriver: Int
  var waiting: MessageList
  /// When it was chosen last, for taking turns.
  var turn: UInt32
  /// 0 to `Health.full` (spec 01 §10.2).
  var health: Int16
  var isUp: Bool
  /// Recovery: how many of its pings failed in a row, whether one is under way.
  var recoveryFailures: UInt8
  var isRecovering: Bool
  var isPinged: Bool
  var recoveryTimer: TimerID?

  static let free = PeerInterfaceRecord(
    nid: .any, peer: noCell, generation: 0, nextOfPeer: noCell, nextInBucket: noCell,
    outstanding: 0, responses: 0, withDriver: 0, waiting: MessageList(), turn: 0,
    health: Health.full, isUp: true, recoveryFailures: 0, isRecovering: false, isPinged: false,
    recoveryTimer: nil)
}

extension LNet {
  @inline(__always)
  private func nidBucket(_ nid: NID) -> Int {
    Int((nid.rawValue &* 0x9E37_79B9_7F4A_7C15) >> nidBucketShift)
  }

  /// The peer interface with this NID.
  @inline(__always)
  func findPeerInterface(_ nid: NID) -> PeerInterfaceRef {
    var index = nidBuckets[nidBucket(nid)]
    while index != noCell {
      if peerInterfaces[Int(index)].nid == nid {
        return PeerInterfaceRef(raw: index, generation: peerInterfaces[Int(index)].generation)
      }
      index = peerInterfaces[Int(index)].nextInBucket
    }
    return .none
  }

  @inline(__always)
  func isLive(_ ref: PeerInterfaceRef) -> Bool {
    ref != .none && peerInterfaces[ref.slot].generation == ref.generation
  }

  /// The primary NID of the node that has this one; itself when the node is not known.
  @inline(__always)
  func primaryNID(of nid: NID) -> NID {
    let ref = findPeerInterface(nid)
    return ref == .none ? nid : peers[Int(peerInterfaces[ref.slot].peer)].primary
  }

  /// Whether two NIDs belong to one node, as far as is known.
  @inline(__always)
  func areOneNode(_ first: NID, _ second: NID) -> Bool {
    let a = findPeerInterface(first)
    let b = findPeerInterface(second)
    return a != .none && b != .none && peerInterfaces[a.slot].peer == peerInterfaces[b.slot].peer
  }

  /// Adds a NID to a peer, at the end of its list; `.none` when the table is full.
  mutating func addInterface(_ nid: NID, toPeer peer: Int) -> PeerInterfaceRef {
    guard let slot = peerInterfaces.take() else { return .none }
    let generation = peerInterfaces[slot].generation
    peerInterfaces.cells[slot] = .free
    peerInterfaces.cells[slot].generation = generation
    peerInterfaces.cells[slot].nid = nid
    let number = nidBucket(nid)
    peerInterfaces.cells[slot].nextInBucket = nidBuckets[number]
    nidBuckets[number] = UInt32(slot)
    append(interface: slot, toPeer: peer)
    return PeerInterfaceRef(raw: UInt32(slot), generation: generation)
  }

  private mutating func append(interface slot: Int, toPeer peer: Int) {
    peerInterfaces.cells[slot].peer = UInt32(peer)
    peerInterfaces.cells[slot].nextOfPeer = noCell
    var last = peers[peer].firstInterface
    if last == noCell {
      peers.cells[peer].firstInterface = UInt32(slot)
    } else {
      while peerInterfaces[Int(last)].nextOfPeer != noCell {
        last = peerInterfaces[Int(last)].nextOfPeer
      }
      peerInterfaces.cells[Int(last)].nextOfPeer = UInt32(slot)
    }
    peers.cells[peer].interfaceCount += 1
  }

  private mutating func takeFromPeer(interface slot: Int) {
    let peer = Int(peerInterfaces[slot].peer)
    var index = peers[peer].firstInterface
    if index == UInt32(slot) {
      peers.cells[peer].firstInterface = peerInterfaces[slot].nextOfPeer
    } else {
      while peerInterfaces[Int(index)].nextOfPeer != UInt32(slot) {
        index = peerInterfaces[Int(index)].nextOfPeer
      }
      peerInterfaces.cells[Int(index)].nextOfPeer = peerInterfaces[slot].nextOfPeer
    }
    peers.cells[peer].interfaceCount -= 1
  }

  /// Moves a NID from the peer that has it to another.
  mutating func move(interface slot: Int, toPeer peer: Int) {
    takeFromPeer(interface: slot)
    append(interface: slot, toPeer: peer)
  }

  /// Forgets a NID. What is under way to it ends by itself.
  mutating func remove(interface slot: Int, turn: inout Turn) {
    takeFromPeer(interface: slot)
    stopRecovery(slot, turn: &turn)
    moveWaiting(fromPeerInterface: slot, turn: &turn)
    if isImpaired(slot) { impairedCount -= 1 }
    let number = nidBucket(peerInterfaces[slot].nid)
    var index = nidBuckets[number]
    if index == UInt32(slot) {
      nidBuckets[number] = peerInterfaces[slot].nextInBucket
    } else {
      while peerInterfaces[Int(index)].nextInBucket != UInt32(slot) {
        index = peerInterfaces[Int(index)].nextInBucket
      }
      peerInterfaces.cells[Int(index)].nextInBucket = peerInterfaces[slot].nextInBucket
    }
    peerInterfaces.cells[slot].generation &+= 1
    peerInterfaces.cells[slot].nid = .any
    peerInterfaces.give(slot)
  }
}
