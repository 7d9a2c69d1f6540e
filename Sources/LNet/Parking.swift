internal import BasicContainers
internal import LustreWire
internal import RDMATransport
internal import Structures

// Messages that wait until their peer has been discovered (spec 01 §7.1).
extension LNet {
  /// Appends a message to those that wait for its peer, and begins to discover it.
  mutating func park(_ handle: Handle, turn: inout Turn) {
    messages.cells[messages.slot(handle)].state = .parked
    let peer = Int(peerInterfaces[messages[handle].hop.slot].peer)
    appendParked(handle, peer: peer)
    parkedCount += 1
    if peers[peer].state == .undiscovered {
      beginDiscovery(peer: peer, because: .sendWanted, turn: &turn)
    }
  }

  private mutating func appendParked(_ handle: Handle, peer: Int) {
    let slot = UInt32(handle.slot)
    messages.cells[messages.slot(handle)].next = noCell
    messages.cells[messages.slot(handle)].previous = peers[peer].lastParked
    if let last = parked(at: peers[peer].lastParked) {
      messages.cells[messages.slot(last)].next = slot
    } else {
      peers.cells[peer].firstParked = slot
    }
    peers.cells[peer].lastParked = slot
  }

  private func parked(at slot: UInt32) -> Handle? {
    slot == noCell ? nil : messages.handle(at: Int(slot))
  }

  /// Takes a message out of its peer's list.
  mutating func unpark(_ handle: Handle) {
    let record = messages[handle]
    let peer = Int(peerInterfaces[record.hop.slot].peer)
    if let previous = parked(at: record.previous) {
      messages.cells[messages.slot(previous)].next = record.next
    } else {
      peers.cells[peer].firstParked = record.next
    }
    if let next = parked(at: record.next) {
      messages.cells[messages.slot(next)].previous = record.previous
    } else {
      peers.cells[peer].lastParked = record.previous
    }
    messages.cells[messages.slot(handle)].state = .sent
    parkedCount -= 1
  }

  /// Sends a peer's parked messages (status 0) or ends them with an error.
  mutating func startFlush(peer: Int, status: Int32, turn: inout Turn) {
    peers.cells[peer].flushStatus = status
    peers.cells[peer].isFlushing = peers[peer].firstParked != noCell
    flush(peer: peer, turn: &turn)
  }

  private mutating func flush(peer: Int, turn: inout Turn) {
    while let handle = parked(at: peers[peer].firstParked) {
      guard hasRoom else {
        flushPending = true
        postponeWork(turn: &turn)
        return
      }
      unpark(handle)
      if peers[peer].flushStatus != 0 {
        complete(handle, status: peers[peer].flushStatus, turn: &turn)
      } else {
        send(unparked: handle, turn: &turn)
      }
    }
    peers.cells[peer].isFlushing = false
  }

  /// What had to be left over goes on.
  mutating func flushParked(turn: inout Turn) {
    flushPending = false
    for peer in 0..<peers.capacity where peers[peer].isTaken && peers[peer].isFlushing {
      flush(peer: peer, turn: &turn)
      if flushPending { return }
    }
  }

  /// Sends a message that was parked, the best way as it is now.
  private mutating func send(unparked handle: Handle, turn: inout Turn) {
    let record = messages[handle]
    if !record.isFixed, isLive(record.hop) {
      let peer = Int(peerInterfaces[record.hop.slot].peer)
      guard let route = choose(peer: peer, target: record.hop, avoiding: .none) else {
        complete(handle, status: Errno.hostUnreachable, turn: &turn)
        return
      }
      messages.cells[messages.slot(handle)].message.interface = route.interface
      messages.cells[messages.slot(handle)].message.peer = route.nid
      messages.cells[messages.slot(handle)].hop = route.hop
      if record.descriptor != noCell {
        descriptors.cells[Int(record.descriptor)].responder = route.nid
      }
      address(handle)
    }
    dispatch(handle, turn: &turn)
  }

  /// Gives the messages that wait for one peer to another, whose NID it turned out to be.
  mutating func moveParked(from peer: Int, to other: Int) {
    while let handle = parked(at: peers[peer].firstParked) {
      let next = messages[handle].next
      peers.cells[peer].firstParked = next
      appendParked(handle, peer: other)
    }
    peers.cells[peer].lastParked = noCell
    peers.cells[peer].isFlushing = false
  }
}

extension LNet {
  /// Parked messages whose NID the peer has lost are counted with its first one; the way is chosen when they
  /// are sent.
  mutating func readdressParked(peer: Int) {
    let slot = peers[peer].firstInterface
    let first = PeerInterfaceRef(raw: slot, generation: peerInterfaces[Int(slot)].generation)
    var next = peers[peer].firstParked
    while next != noCell, let handle = messages.handle(at: Int(next)) {
      if !isLive(messages[handle].hop) { messages.cells[messages.slot(handle)].hop = first }
      next = messages[handle].next
    }
  }
}
