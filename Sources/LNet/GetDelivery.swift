internal import LustreWire
package import RDMATransport
internal import Structures

// The target's side of a GET (spec 01 §4.4; with GET_REQ spec 02 §6.4).
extension LNet {
  mutating func deliverGet(
    _ reception: Reception, _ get: LNetGet, turn: inout Turn
  ) -> ReceptionAnswer {
    guard get.portal.isLegal else {
      counters.droppedBadPortal += 1
      return reception.refusal()
    }
    guard reception.carrier != .getRequest || operations.count < operations.capacity else {
      counters.droppedNoSlot += 1
      return reception.refusal(Errno.noMemory)
    }
    guard reception.carrier == .getRequest || canRespond(to: reception) else {
      counters.responsesRefused += 1
      return reception.refusal()
    }
    let source = initiator(of: reception)
    let found = match(
      MatchQuery(
        operation: .get, portal: Int(get.portal.rawValue), matchBits: get.matchBits,
        initiator: source, source: reception.header.source.nid,
        pid: reception.header.source.pid, offset: get.sourceOffset, length: get.sinkLength))
    switch found.kind {
    case .matched: break
    case .tooLong:
      counters.droppedTooLong += 1
      return reception.refusal()
    case .none, .full:
      counters.droppedNoMatch += 1
      return reception.refusal()
    }
    let payload: BufferRef =
      found.length == 0
      ? .none
      : descriptors[found.descriptor].memory.part(
        offset: Int(found.offset), length: Int(found.length))
    if reception.carrier == .getRequest {
      var operation = Operation(
        kind: .get, reception: reception, descriptor: UInt32(found.descriptor),
        offset: found.offset, moved: found.length)
      operation.initiator = source
      guard let ticket = operations.insert(operation) else {
        preconditionFailure("an operation slot went away")
      }
      return .serveGet(source: payload, ticket: ticket.raw)
    }
    var record = response(
      to: reception, kind: .reply,
      body: .reply(LNetReply(destinationHandle: get.returnHandle)), payload: payload, turn: turn)
    record.descriptor = UInt32(found.descriptor)
    record.offset = found.offset
    record.requestedLength = get.sinkLength
    record.matchBits = get.matchBits
    record.initiator = source
    let isSent = respond(record, turn: &turn)
    precondition(isSent, "room for a response went away")
    return reception.refusal()
  }

  /// Whether a REPLY to this message would be sent.
  private mutating func canRespond(to reception: Reception) -> Bool {
    guard responseCount < limits.responses, outbox.freeCapacity > 0,
      messages.count < messages.capacity
    else { return false }
    guard isLive(reception.sender) else { return true }
    return Int(peerInterfaces[reception.sender.slot].responses) < limits.responsesPerPeer
  }

  /// The data of a served GET is at the peer, or never will be.
  package mutating func getServed(_ event: LNDEvent, turn: inout Turn) {
    guard let operation = operations.remove(Handle(raw: event.ticket)),
      case .get(let get) = operation.reception.header.body
    else { preconditionFailure("a driver ended a transfer twice") }
    guard operation.descriptor != noCell else {
      // It was our ping info, in a piece of its own.
      turn.memory.release(operation.run)
      return
    }
    let index = Int(operation.descriptor)
    var served = makeEvent(.get, descriptor: index)
    served.status = min(event.status, 0)
    served.interface = operation.reception.interface
    served.requestedLength = get.sinkLength
    served.movedLength = served.status == 0 ? operation.moved : 0
    served.offset = operation.offset
    served.matchBits = get.matchBits
    served.initiator = operation.initiator
    served.initiatorPID = operation.reception.header.source.pid
    served.source = operation.reception.header.source.nid
    endUse(of: index, with: &served, turn: &turn)
  }
}
