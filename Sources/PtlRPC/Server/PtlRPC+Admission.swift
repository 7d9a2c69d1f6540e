internal import BasicContainers
internal import LNet
internal import LustreWire
package import RDMATransport
internal import Structures

// Admission as far as no export is needed (spec 10 §10, 4 to 7), and the queues of services.
extension PtlRPC {
  /// Lets a request that has arrived wait for its turn. The rules of spec 10 §10 that need an export (2 and 3)
  /// have been applied by the caller.
  ///
  /// - Parameters:
  ///   - export: whose requests in progress it is one of, below `RPCCapacity.exports`; nil: none, as for a
  ///     first connect.
  ///   - isUrgent: it goes in front of others: pings, connects, cancels (spec 10 §10, 6).
  ///   - isRecovering: the target recovers.
  ///   - hasReplyMatchBits: the export has REP_MBITS.
  ///   - hasIncreasingXIDs: the export has INC_XID: of its requests with one tag the youngest has the highest XID.
  package mutating func admit(
    _ handle: ServerRequestHandle, export: UInt32?, isUrgent: Bool = false,
    isRecovering: Bool = false, hasReplyMatchBits: Bool = false, hasIncreasingXIDs: Bool = false,
    turn: inout Turn
  ) -> Admission {
    let slot = slot(of: handle)
    precondition(serverRequests.cells[slot].state == .arrived, "admitted twice")
    if serverRequests.cells[slot].received.body.timeout == 0 {
      counters.requestsWithoutTimeout += 1
      leave(slot, turn: &turn)
      return .dropped
    }
    if let export {
      if serverRequests.cells[slot].received.body.opcode != .ldlmCancel,
        serverRequests.cells[slot].received.body.flags.contains(.resent),
        let original = findInProgress(export: export, xid: serverRequests.cells[slot].received.xid)
      {
        takeOver(original, from: slot, turn: &turn)
        counters.duplicatesInProgress += 1
        leave(slot, turn: &turn)
        return .duplicate
      }
      if hasIncreasingXIDs { compareTags(slot, export: export) }
      enlist(serverRequest: slot, export: export)
    }
    serverRequests.cells[slot].isRecovering = isRecovering
    serverRequests.cells[slot].hasReplyMatchBits = hasReplyMatchBits
    serverRequests.cells[slot].mayGetEarlyReplies =
      export != nil && adaptive.isEnabled
      && serverRequests.cells[slot].received.message.header.flags.contains(.adaptiveTimeouts)
    serverRequests.cells[slot].state = .queued
    serverRequests.cells[slot].isUrgent = isUrgent
    enqueue(slot)
    armEarlyReply(slot, turn: &turn)
    serve(Int(serverRequests.cells[slot].service), turn: &turn)
    return .queued
  }

  /// Drops a request without an answer: before it is admitted, or when its handler decides not to reply. A
  /// transfer must have ended before (`abortTransfer`): its memory is on the wire.
  package mutating func drop(_ handle: ServerRequestHandle, turn: inout Turn) {
    let slot = slot(of: handle)
    precondition(!serverRequests.cells[slot].isTransferring, "dropped while its bulk is under way")
    counters.requestsDropped += 1
    abandonQueue(slot)
    leave(slot, turn: &turn)
  }

  /// Gives requests their turn: urgent ones at once, as they are answered at once, and others as far as there are turns
  /// left. One past its deadline is dropped, but not a cancel (spec 10 §10, 7).
  mutating func serve(_ service: Int, turn: inout Turn) {
    while true {
      let isUrgent = services[service].urgent.first != noCell
      guard
        isUrgent
          || services[service].activeCount < services[service].description.activeCountMax
      else { return }
      guard hasRoom else {
        servicesToServe |= 1 << UInt64(service)
        return
      }
      let first = queue(of: service, isUrgent: isUrgent).first
      guard first != noCell else { return }
      let slot = Int(first)
      dequeue(slot)
      if turn.now > serverRequests.cells[slot].received.deadline,
        serverRequests.cells[slot].received.body.opcode != .ldlmCancel
      {
        counters.requestsExpired += 1
        leave(slot, turn: &turn)
        continue
      }
      services[service].activeCount += 1
      serverRequests.cells[slot].state = .active
      events.append(
        RPCEvent(.ready, serverRequests.handle(slot), tag: serverRequests.cells[slot].service))
    }
  }

  /// Looks again at the queues that had to be left alone.
  mutating func serveAll(turn: inout Turn) {
    var left = servicesToServe
    servicesToServe = 0
    while left != 0 {
      serve(left.trailingZeroBitCount, turn: &turn)
      left &= left - 1
    }
  }

  /// Whether requests of an export were admitted and are not answered or dropped yet.
  package mutating func hasRequestsInProgress(ofExport slot: UInt32) -> Bool {
    inProgress[Int(slot)] != noCell
  }

  /// A request of its export with this XID that is not answered yet.
  private mutating func findInProgress(export: UInt32, xid: UInt64) -> Int? {
    var slot = inProgress[Int(export)]
    while slot != noCell {
      if serverRequests.cells[Int(slot)].received.xid == xid { return Int(slot) }
      slot = serverRequests.cells[Int(slot)].nextInProgress
    }
    return nil
  }

  /// Of the requests in progress of one client with one tag only the youngest is still waited for: the client uses a
  /// tag again when it has given the older one up (spec 10 §10, 5 and 8.5; spec 12 §6.4).
  private mutating func compareTags(_ slot: Int, export: UInt32) {
    let received = serverRequests.cells[slot].received
    guard received.body.tag != 0, !received.body.flags.contains(.replay) else { return }
    var other = inProgress[Int(export)]
    while other != noCell {
      let place = Int(other)
      if serverRequests.cells[place].received.body.tag == received.body.tag {
        let isOlder = serverRequests.cells[place].received.xid < received.xid
        serverRequests.cells[isOlder ? place : slot].isObsolete = true
      }
      other = serverRequests.cells[place].nextInProgress
    }
  }

  /// Whether its client has used the request's tag for a later one meanwhile: it must not be executed any more.
  package mutating func isObsolete(_ handle: ServerRequestHandle) -> Bool {
    serverRequests.cells[slot(of: handle)].isObsolete
  }

  /// The original answers to where and when its resend expects it (spec 10 §10, 5).
  private mutating func takeOver(_ original: Int, from slot: Int, turn: inout Turn) {
    let resend = serverRequests.cells[slot].received
    serverRequests.cells[original].received.deadline = max(
      resend.deadline, serverRequests.cells[original].received.deadline)
    if serverRequests.cells[original].matchBits != resend.body.matchBits {
      serverRequests.cells[original].matchBits = resend.body.matchBits
      // What its transfer wants of the client is not there any more.
      abortTransfer(original, turn: &turn)
    }
    serverRequests.cells[original].received.source = resend.source
    serverRequests.cells[original].received.interface = resend.interface
    armEarlyReply(original, turn: &turn)
  }

  // MARK: - Lists

  private mutating func queue(of service: Int, isUrgent: Bool) -> SlotList {
    isUrgent ? services[service].urgent : services[service].waiting
  }

  private mutating func setQueue(_ list: SlotList, of service: Int, isUrgent: Bool) {
    if isUrgent {
      services[service].urgent = list
    } else {
      services[service].waiting = list
    }
  }

  private mutating func enqueue(_ slot: Int) {
    let service = Int(serverRequests.cells[slot].service)
    let isUrgent = serverRequests.cells[slot].isUrgent
    var list = queue(of: service, isUrgent: isUrgent)
    serverRequests.cells[slot].next = noCell
    if list.last == noCell {
      list.first = UInt32(slot)
    } else {
      serverRequests.cells[Int(list.last)].next = UInt32(slot)
    }
    list.last = UInt32(slot)
    setQueue(list, of: service, isUrgent: isUrgent)
  }

  /// Takes a request out of its queue: nearly always the first one.
  private mutating func dequeue(_ slot: Int) {
    let service = Int(serverRequests.cells[slot].service)
    let isUrgent = serverRequests.cells[slot].isUrgent
    var list = queue(of: service, isUrgent: isUrgent)
    var previous = noCell
    var here = list.first
    while here != noCell, here != UInt32(slot) {
      previous = here
      here = serverRequests.cells[Int(here)].next
    }
    precondition(here != noCell, "a queued request is in no queue")
    let next = serverRequests.cells[slot].next
    if previous == noCell {
      list.first = next
    } else {
      serverRequests.cells[Int(previous)].next = next
    }
    if next == noCell { list.last = previous }
    setQueue(list, of: service, isUrgent: isUrgent)
  }

  /// A request that is still queued leaves without its turn.
  mutating func abandonQueue(_ slot: Int) {
    if serverRequests.cells[slot].state == .queued { dequeue(slot) }
  }

  private mutating func enlist(serverRequest slot: Int, export: UInt32) {
    let first = inProgress[Int(export)]
    serverRequests.cells[slot].export = export
    serverRequests.cells[slot].isInProgress = true
    serverRequests.cells[slot].nextInProgress = first
    serverRequests.cells[slot].previousInProgress = noCell
    if first != noCell { serverRequests.cells[Int(first)].previousInProgress = UInt32(slot) }
    inProgress[Int(export)] = UInt32(slot)
  }

  /// It is answered or dropped: a resend is a new request now.
  mutating func unlist(serverRequest slot: Int) {
    guard serverRequests.cells[slot].isInProgress else { return }
    let previous = serverRequests.cells[slot].previousInProgress
    let next = serverRequests.cells[slot].nextInProgress
    if previous == noCell {
      inProgress[Int(serverRequests.cells[slot].export)] = next
    } else {
      serverRequests.cells[Int(previous)].nextInProgress = next
    }
    if next != noCell { serverRequests.cells[Int(next)].previousInProgress = previous }
    serverRequests.cells[slot].isInProgress = false
  }
}
