internal import BasicContainers
internal import LustreWire
package import RDMATransport
internal import Structures

// ACK and REPLY: sending them, and taking those that come (spec 01 §4.4).
extension LNet {
  mutating func sendAcknowledge(
    _ reception: Reception, _ put: LNetPut, length: UInt32, turn: inout Turn
  ) {
    let body = LNetBody.ack(
      LNetAck(
        destinationHandle: put.acknowledgeHandle, matchBits: put.matchBits,
        depositedBytes: length))
    let record = response(
      to: reception, kind: .acknowledge, body: body, payload: .none, turn: turn)
    if !respond(record, turn: &turn) { counters.responsesRefused += 1 }
  }

  /// A response to a message, from where it came to where it came from (spec 01 §11).
  mutating func response(
    to reception: Reception, kind: MessageRecord.Kind, body: LNetBody, payload: BufferRef,
    turn: borrowing Turn
  ) -> MessageRecord {
    let header = LNetHeader(
      destination: reception.header.source,
      source: ProcessID(nid: reception.header.destination.nid), payloadLength: payload.length,
      body: body)
    var record = MessageRecord(
      message: LNDMessage(
        id: .none, interface: reception.interface, peer: reception.peer, header: header,
        payload: payload),
      kind: kind, deadline: turn.now &+ transactionTimeout, descriptor: noCell,
      hop: reception.sender)
    record.isFixed = true
    return record
  }

  /// Sends a response; false when there are too many under way, in all or to this peer.
  mutating func respond(_ record: MessageRecord, turn: inout Turn) -> Bool {
    if isLive(record.hop),
      Int(peerInterfaces[record.hop.slot].responses) >= limits.responsesPerPeer
    {
      return false
    }
    guard outbox.freeCapacity > 0, let handle = insert(record) else { return false }
    dispatch(handle, turn: &turn)
    return true
  }

  mutating func deliverAcknowledge(
    _ reception: Reception, _ acknowledge: LNetAck, turn: inout Turn
  ) -> ReceptionAnswer {
    guard
      let index = answered(
        acknowledge.destinationHandle, by: reception, isReply: false, at: turn.now)
    else { return reception.refusal() }
    descriptors.cells[index].expectedAcknowledgements -= 1
    descriptors.cells[index].responseCount &+= 1
    count(operationOn: index)
    if !descriptors[index].expectsResponse { stopExpecting(descriptor: index) }
    var event = makeEvent(.acknowledge, descriptor: index)
    event.interface = reception.interface
    event.requestedLength = descriptors[index].length
    event.movedLength = acknowledge.depositedBytes
    event.matchBits = acknowledge.matchBits
    event.initiator = reception.header.destination.nid
    event.source = reception.header.source.nid
    endUse(of: index, with: &event, turn: &turn)
    return reception.refusal()
  }

  mutating func deliverReply(
    _ reception: Reception, _ reply: LNetReply, turn: inout Turn
  ) -> ReceptionAnswer {
    guard
      let index = answered(reply.destinationHandle, by: reception, isReply: true, at: turn.now)
    else { return reception.refusal() }
    let length = reception.header.payloadLength
    let room = descriptors[index].length
    guard length <= room || descriptors[index].options.contains(.truncate) else {
      counters.droppedTooLong += 1
      return reception.refusal()
    }
    descriptors.cells[index].expectedReplies -= 1
    descriptors.cells[index].responseCount &+= 1
    count(operationOn: index)
    if !descriptors[index].expectsResponse { stopExpecting(descriptor: index) }
    let moved = min(length, room)
    if reception.carrier == .putRequest && moved != 0 {
      return fetch(
        Operation(
          kind: .reply, reception: reception, descriptor: UInt32(index), offset: 0, moved: moved),
        turn: &turn)
    }
    if moved != 0 {
      turn.memory.copy(
        from: reception.payload.part(offset: 0, length: Int(moved)),
        to: descriptors[index].memory.part(offset: 0, length: Int(moved)))
    }
    var event = replyEvent(reception, descriptor: index, moved: moved)
    endUse(of: index, with: &event, turn: &turn)
    return reception.refusal()
  }

  @inline(__always)
  func replyEvent(_ reception: Reception, descriptor index: Int, moved: UInt32) -> LNetEvent {
    var event = makeEvent(.reply, descriptor: index)
    event.interface = reception.interface
    event.requestedLength = reception.header.payloadLength
    event.movedLength = moved
    event.initiator = reception.header.destination.nid
    event.source = reception.header.source.nid
    return event
  }

  /// The data of a GET of ours was written into its sink, or will not be.
  package mutating func getReply(_ event: LNDEvent, turn: inout Turn) {
    precondition(messages.contains(event.message), "a driver answered a GET that it has finished")
    messages.cells[messages.slot(event.message)].isAnswered = true
    let index = Int(messages[event.message].descriptor)
    guard descriptors[index].expectedReplies > 0 else {
      // Its consumer has unlinked it; the send ends next, and says so.
      counters.droppedUnknownHandle += 1
      return
    }
    counters.replies += 1
    descriptors.cells[index].expectedReplies -= 1
    count(operationOn: index)
    if !descriptors[index].expectsResponse { stopExpecting(descriptor: index) }
    var reply = makeEvent(.reply, descriptor: index)
    reply.interface = event.interface
    reply.source = messages[event.message].message.header.destination.nid
    if event.status < 0 {
      reply.status = event.status
    } else {
      reply.movedLength = min(UInt32(event.status), descriptors[index].length)
      reply.requestedLength = reply.movedLength
    }
    endUse(of: index, with: &reply, turn: &turn)
  }

  /// The descriptor that a response names, if it expects one from this node (spec 01 §3.4, §4.4).
  private mutating func answered(
    _ handle: WireHandle, by reception: Reception, isReply: Bool, at time: UInt64
  ) -> Int? {
    guard handle.interfaceCookie == interfaceCookie,
      let index = find(DescriptorHandle(raw: handle.objectCookie)),
      descriptors[index].entry == noCell, descriptors[index].threshold != 0,
      !descriptors[index].isAborted
    else {
      counters.droppedUnknownHandle += 1
      return nil
    }
    let expected =
      isReply ? descriptors[index].expectedReplies : descriptors[index].expectedAcknowledgements
    let source = reception.header.source.nid
    let responder = descriptors[index].responder
    guard expected > 0, source == responder || areOneNode(source, responder) else {
      counters.droppedUnexpectedResponse += 1
      note(.unexpectedResponse, reception.peer, handle.objectCookie, at: time)
      return nil
    }
    return index
  }
}
