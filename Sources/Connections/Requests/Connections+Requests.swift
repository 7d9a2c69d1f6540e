internal import BasicContainers
package import LNet
package import LustreWire
package import PtlRPC
package import RDMATransport
internal import Structures

// Requests of imports as their owners see them (spec 10 §12).
extension Connections {
  /// What an ordinary request of an import looks like: its default portals, its flavour.
  package mutating func draft(on handle: ImportHandle, _ opcode: Opcode) -> RequestDraft {
    draft(slot(of: handle), opcode)
  }

  /// Begins a request; its buffers are then encoded in `rpc.message(of:)`, and `submit` sends it.
  ///
  /// - Parameter tag: the owner's number; comes back in events.
  package mutating func begin(
    _ draft: RequestDraft, on handle: ImportHandle, buffers: BufferLengths,
    options: RequestOptions = [], tag: UInt32, rpc: inout PtlRPC, turn: inout Turn
  ) throws(RPCError) -> RequestHandle {
    let slot = slot(of: handle)
    precondition(draft.importSlot == UInt32(slot), "a request of another import")
    let request = try rpc.begin(draft, buffers: buffers, turn: &turn)
    enter(request, .user, slot, tag: tag, options: options)
    return request
  }

  /// Sends a request as soon as its import lets it; `replied` or `failed` follows exactly once.
  package mutating func submit(
    _ handle: RequestHandle, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let index = handle.raw.slot
    precondition(requests[index].handle == handle, "a stale request")
    precondition(requests[index].stage == .draft, "submitted twice")
    let slot = Int(requests[index].owner)
    imports.cells[slot].requestCount += 1
    requests[index].stage = .delayed
    if imports.cells[slot].machine.state == .idle {
      requests[index].generation = imports.cells[slot].machine.generation &+ 1
      step(slot, .requestQueued, rpc: &rpc, lnet: &lnet, turn: &turn)
      guard requests[index].stage == .delayed else { return }
    }
    dispatch(index, rpc: &rpc, turn: &turn)
  }

  /// The owner needs a request and its reply no more. Of one with bulk, `released` follows.
  package mutating func release(
    _ handle: RequestHandle, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let index = handle.raw.slot
    precondition(requests[index].handle == handle, "a stale request")
    let isActive = requests[index].stage != .draft && requests[index].stage != .ended
    if requests[index].kind == .user, isActive {
      imports.cells[Int(requests[index].owner)].requestCount -= 1
    }
    unlink(index)
    requests[index] = OwnRequest()
    rpc.release(handle, turn: &turn)
  }

  // MARK: - Sending

  mutating func draft(_ slot: Int, _ opcode: Opcode) -> RequestDraft {
    let role = imports.cells[slot].description.proposal.role
    var draft = RequestDraft(
      importSlot: UInt32(slot), opcode: opcode, requestPortal: role.requestPortal,
      replyPortal: role.replyPortal, flavor: role.flavor)
    draft.processID = processID
    return draft
  }

  /// The way to the server over the present connection.
  mutating func route(_ slot: Int) -> ImportRoute {
    let flags = imports.cells[slot].granted.flags
    let flags2 = flags.contains(.secondFlags) ? imports.cells[slot].granted.flags2 : []
    var header = RPCHeaderFlags.connected
    if !flags.contains(.adaptiveTimeouts) { header.remove(.adaptiveTimeouts) }
    return ImportRoute(
      server: ProcessID(nid: imports.cells[slot].connections.current?.nid ?? .any),
      handle: Cookie(rawValue: imports.cells[slot].machine.remoteHandle),
      connectionCount: imports.cells[slot].machine.connectionCount, headerFlags: header,
      hasReplyMatchBits: flags2.contains(.replyMatchBits),
      hasBulkMatchBits: flags.contains(.bulkMatchBits))
  }

  mutating func enter(
    _ handle: RequestHandle, _ kind: OwnRequest.Kind, _ slot: Int, tag: UInt32,
    options: RequestOptions
  ) {
    let index = handle.raw.slot
    requests[index] = OwnRequest()
    requests[index].kind = kind
    requests[index].handle = handle
    requests[index].owner = UInt32(slot)
    requests[index].tag = tag
    requests[index].options = options
    if kind == .callback { return }
    requests[index].generation = imports.cells[slot].machine.generation
    link(index)
  }

  mutating func sent(_ handle: RequestHandle) {
    let index = handle.raw.slot
    requests[index].stage = .sent
    if requests[index].kind == .callback { return }
    let slot = Int(requests[index].owner)
    requests[index].connectionCount = imports.cells[slot].machine.connectionCount
  }

  private mutating func decide(_ index: Int) -> SendDecision {
    let slot = Int(requests[index].owner)
    var facts = SendFacts(state: imports.cells[slot].machine.state)
    facts.isInvalid = imports.cells[slot].machine.flags.contains(.invalid)
    facts.isInvalidating = imports.cells[slot].machine.state == .evicted
    facts.generation = requests[index].generation
    facts.importGeneration = imports.cells[slot].machine.generation
    facts.isWithoutDelay = requests[index].options.contains(.noDelay)
    facts.isWaking = imports.cells[slot].machine.flags.contains(.wasIdle)
    facts.isDuringReplay = requests[index].options.contains(.duringReplay)
    return SendDecision(facts)
  }

  /// Sends a waiting request, lets it wait on, or ends it.
  private mutating func dispatch(_ index: Int, rpc: inout PtlRPC, turn: inout Turn) {
    switch decide(index) {
    case .send: send(index, rpc: &rpc, turn: &turn)
    case .wait: counters.requestsDelayed += 1
    case .fail(let errno): end(index, .failed, status: -errno, rpc: &rpc, turn: &turn)
    }
  }

  private mutating func send(_ index: Int, rpc: inout PtlRPC, turn: inout Turn) {
    let request = requests[index]
    let slot = Int(request.owner)
    if request.stage == .unanswered {
      counters.requestsResent += 1
      rpc.resend(
        request.handle, over: route(slot), request.notBefore > 0 ? .freshXID : .sameXID)
      requests[index].notBefore = 0
    } else {
      rpc.send(request.handle, over: route(slot))
    }
    sent(request.handle)
    activity(slot, turn: &turn)
  }

  /// Tells the owner how its request ended.
  mutating func end(
    _ index: Int, _ kind: ConnectionsEvent.Kind, status: Int32, rpc: inout PtlRPC,
    turn: inout Turn
  ) {
    precondition(requests[index].stage != .ended, "ended twice")
    requests[index].stage = .ended
    imports.cells[Int(requests[index].owner)].requestCount -= 1
    if requests[index].isAboutLock {
      return lockRequestEnded(
        index, isReplied: kind == .replied, status: status, rpc: &rpc, turn: &turn)
    }
    tell(
      ConnectionsEvent(
        kind, requests[index].handle.raw, status: status, tag: requests[index].tag))
  }

  // MARK: - Lists

  private mutating func link(_ index: Int) {
    let slot = Int(requests[index].owner)
    let last = imports.cells[slot].lastRequest
    requests[index].previous = last
    requests[index].next = noRecord
    if last == noRecord {
      imports.cells[slot].firstRequest = UInt32(index)
    } else {
      requests[Int(last)].next = UInt32(index)
    }
    imports.cells[slot].lastRequest = UInt32(index)
  }

  mutating func unlink(_ index: Int) {
    let request = requests[index]
    if request.kind == .callback || request.kind == .none { return }
    let slot = Int(request.owner)
    if request.previous == noRecord {
      imports.cells[slot].firstRequest = request.next
    } else {
      requests[Int(request.previous)].next = request.next
    }
    if request.next == noRecord {
      imports.cells[slot].lastRequest = request.previous
    } else {
      requests[Int(request.next)].previous = request.previous
    }
  }

  /// Whether a user's request waits for this import.
  func hasWaitingRequests(_ slot: Int) -> Bool {
    var index = imports.cells[slot].firstRequest
    while index != noRecord {
      let request = requests[Int(index)]
      if request.kind == .user, request.stage == .delayed || request.stage == .unanswered {
        return true
      }
      index = request.next
    }
    return false
  }

  /// Requests that wait will belong to the generation that begins now.
  mutating func renewGeneration(_ slot: Int) {
    let next = imports.cells[slot].machine.generation &+ 1
    var index = imports.cells[slot].firstRequest
    while index != noRecord {
      requests[Int(index)].generation = next
      index = requests[Int(index)].next
    }
  }

  /// The import is FULL: what waits goes, in its order.
  mutating func releaseDelayed(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    var index = imports.cells[slot].firstRequest
    var nextPostponed = UInt64.max
    defer { imports.cells[slot].nextPostponed = nextPostponed }
    while index != noRecord {
      let next = requests[Int(index)].next
      let request = requests[Int(index)]
      let isDue = request.notBefore <= turn.now
      if request.kind == .user,
        request.stage == .delayed || request.stage == .unanswered && isDue
      {
        dispatch(Int(index), rpc: &rpc, turn: &turn)
      } else if request.kind == .user, request.stage == .unanswered, !isDue {
        nextPostponed = min(nextPostponed, request.notBefore)
      }
      index = next
    }
  }

  /// Sends again what has no reply: what was given up, and what is under way over an older connection.
  mutating func resendUnanswered(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    var index = imports.cells[slot].firstRequest
    while index != noRecord {
      let next = requests[Int(index)].next
      let request = requests[Int(index)]
      let isOld = request.connectionCount != imports.cells[slot].machine.connectionCount
      if request.kind == .user, request.notBefore <= turn.now,
        request.stage == .unanswered || request.stage == .sent && isOld,
        !request.options.contains(.noResend)
      {
        if request.generation != imports.cells[slot].machine.generation {
          if request.stage == .sent { rpc.abandon(request.handle, turn: &turn) }
          end(Int(index), .failed, status: WireErrno.eio.status, rpc: &rpc, turn: &turn)
        } else {
          if request.stage == .sent { rpc.abandon(request.handle, turn: &turn) }
          requests[Int(index)].stage = .unanswered
          send(Int(index), rpc: &rpc, turn: &turn)
        }
      }
      index = next
    }
  }

  /// What waits and may not be sent again fails: a connect has failed (spec 11 §9.6).
  mutating func failDelayed(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    var index = imports.cells[slot].firstRequest
    while index != noRecord {
      let next = requests[Int(index)].next
      let request = requests[Int(index)]
      if request.kind == .user, request.stage == .delayed, request.options.contains(.noResend) {
        end(Int(index), .failed, status: WireErrno.eio.status, rpc: &rpc, turn: &turn)
      }
      index = next
    }
  }

  /// Ends all requests of an import's owner that wait or are under way.
  mutating func failUserRequests(
    _ slot: Int, _ status: Int32, rpc: inout PtlRPC, turn: inout Turn
  ) {
    var index = imports.cells[slot].firstRequest
    while index != noRecord {
      let next = requests[Int(index)].next
      let request = requests[Int(index)]
      if request.kind == .user, request.stage != .draft, request.stage != .ended {
        if request.stage == .sent { rpc.abandon(request.handle, turn: &turn) }
        end(Int(index), .failed, status: status, rpc: &rpc, turn: &turn)
      }
      index = next
    }
  }

  /// Gives up the room's own request on an import: a CONNECT, DISCONNECT or ping of an older state.
  mutating func abandonOwnRequest(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    let handle = imports.cells[slot].ownRequest
    guard handle != .none else { return }
    imports.cells[slot].ownRequest = .none
    imports.cells[slot].isAttemptUnsent = false
    release(handle, rpc: &rpc, turn: &turn)
  }
}
