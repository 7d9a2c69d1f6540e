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

  /// How it is answered when it is dropped or empty.
  func refusal(_ status: Int32 = 0) -> ReceptionAnswer {
    switch carrier {
    case .immediate, .local: .consumed
    case .putRequest: .refusePut(status: status)
    case .getRequest: .refuseGet(status: status == 0 ? Errno.noData : status)
    }
  }
}

extension LNet {
  /// Hands in what a driver reports. The result is the answer to a reception; nil for reports that have none.
  package mutating func handle(_ event: LNDEvent, turn: inout Turn) -> ReceptionAnswer? {
    switch event.kind {
    case .immediate, .putRequest, .getRequest: return received(event, turn: &turn)
    case .putDone: putDone(event, turn: &turn)
    case .getServed: getServed(event, turn: &turn)
    case .finished: finished(event, turn: &turn)
    case .getReply: getReply(event, turn: &turn)
    case .peerDown: peerDown(event, turn: &turn)
    }
    return nil
  }

  /// A message has come: checks its header (spec 01 §3.5) and delivers it.
  package mutating func received(_ event: LNDEvent, turn: inout Turn) -> ReceptionAnswer {
    let headerOffset = Int(event.headerOffset)
    let header: LNetHeader
    do {
      header = try LNetHeader(decoding: turn.memory.bytes(event.piece), at: headerOffset)
    } catch {
      return violation(event.peer, value: 0, at: turn.now)
    }
    if case .hello = header.body { return violation(event.peer, value: 4, at: turn.now) }
    var reception = Reception(
      carrier: .immediate, interface: event.interface, id: event.reception, message: .none,
      peer: event.peer, sender: .none, header: header, payload: .none)
    switch event.kind {
    case .putRequest: reception.carrier = .putRequest
    case .getRequest: reception.carrier = .getRequest
    default: break
    }
    if let answer = checkAddresses(reception, at: turn.now) { return answer }
    counters.messagesReceived += 1
    counters.bytesReceived += UInt64(header.payloadLength)
    if reception.carrier == .immediate {
      let start = headerOffset + LNetHeader.byteCount
      guard Int(event.piece.length) - start >= Int(header.payloadLength) else {
        // The message fails, the connection stays (spec 02 §6.1).
        counters.droppedShortPayload += 1
        return .consumed
      }
      if header.payloadLength != 0 {
        reception.payload = event.piece.part(offset: start, length: Int(header.payloadLength))
      }
    }
    if impairedCount != 0 { noteArrival(from: header.source.nid, turn: &turn) }
    return deliver(&reception, turn: &turn)
  }

  /// The address checks of spec 01 §3.5, in their order; nil when all is well.
  @inline(__always)
  private mutating func checkAddresses(
    _ reception: Reception, at time: UInt64
  ) -> ReceptionAnswer? {
    let own = interfaces[Int(reception.interface)].nid
    let destination = reception.header.destination.nid
    let source = reception.header.source.nid
    if destination != own {
      // Mis-addressed on this network, or meant for another of our interfaces; an RDMA GET may never be routed.
      if destination.net == own.net || ownInterface(destination) != nil
        || reception.carrier == .getRequest
      {
        return violation(
          reception.peer, value: UInt64(reception.header.body.type), at: time)
      }
      counters.droppedForeignNetwork += 1
      return reception.refusal()
    }
    // What comes from our own network was not routed: its source is the node that sent it.
    if source != reception.peer && (source.net == own.net || !source.isLegal) {
      counters.droppedForeignSource += 1
      note(.foreignSource, reception.peer, source.rawValue, at: time)
      return reception.refusal()
    }
    return nil
  }

  private mutating func violation(
    _ peer: NID, value: UInt64, at time: UInt64
  ) -> ReceptionAnswer {
    counters.protocolErrors += 1
    note(.protocolError, peer, value, at: time)
    return .protocolError
  }

  /// Delivers a message whose header is sound.
  mutating func deliver(_ reception: inout Reception, turn: inout Turn) -> ReceptionAnswer {
    switch reception.header.body {
    case .put(let put):
      counters.puts += 1
      guard meets(&reception, turn: &turn) else { return reception.refusal() }
      if put.portal == .reserved { return pushArrived(reception, put, turn: &turn) }
      return deliverPut(reception, put, turn: &turn)
    case .get(let get):
      counters.gets += 1
      guard meets(&reception, turn: &turn) else { return reception.refusal() }
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

  /// Finds the peer interface that sent it, or makes its acquaintance; false when there is no room.
  @inline(__always)
  private mutating func meets(_ reception: inout Reception, turn: inout Turn) -> Bool {
    guard reception.carrier != .local else { return true }
    let sender = findOrCreate(reception.header.source.nid, turn: &turn)
    guard sender != .none else {
      counters.droppedNoSlot += 1
      return false
    }
    reception.sender = sender
    return true
  }

  /// The primary NID of the node that sent it.
  func initiator(of reception: Reception) -> NID {
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
    let isKept = lateAnswers.append(
      LateAnswer(interface: reception.interface, reception: reception.id, answer: answer))
    precondition(isKept, "the node called in without room for late answers")
  }
}
