internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

// An attempt, in the order of spec 10 §6.1: bulk is laid open, then the place for the reply, then the PUT goes.
extension PtlRPC {
  /// Takes a queued request a step further; false when LNet has no place for it now.
  mutating func advance(request slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    switch requests.cells[slot].state {
    case .draft: return true
    case .active:
      return requests.cells[slot].isSent || attempt(slot, lnet: &lnet, turn: &turn)
    case .ended:
      guard takeBack(slot, lnet: &lnet, turn: &turn) else { return false }
      if requests.cells[slot].isOnWire { return true }
      return settle(slot, turn: &turn)
    }
  }

  /// Puts a request on the wire; what was done before LNet was busy is kept.
  private mutating func attempt(_ slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    if !requests.cells[slot].isStarted { start(slot, turn: &turn) }
    guard layOpen(slot, lnet: &lnet, turn: &turn) else { return false }
    do throws(LNetError) {
      if requests.cells[slot].sinkDescriptor.isNone {
        let handle = try expose(slot, lnet: &lnet, turn: &turn)
        requests.cells[slot].sinkDescriptor = handle
      }
      encodeBody(slot, turn: &turn)
      if requests.cells[slot].sendDescriptor.isNone {
        let handle = try lnet.bind(
          MemoryDescriptor(
            memory: requests.cells[slot].request, threshold: 1, tag: RPCTag(.requestSend, slot).raw)
        )
        requests.cells[slot].sendDescriptor = handle
      }
      try lnet.put(
        PutRequest(
          descriptor: requests.cells[slot].sendDescriptor,
          target: requests.cells[slot].route.server,
          portal: requests.cells[slot].draft.requestPortal, matchBits: requestMatchBits(slot),
          interface: requests.cells[slot].route.interface), turn: &turn)
    } catch {
      switch error {
      case .busy: return false
      case .noRoute: end(slot, .failed, status: WireErrno.ehostunreach.status, turn: &turn)
      case .unknownHandle, .exhausted, .tooLong, .occupied:
        preconditionFailure("LNet refused a request: \(error)")
      }
      return true
    }
    requests.cells[slot].isSent = true
    // It may have waited for LNet.
    requests.cells[slot].sentTime = turn.now
    armDeadline(slot, turn: &turn)
    counters.requestsSent += 1
    if requests.cells[slot].attemptCount > 0 { counters.requestsResent += 1 }
    requests.cells[slot].attemptCount += 1
    return true
  }

  /// The XID is the request's match bits; without BULK_MBITS the last ones of its bulk are (spec 10 §9.2).
  private mutating func requestMatchBits(_ slot: Int) -> UInt64 {
    return requests.cells[slot].draft.bulk != nil && !requests.cells[slot].route.hasBulkMatchBits
      ? requests.cells[slot].matchBits : requests.cells[slot].xid
  }

  /// Made once: a literal of an option set allocates in a debug build.
  private static let sinkOptions: DescriptorOptions = [.put, .remoteOffset, .truncate]

  private mutating func expose(
    _ slot: Int, lnet: inout LNet, turn: inout Turn
  ) throws(LNetError) -> DescriptorHandle {
    let matchBits =
      requests.cells[slot].draft.bulk != nil && !requests.cells[slot].route.hasBulkMatchBits
      ? requests.cells[slot].matchBits : requests.cells[slot].replyMatchBits
    return try lnet.expose(
      MatchEntry(
        portal: requests.cells[slot].draft.replyPortal, matchBits: matchBits,
        nid: requests.cells[slot].route.server.nid,
        pid: requests.cells[slot].route.server.pid),
      MemoryDescriptor(
        memory: requests.cells[slot].sink, options: Self.sinkOptions,
        tag: RPCTag(.replySink, slot).raw), turn: &turn)
  }

  /// The attempt begins now: its timeout, and when it passes (spec 12 §2.3, §2.4).
  private mutating func start(_ slot: Int, turn: inout Turn) {
    requests.cells[slot].isStarted = true
    let timeout: UInt32
    if let stated = requests.cells[slot].draft.timeout {
      timeout = stated
    } else if adaptive.isEnabled {
      timeout = AdaptiveSettings.timeout(
        forEstimate: imports[Int(requests.cells[slot].draft.importSlot)].estimates.estimate(
          requests.cells[slot].draft.requestPortal))
    } else {
      timeout = adaptive.fixedTimeout
    }
    requests.cells[slot].timeout = timeout
    requests.cells[slot].sentTime = turn.now
    armDeadline(slot, turn: &turn)
  }

  /// Sets the timer for `sent + timeout + latency`.
  mutating func armDeadline(_ slot: Int, turn: inout Turn) {
    let latency =
      requests.cells[slot].route.latency
      ?? (adaptive.isEnabled
        ? imports[Int(requests.cells[slot].draft.importSlot)].latency.current : 0)
    let seconds = UInt64(requests.cells[slot].timeout) + UInt64(latency)
    turn.timers.arm(
      requestTimers[slot], at: requests.cells[slot].sentTime &+ seconds * nanosecondsPerSecond)
  }

  /// Writes header and body as they are for this attempt.
  private mutating func encodeBody(_ slot: Int, turn: inout Turn) {
    let isUnlisted =
      requests.cells[slot].draft.opcode.isConnect || requests.cells[slot].draft.opcode.isDisconnect
    var body = RPCBody(request: requests.cells[slot].draft.opcode)
    body.handle = requests.cells[slot].route.handle
    body.service = requests.cells[slot].draft.service
    body.status = requests.cells[slot].draft.processID
    body.lastXID = isUnlisted ? 0 : lastXID(ofImport: requests.cells[slot].draft.importSlot)
    body.tag = requests.cells[slot].draft.tag
    body.transno = requests.cells[slot].draft.transno
    body.flags = requests.cells[slot].draft.flags
    if requests.cells[slot].attemptCount > 0 { body.flags.insert(.resent) }
    body.connectFlags = requests.cells[slot].draft.connectFlags
    body.connectionCount = requests.cells[slot].route.connectionCount
    body.timeout = requests.cells[slot].timeout
    body.serviceTime = requests.cells[slot].draft.serviceTime
    body.preVersions = requests.cells[slot].draft.preVersions
    body.matchBits = requests.cells[slot].matchBits
    let header = RPCHeader(
      flavor: requests.cells[slot].draft.flavor,
      replyByteCount: requests.cells[slot].draft.statedReplyByteCount
        ?? UInt32(requests.cells[slot].draft.replyByteCount),
      flags: requests.cells[slot].route.headerFlags)
    let count = requests.cells[slot].bufferCount
    var bytes = turn.memory.mutableBytes(requests.cells[slot].request)
    header.encode(into: &bytes, at: 0, bufferCount: count)
    body.encode(into: &bytes, at: RPCMessage.headerByteCount(buffers: count))
  }

  /// Whether the last attempt of a request was put on the wire; false when it waited for a connection to the end.
  package mutating func hasLeft(_ handle: RequestHandle) -> Bool {
    guard let slot = requests.slot(handle.raw) else { return false }
    return requests.cells[slot].hasLeft
  }

  // MARK: - Ends

  /// Tells the owner how an attempt ended; what is still on the wire is taken back next.
  mutating func end(
    _ slot: Int, _ kind: RPCEvent.Kind, status: Int32, turn: inout Turn
  ) {
    requests.cells[slot].state = .ended
    requests.cells[slot].endKind = kind
    if kind == .replied {
      if requests.cells[slot].isUnreplied { unlist(slot) }
      if requests.cells[slot].bulkByteCount > 0 { noteTransfer(slot, until: turn.now) }
    }
    turn.timers.disarm(requestTimers[slot])
    let isKept = events.append(
      RPCEvent(
        kind, requests.handle(slot), status: status, tag: requests.cells[slot].draft.ownerTag))
    precondition(isKept, "the node called in without room for events")
    if requests.cells[slot].isOnWire { queue(request: slot) }
  }

  mutating func requestTimedOut(_ slot: Int, turn: inout Turn) {
    guard requests.cells[slot].state == .active else { return }
    counters.requestsTimedOut += 1
    imports[Int(requests[slot].draft.importSlot)].timeoutCount &+= 1
    end(slot, .timedOut, status: WireErrno.etimedout.status, turn: &turn)
  }

  /// Asks LNet for what is not needed any more; false when there is no room for its events.
  private mutating func takeBack(_ slot: Int, lnet: inout LNet, turn: inout Turn) -> Bool {
    if !requests.cells[slot].sinkDescriptor.isNone {
      try? lnet.unlink(requests.cells[slot].sinkDescriptor, turn: &turn)
    }
    // What was answered has been sent: only LNet's word for it is missing.
    if !requests.cells[slot].sendDescriptor.isNone, requests.cells[slot].endKind != .replied {
      try? lnet.unlink(requests.cells[slot].sendDescriptor, turn: &turn)
    }
    var cell = requests.cells[slot].liveBulkCount > 0 ? requests.cells[slot].firstCell : noCell
    while cell != noCell {
      guard lnet.hasRoom else { return false }
      let next = cells[Int(cell)].next
      if !cells[Int(cell)].descriptor.isNone {
        try? lnet.unlink(cells[Int(cell)].descriptor, turn: &turn)
      }
      cell = next
    }
    return true
  }

  /// Nothing of an ended request is on the wire: it goes out again, or its slot is free.
  private mutating func settle(_ slot: Int, turn: inout Turn) -> Bool {
    freeCells(slot)
    if requests.cells[slot].isReleased {
      free(slot, turn: &turn)
      return true
    }
    guard requests.cells[slot].wantsResend else { return true }
    if requests.cells[slot].needsLargerSink {
      let byteCount = requests.cells[slot].draft.replyByteCount
      guard let sink = Self.allocateSink(replyByteCount: byteCount, &turn) else { return false }
      turn.memory.release(requests.cells[slot].sink)
      requests.cells[slot].sink = sink
      requests.cells[slot].needsLargerSink = false
    }
    requests.cells[slot].wantsResend = false
    requests.cells[slot].state = .active
    requests.cells[slot].isStarted = false
    requests.cells[slot].isSent = false
    requests.cells[slot].hasLeft = false
    requests.cells[slot].hasFinalReply = false
    requests.cells[slot].hasReply = false
    requests.cells[slot].reply = .none
    requests.cells[slot].bulkStatus = 0
    requests.cells[slot].bulkByteCount = 0
    queue(request: slot)
    return true
  }

  private mutating func free(_ slot: Int, turn: inout Turn) {
    turn.memory.release(requests.cells[slot].request)
    turn.memory.release(requests.cells[slot].sink)
    if requests.cells[slot].draft.bulk != nil {
      events.append(
        RPCEvent(.released, requests.handle(slot), tag: requests.cells[slot].draft.ownerTag))
    }
    requests.cells[slot].isUnreplied = false
    requests.give(slot)
  }
}
