internal import BasicContainers
internal import LustreWire
package import RDMATransport
internal import Structures

/// A message on its way up: its header, and where its answer must go.
struct Reception: BitwiseCopyable {
  enum Carrier: UInt8, BitwiseCopyable {
    /// The payload lies in `payload`.
    case immediate
    /// The payload waits at the peer.
    case putRequest
    /// The peer wants the data written.
    case getRequest
    /// It is our own message `message`, to ourselves; the payload lies in `payload`.
    case local

    /// How a message is answered when it is dropped or empty.
    func refusal(_ status: Int32 = 0) -> ReceptionAnswer {
      switch self {
      case .immediate, .local: .consumed
      case .putRequest: .refusePut(status: status)
      case .getRequest: .refuseGet(status: status == 0 ? Errno.noData : status)
      }
    }

    /// Whether a message of this type may come this way (spec 02 §6.3, §6.4).
    @inline(__always)
    func mayCarry(_ body: LNetBody) -> Bool {
      switch (self, body) {
      case (.immediate, _), (.local, _), (.putRequest, .put), (.putRequest, .reply),
        (.getRequest, .get):
        true
      default: false
      }
    }
  }

  var carrier: Carrier
  var interface: UInt8
  var id: ReceptionID
  var message: Handle
  /// Whom responses go to: the LND-level sender.
  var peer: NID
  var sender: PeerInterfaceRef
  var header: LNetHeader
  var payload: BufferRef

  /// What unused cells of tables hold.
  static func filler(_ header: LNetHeader) -> Reception {
    Reception(
      carrier: .immediate, interface: 0, id: ReceptionID(raw: .none), message: .none, peer: .any,
      sender: .none, header: header, payload: .none)
  }

  /// How it is answered when it is dropped or empty.
  func refusal(_ status: Int32 = 0) -> ReceptionAnswer { carrier.refusal(status) }
}

extension LNet {
  /// Hands in what a driver reports. The result is the answer to a reception; nil for reports that have none.
  ///
  /// The event is `inout` only so that it is not copied.
  package mutating func handle(_ event: inout LNDEvent, turn: inout Turn) -> ReceptionAnswer? {
    switch event.kind {
    case .immediate, .putRequest, .getRequest: return received(&event, turn: &turn)
    case .putDone: putDone(event, turn: &turn)
    case .getServed: getServed(event, turn: &turn)
    case .finished: finished(event.message, event.outcome, status: event.status, turn: &turn)
    case .getReply: getReply(event, turn: &turn)
    case .peerDown: peerDown(event, turn: &turn)
    case .peerLeft: break
    }
    return nil
  }

  /// A message has come: checks its header (spec 01 §3.5) and delivers it.
  package mutating func received(_ event: inout LNDEvent, turn: inout Turn) -> ReceptionAnswer {
    let headerOffset = Int(event.headerOffset)
    let header: LNetHeader
    do {
      header = try LNetHeader(decoding: turn.memory.bytes(event.piece), at: headerOffset)
    } catch {
      note(violationBy: event.peer, type: 0, at: turn.now)
      return .protocolError
    }
    let carrier: Reception.Carrier =
      switch event.kind {
      case .putRequest: .putRequest
      case .getRequest: .getRequest
      default: .immediate
      }
    guard carrier.mayCarry(header.body) else {
      note(violationBy: event.peer, type: header.body.type, at: turn.now)
      return .protocolError
    }
    switch checkAddresses(&event, carrier, header, at: turn.now) {
    case .sound: break
    case .violation: return .protocolError
    case .dropped: return carrier.refusal()
    }
    counters.messagesReceived &+= 1
    counters.bytesReceived &+= UInt64(header.payloadLength)
    var payload = BufferRef.none
    if carrier == .immediate {
      let start = headerOffset + LNetHeader.byteCount
      guard Int(event.piece.length) - start >= Int(header.payloadLength) else {
        // The message fails, the connection stays (spec 02 §6.1).
        counters.droppedShortPayload += 1
        return .consumed
      }
      if header.payloadLength != 0 {
        payload = event.piece.part(offset: start, length: Int(header.payloadLength))
      }
    }
    strengthen(ownInterface: Int(event.interface))
    if impairedCount != 0 { noteArrival(from: header.source.nid, turn: &turn) }
    var sender = PeerInterfaceRef.none
    switch header.body {
    case .put, .get:
      sender = findOrCreate(header.source.nid, turn: &turn)
      guard sender != .none else {
        counters.droppedNoSlot += 1
        return carrier.refusal()
      }
    case .ack, .reply, .hello: break
    }
    // Not a variable: it is passed on without being copied.
    let reception = Reception(
      carrier: carrier, interface: event.interface, id: event.reception, message: .none,
      peer: event.peer, sender: sender, header: header, payload: payload)
    return deliver(reception, turn: &turn)
  }

  private enum AddressCheck {
    case sound, violation, dropped
  }

  /// The checks of spec 01 §3.5 that decoding has not made, in their order.
  @inline(__always)
  private mutating func checkAddresses(
    _ event: inout LNDEvent, _ carrier: Reception.Carrier, _ header: LNetHeader, at time: UInt64
  ) -> AddressCheck {
    if case .hello = header.body {
      note(violationBy: event.peer, type: header.body.type, at: time)
      return .violation
    }
    let own = interfaces[Int(event.interface)].nid
    let destination = header.destination.nid
    let source = header.source.nid
    if destination != own {
      // Mis-addressed on this network, or meant for another of our interfaces; an RDMA GET may never be routed.
      if destination.net == own.net || ownInterface(destination) != nil
        || carrier == .getRequest
      {
        note(violationBy: event.peer, type: header.body.type, at: time)
        return .violation
      }
      counters.droppedForeignNetwork += 1
      return .dropped
    }
    // What comes from our own network was not routed: its source is the node that sent it.
    if source != event.peer && (source.net == own.net || !source.isLegal) {
      counters.droppedForeignSource += 1
      note(.foreignSource, event.peer, source.rawValue, at: time)
      return .dropped
    }
    return .sound
  }

  private mutating func note(violationBy peer: NID, type: UInt32, at time: UInt64) {
    counters.protocolErrors += 1
    note(.protocolError, peer, UInt64(type), at: time)
  }

  /// Delivers a message whose header is sound.
  mutating func deliver(_ reception: Reception, turn: inout Turn) -> ReceptionAnswer {
    switch reception.header.body {
    case .put(let put):
      counters.puts += 1
      if put.portal == .reserved { return pushArrived(reception, put, turn: &turn) }
      return deliverPut(reception, put, turn: &turn)
    case .get(let get):
      counters.gets += 1
      if get.portal == .reserved { return answerPing(reception, get, turn: &turn) }
      return deliverGet(reception, get, turn: &turn)
    case .ack(let acknowledge):
      counters.acknowledgements += 1
      return deliverAcknowledge(reception, acknowledge, turn: &turn)
    case .reply(let reply):
      counters.replies += 1
      return deliverReply(reception, reply, turn: &turn)
    case .hello:
      preconditionFailure("a HELLO was let through")
    }
  }

  /// The primary NID of the node that sent it.
  @inline(__always)
  mutating func initiator(of reception: Reception) -> NID {
    // While it waited, its peer may have been forgotten.
    guard isLive(reception.sender) else { return reception.header.source.nid }
    return peers[Int(peerInterfaces[reception.sender.slot].peer)].primary
  }

  /// Gives a held reception its answer.
  mutating func settle(
    _ reception: Reception, _ answer: ReceptionAnswer, turn: inout Turn
  ) {
    if case .held = answer { return }
    if reception.carrier == .local {
      complete(reception.message, status: 0, turn: &turn)
      return
    }
    answerLate(reception.interface, reception.id, answer)
  }

  mutating func answerLate(_ interface: UInt8, _ id: ReceptionID, _ answer: ReceptionAnswer) {
    let isKept = lateAnswers.append(
      LateAnswer(interface: interface, reception: id, answer: answer))
    precondition(isKept, "the node called in without room for late answers")
  }
}
