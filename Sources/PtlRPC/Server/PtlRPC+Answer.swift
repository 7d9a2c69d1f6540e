internal import BasicContainers
internal import LNet
package import LustreWire
package import RDMATransport
internal import Structures

// Answers: made by handlers in the memory they are sent from, and sent (spec 10 §6.3, §8).
extension PtlRPC {
  /// Takes memory for a reply with more buffers than the body. The others are zero and are encoded where
  /// `BufferLengths.place(of:in:)` says.
  ///
  /// - Returns: the message.
  package mutating func beginReply(
    _ handle: ServerRequestHandle, buffers: BufferLengths, turn: inout Turn
  ) throws(RPCError) -> BufferRef {
    let slot = slot(of: handle)
    let byteCount = buffers.byteCount
    guard byteCount <= RPCLimits.maximumMessageBytes else { throw .tooLong }
    guard let reply = Self.allocateMessage(byteCount: byteCount, &turn) else { throw .busy }
    if serverRequests.cells[slot].reply != .none {
      turn.memory.release(serverRequests.cells[slot].reply)
    }
    serverRequests.cells[slot].reply = reply
    serverRequests.cells[slot].replyBufferCount = buffers.count
    var bytes = turn.memory.mutableBytes(reply)
    buffers.encode(into: &bytes)
    return reply
  }

  /// Makes the last buffer of a reply that was begun shorter; those before it stay as long as they are.
  ///
  /// - Returns: the message.
  package mutating func shortenReply(
    _ handle: ServerRequestHandle, to buffers: BufferLengths, turn: inout Turn
  ) -> BufferRef {
    let slot = slot(of: handle)
    let reply = serverRequests.cells[slot].reply.part(offset: 0, length: buffers.byteCount)
    precondition(serverRequests.cells[slot].replyBufferCount == buffers.count, "another reply")
    serverRequests.cells[slot].reply = reply
    var bytes = turn.memory.mutableBytes(reply)
    buffers.encodeLast(into: &bytes)
    return reply
  }

  /// Sends the reply that `beginReply` began, or the body alone. The handle ends here, but when the reply wants
  /// to be acknowledged: then `acknowledged` follows.
  package mutating func reply(
    _ handle: ServerRequestHandle, _ fields: ReplyFields, turn: inout Turn
  ) {
    let slot = slot(of: handle)
    switch serverRequests.cells[slot].state {
    case .arrived, .active: break
    case .queued: abandonQueue(slot)
    case .answered, .leaving: preconditionFailure("answered twice")
    }
    precondition(!serverRequests.cells[slot].isTransferring, "answered while its bulk is under way")
    finishTurn(slot, turn: &turn)
    serverRequests.cells[slot].fields = fields
    serverRequests.cells[slot].state = .answered
    turn.timers.disarm(serverTimers[slot])
    unlist(serverRequest: slot)
    queue(serverRequest: slot)
  }

  /// Answers with an error of the RPC layer: the body alone (spec 10 §5.1).
  package mutating func refuse(
    _ handle: ServerRequestHandle, _ error: WireErrno, withholdsEstimate: Bool = false,
    turn: inout Turn
  ) {
    var fields = ReplyFields(status: error.status, isRefusal: true)
    fields.withholdsEstimate = withholdsEstimate
    reply(handle, fields, turn: &turn)
  }

  /// Ends the wait for a difficult reply's acknowledge: what it was to protect is durable.
  package mutating func forgetAcknowledge(_ handle: ServerRequestHandle) {
    guard let slot = serverRequests.slot(handle.raw) else { return }
    serverRequests.cells[slot].waitsForAcknowledge = false
    queue(serverRequest: slot)
  }

  /// Takes a queued request a step further; false when LNet or memory has no place for it now.
  mutating func advance(serverRequest slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    if serverRequests.cells[slot].wantsEarlyReply {
      sendEarlyReply(slot, lnet: &lnet, turn: &turn)
    }
    switch serverRequests.cells[slot].state {
    case .arrived, .queued: return true
    case .active:
      guard serverRequests.cells[slot].isTransferring else { return true }
      if serverRequests.cells[slot].bulkStatus < 0 {
        return takeBackTransfer(slot, lnet: &lnet, turn: &turn)
      }
      return transfer(slot, lnet: &lnet, turn: &turn)
    case .answered:
      releaseBytes(slot, lnet: &lnet, turn: &turn)
      return sendReply(slot, lnet: &lnet, turn: &turn)
    case .leaving: return depart(slot, lnet: &lnet, turn: &turn)
    }
  }

  private mutating func sendReply(_ slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    if serverRequests.cells[slot].reply == .none {
      guard
        let reply = Self.allocateMessage(byteCount: RPCMessage.bodyOnlyByteCount, &turn)
      else { return false }
      serverRequests.cells[slot].reply = reply
      serverRequests.cells[slot].replyBufferCount = 1
      var bytes = turn.memory.mutableBytes(reply)
      BufferLengths().encode(into: &bytes)
    }
    encodeReply(slot, turn: &turn)
    let wantsAcknowledge = serverRequests.cells[slot].fields.wantsAcknowledge
    do throws(LNetError) {
      if serverRequests.cells[slot].replyDescriptor.isNone {
        serverRequests.cells[slot].replyDescriptor = try lnet.bind(
          MemoryDescriptor(
            memory: serverRequests.cells[slot].reply, threshold: wantsAcknowledge ? 2 : 1,
            tag: RPCTag(.replySend, slot).raw))
      }
      try lnet.put(
        putRequest(
          slot, from: serverRequests.cells[slot].replyDescriptor,
          offset: serverRequests.cells[slot].received.message.header.flags.contains(
            .adaptiveTimeouts)
            ? UInt32(RPCLimits.earlyReplyBytes) : 0,
          wantsAcknowledge: wantsAcknowledge), turn: &turn)
    } catch {
      if error == .busy { return false }
      counters.repliesFailed += 1
      leave(slot, status: WireErrno.ehostunreach.status, turn: &turn)
      return true
    }
    counters.repliesSent += 1
    if serverRequests.cells[slot].fields.type == .error { counters.errorRepliesSent += 1 }
    serverRequests.cells[slot].isReplySent = true
    serverRequests.cells[slot].waitsForAcknowledge = wantsAcknowledge
    serverRequests.cells[slot].state = .leaving
    measure(slot, at: turn.now)
    return true
  }

  /// Back to where the request came from, by the interface that it came by (spec 10 §6.3).
  mutating func putRequest(
    _ slot: Int, from descriptor: DescriptorHandle, offset: UInt32, wantsAcknowledge: Bool
  ) -> PutRequest {
    // Only clients that negotiated them send match bits without bulk; with bulk the last ones are the reply's.
    let usesMatchBits =
      serverRequests.cells[slot].matchBits != 0
      && !serverRequests.cells[slot].received.body.opcode.isConnect
      && serverRequests.cells[slot].hasReplyMatchBits
    return PutRequest(
      descriptor: descriptor, target: serverRequests.cells[slot].received.source,
      portal: services[Int(serverRequests.cells[slot].service)].description.replyPortal,
      matchBits: usesMatchBits
        ? serverRequests.cells[slot].matchBits : serverRequests.cells[slot].received.xid,
      offset: offset,
      wantsAcknowledge: wantsAcknowledge,
      interface: serverRequests.cells[slot].received.source.nid == .loopback
        ? nil : serverRequests.cells[slot].received.interface)
  }

  private mutating func encodeReply(_ slot: Int, turn: inout Turn) {
    var body = RPCBody(
      serverRequests.cells[slot].fields.type, to: serverRequests.cells[slot].received.body.opcode,
      status: serverRequests.cells[slot].fields.status)
    body.handle = serverRequests.cells[slot].fields.handle
    body.connectFlags = serverRequests.cells[slot].fields.connectFlags
    body.flags = serverRequests.cells[slot].fields.flags
    body.transno = serverRequests.cells[slot].fields.transno
    body.lastCommitted = serverRequests.cells[slot].fields.lastCommitted
    body.lockLimit = serverRequests.cells[slot].fields.lockLimit
    body.lockVolume = serverRequests.cells[slot].fields.lockVolume
    body.preVersions = serverRequests.cells[slot].fields.preVersions
    body.serviceTime = elapsed(slot, at: turn.now)
    let withholds =
      serverRequests.cells[slot].fields.type == .error
      && serverRequests.cells[slot].fields.withholdsEstimate
    body.timeout =
      withholds ? 0 : services[Int(serverRequests.cells[slot].service)].estimate.current
    var bytes = turn.memory.mutableBytes(serverRequests.cells[slot].reply)
    RPCHeader().encode(
      into: &bytes, at: 0, bufferCount: serverRequests.cells[slot].replyBufferCount)
    body.encode(
      into: &bytes,
      at: RPCMessage.headerByteCount(buffers: serverRequests.cells[slot].replyBufferCount))
  }

  /// Whole seconds since the arrival, at least 1 (spec 10 §8.1).
  mutating func elapsed(_ slot: Int, at now: UInt64) -> UInt32 {
    let nanoseconds = now &- serverRequests.cells[slot].received.arrivalTime
    let seconds = UInt32(clamping: nanoseconds / nanosecondsPerSecond)
    return max(1, adaptive.isEnabled ? min(seconds, adaptive.maximum) : seconds)
  }

  /// What is sent again says nothing of how long the service takes.
  private static let repeats: RPCFlags = [
    .resent, .replay, .requestReplayDone, .lockReplayDone,
  ]

  /// Learns from an answer how long the service takes (spec 12 §2.2).
  private mutating func measure(_ slot: Int, at now: UInt64) {
    guard serverRequests.cells[slot].fields.type != .error,
      serverRequests.cells[slot].received.body.flags.isDisjoint(with: Self.repeats)
    else { return }
    services[Int(serverRequests.cells[slot].service)].estimate.measure(
      elapsed(slot, at: now), at: Self.seconds(now), adaptive)
  }

  // MARK: - The end of a request

  /// The service may give the next one its turn.
  mutating func finishTurn(_ slot: Int, turn: inout Turn) {
    guard serverRequests.cells[slot].state == .active else { return }
    let service = Int(serverRequests.cells[slot].service)
    services[service].activeCount -= 1
    serve(service, turn: &turn)
  }

  /// Nothing more is sent; the slot is free as soon as nothing is on the wire.
  mutating func leave(_ slot: Int, status: Int32 = 0, turn: inout Turn) {
    finishTurn(slot, turn: &turn)
    turn.timers.disarm(serverTimers[slot])
    unlist(serverRequest: slot)
    if serverRequests.cells[slot].state == .answered,
      serverRequests.cells[slot].fields.wantsAcknowledge
    {
      events.append(
        RPCEvent(
          .acknowledged, serverRequests.handle(slot), status: status,
          tag: serverRequests.cells[slot].service))
    }
    serverRequests.cells[slot].state = .leaving
    serverRequests.cells[slot].isTransferring = false
    queue(serverRequest: slot)
  }

  private mutating func depart(_ slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    releaseBytes(slot, lnet: &lnet, turn: &turn)
    if !serverRequests.cells[slot].replyDescriptor.isNone,
      !serverRequests.cells[slot].isReplySent || !serverRequests.cells[slot].waitsForAcknowledge,
      serverRequests.cells[slot].fields.wantsAcknowledge || !serverRequests.cells[slot].isReplySent
    {
      try? lnet.unlink(serverRequests.cells[slot].replyDescriptor, turn: &turn)
    }
    guard takeBackTransfer(slot, lnet: &lnet, turn: &turn) else { return false }
    guard !serverRequests.cells[slot].isOnWire else { return true }
    if serverRequests.cells[slot].reply != .none {
      turn.memory.release(serverRequests.cells[slot].reply)
    }
    if serverRequests.cells[slot].earlyReply != .none {
      turn.memory.release(serverRequests.cells[slot].earlyReply)
    }
    freeCells(from: serverRequests.cells[slot].firstCell)
    serverRequests.give(slot)
    return true
  }

  /// LNet reports of a reply: sent, acknowledged, or given up.
  mutating func replySent(_ slot: Int, _ event: LNetEvent, turn: inout Turn) {
    if event.kind == .send, event.status < 0 { counters.repliesFailed += 1 }
    let isOver = event.isUnlinked || event.kind == .acknowledge
    if isOver, serverRequests.cells[slot].waitsForAcknowledge {
      serverRequests.cells[slot].waitsForAcknowledge = false
      events.append(
        RPCEvent(
          .acknowledged, serverRequests.handle(slot), status: min(event.status, 0),
          tag: serverRequests.cells[slot].service))
    }
    guard event.isUnlinked else { return }
    serverRequests.cells[slot].replyDescriptor = .none
    if serverRequests.cells[slot].state == .leaving { queue(serverRequest: slot) }
  }
}
