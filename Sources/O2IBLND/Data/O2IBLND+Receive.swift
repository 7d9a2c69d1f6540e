internal import BasicContainers
internal import LNet
internal import LustreWire
package import RDMATransport
internal import Structures

extension O2IBLND {
  /// Whether the next message that comes finds a place; else the events must be taken out first.
  package var hasReception: Bool { mutating get { !receptions.isFull } }

  /// Takes a completed work request.
  package mutating func completionReceived(_ completion: WorkCompletion, _ turn: inout Turn) {
    let id = WorkID(raw: completion.id)
    guard let c = connection(id.connection) else {
      counters.staleCompletions += 1
      return
    }
    if id.isSend {
      sendCompleted(c, id.number, completion, &turn)
    } else {
      receiveCompleted(c, Int(id.number), completion, &turn)
    }
  }

  private mutating func receiveCompleted(
    _ c: Int, _ index: Int, _ completion: WorkCompletion, _ turn: inout Turn
  ) {
    let slot = receiveSlot(c, index)
    guard index < Int(connections[c].receiveCount), receives[slot].holder == .device else {
      counters.staleCompletions += 1
      return
    }
    turn.memory.messages.move(receives[slot].piece, from: .posted, to: .held)
    receives[slot].holder = .connection
    connections[c].postedReceives &-= 1
    guard completion.status == .success else {
      broken(c, completion, .receiveBroken, &turn)
      return
    }
    let byteCount = min(completion.byteCount, receives[slot].piece.length)
    if connections[c].state == .established, connections[c].early.isEmpty {
      message(c, index, byteCount, &turn)
    } else {
      receivedEarlyOrLate(c, index, byteCount, &turn)
    }
  }

  @inline(never)
  private mutating func receivedEarlyOrLate(
    _ c: Int, _ index: Int, _ byteCount: UInt32, _ turn: inout Turn
  ) {
    switch connections[c].state {
    case .established: keepEarly(c, index, byteCount)
    case .connecting, .accepting:
      counters.earlyMessages += 1
      keepEarly(c, index, byteCount)
    case .free, .preparing, .replying, .closing, .destroying: finishIfClosed(c, &turn)
    }
  }

  /// A request completed with an error: the queue pair is in ERROR.
  private mutating func broken(
    _ c: Int, _ completion: WorkCompletion, _ cause: O2IBLogCause, _ turn: inout Turn
  ) {
    connections[c].sawFlush = true
    switch connections[c].state {
    case .established:
      if cause == .sendBroken { counters.brokenSends += 1 } else { counters.brokenReceives += 1 }
      log(
        cause, c, number: Int64(completion.status.rawValue),
        limit: Int64(completion.vendorError), at: turn.now)
      close(c, status: -Errno.io, &turn)
    case .free, .preparing, .replying, .connecting, .accepting: break
    case .closing, .destroying: break
    }
    finishIfClosed(c, &turn)
  }

  private mutating func finishIfClosed(_ c: Int, _ turn: inout Turn) {
    let state = connections[c].state
    if state == .closing || state == .destroying { finishIfDrained(c, &turn) }
  }

  // MARK: - Sends

  private mutating func sendCompleted(
    _ c: Int, _ number: UInt32, _ completion: WorkCompletion, _ turn: inout Turn
  ) {
    let done = connections[c].sendCompleted
    let step = (number &- done) & 0x0FFF_FFFF
    guard step > 0, step <= connections[c].sendPosted &- done else {
      counters.staleCompletions += 1
      return
    }
    let sequence = done &+ step
    connections[c].sendCompleted = sequence
    let isGood = completion.status == .success
    while connections[c].inFlight.head != TransmitQueue.end {
      let t = connections[c].inFlight.head
      let distance = Int32(bitPattern: sequence &- transmits.slots[Int(t)].lastSequence)
      guard distance >= 0 else { break }
      transmits.removeFirst(from: &connections[c].inFlight)
      connections[c].sendsInFlight &-= 1
      // Everything before a failed request has succeeded.
      let hasSucceeded = isGood || distance > 0
      if hasSucceeded, transmits.slots[Int(t)].kind == .immediate {
        end(t, .success, 0, &turn)
      } else {
        complete(t, c, isGood: hasSucceeded, &turn)
      }
    }
    if !isGood {
      broken(c, completion, .sendBroken, &turn)
    } else if connections[c].state == .established {
      if connections[c].hasQueued { markDirty(c) }
    } else {
      finishIfClosed(c, &turn)
    }
  }

  /// The wire is done with the message of a transmit.
  private mutating func complete(_ t: UInt32, _ c: Int, isGood: Bool, _ turn: inout Turn) {
    releasePiece(t, &turn)
    let kind = transmits.slots[Int(t)].kind
    if kind == .noop { connections[c].credits.noopCompleted() }
    guard isGood else {
      let isOurs = connections[c].state == .closing || connections[c].state == .destroying
      fail(
        t, isOurs ? transmits.slots[Int(t)].outcome : .remoteDropped,
        isOurs ? connections[c].closeStatus : -Errno.connectionAborted, &turn)
      return
    }
    switch kind {
    case .immediate, .noop, .putNak: end(t, .success, 0, &turn)
    case .putDone, .getDone:
      let status = transmits.slots[Int(t)].status
      end(t, status < 0 ? .localError : .success, status, &turn)
    case .putRequest, .getRequest, .putAcknowledge:
      switch transmits.slots[Int(t)].answer {
      case .none: transmits.append(t, to: &connections[c].awaiting, as: .awaiting)
      case .proceed: startTransfer(t, c, &turn)
      case .done: finishTransfer(t, &turn)
      }
    case .connectRequest, .connectAcknowledge: end(t, .success, 0, &turn)
    }
  }

  // MARK: - Messages

  /// Keeps a message until its connection is established.
  private mutating func keepEarly(_ c: Int, _ index: Int, _ byteCount: UInt32) {
    let slot = receiveSlot(c, index)
    receives[slot].holder = .message
    receives[slot].byteCount = byteCount
    receives[slot].next = ReceiveQueue.end
    if connections[c].early.isEmpty {
      connections[c].early.head = UInt16(index)
    } else {
      receives[c * receiveStride + Int(connections[c].early.tail)].next = UInt16(index)
    }
    connections[c].early.tail = UInt16(index)
  }

  mutating func receiveEarly(_ c: Int, _ turn: inout Turn) {
    while !connections[c].early.isEmpty, connections[c].state == .established {
      let index = Int(connections[c].early.head)
      let slot = receiveSlot(c, index)
      connections[c].early.head = receives[slot].next
      receives[slot].holder = .connection
      message(c, index, receives[slot].byteCount, &turn)
    }
  }

  /// What is wrong with a message.
  private enum Fault: BitwiseCopyable {
    case malformed, staleIdentity, creditOverflow, creditOverdrawn
  }

  /// What is to be known of a message when it has been checked.
  private struct Checked {
    var fault: Fault?
    var type = O2IBMessageType.immediate
    var byteCount: UInt32 = 0
    var returnsCredits = false
  }

  /// A message on an established connection: checked as spec 02 §5 and §7.2 say, then taken by its
  /// type.
  private mutating func message(
    _ c: Int, _ index: Int, _ byteCount: UInt32, _ turn: inout Turn
  ) {
    counters.messagesReceived &+= 1
    var piece = receives[receiveSlot(c, index)].piece
    piece.length = byteCount
    // Of an IMMEDIATE there is nothing more to decode.
    var other: O2IBBody?
    let checked = Self.check(&connections[c], &tables, piece, &other, &turn)
    if let fault = checked.fault {
      refuse(fault, checked.type, c, byteCount, &turn)
      return
    }
    if checked.returnsCredits, !connections[c].credited.isEmpty { markDirty(c) }
    piece.length = checked.byteCount
    if let other {
      dispatch(other, checked.type, c, index, piece, &turn)
    } else {
      deliver(.immediate, c, index, piece, &turn)
    }
  }

  @inline(__always)
  private static func check(
    _ connection: inout Connection, _ tables: inout O2IBTables, _ piece: BufferRef,
    _ other: inout O2IBBody?, _ turn: inout Turn
  ) -> Checked {
    let immediate = O2IBEnvelope.immediate(
      in: turn.memory.messages.bytes(piece), from: connection.peerNID, connection.peerStamp,
      to: connection.localNID, connection.localStamp)
    guard let immediate else { return checkAny(&connection, &tables, piece, &other, &turn) }
    var checked = Checked(byteCount: immediate.byteCount)
    account(immediate.credits, &connection, tables.credits[.immediate], &checked)
    return checked
  }

  /// Takes the credits that a message brings, and the one that it used.
  @inline(__always)
  private static func account(
    _ credits: UInt8, _ connection: inout Connection, _ needs: O2IBCreditClass,
    _ checked: inout Checked
  ) {
    if credits != 0 {
      guard connection.credits.received(returning: credits) else {
        checked.fault = .creditOverflow
        return
      }
      checked.returnsCredits = true
    }
    if needs != .none, !connection.credits.receivedCredited() {
      checked.fault = .creditOverdrawn
    }
  }

  @inline(never)
  private static func checkAny(
    _ connection: inout Connection, _ tables: inout O2IBTables, _ piece: BufferRef,
    _ other: inout O2IBBody?, _ turn: inout Turn
  ) -> Checked {
    var checked = Checked()
    let envelope: O2IBEnvelope
    do throws(WireError) {
      let bytes = turn.memory.messages.bytes(piece)
      var isSwapped = false
      envelope = try O2IBEnvelope(decoding: bytes, swapped: &isSwapped)
      if envelope.type != .immediate {
        other = try O2IBBody(of: envelope, in: bytes, swapped: isSwapped)
      }
    } catch {
      checked.fault = .malformed
      return checked
    }
    checked.type = envelope.type
    checked.byteCount = envelope.byteCount
    guard envelope.version == O2IBProtocol.version, envelope.sourceNID == connection.peerNID,
      envelope.destinationNID == connection.localNID,
      envelope.sourceStamp == connection.peerStamp,
      envelope.destinationStamp == connection.localStamp
    else {
      checked.fault = .staleIdentity
      return checked
    }
    // The types of set-up are not accounted for: they are refused by what takes them.
    let needs = envelope.type.rawValue >= 0xD0 ? tables.credits[envelope.type] : .none
    account(envelope.credits, &connection, needs, &checked)
    return checked
  }

  /// A message that breaks the protocol ends its connection.
  @inline(never)
  private mutating func refuse(
    _ fault: Fault, _ type: O2IBMessageType, _ c: Int, _ byteCount: UInt32, _ turn: inout Turn
  ) {
    switch fault {
    case .malformed:
      counters.malformedMessages += 1
      closeForViolation(
        c, .malformedMessage, number: Int64(byteCount), status: -Errno.io, &turn)
    case .staleIdentity:
      counters.staleIdentities += 1
      closeForViolation(c, .staleIdentity, status: -Errno.stale, &turn)
    case .creditOverflow:
      counters.creditOverflows += 1
      closeForViolation(
        c, .creditOverflow, number: Int64(connections[c].credits.available),
        limit: Int64(connections[c].credits.depth), status: -Errno.protocolError, &turn)
    case .creditOverdrawn:
      counters.creditsOverdrawn += 1
      closeForViolation(
        c, .creditOverdrawn, number: Int64(type.rawValue), status: -Errno.protocolError, &turn)
    }
  }

  @inline(never)
  private mutating func dispatch(
    _ body: O2IBBody, _ type: O2IBMessageType, _ c: Int, _ index: Int, _ whole: BufferRef,
    _ turn: inout Turn
  ) {
    switch body {
    case .immediate:
      deliver(.immediate, c, index, whole, &turn)
    case .noop:
      counters.noopsReceived += 1
      repost(c, index, tables.credits[.noopReceived], &turn)
    case .putRequest(let request):
      if let id = deliver(.putRequest, c, index, whole, &turn) {
        receptions.slots[id.slot].cookie = request.cookie
      }
    case .getRequest(let request):
      getRequested(request, c, index, whole, &turn)
    case .putAcknowledge(let acknowledge):
      putAcknowledged(acknowledge, c, index, whole, &turn)
    case .putNak(let completion):
      answered(.putRequest, completion, .putNakReceived, c, index, &turn)
    case .putDone(let completion):
      answered(.putAcknowledge, completion, .putDone, c, index, &turn)
    case .getDone(let completion):
      answered(.getRequest, completion, .getDoneReceived, c, index, &turn)
    case .connectRequest, .connectAcknowledge:
      counters.unexpectedTypes += 1
      closeForViolation(
        c, .unexpectedType, number: Int64(type.rawValue),
        status: -Errno.protocolError, &turn)
    }
  }

  /// Hands a message to LNet, which holds its buffer and its credit until it answers; the reception.
  @discardableResult
  mutating func deliver(
    _ kind: LNDEvent.Kind, _ c: Int, _ index: Int, _ whole: BufferRef, _ turn: inout Turn
  ) -> Handle? {
    guard let id = receptions.take() else {
      counters.receptionsExhausted += 1
      closeForViolation(c, .resourcesExhausted, status: -Errno.noMemory, &turn)
      return nil
    }
    let receive = receiveSlot(c, index)
    let handle = handle(of: c)
    let event = Self.lend(
      &receives[receive], to: &receptions.slots[id.slot], of: &connections[c], kind, handle, id,
      UInt16(index), whole)
    report(event)
    return id
  }

  /// Gives a receive buffer to a reception; the event that tells LNet of it.
  @inline(__always)
  private static func lend(
    _ receive: inout ReceiveSlot, to reception: inout Reception, of connection: inout Connection,
    _ kind: LNDEvent.Kind, _ handle: Handle, _ id: Handle, _ index: UInt16, _ whole: BufferRef
  ) -> LNDEvent {
    receive.holder = .reception
    reception.begin(
      kind, on: handle, connection.lnetInterface, connection.peerNID, receive: index,
      piece: receive.piece)
    return LNDEvent(
      kind: kind, interface: connection.lnetInterface, peer: connection.peerNID,
      reception: ReceptionID(raw: id), piece: whole,
      headerOffset: UInt8(O2IBProtocol.bodyOffset))
  }

  // MARK: - Receive buffers

  mutating func queueReceive(_ c: Int, _ index: Int) {
    let slot = receiveSlot(c, index)
    receives[slot].next = ReceiveQueue.end
    if connections[c].toPost.isEmpty {
      connections[c].toPost.head = UInt16(index)
    } else {
      receives[c * receiveStride + Int(connections[c].toPost.tail)].next = UInt16(index)
    }
    connections[c].toPost.tail = UInt16(index)
  }

  /// Posts a buffer again and accounts for it, in this order (spec 02 §7.2, §15.8); or as soon as
  /// there is room.
  mutating func repost(_ c: Int, _ index: Int, _ effect: RepostEffect, _ turn: inout Turn) {
    let slot = receiveSlot(c, index)
    receives[slot].holder = .connection
    receives[slot].effect = effect
    guard connections[c].state == .established else { return }
    guard connections[c].toPost.isEmpty, turn.receives.freeCapacity > 0 else {
      queueReceive(c, index)
      markDirty(c)
      return
    }
    postReceive(c, index, &turn)
  }

  private mutating func postReceive(_ c: Int, _ index: Int, _ turn: inout Turn) {
    let handle = handle(of: c)
    let needsFlush = Self.post(
      &receives[receiveSlot(c, index)], &connections[c], handle, index, &turn)
    if needsFlush { markDirty(c) }
  }

  /// Posts a buffer; whether something can be sent because of it.
  @inline(__always)
  private static func post(
    _ receive: inout ReceiveSlot, _ connection: inout Connection, _ handle: Handle, _ index: Int,
    _ turn: inout Turn
  ) -> Bool {
    receive.holder = .device
    connection.postedReceives &+= 1
    turn.receives.append(
      ReceiveRequest(
        queuePair: connection.queuePair,
        segment: turn.memory.messages.segment(receive.piece, moving: .held, to: .posted),
        id: WorkID(connection: handle, kind: .receive, number: UInt32(index)).raw))
    connection.credits.posted(receive.effect)
    switch receive.effect {
    case .nothing: return false
    case .owe: return connection.credits.owed >= connection.credits.highWater
    case .unreserve: return !connection.reserved.isEmpty
    }
  }

  /// Posts the buffers that wait for room; false when some still do.
  @discardableResult
  mutating func postReceives(_ c: Int, _ turn: inout Turn) -> Bool {
    while !connections[c].toPost.isEmpty {
      guard turn.receives.freeCapacity > 0 else {
        isUrgent = true
        return false
      }
      let index = Int(connections[c].toPost.head)
      connections[c].toPost.head = receives[receiveSlot(c, index)].next
      postReceive(c, index, &turn)
    }
    return true
  }
}
