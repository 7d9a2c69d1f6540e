internal import BasicContainers
internal import LustreWire
internal import RDMATransport
internal import Structures

/// Messages that wait, in order, by their slots.
struct MessageList: BitwiseCopyable {
  var first = noCell
  var last = noCell

  var isEmpty: Bool { first == noCell }
}

// Credits (spec 01 §9): how many PUTs and GETs the driver has of one of our interfaces, and of these how many for one NID
// of a peer. They are back-pressure of our own, nothing on the wire: without the second, one peer that does not answer
// would take all of the first. Responses do not wait: their number is bounded by itself, and peers wait for them.
extension LNet {
  /// Hands a PUT or GET to the driver, or lets it wait for our interface's turn.
  @inline(__always)
  mutating func admitToInterface(_ handle: Handle, _ own: Int) {
    guard interfaces[own].takeCredit(of: credits) else {
      return wait(handle, for: .waitsForInterface)
    }
    hand(handle)
  }

  /// Lets those go on that wait for what has become free.
  @inline(__always)
  mutating func goOn(_ hop: PeerInterfaceRef, _ own: Int, turn: inout Turn) {
    if isLive(hop), !peerInterfaces[hop.slot].waiting.isEmpty {
      releaseWaiting(peerInterface: hop.slot, turn: &turn)
    }
    if !interfaces[own].waiting.isEmpty { releaseWaiting(interface: own, turn: &turn) }
  }

  // MARK: - Lists

  mutating func wait(_ handle: Handle, for state: MessageRecord.State) {
    counters.creditWaits += 1
    messages.cells[messages.slot(handle)].state = state
    if state == .waitsForPeer {
      let slot = messages[handle].hop.slot
      let list = peerInterfaces[slot].waiting
      peerInterfaces.cells[slot].waiting = append(handle, to: list)
    } else {
      let own = Int(messages[handle].message.interface)
      interfaces[own].waiting = append(handle, to: interfaces[own].waiting)
    }
  }

  private mutating func append(_ handle: Handle, to list: MessageList) -> MessageList {
    var list = list
    let slot = UInt32(handle.slot)
    messages.cells[messages.slot(handle)].next = noCell
    messages.cells[messages.slot(handle)].previous = list.last
    if list.last == noCell {
      list.first = slot
    } else if let last = messages.handle(at: Int(list.last)) {
      messages.cells[messages.slot(last)].next = slot
    }
    list.last = slot
    return list
  }

  private mutating func remove(_ handle: Handle, from list: MessageList) -> MessageList {
    var list = list
    let (previous, next) = (messages[handle].previous, messages[handle].next)
    if previous == noCell {
      list.first = next
    } else if let message = messages.handle(at: Int(previous)) {
      messages.cells[messages.slot(message)].next = next
    }
    if next == noCell {
      list.last = previous
    } else if let message = messages.handle(at: Int(next)) {
      messages.cells[messages.slot(message)].previous = previous
    }
    messages.cells[messages.slot(handle)].state = .sent
    return list
  }

  private mutating func takeOut(_ handle: Handle) {
    if messages[handle].state == .waitsForPeer {
      let slot = messages[handle].hop.slot
      let list = peerInterfaces[slot].waiting
      peerInterfaces.cells[slot].waiting = remove(handle, from: list)
    } else {
      let own = Int(messages[handle].message.interface)
      interfaces[own].waiting = remove(handle, from: interfaces[own].waiting)
    }
  }

  // MARK: - Going on

  private mutating func releaseWaiting(peerInterface slot: Int, turn: inout Turn) {
    while peerInterfaces[slot].withDriver < peerCredits,
      let handle = messages.handle(waitingAt: peerInterfaces[slot].waiting.first)
    {
      guard hasRoom else { return postponeRelease(turn: &turn) }
      takeOut(handle)
      if ended(handle, turn: &turn) { continue }
      peerInterfaces.cells[slot].withDriver += 1
      admitToInterface(handle, Int(messages[handle].message.interface))
    }
  }

  private mutating func releaseWaiting(interface own: Int, turn: inout Turn) {
    while interfaces[own].withDriver < credits,
      let handle = messages.handle(waitingAt: interfaces[own].waiting.first)
    {
      guard hasRoom else { return postponeRelease(turn: &turn) }
      takeOut(handle)
      let hop = messages[handle].hop
      if ended(handle, turn: &turn) {
        if isLive(hop) {
          peerInterfaces.cells[hop.slot].withDriver -= 1
          postponeRelease(turn: &turn)
        }
        continue
      }
      interfaces[own].withDriver += 1
      hand(handle)
    }
  }

  /// Ends a message that has waited until nobody wants it any more.
  private mutating func ended(_ handle: Handle, turn: inout Turn) -> Bool {
    let record = messages[handle]
    let isAborted = record.descriptor != noCell && descriptors[Int(record.descriptor)].isAborted
    guard isAborted || turn.now >= record.deadline else { return false }
    endWaiting(handle, status: Errno.timedOut, turn: &turn)
    return true
  }

  private mutating func endWaiting(_ handle: Handle, status: Int32, turn: inout Turn) {
    let hop = messages[handle].hop
    if isLive(hop) { peerInterfaces.cells[hop.slot].outstanding -= 1 }
    interfaces[Int(messages[handle].message.interface)].outstanding -= 1
    complete(handle, status: status, turn: &turn)
  }

  /// Ends a message that waits for a credit and whose descriptor was unlinked.
  mutating func cancelWaiting(_ handle: Handle, status: Int32, turn: inout Turn) {
    let hop = messages[handle].hop
    let holdsCredit = messages[handle].state == .waitsForInterface && isLive(hop)
    takeOut(handle)
    if holdsCredit {
      peerInterfaces.cells[hop.slot].withDriver -= 1
      postponeRelease(turn: &turn)
    }
    endWaiting(handle, status: status, turn: &turn)
  }

  /// The messages that wait for a NID that is forgotten wait for their interface only.
  mutating func moveWaiting(fromPeerInterface slot: Int, turn: inout Turn) {
    while let handle = messages.handle(waitingAt: peerInterfaces[slot].waiting.first) {
      takeOut(handle)
      messages.cells[messages.slot(handle)].state = .waitsForInterface
      let own = Int(messages[handle].message.interface)
      interfaces[own].waiting = append(handle, to: interfaces[own].waiting)
      postponeRelease(turn: &turn)
    }
  }

  private mutating func postponeRelease(turn: inout Turn) {
    releasePending = true
    postponeWork(turn: &turn)
  }

  /// What had to be left over goes on.
  mutating func releaseAllWaiting(turn: inout Turn) {
    releasePending = false
    for own in 0..<interfaces.count where !interfaces[own].waiting.isEmpty {
      releaseWaiting(interface: own, turn: &turn)
    }
    for slot in 0..<peerInterfaces.capacity where !peerInterfaces[slot].waiting.isEmpty {
      releaseWaiting(peerInterface: slot, turn: &turn)
    }
  }
}

extension PeerInterfaceRecord {
  @inline(__always)
  mutating func began(_ isResponse: Bool) {
    outstanding &+= 1
    if isResponse { responses &+= 1 }
  }

  /// The driver is done with a message: its credit, if it had one, is free.
  @inline(__always)
  mutating func ended(_ isResponse: Bool) {
    outstanding -= 1
    if isResponse { responses -= 1 } else { withDriver -= 1 }
  }

  /// Takes a credit; false when there is none, or others wait for one.
  @inline(__always)
  mutating func takeCredit(of count: Int) -> Bool {
    guard withDriver < count, waiting.isEmpty else { return false }
    withDriver += 1
    return true
  }
}

extension OwnInterface {
  /// The driver is done with a message: its credit, if it had one, is free.
  @inline(__always)
  mutating func ended(_ isResponse: Bool) {
    outstanding -= 1
    if !isResponse { withDriver -= 1 }
  }

  /// Takes a credit; false when there is none, or others wait for one.
  @inline(__always)
  mutating func takeCredit(of count: Int) -> Bool {
    guard withDriver < count, waiting.isEmpty else { return false }
    withDriver += 1
    return true
  }
}

extension HandleTable where Element == MessageRecord {
  /// The first message of a list; nil when the list is empty.
  fileprivate func handle(waitingAt slot: UInt32) -> Handle? {
    slot == noCell ? nil : handle(at: Int(slot))
  }
}
