internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

extension O2IBLND {
  /// Posts what a connection may send, in the order of spec 02 §7.3; false when something stays
  /// behind that no completion on this connection will bring back.
  mutating func pump(_ c: Int, _ turn: inout Turn) -> Bool {
    while connections[c].reserved.head != TransmitQueue.end, connections[c].credits.reserve() {
      let t = connections[c].reserved.head
      transmits.remove(t, from: &connections[c].reserved)
      transmits.slots[Int(t)].isReserved = true
      transmits.append(t, to: &connections[c].credited, as: .credited)
    }
    // The last send of a batch is signaled, so that its completion ends all before it.
    var last = -1
    var isDone = true
    sending: while connections[c].sendsInFlight < concurrentSends {
      let t: UInt32
      switch Self.next(&connections[c]) {
      case .none: break sending
      case .transmit(let next): t = next
      case .noop:
        guard makeNOOP(c, &turn) else {
          isDone = false
          break sending
        }
        continue
      }
      guard connections[c].sendRoom > 0 else { break }
      guard turn.sends.freeCapacity > 0 else {
        isUrgent = true
        isDone = false
        break
      }
      guard Self.preparePiece(&transmits.slots[Int(t)], &turn) else {
        counters.pieceShortages += 1
        isDone = false
        break
      }
      if transmits.slots[Int(t)].walk.isDone == false {
        isDone = postWrites(t, c, &last, &turn)
        guard transmits.slots[Int(t)].walk.isDone else { break }
        guard connections[c].sendRoom > 0 else { break }
        guard turn.sends.freeCapacity > 0 else {
          isUrgent = true
          isDone = false
          break
        }
      }
      postMessage(t, c, &last, &turn)
    }
    if last >= 0 {
      turn.sends[last].isSignaled = true
      connections[c].unsignaled = 0
    }
    return isDone
  }

  /// What a connection may send next.
  private enum Next: BitwiseCopyable {
    case none, noop
    case transmit(UInt32)
  }

  @inline(__always)
  private static func next(_ connection: inout Connection) -> Next {
    if !connection.uncredited.isEmpty { return .transmit(connection.uncredited.head) }
    if !connection.credited.isEmpty, connection.credits.canSendCredited {
      return .transmit(connection.credited.head)
    }
    let needsNOOP = connection.credits.needsNOOP(
      keepaliveDue: connection.keepaliveDue, hasUncredited: false,
      hasCredited: !connection.credited.isEmpty)
    return needsNOOP ? .noop : .none
  }

  private mutating func makeNOOP(_ c: Int, _ turn: inout Turn) -> Bool {
    guard let t = transmits.take(kind: .noop, reserve: 0) else {
      counters.transmitsExhausted += 1
      return false
    }
    transmits.slots[Int(t)].peer = connections[c].peerNID
    place(t, on: c, turn.now)
    return true
  }

  /// Takes a piece for what cannot be sent from where its payload lies.
  @inline(__always)
  private static func preparePiece(_ transmit: inout Transmit, _ turn: inout Turn) -> Bool {
    if transmit.isInPlace || transmit.piece != .none { return true }
    guard let piece = turn.memory.messages.allocatePiece() else { return false }
    transmit.piece = piece
    return true
  }

  // MARK: - One message

  /// Packs a message with everything that we owe, and posts it.
  @inline(__always)
  private mutating func postMessage(
    _ t: UInt32, _ c: Int, _ last: inout Int, _ turn: inout Turn
  ) {
    let slot = Int(t)
    if transmits.slots[slot].place == .credited {
      transmits.removeFirst(from: &connections[c].credited)
      connections[c].credits.spend()
    } else {
      transmits.removeFirst(from: &connections[c].uncredited)
    }
    let interval = Int32(limits.signalInterval)
    let handle = handle(of: c)
    // The two records are looked up once: each look checks its bounds.
    Self.post(
      &transmits.slots[slot], &connections[c], handle, interval, &counters, &turn)
    last = turn.sends.count - 1
    transmits.append(t, to: &connections[c].inFlight, as: .inFlight)
  }

  private static func post(
    _ transmit: inout Transmit, _ connection: inout Connection, _ handle: Handle,
    _ signalInterval: Int32, _ counters: inout O2IBCounters, _ turn: inout Turn
  ) {
    if transmit.kind == .noop {
      connection.credits.noopPosted()
      counters.noopsSent += 1
      if connection.keepaliveDue { counters.keepalivesSent += 1 }
    }
    let byteCount = transmit.messageByteCount
    var whole = transmit.piece
    let segment: Segment
    if whole == .none {
      whole = transmit.payload
      whole.offset -= UInt32(O2IBProtocol.immediatePayloadOffset)
      whole.length = byteCount
      segment = turn.memory.messages.segment(whole)
    } else {
      whole.length = byteCount
      segment = turn.memory.messages.segment(whole, moving: .filling, to: .posted)
      if transmit.kind == .immediate {
        fillImmediate(&transmit, whole, &counters, &turn)
      } else {
        fillOther(&transmit, whole, &counters, &turn)
      }
    }
    let envelope = O2IBEnvelope(
      type: transmit.kind, credits: connection.credits.returnOwed(), byteCount: byteCount,
      sourceNID: connection.localNID, sourceStamp: connection.localStamp,
      destinationNID: connection.peerNID, destinationStamp: connection.peerStamp)
    var bytes = turn.memory.messages.mutableBytes(whole)
    envelope.encode(into: &bytes)
    let sequence = connection.sendPosted &+ 1
    connection.sendPosted = sequence
    connection.unsignaled &+= 1
    let isSignaled = connection.unsignaled >= signalInterval
    if isSignaled { connection.unsignaled = 0 }
    turn.sends.append(
      SendRequest(
        queuePair: connection.queuePair, operation: .send, isSignaled: isSignaled,
        isInline: byteCount <= connection.inlineByteCount,
        id: WorkID(connection: handle, kind: .send, number: sequence).raw,
        segment: segment))
    transmit.lastSequence = sequence
    connection.sendsInFlight &+= 1
    connection.keepaliveDue = false
    connection.lastSend = turn.now
    counters.messagesSent &+= 1
  }

  /// Writes header and payload of an IMMEDIATE into a piece of our own.
  @inline(__always)
  private static func fillImmediate(
    _ transmit: inout Transmit, _ whole: BufferRef, _ counters: inout O2IBCounters,
    _ turn: inout Turn
  ) {
    let payload = transmit.payload
    if payload.length > 0 { counters.payloadsCopied &+= 1 }
    if payload.isBulk || payload.length == 0 {
      write(&transmit.header, payload, whole, &turn.memory.messages, turn.memory.bulk)
    } else {
      turn.memory.copy(
        from: payload,
        to: whole.part(
          offset: O2IBProtocol.immediatePayloadOffset, length: Int(payload.length)))
      write(&transmit.header, .none, whole, &turn.memory.messages, turn.memory.bulk)
    }
  }

  /// Writes a header, and bulk memory's payload behind it.
  @inline(__always)
  private static func write(
    _ header: inout LNetHeader, _ payload: BufferRef, _ whole: BufferRef,
    _ messages: inout Arena, _ bulk: borrowing Arena
  ) {
    var bytes = messages.mutableBytes(whole)
    header.encode(into: &bytes, at: O2IBProtocol.bodyOffset)
    if payload.length > 0 {
      bytes.copy(from: bulk.bytes(payload), at: O2IBProtocol.immediatePayloadOffset)
    }
  }

  /// Writes what follows the envelope of any other message into a piece of our own.
  @inline(never)
  private static func fillOther(
    _ transmit: inout Transmit, _ whole: BufferRef, _ counters: inout O2IBCounters,
    _ turn: inout Turn
  ) {
    if transmit.isMessage && transmit.kind != .putDone {
      var bytes = turn.memory.messages.mutableBytes(whole)
      transmit.header.encode(into: &bytes, at: O2IBProtocol.bodyOffset)
    }
    let key = turn.memory.bulk.region.remoteKey
    switch transmit.kind {
    case .putRequest:
      var bytes = turn.memory.messages.mutableBytes(whole)
      O2IBPutRequest(cookie: transmit.cookie).encode(into: &bytes)
    case .putAcknowledge:
      let fragment = sinkFragment(transmit.sink, &turn)
      var bytes = turn.memory.messages.mutableBytes(whole)
      O2IBPutAcknowledge.encode(
        sourceCookie: transmit.remoteCookie, sinkCookie: transmit.cookie, remoteKey: key,
        fragmentCount: 1, into: &bytes)
      fragment.encode(into: &bytes, at: O2IBPutAcknowledge.fragmentsOffset)
    case .getRequest:
      let fragment = sinkFragment(transmit.sink, &turn)
      var bytes = turn.memory.messages.mutableBytes(whole)
      O2IBGetRequest.encode(
        cookie: transmit.cookie, remoteKey: key, fragmentCount: 1, into: &bytes)
      fragment.encode(into: &bytes, at: O2IBGetRequest.fragmentsOffset)
    case .putNak, .putDone, .getDone:
      if transmit.kind == .putNak {
        counters.naksSent += 1
      } else if transmit.status < 0 {
        counters.negativeDonesSent += 1
      }
      var bytes = turn.memory.messages.mutableBytes(whole)
      O2IBCompletion(cookie: transmit.remoteCookie, status: transmit.status).encode(into: &bytes)
    case .immediate, .noop, .connectRequest, .connectAcknowledge: break
    }
  }

  private static func sinkFragment(_ sink: BufferRef, _ turn: inout Turn) -> RDMAFragment {
    RDMAFragment(byteCount: sink.length, address: turn.memory.bulk.address(sink))
  }

  // MARK: - Data

  /// Posts the WRITEs of a transfer as far as there is room (spec 02 §6.5); they are not signaled,
  /// unless the batch ends with one. False when the turn's batch is full.
  private mutating func postWrites(
    _ t: UInt32, _ c: Int, _ last: inout Int, _ turn: inout Turn
  ) -> Bool {
    let remote = transmits.slots[Int(t)].remote
    let source = transmits.slots[Int(t)].payload
    let handle = handle(of: c)
    while !transmits.slots[Int(t)].walk.isDone {
      guard connections[c].sendRoom > 0 else { return true }
      guard turn.sends.freeCapacity > 0 else {
        isUrgent = true
        return false
      }
      let fragment = fragment(transmits.slots[Int(t)].walk.sinkIndex, of: remote, c, &turn)
      guard
        let step = transmits.slots[Int(t)].walk.step(
          sourceByteCount: Int(source.length), sinkByteCount: Int(fragment.byteCount))
      else { break }
      transmits.slots[Int(t)].hasStarted = true
      let sequence = connections[c].sendPosted &+ 1
      connections[c].sendPosted = sequence
      turn.sends.append(
        SendRequest(
          queuePair: connections[c].queuePair, operation: .rdmaWrite, isSignaled: false,
          id: WorkID(connection: handle, kind: .send, number: sequence).raw,
          segment: turn.memory.segment(
            source.part(offset: step.sourceOffset, length: step.byteCount)),
          remoteAddress: fragment.address &+ UInt64(step.sinkOffset), remoteKey: remote.key))
      last = turn.sends.count - 1
      counters.writesPosted += 1
      counters.bytesWritten += UInt64(step.byteCount)
    }
    if remote.receive != ReceiveQueue.end {
      // The descriptor is used up: its buffer goes back before the message that returns its credit.
      transmits.slots[Int(t)].remote.receive = ReceiveQueue.end
      let cause: RepostCause =
        transmits.slots[Int(t)].kind == .getDone ? .getAnswered : .putAcknowledgeReceived
      repost(c, Int(remote.receive), tables.credits[cause], &turn)
    }
    return true
  }

  /// Fragment `index` of the peer's memory; further ones than the first are read from its message.
  mutating func fragment(
    _ index: Int, of remote: RemoteMemory, _ c: Int, _ turn: inout Turn
  ) -> RDMAFragment {
    if index == 0 { return remote.first }
    let piece = receives[c * receiveStride + Int(remote.receive)].piece
    return RDMAFragment(
      at: Int(remote.fragmentsOffset) + index * RDMAFragment.wireByteCount,
      in: turn.memory.messages.bytes(piece), swapped: remote.swapped)
  }
}
