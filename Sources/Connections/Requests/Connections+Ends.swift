internal import BasicContainers
internal import LNet
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

// What becomes of an import when one of its requests has ended (spec 12 §4), and the pinger (spec 11 §9.7).
extension Connections {
  mutating func requestEnded(
    _ event: RPCEvent, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let index = event.request.raw.slot
    guard index < requests.count, requests[index].handle == event.request,
      requests[index].stage == .sent, rpc.hasEnded(event.request)
    else {
      // Given up meanwhile, or sent again.
      counters.eventsIgnored += 1
      return
    }
    let slot = Int(requests[index].owner)
    switch requests[index].kind {
    case .connect: connectEnded(slot, event, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .disconnect:
      release(event.request, rpc: &rpc, turn: &turn)
      imports.cells[slot].ownRequest = .none
      disconnectEnded(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .ping: pingEnded(slot, event, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .finalPing:
      release(event.request, rpc: &rpc, turn: &turn)
      imports.cells[slot].ownRequest = .none
      let isGood = event.kind == .replied && event.status == 0
      step(
        slot, isGood ? .finalPingAnswered : .replayFailed, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .callback: callbackEnded(index, event, rpc: &rpc, turn: &turn)
    case .user: userRequestEnded(index, event, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .none: preconditionFailure("an event of a request that nobody made")
    }
  }

  private mutating func userRequestEnded(
    _ index: Int, _ event: RPCEvent, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let request = requests[index]
    let slot = Int(request.owner)
    let maySendAgain = !request.options.contains(.noResend)
    if event.kind == .replied {
      replySeen(slot, event.request, rpc: &rpc, turn: &turn)
      guard let error = WireErrno(status: event.status), Self.asksForMore(error) else {
        return end(index, .replied, status: event.status, rpc: &rpc, turn: &turn)
      }
      guard maySendAgain else {
        end(index, .replied, status: event.status, rpc: &rpc, turn: &turn)
        if error != .einprogress {
          connectionLost(
            slot, count: request.connectionCount, rpc: &rpc, lnet: &lnet, turn: &turn)
        }
        return
      }
      requests[index].stage = .unanswered
      if error == .einprogress {
        return postpone(index, slot, turn: &turn)
      }
      return connectionLost(
        slot, count: request.connectionCount, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    if event.kind == .failed, Self.isOwnersMatter(event.status) {
      return end(index, .failed, status: event.status, rpc: &rpc, turn: &turn)
    }
    if maySendAgain {
      requests[index].stage = .unanswered
    } else {
      end(
        index, .failed,
        status: event.kind == .timedOut ? WireErrno.etimedout.status : event.status, rpc: &rpc,
        turn: &turn)
    }
    let isCurrent = request.connectionCount == imports.cells[slot].machine.connectionCount
    connectionLost(slot, count: request.connectionCount, rpc: &rpc, lnet: &lnet, turn: &turn)
    if !isCurrent, maySendAgain, imports.cells[slot].machine.state == .full {
      releaseDelayed(slot, rpc: &rpc, turn: &turn)
    }
  }

  /// The answers that concern the connection, or ask for patience, and are not the owner's (spec 12 §4).
  private static func asksForMore(_ error: WireErrno) -> Bool {
    error == .enotconn || error == .enodev || error == .einprogress
  }

  /// A reply that makes no sense or is too long, or bulk that did not come: sending it again helps nobody.
  private static func isOwnersMatter(_ status: Int32) -> Bool {
    status == WireErrno.eproto.status || status == WireErrno.eoverflow.status
      || status == WireErrno.eio.status
  }

  /// The server asks to come again after as many seconds as it has asked (spec 10 §12).
  private mutating func postpone(_ index: Int, _ slot: Int, turn: inout Turn) {
    requests[index].postponed += 1
    let wait = UInt64(min(requests[index].postponed, 30)) * nanosecondsPerSecond
    requests[index].notBefore = turn.now + wait
    imports.cells[slot].nextPostponed = min(
      imports.cells[slot].nextPostponed, turn.now + wait)
    // A late answer must not put off an attempt, or the next one; what waits goes when the import is FULL again.
    guard imports.cells[slot].machine.state == .full else { return }
    armFull(slot, at: imports.cells[slot].nextPing, &turn)
  }

  private mutating func replySeen(
    _ slot: Int, _ handle: RequestHandle, rpc: inout PtlRPC, turn: inout Turn
  ) {
    imports.cells[slot].lastReply = turn.now
    guard let reply = try? rpc.reply(to: handle, turn: &turn) else { return }
    if reply.body.lastCommitted > imports.cells[slot].committed {
      imports.cells[slot].committed = reply.body.lastCommitted
    }
  }

  /// A request over this connection says that it is gone (spec 11 §9.3, spec 12 §4).
  private mutating func connectionLost(
    _ slot: Int, count: UInt32, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    guard count == imports.cells[slot].machine.connectionCount,
      imports.cells[slot].machine.state == .full
    else { return }
    step(slot, .requestFailed, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  // MARK: - Pinger

  mutating func importTimerExpired(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    guard imports.isTaken(slot) else { return }
    if imports.cells[slot].isAttemptUnsent, imports.cells[slot].machine.state == .connecting {
      guard turn.now >= imports.cells[slot].attemptDeadline else {
        arm(slot, at: imports.cells[slot].attemptDeadline, &turn)
        return
      }
      return unsentAttemptEnded(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    if imports.cells[slot].machine.state == .full { releaseDelayed(slot, rpc: &rpc, turn: &turn) }
    var facts = PingerFacts(state: imports.cells[slot].machine.state)
    let flags = imports.cells[slot].machine.flags
    facts.isDeactivated = flags.contains(.deactivated)
    facts.isForced = flags.contains(.forceVerify)
    facts.isPingable = flags.contains(.pingable)
    facts.idleTimeout =
      imports.cells[slot].description.proposal.role.becomesIdle ? timing.idleTimeout : 0
    facts.hasRequests = imports.cells[slot].requestCount > 0
    facts.hasLocks = imports.cells[slot].lockCount > 0
    facts.lastReply = imports.cells[slot].lastReply
    facts.nextPing = imports.cells[slot].nextPing
    switch Pinger.decide(facts, at: turn.now, timing) {
    case .wait(let until):
      if let until { armFull(slot, at: until, &turn) }
    case .connect(let next):
      imports.cells[slot].nextPing = next
      step(slot, .connectRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .ping: sendPing(slot, rpc: &rpc, turn: &turn)
    case .disconnectIdle: step(slot, .idleTimePassed, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
  }

  /// An attempt that was never sent ends as one that was not answered.
  private mutating func unsentAttemptEnded(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    counters.attemptsUnsent += 1
    imports.cells[slot].isAttemptUnsent = false
    var facts = ConnectReplyFacts()
    facts.errno = WireErrno.etimedout.rawValue
    var failure = ConnectFailure()
    failure.hasRestedConnection = imports.cells[slot].connections.hasRested(
      at: turn.now, for: timing.restTime)
    let verdict = imports.cells[slot].machine.connectEnded(
      facts, committed: 0, failure: failure, replyTable, importTable, at: turn.now)
    note(.attemptFailed, import: slot, status: WireErrno.etimedout.status)
    if imports.cells[slot].closesAfterConnect {
      return step(slot, .closeRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    perform(verdict.effect, slot, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  private mutating func sendPing(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    activity(slot, turn: &turn)
    imports.cells[slot].machine.flags.remove(.forceVerify)
    guard imports.cells[slot].ownRequest == .none,
      let handle = ping(slot, .ping, flags: .hasUserIDs, rpc: &rpc, turn: &turn)
    else { return }
    counters.pingsSent += 1
    imports.cells[slot].ownRequest = handle
  }

  /// The ping that says that both replays are done (spec 12 §7).
  mutating func sendFinalPing(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    abandonOwnRequest(slot, rpc: &rpc, turn: &turn)
    let flags: RPCFlags = [.hasUserIDs, .requestReplayDone, .lockReplayDone]
    guard let handle = ping(slot, .finalPing, flags: flags, rpc: &rpc, turn: &turn) else {
      return step(slot, .replayFailed, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    imports.cells[slot].ownRequest = handle
  }

  private mutating func ping(
    _ slot: Int, _ kind: OwnRequest.Kind, flags: RPCFlags, rpc: inout PtlRPC, turn: inout Turn
  ) -> RequestHandle? {
    var draft = draft(slot, .ping)
    draft.flags = flags
    guard let handle = try? rpc.begin(draft, buffers: BufferLengths(), turn: &turn) else {
      return nil
    }
    enter(handle, kind, slot, tag: 0, options: [.noResend, .noDelay])
    requests[handle.raw.slot].notBefore = turn.now
    rpc.send(handle, over: route(slot))
    sent(handle)
    return handle
  }

  private mutating func pingEnded(
    _ slot: Int, _ event: RPCEvent, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let count = requests[event.request.raw.slot].connectionCount
    let sentTime = requests[event.request.raw.slot].notBefore
    imports.cells[slot].ownRequest = .none
    if event.kind == .replied {
      replySeen(slot, event.request, rpc: &rpc, turn: &turn)
      release(event.request, rpc: &rpc, turn: &turn)
      let error = WireErrno(status: event.status)
      if error != .enotconn && error != .enodev { return }
    } else {
      release(event.request, rpc: &rpc, turn: &turn)
      // A later reply says that the server is there (§9.7).
      if imports.cells[slot].lastReply > sentTime { return }
    }
    connectionLost(slot, count: count, rpc: &rpc, lnet: &lnet, turn: &turn)
  }
}
