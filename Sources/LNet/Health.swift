internal import BasicContainers
internal import LustreWire
package import RDMATransport
internal import Structures

/// Health values (spec 01 §10.1).
enum Health {
  static let full: Int16 = 1000
  /// What a failure takes and an arrival gives.
  static let step: Int16 = 100
}

// What failures do to health, and which messages are sent again (spec 01 §10.2, §10.4).
extension LNet {
  /// Lowers the health of what is to blame for a failed send.
  mutating func weaken(after outcome: SendOutcome, _ handle: Handle, turn: inout Turn) {
    let hop = messages[handle].hop
    let own = Int(messages[handle].message.interface)
    switch outcome {
    case .success: break
    case .localInterrupted, .localDropped, .localAborted, .localNoRoute, .localTimeout,
      .localError:
      interfaces[own].health = max(0, interfaces[own].health - Health.step)
    case .remoteDropped, .remoteError, .remoteTimeout:
      weakenIfApplicable(hop, turn: &turn)
    case .networkTimeout:
      weakenIfApplicable(hop, turn: &turn)
      interfaces[own].health = max(0, interfaces[own].health - Health.step)
    }
  }

  /// What was sent or received by one of our interfaces shows that it works.
  @inline(__always)
  mutating func strengthen(ownInterface own: Int) {
    guard interfaces[own].health < Health.full else { return }
    interfaces[own].health = min(Health.full, interfaces[own].health + Health.step)
  }

  /// A peer with one NID is not blamed: there is nothing to choose (spec 04 C 10).
  private mutating func weakenIfApplicable(_ hop: PeerInterfaceRef, turn: inout Turn) {
    guard isLive(hop), peers[Int(peerInterfaces[hop.slot].peer)].interfaceCount > 1 else { return }
    weaken(interface: hop.slot, turn: &turn)
  }

  /// A response did not come: its NID is to blame, be it the only one or not.
  mutating func weaken(peer nid: NID, turn: inout Turn) {
    let hop = findPeerInterface(nid)
    if hop != .none { weaken(interface: hop.slot, turn: &turn) }
  }

  mutating func weaken(interface slot: Int, turn: inout Turn) {
    let wasImpaired = isImpaired(slot)
    peerInterfaces.cells[slot].health = max(0, peerInterfaces[slot].health - Health.step)
    if !wasImpaired { impairedCount += 1 }
    startRecovery(slot, turn: &turn)
  }

  @inline(__always)
  func isImpaired(_ slot: Int) -> Bool {
    peerInterfaces[slot].health < Health.full || !peerInterfaces[slot].isUp
  }

  /// Any message from a NID shows that it works (spec 01 §3.5, §10.3).
  mutating func noteArrival(from nid: NID, turn: inout Turn) {
    let hop = findPeerInterface(nid)
    guard hop != .none, isImpaired(hop.slot) else { return }
    peerInterfaces.cells[hop.slot].isUp = true
    peerInterfaces.cells[hop.slot].health = min(
      Health.full, peerInterfaces[hop.slot].health + Health.step)
    if !isImpaired(hop.slot) {
      impairedCount -= 1
      stopRecovery(hop.slot, turn: &turn)
    }
  }

  mutating func setUp(interface slot: Int, _ isUp: Bool) {
    let wasImpaired = isImpaired(slot)
    peerInterfaces.cells[slot].isUp = isUp
    let nowImpaired = isImpaired(slot)
    if nowImpaired != wasImpaired { impairedCount += nowImpaired ? 1 : -1 }
  }

  /// The last connection to a peer failed. Sends go on: the next one makes the driver connect again
  /// (spec 01 §10.4).
  package mutating func peerDown(_ event: LNDEvent, turn: inout Turn) {
    let hop = findPeerInterface(event.peer)
    if hop != .none { setUp(interface: hop.slot, false) }
  }

  /// Sends a message another way, if its failure allows and there is one.
  mutating func resend(
    _ handle: Handle, after outcome: SendOutcome, turn: inout Turn
  ) -> Bool {
    let record = messages[handle]
    guard !record.isFixed, !record.isAnswered, record.descriptor != noCell,
      record.retries < retryCount, turn.now < record.deadline, isLive(record.hop),
      outbox.freeCapacity > 0
    else { return false }
    let index = Int(record.descriptor)
    guard !descriptors[index].isAborted else { return false }
    let failed = Int(record.message.interface)
    let peer = Int(peerInterfaces[record.hop.slot].peer)
    switch outcome {
    case .success, .localError, .remoteError, .remoteTimeout, .networkTimeout: return false
    case .localInterrupted, .localDropped, .localAborted, .localNoRoute, .localTimeout:
      guard let own = bestInterface(net: record.message.peer.net, avoiding: failed), own != failed
      else { return false }
      messages.cells[messages.slot(handle)].message.interface = UInt8(own)
    case .remoteDropped:
      guard peers[peer].isMultiRail,
        let route = choose(peer: peer, target: record.hop, avoiding: record.hop),
        route.hop != record.hop
      else { return false }
      messages.cells[messages.slot(handle)].message.interface = route.interface
      messages.cells[messages.slot(handle)].message.peer = route.nid
      messages.cells[messages.slot(handle)].hop = route.hop
      descriptors.cells[index].responder = route.nid
    }
    address(handle)
    messages.cells[messages.slot(handle)].retries += 1
    counters.resends += 1
    dispatch(handle, turn: &turn)
    return true
  }

  /// Writes the ends of a message's way into its header.
  mutating func address(_ handle: Handle) {
    let own = Int(messages[handle].message.interface)
    messages.cells[messages.slot(handle)].message.header.source.nid = interfaces[own].nid
    messages.cells[messages.slot(handle)].message.header.destination.nid =
      messages[handle].message.peer
  }
}
