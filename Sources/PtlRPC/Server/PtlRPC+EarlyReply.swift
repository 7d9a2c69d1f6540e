internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

// Early replies: a request that takes long asks its client for patience (spec 10 §8.2, 12 §2.5).
extension PtlRPC {
  /// Sets the timer to what comes first: the time for an early reply, or the end of a bulk transfer.
  mutating func armEarlyReply(_ slot: Int, turn: inout Turn) {
    let request = serverRequests.cells[slot]
    var due = request.bulkDeadline
    if request.mayGetEarlyReplies {
      let margin = UInt64(adaptive.earlyMargin) * nanosecondsPerSecond
      due = min(due, max(turn.now, request.received.deadline &- margin))
    }
    if due == .max {
      turn.timers.disarm(serverTimers[slot])
    } else {
      turn.timers.arm(serverTimers[slot], at: due)
    }
  }

  /// A timer of a peer's request has expired.
  mutating func serverRequestDue(_ slot: Int, turn: inout Turn) {
    guard serverRequests.isTaken(slot) else { return }
    switch serverRequests.cells[slot].state {
    case .queued, .active: break
    case .arrived, .answered, .leaving: return
    }
    if turn.now >= serverRequests.cells[slot].bulkDeadline {
      endTransfer(slot, status: WireErrno.etimedout.status, turn: &turn)
    }
    extendDeadline(slot, turn: &turn)
    armEarlyReply(slot, turn: &turn)
  }

  /// Applies the rules of spec 12 §2.5, and has the early reply sent.
  private mutating func extendDeadline(_ slot: Int, turn: inout Turn) {
    let request = serverRequests.cells[slot]
    let margin = UInt64(adaptive.earlyMargin) * nanosecondsPerSecond
    guard request.mayGetEarlyReplies, request.received.deadline <= turn.now &+ margin else {
      return
    }
    guard turn.now < request.received.deadline else {
      counters.earlyRepliesMissed += 1
      serverRequests.cells[slot].mayGetEarlyReplies = false
      return
    }
    let service = Int(request.service)
    let elapsed = UInt32(
      clamping: (turn.now &- request.received.arrivalTime) / nanosecondsPerSecond)
    let allowance: UInt32
    if request.isRecovering {
      allowance = elapsed + adaptive.extra
    } else {
      services[service].estimate.measure(
        adaptive.extra + elapsed, at: Self.seconds(turn.now), adaptive)
      allowance = services[service].estimate.current
    }
    let deadline = request.received.arrivalTime &+ UInt64(allowance) * nanosecondsPerSecond
    guard deadline > request.received.deadline else {
      // The longest time is reached: the client gives up.
      serverRequests.cells[slot].mayGetEarlyReplies = false
      return
    }
    serverRequests.cells[slot].received.deadline = deadline
    serverRequests.cells[slot].allowance = allowance
    serverRequests.cells[slot].wantsEarlyReply = true
    queue(serverRequest: slot)
  }

  /// Puts an early reply on the wire, in a piece of its own; without one, or with one under way, the client
  /// hears nothing this time.
  mutating func sendEarlyReply(_ slot: Int, lnet: inout LNet, turn: inout Turn) {
    serverRequests.cells[slot].wantsEarlyReply = false
    switch serverRequests.cells[slot].state {
    case .queued, .active: break
    case .arrived, .answered, .leaving: return
    }
    guard serverRequests.cells[slot].earlyReplyDescriptor.isNone else { return }
    if serverRequests.cells[slot].earlyReply == .none {
      guard
        let reply = Self.allocateMessage(byteCount: RPCLimits.earlyReplyBytes, &turn)
      else { return }
      serverRequests.cells[slot].earlyReply = reply
    }
    encodeEarlyReply(slot, turn: &turn)
    do throws(LNetError) {
      let descriptor = try lnet.bind(
        MemoryDescriptor(
          memory: serverRequests.cells[slot].earlyReply, threshold: 1,
          tag: RPCTag(.earlyReplySend, slot).raw))
      serverRequests.cells[slot].earlyReplyDescriptor = descriptor
      try lnet.put(
        putRequest(slot, from: descriptor, offset: 0, wantsAcknowledge: false), turn: &turn)
      counters.earlyRepliesSent += 1
    } catch {
      counters.repliesFailed += 1
      if !serverRequests.cells[slot].earlyReplyDescriptor.isNone {
        try? lnet.unlink(serverRequests.cells[slot].earlyReplyDescriptor, turn: &turn)
      }
    }
  }

  private mutating func encodeEarlyReply(_ slot: Int, turn: inout Turn) {
    let request = serverRequests.cells[slot]
    var body = RPCBody(.reply, to: request.received.body.opcode)
    body.timeout = request.allowance
    body.serviceTime = elapsed(slot, at: turn.now)
    var bytes = turn.memory.mutableBytes(request.earlyReply)
    RPCMessage.encode(RPCHeader(), body, into: &bytes)
    let start = RPCMessage.headerByteCount(buffers: 1)
    var header = RPCHeader()
    header.checksum = EarlyReplyChecksum.sum(
      of: bytes.bytes.extracting(start..<start + RPCBody.byteCount))
    header.encode(into: &bytes, at: 0, bufferCount: 1)
  }

  mutating func earlyReplySent(_ slot: Int, _ event: LNetEvent, turn: inout Turn) {
    guard event.isUnlinked else { return }
    serverRequests.cells[slot].earlyReplyDescriptor = .none
    if serverRequests.cells[slot].state == .leaving { queue(serverRequest: slot) }
  }
}
