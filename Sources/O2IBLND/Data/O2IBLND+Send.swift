internal import BasicContainers
package import LNet
internal import LustreWire
package import RDMATransport
package import Structures

extension O2IBLND {
  /// Takes a message of LNet; exactly one `finished` will come for it. It is `inout` only so that it is not copied.
  package mutating func send(_ message: inout LNDMessage, _ turn: inout Turn) {
    let slot = Int(interfaceSlots[Int(message.interface)])
    precondition(slot >= 0, "LNet names an NI that this driver does not have")
    guard !isStopping && !isDeviceRemoved else {
      refuse(&message, .localError, -Errno.networkDown)
      return
    }
    guard message.payload.length <= LNetLimits.maximumPayloadBytes,
      message.sink.length <= LNetLimits.maximumPayloadBytes
    else {
      refuse(&message, .localError, -Errno.messageSize)
      return
    }
    let kind = carrier(of: &message)
    guard let t = transmits.take(kind: kind, reserve: limits.transmitReserve) else {
      counters.transmitsExhausted += 1
      refuse(&message, .localDropped, -Errno.noMemory)
      return
    }
    transmits.slots[Int(t)].carry(&message)
    if transmits.slots[Int(t)].isInPlace {
      // The header's place lies in front of the payload: no copy of it is kept.
      let offset = message.payload.offset - UInt32(LNetHeader.byteCount)
      let place = BufferRef(
        slot: message.payload.slot, generation: message.payload.generation, offset: offset,
        length: UInt32(LNetHeader.byteCount))
      var bytes = turn.memory.messages.mutableBytes(place)
      message.header.encode(into: &bytes)
    } else {
      transmits.slots[Int(t)].header = message.header
    }
    if let p = findPeer(message.peer, slot), peers[p].ring >= 0 {
      enqueue(t, on: nextConnection(p), &turn)
    } else {
      park(t, message.peer, slot, &turn)
    }
  }

  private mutating func refuse(_ message: inout LNDMessage, _ outcome: SendOutcome, _ status: Int32)
  {
    report(
      LNDEvent(
        kind: .finished, interface: message.interface, peer: message.peer, status: status,
        outcome: outcome, message: message.id))
  }

  /// IMMEDIATE or RDMA (spec 02 §6.1).
  @inline(__always)
  private mutating func carrier(of message: inout LNDMessage) -> O2IBMessageType {
    let most = O2IBProtocol.maximumImmediatePayloadBytes
    switch message.header.body {
    case .get:
      // To a router a GET goes as it is, and so does one whose answer is a REPLY.
      let isDirect = message.header.destination.nid == message.peer
      return isDirect && message.sink.isBulk && message.sink != .none && message.sink.length > most
        ? .getRequest : .immediate
    case .put, .reply: return message.payload.length > most ? .putRequest : .immediate
    case .ack, .hello: return .immediate
    }
  }

  /// No connection is there: the message waits, and a connection is sought.
  private mutating func park(_ t: UInt32, _ nid: NID, _ interface: Int, _ turn: inout Turn) {
    guard let p = findPeer(nid, interface) ?? takePeer(nid, interface, &turn) else {
      counters.resourcesExhausted += 1
      fail(t, .localDropped, -Errno.noMemory, &turn)
      return
    }
    guard Int(peers[p].pending.count) < limits.pendingPerPeer else {
      counters.pendingExhausted += 1
      fail(t, .localDropped, -Errno.noMemory, &turn)
      return
    }
    transmits.slots[Int(t)].owner = Int32(p)
    transmits.slots[Int(t)].deadline = turn.now &+ configuration.waitNanoseconds
    transmits.append(t, to: &peers[p].pending, as: .pending)
    seekConnection(p, &turn)
    tidyPeer(p, &turn)
  }

  /// Gives a transmit to a connection, for `flush` to post.
  mutating func enqueue(_ t: UInt32, on c: Int, _ turn: inout Turn) {
    place(t, on: c, turn.now)
    if connections[c].timerIsLong { scheduleCheck(c, &turn) }
    markDirty(c)
  }

  /// Puts a transmit into the queue of its kind on a connection.
  mutating func place(_ t: UInt32, on c: Int, _ now: UInt64) {
    transmits.slots[Int(t)].owner = Int32(c)
    transmits.slots[Int(t)].deadline = now &+ configuration.timeoutNanoseconds
    switch tables.credits[transmits.slots[Int(t)].kind] {
    case .none, .connection:
      transmits.append(t, to: &connections[c].uncredited, as: .uncredited)
    case .credited: transmits.append(t, to: &connections[c].credited, as: .credited)
    case .reserved: transmits.append(t, to: &connections[c].reserved, as: .reserved)
    }
  }

  /// A message that LNet no longer wants: ends now if nothing of it is on the wire, else in its
  /// time.
  package mutating func cancel(message: Handle, _ turn: inout Turn) {
    for slot in 0..<transmits.capacity {
      let t = UInt32(slot)
      guard transmits.slots[Int(t)].isMessage, transmits.slots[Int(t)].message == message else {
        continue
      }
      switch transmits.slots[Int(t)].place {
      case .free: continue
      case .pending:
        let p = Int(transmits.slots[Int(t)].owner)
        transmits.remove(t, from: &peers[p].pending)
        fail(t, .localInterrupted, -Errno.canceled, &turn)
        tidyPeer(p, &turn)
      case .credited:
        let c = Int(transmits.slots[Int(t)].owner)
        transmits.remove(t, from: &connections[c].credited)
        if transmits.slots[Int(t)].isReserved { connections[c].credits.cancelReservation() }
        fail(t, .localInterrupted, -Errno.canceled, &turn)
      case .reserved:
        transmits.remove(t, from: &connections[Int(transmits.slots[Int(t)].owner)].reserved)
        fail(t, .localInterrupted, -Errno.canceled, &turn)
      case .taken, .uncredited, .inFlight, .awaiting: break
      }
      return
    }
  }

  // MARK: - How a transmit ends

  /// Ends a transmit without success, and tells LNet if it waits for it.
  mutating func fail(_ t: UInt32, _ outcome: SendOutcome, _ status: Int32, _ turn: inout Turn) {
    end(t, outcome, status < 0 ? status : -Errno.connectionAborted, &turn)
  }

  /// Ends a transmit: gives its piece back and tells LNet what became of it.
  mutating func end(_ t: UInt32, _ outcome: SendOutcome, _ status: Int32, _ turn: inout Turn) {
    let slot = Int(t)
    if let event = Self.end(&transmits.slots[slot], outcome, status, &turn) { report(event) }
    transmits.free(t)
  }

  /// What LNet is told of the end.
  @inline(__always)
  private static func end(
    _ transmit: inout Transmit, _ outcome: SendOutcome, _ status: Int32, _ turn: inout Turn
  ) -> LNDEvent? {
    if transmit.piece != .none {
      turn.memory.messages.release(transmit.piece)
      transmit.piece = .none
    }
    if transmit.isMessage {
      return LNDEvent(
        kind: .finished, interface: transmit.interface, peer: transmit.peer, status: status,
        outcome: outcome, message: transmit.message)
    }
    guard transmit.hasTicket else { return nil }
    return LNDEvent(
      kind: transmit.kind == .putAcknowledge ? .putDone : .getServed,
      interface: transmit.interface, peer: transmit.peer, status: status, outcome: outcome,
      ticket: transmit.ticket)
  }

  mutating func releasePiece(_ t: UInt32, _ turn: inout Turn) {
    guard transmits.slots[Int(t)].piece != .none else { return }
    turn.memory.messages.release(transmits.slots[Int(t)].piece)
    transmits.slots[Int(t)].piece = .none
  }
}
