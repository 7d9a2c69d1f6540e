internal import BasicContainers
package import LNet
internal import LustreWire
package import RDMATransport
internal import Structures

extension O2IBLND {
  // MARK: - The peer's requests

  /// Carries LNet's answer to a reception. `held` does nothing: another answer follows.
  package mutating func answer(
    _ id: ReceptionID, _ answer: ReceptionAnswer, _ turn: inout Turn
  ) {
    switch answer {
    case .held: break
    case .consumed: consumed(id, &turn)
    case .acceptPut(let sink, let ticket): acceptPut(id, sink: sink, ticket: ticket, &turn)
    case .refusePut(let status): refusePut(id, status: status, &turn)
    case .serveGet(let source, let ticket): serveGet(id, source: source, ticket: ticket, &turn)
    case .refuseGet(let status): refuseGet(id, status: status, &turn)
    case .protocolError: protocolError(id, &turn)
    }
  }

  /// Ends a reception. The connection is nil when it is gone or going; its buffer is then taken
  /// care of.
  private mutating func take(
    _ id: ReceptionID, _ turn: inout Turn
  ) -> (reception: Reception, connection: Int?) {
    receptions.free(id.raw)
    let reception = receptions.slots[id.raw.slot]
    guard let c = connection(reception.connection) else {
      counters.staleAnswers += 1
      turn.memory.messages.release(reception.piece)
      return (reception, nil)
    }
    receives[receiveSlot(c, Int(reception.receive))].holder = .connection
    if connections[c].state == .established { return (reception, c) }
    counters.staleAnswers += 1
    return (reception, nil)
  }

  /// LNet has read an IMMEDIATE, or dropped it.
  package mutating func consumed(_ id: ReceptionID, _ turn: inout Turn) {
    precondition(receptions.contains(id.raw), "an answer to a reception that is answered")
    let slot = id.raw.slot
    let index = Int(receptions.slots[slot].receive)
    guard let c = connection(receptions.slots[slot].connection),
      connections[c].state == .established
    else {
      _ = take(id, &turn)
      return
    }
    receptions.free(live: slot)
    repost(c, index, tables.credits[.immediateConsumed], &turn)
  }

  /// The header of a message breaks the protocol: the connection closes (spec 01 §3.5).
  package mutating func protocolError(_ id: ReceptionID, _ turn: inout Turn) {
    let (_, connection) = take(id, &turn)
    counters.headersRefused += 1
    guard let c = connection else { return }
    closeForViolation(c, .headerRefused, status: -Errno.protocolError, &turn)
  }

  /// A PUT_REQ is wanted: the peer shall write into the sink.
  package mutating func acceptPut(
    _ id: ReceptionID, sink: BufferRef, ticket: UInt32, _ turn: inout Turn
  ) {
    let (reception, connection) = take(id, &turn)
    precondition(reception.kind == .putRequest, "the answer does not fit the message")
    guard let c = connection else {
      reportTicket(.putDone, reception, ticket, -Errno.connectionAborted)
      return
    }
    guard sink.isBulk, sink.length > 0 else {
      // Nothing to write, or nothing that a peer may write to.
      let status = sink.length == 0 ? 0 : -Errno.fault
      reportTicket(.putDone, reception, ticket, status)
      sendNak(c, reception, status, &turn)
      return
    }
    guard let t = takeAnswer(.putAcknowledge, c, reception, &turn) else {
      reportTicket(.putDone, reception, ticket, -Errno.noMemory)
      return
    }
    transmits.slots[Int(t)].hasTicket = true
    transmits.slots[Int(t)].ticket = ticket
    transmits.slots[Int(t)].sink = sink
    repost(c, Int(reception.receive), tables.credits[.putAcknowledged], &turn)
    enqueue(t, on: c, &turn)
  }

  /// A PUT_REQ is not wanted (status 0) or not possible.
  package mutating func refusePut(_ id: ReceptionID, status: Int32, _ turn: inout Turn) {
    let (reception, connection) = take(id, &turn)
    precondition(reception.kind == .putRequest, "the answer does not fit the message")
    guard let c = connection else { return }
    sendNak(c, reception, min(status, 0), &turn)
  }

  private mutating func sendNak(
    _ c: Int, _ reception: Reception, _ status: Int32, _ turn: inout Turn
  ) {
    guard let t = takeAnswer(.putNak, c, reception, &turn) else { return }
    transmits.slots[Int(t)].status = status
    repost(c, Int(reception.receive), tables.credits[.putRefused], &turn)
    enqueue(t, on: c, &turn)
  }

  /// These bytes are the answer to a GET_REQ. Its status is never more than the sink takes (§15.2).
  package mutating func serveGet(
    _ id: ReceptionID, source: BufferRef, ticket: UInt32, _ turn: inout Turn
  ) {
    let (reception, connection) = take(id, &turn)
    precondition(reception.kind == .getRequest, "the answer does not fit the message")
    guard let c = connection else {
      reportTicket(.getServed, reception, ticket, -Errno.connectionAborted)
      return
    }
    var status = Int32(bitPattern: source.length)
    if source.length > reception.sinkByteCount {
      status = -Errno.protocolError
    } else if writeCount(reception.remote, bytes: Int(source.length), c, &turn)
      > Int(min(connections[c].maximumFragments, limits.maximumFragments))
    {
      status = -Errno.messageSize
    }
    sendGetDone(c, reception, status, source: source, ticket: ticket, &turn)
  }

  /// A GET_REQ matched nothing, or its data cannot be had.
  package mutating func refuseGet(_ id: ReceptionID, status: Int32, _ turn: inout Turn) {
    let (reception, connection) = take(id, &turn)
    precondition(reception.kind == .getRequest, "the answer does not fit the message")
    guard let c = connection else { return }
    sendGetDone(
      c, reception, status < 0 ? status : -Errno.io, source: .none, ticket: nil, &turn)
  }

  private mutating func sendGetDone(
    _ c: Int, _ reception: Reception, _ status: Int32, source: BufferRef, ticket: UInt32?,
    _ turn: inout Turn
  ) {
    guard let t = takeAnswer(.getDone, c, reception, &turn) else {
      if let ticket { reportTicket(.getServed, reception, ticket, -Errno.noMemory) }
      return
    }
    transmits.slots[Int(t)].status = status
    if let ticket {
      transmits.slots[Int(t)].hasTicket = true
      transmits.slots[Int(t)].ticket = ticket
    }
    if status > 0 {
      transmits.slots[Int(t)].payload = source
      transmits.slots[Int(t)].walk = FragmentWalk(total: Int(status))
      transmits.slots[Int(t)].remote = reception.remote
    }
    if status > 0 && reception.remote.fragmentCount > 1 {
      // The buffer holds the fragments that are still to be walked.
      receives[receiveSlot(c, Int(reception.receive))].holder = .message
    } else {
      repost(c, Int(reception.receive), tables.credits[.getAnswered], &turn)
    }
    enqueue(t, on: c, &turn)
  }

  /// A transmit for an answer; without one the request cannot be answered, and the connection
  /// closes.
  private mutating func takeAnswer(
    _ kind: O2IBMessageType, _ c: Int, _ reception: Reception, _ turn: inout Turn
  ) -> UInt32? {
    guard let t = transmits.take(kind: kind, reserve: 0) else {
      counters.transmitsExhausted += 1
      closeForViolation(c, .resourcesExhausted, status: -Errno.noMemory, &turn)
      return nil
    }
    transmits.slots[Int(t)].interface = reception.interface
    transmits.slots[Int(t)].peer = reception.peer
    transmits.slots[Int(t)].remoteCookie = reception.cookie
    return t
  }

  private mutating func reportTicket(
    _ kind: LNDEvent.Kind, _ reception: Reception, _ ticket: UInt32, _ status: Int32
  ) {
    report(
      LNDEvent(
        kind: kind, interface: reception.interface, peer: reception.peer, status: status,
        outcome: status < 0 ? .localError : .success, ticket: ticket))
  }

  // MARK: - Descriptors

  /// A GET_REQ: its descriptor is checked before LNet sees it; a bad one is refused on the wire.
  mutating func getRequested(
    _ request: O2IBGetRequest, _ c: Int, _ index: Int, _ whole: BufferRef, _ turn: inout Turn
  ) {
    let most = UInt64(LNetLimits.maximumPayloadBytes)
    let remote = remoteMemory(request.descriptor, index, whole, &turn)
    if let total = byteCount(of: request.descriptor, whole, &turn), total <= most {
      if let id = deliver(.getRequest, c, index, whole, &turn) {
        receptions.slots[id.slot].cookie = request.cookie
        receptions.slots[id.slot].remote = remote
        receptions.slots[id.slot].sinkByteCount = UInt32(total)
      }
      return
    }
    counters.descriptorsRefused += 1
    log(.descriptorRefused, c, number: Int64(request.descriptor.fragmentCount), at: turn.now)
    let reception = Reception(
      connection: handle(of: c), piece: whole, receive: UInt16(index), kind: .getRequest,
      interface: connections[c].lnetInterface, peer: connections[c].peerNID, cookie: request.cookie,
      remote: remote)
    sendGetDone(c, reception, -Errno.protocolError, source: .none, ticket: nil, &turn)
  }

  private mutating func remoteMemory(
    _ descriptor: RDMADescriptor, _ index: Int, _ whole: BufferRef, _ turn: inout Turn
  ) -> RemoteMemory {
    RemoteMemory(
      key: descriptor.remoteKey, fragmentCount: UInt16(descriptor.fragmentCount),
      swapped: descriptor.swapped, fragmentsOffset: UInt16(descriptor.fragmentsOffset),
      receive: descriptor.fragmentCount > 1 ? UInt16(index) : ReceiveQueue.end,
      first: descriptor.fragment(at: 0, in: turn.memory.messages.bytes(whole)))
  }

  /// The bytes that a descriptor has room for; nil when a fragment is empty or runs over the end of
  /// the address space.
  private mutating func byteCount(
    of descriptor: RDMADescriptor, _ whole: BufferRef, _ turn: inout Turn
  ) -> UInt64? {
    var total: UInt64 = 0
    for index in 0..<descriptor.fragmentCount {
      let fragment = descriptor.fragment(at: index, in: turn.memory.messages.bytes(whole))
      let (_, overflow) = fragment.address.addingReportingOverflow(UInt64(fragment.byteCount))
      if fragment.byteCount == 0 || overflow { return nil }
      total += UInt64(fragment.byteCount)
    }
    return total
  }

  /// How many WRITEs it takes to fill so many bytes of the peer's memory from one piece of ours.
  private mutating func writeCount(
    _ remote: RemoteMemory, bytes: Int, _ c: Int, _ turn: inout Turn
  ) -> Int {
    var walk = FragmentWalk(total: bytes)
    var count = 0
    while !walk.isDone {
      let fragment = fragment(walk.sinkIndex, of: remote, c, &turn)
      _ = walk.step(sourceByteCount: bytes, sinkByteCount: Int(fragment.byteCount))
      count += 1
    }
    return count
  }

  // MARK: - Answers to our requests

  /// PUT_ACK: the sink tells where the data goes (spec 02 §6.3).
  mutating func putAcknowledged(
    _ acknowledge: O2IBPutAcknowledge, _ c: Int, _ index: Int, _ whole: BufferRef,
    _ turn: inout Turn
  ) {
    guard let t = outstanding(acknowledge.sourceCookie, .putRequest, c) else {
      unknownCookie(c, .putAcknowledge, &turn)
      return
    }
    let descriptor = acknowledge.descriptor
    let total = byteCount(of: descriptor, whole, &turn)
    transmits.slots[Int(t)].remoteCookie = acknowledge.sinkCookie
    transmits.slots[Int(t)].remote = remoteMemory(descriptor, index, whole, &turn)
    transmits.slots[Int(t)].answer = .proceed
    if let total, total <= UInt64(transmits.slots[Int(t)].payload.length) {
      let most = min(connections[c].maximumFragments, limits.maximumFragments)
      transmits.slots[Int(t)].status =
        descriptor.fragmentCount > Int(most) ? -Errno.messageSize : Int32(total)
    } else {
      counters.descriptorsRefused += 1
      log(
        .descriptorRefused, c, number: Int64(clamping: total ?? 0),
        limit: Int64(transmits.slots[Int(t)].payload.length), at: turn.now)
      transmits.slots[Int(t)].status = -Errno.protocolError
    }
    if transmits.slots[Int(t)].status > 0 && descriptor.fragmentCount > 1 {
      receives[receiveSlot(c, index)].holder = .message
    } else {
      transmits.slots[Int(t)].remote.receive = ReceiveQueue.end
      repost(c, index, tables.credits[.putAcknowledgeReceived], &turn)
    }
    if transmits.slots[Int(t)].place == .awaiting {
      transmits.remove(t, from: &connections[c].awaiting)
      startTransfer(t, c, &turn)
    }
  }

  /// Turns a PUT_REQ that is acknowledged and done with into its data and PUT_DONE.
  mutating func startTransfer(_ t: UInt32, _ c: Int, _ turn: inout Turn) {
    transmits.slots[Int(t)].kind = .putDone
    transmits.slots[Int(t)].answer = .none
    if transmits.slots[Int(t)].status > 0 {
      transmits.slots[Int(t)].walk = FragmentWalk(total: Int(transmits.slots[Int(t)].status))
    }
    guard connections[c].state == .established else {
      fail(t, connections[c].closeOutcome, connections[c].closeStatus, &turn)
      return
    }
    enqueue(t, on: c, &turn)
  }

  /// PUT_NAK, PUT_DONE, GET_DONE: a transfer is over.
  mutating func answered(
    _ kind: O2IBMessageType, _ completion: O2IBCompletion, _ cause: RepostCause, _ c: Int,
    _ index: Int, _ turn: inout Turn
  ) {
    guard let t = outstanding(completion.cookie, kind, c) else {
      unknownCookie(c, kind, &turn)
      return
    }
    let limit = kind == .putRequest ? 0 : transmits.slots[Int(t)].sink.length
    if completion.status > 0 && UInt32(completion.status) > limit && kind != .putRequest {
      counters.statusBeyondSink += 1
      closeForViolation(
        c, .statusBeyondSink, number: Int64(completion.status), limit: Int64(limit),
        status: -Errno.protocolError, &turn)
      return
    }
    // Bytes, or an errno; no peer makes it anything else.
    transmits.slots[Int(t)].status = max(completion.status, -Errno.largest)
    transmits.slots[Int(t)].answer = .done
    repost(c, index, tables.credits[cause], &turn)
    if transmits.slots[Int(t)].place == .awaiting {
      transmits.remove(t, from: &connections[c].awaiting)
      finishTransfer(t, &turn)
    }
  }

  /// The transmit that waits for this answer on this connection; nil for a cookie that is forged,
  /// used up or another connection's.
  private mutating func outstanding(_ cookie: UInt64, _ kind: O2IBMessageType, _ c: Int) -> UInt32?
  {
    guard let t = transmits.find(cookie: cookie), transmits.slots[Int(t)].kind == kind,
      transmits.slots[Int(t)].answer == .none, Int(transmits.slots[Int(t)].owner) == c,
      transmits.slots[Int(t)].place == .awaiting || transmits.slots[Int(t)].place == .inFlight
    else { return nil }
    return t
  }

  private mutating func unknownCookie(_ c: Int, _ kind: O2IBMessageType, _ turn: inout Turn) {
    counters.unknownCookies += 1
    closeForViolation(
      c, .unknownCookie, number: Int64(kind.rawValue), status: -Errno.protocolError, &turn)
  }

  /// The answer has come and our own message is off the wire: tell LNet (spec 02 §6.9).
  mutating func finishTransfer(_ t: UInt32, _ turn: inout Turn) {
    let status = transmits.slots[Int(t)].status
    let outcome: SendOutcome = status < 0 ? .remoteError : .success
    if transmits.slots[Int(t)].kind == .getRequest {
      report(
        LNDEvent(
          kind: .getReply, interface: transmits.slots[Int(t)].interface,
          peer: transmits.slots[Int(t)].peer,
          status: status, outcome: outcome, message: transmits.slots[Int(t)].message))
    }
    end(t, outcome, status, &turn)
  }
}
