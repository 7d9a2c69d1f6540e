internal import BasicContainers
internal import LNet
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

// CONNECT and DISCONNECT of imports (spec 11 §3, §9.4 to §9.8).
extension Connections {
  /// Chooses a NID and sends a CONNECT there, or waits for its discovery.
  mutating func startAttempt(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    abandonOwnRequest(slot, rpc: &rpc, turn: &turn)
    let repeats = imports.cells[slot].machine.flags.contains(.forceReconnect)
    let measured = UInt64(rpc.latency(ofImport: UInt32(slot))) * nanosecondsPerSecond
    let attempt = imports.cells[slot].connections.attempt(
      at: turn.now, repeats: repeats, measured: measured, timing
    ) { nid in Self.readiness(nid, lnet) }
    guard let attempt else {
      return step(slot, .attemptFailed, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    imports.cells[slot].machine.flags.remove(.forceVerify)
    imports.cells[slot].attemptDeadline = attempt.deadline
    imports.cells[slot].isAttemptUnsent = !attempt.isSent
    if attempt.isSent {
      return sendConnect(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    arm(slot, at: attempt.deadline, &turn)
    let tag = 2 << 62 | UInt64(slot)
    try? lnet.discover(attempt.nid, tag: tag, turn: &turn)
  }

  private static func readiness(_ nid: NID, _ lnet: borrowing LNet) -> PeerReadiness {
    if nid == .loopback { return .ready }
    for index in 0..<lnet.interfaceCount where lnet.nid(ofInterface: index) == nid {
      return .ready
    }
    guard let peer = lnet.peer(nid) else { return .pending }
    return peer.state == .upToDate || peer.isWithoutDiscovery ? .ready : .pending
  }

  /// A discovery that an attempt waited for has ended.
  mutating func discovered(
    _ slot: Int, status: Int32, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    guard imports.cells[slot].isAttemptUnsent,
      imports.cells[slot].machine.state == .connecting
    else { return }
    // When it failed, the attempt ends with its second, as if it had never been (§9.4).
    guard status == 0, !imports.cells[slot].closesAfterConnect else { return }
    imports.cells[slot].isAttemptUnsent = false
    imports.cells[slot].connections.noteDiscovered()
    imports.cells[slot].attemptDeadline =
      turn.now + timing.connectTimeout + imports.cells[slot].connections.latency
    sendConnect(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  private mutating func sendConnect(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    guard let nid = imports.cells[slot].connections.current?.nid else { return }
    let role = imports.cells[slot].description.proposal.role
    let isInitial = imports.cells[slot].machine.remoteHandle == 0
    var draft = RequestDraft(
      importSlot: UInt32(slot), opcode: role.connectOpcode, requestPortal: role.requestPortal,
      replyPortal: role.replyPortal, replyByteCount: Int(ConnectRequest.replyByteCount),
      flavor: role.flavor)
    draft.connectFlags = isInitial ? .initial : []
    draft.processID = processID
    draft.timeout = UInt32(timing.connectTimeout / nanosecondsPerSecond)
    // What every real client says: the estimate behind the timeout that the request had before (spec 10 §3).
    draft.serviceTime = 4
    draft.isResendable = false
    let buffers = BufferLengths(
      RPCLimits.connectUUIDBytes, RPCLimits.connectUUIDBytes, Cookie.byteCount,
      ConnectData.byteCount, 0)
    guard let handle = try? rpc.begin(draft, buffers: buffers, turn: &turn) else {
      return step(slot, .attemptFailed, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    encodeConnect(slot, isInitial, rpc.message(of: handle), buffers, turn: &turn)
    enter(handle, .connect, slot, tag: 0, options: [.noResend, .noDelay])
    imports.cells[slot].ownRequest = handle
    rpc.resetLatency(ofImport: UInt32(slot))
    counters.attempts += 1
    disarm(slot, &turn)
    rpc.send(
      handle,
      over: ImportRoute(
        server: ProcessID(nid: nid),
        handle: Cookie(rawValue: imports.cells[slot].machine.remoteHandle),
        connectionCount: imports.cells[slot].machine.connectionCount, headerFlags: [],
        latency: UInt32(imports.cells[slot].connections.latency / nanosecondsPerSecond)))
    sent(handle)
  }

  private mutating func encodeConnect(
    _ slot: Int, _ isInitial: Bool, _ message: BufferRef, _ buffers: BufferLengths,
    turn: inout Turn
  ) {
    let description = imports.cells[slot].description
    // After an idle disconnect it is a first CONNECT again, with what was granted before (§9.8).
    let data =
      imports.cells[slot].granted.flags.isEmpty
      ? description.proposal.first
      : description.proposal.again(
        after: imports.cells[slot].granted, held: imports.cells[slot].granted.grantByteCount,
        transno: 0)
    var bytes = turn.memory.mutableBytes(message)
    var place = buffers.offset(of: 1)
    description.target.encode(into: &bytes, at: place)
    place += RPCMessage.padded(RPCLimits.connectUUIDBytes)
    description.client.encode(into: &bytes, at: place)
    place += RPCMessage.padded(RPCLimits.connectUUIDBytes)
    imports.cells[slot].clientHandle.encode(into: &bytes, at: place)
    data.encode(into: &bytes, at: place + Cookie.byteCount)
  }

  /// A CONNECT has ended: with a reply, or without.
  mutating func connectEnded(
    _ slot: Int, _ event: RPCEvent, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let role = imports.cells[slot].description.proposal.role
    var facts = ConnectReplyFacts()
    var failure = ConnectFailure()
    facts.isInitial = imports.cells[slot].machine.remoteHandle == 0
    facts.isBetweenMDTs = role == .ospToMetadata
    failure.isBetweenServers = role.isBetweenServers
    failure.hasRestedConnection = imports.cells[slot].connections.hasRested(
      at: turn.now, for: timing.restTime)
    var granted = ConnectData()
    if event.kind == .replied {
      facts.errno = max(0, -event.status)
      imports.cells[slot].connections.answered()
      granted = readReply(event.request, slot, &facts, &failure, rpc: &rpc, turn: &turn)
    } else {
      facts.errno = WireErrno.etimedout.rawValue
      if rpc.hasLeft(event.request) {
        counters.attemptsUnanswered += 1
      } else {
        counters.attemptsUnconnected += 1
      }
    }
    let latency = UInt64(rpc.latency(ofImport: UInt32(slot))) * nanosecondsPerSecond
    release(event.request, rpc: &rpc, turn: &turn)
    imports.cells[slot].ownRequest = .none
    let verdict = imports.cells[slot].machine.connectEnded(
      facts, committed: imports.cells[slot].committed, failure: failure, replyTable, importTable,
      at: turn.now)
    if verdict.errno != 0 {
      counters.attemptsFailed += 1
      note(.attemptFailed, import: slot, status: -verdict.errno)
    } else if verdict.effect != .ignore {
      imports.cells[slot].granted = granted
      imports.cells[slot].committed = facts.lastCommitted
      imports.cells[slot].connections.succeeded(at: turn.now, measured: latency)
      imports.cells[slot].machine.set(
        .adaptiveTimeouts, to: granted.flags.contains(.adaptiveTimeouts))
    }
    if verdict.errno != 0, imports.cells[slot].closesAfterConnect {
      return step(slot, .closeRequested, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    perform(verdict.effect, slot, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  /// What a CONNECT's reply says, checked against what was asked for.
  private mutating func readReply(
    _ handle: RequestHandle, _ slot: Int, _ facts: inout ConnectReplyFacts,
    _ failure: inout ConnectFailure, rpc: inout PtlRPC, turn: inout Turn
  ) -> ConnectData {
    let description = imports.cells[slot].description
    guard let reply = try? rpc.reply(to: handle, turn: &turn) else {
      facts.hasConnectData = false
      return ConnectData()
    }
    facts.handle = reply.body.handle.rawValue
    facts.lastCommitted = reply.body.lastCommitted
    facts.isRecovering = reply.body.connectFlags.contains(.recovering)
    facts.isReconnect = reply.body.connectFlags.contains(.reconnect)
    facts.isReplayable = reply.body.connectFlags.contains(.replayable)
    guard let data = try? ConnectReply(reply.message, in: turn.memory.bytes(reply.bytes)).data
    else {
      facts.hasConnectData = false
      return ConnectData()
    }
    let agreement = Agreement(
      asked: description.proposal.first, granted: data, role: description.proposal.role,
      wished: description.bulkByteCountMax)
    facts.isSubset = agreement.isSubset
    facts.isVersionNear = agreement.isVersionNear
    facts.isWithoutChecksum = agreement.isWithoutChecksum
    facts.isLightweight = data.flags.contains(.lightweight)
    failure.isOtherVersion = data.version.rawValue != 0 && data.version != .current
    if facts.errno == 0 { imports.cells[slot].agreement = agreement }
    return data
  }

  // MARK: - DISCONNECT

  mutating func sendDisconnect(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    abandonOwnRequest(slot, rpc: &rpc, turn: &turn)
    let role = imports.cells[slot].description.proposal.role
    var draft = draft(slot, role.disconnectOpcode)
    let estimate = rpc.estimate(ofImport: UInt32(slot), role.requestPortal)
    draft.timeout = min(estimate, UInt32(timing.disconnectTimeout / nanosecondsPerSecond))
    guard let handle = try? rpc.begin(draft, buffers: BufferLengths(), turn: &turn) else {
      return disconnectEnded(slot, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    enter(handle, .disconnect, slot, tag: 0, options: [.noResend, .noDelay])
    imports.cells[slot].ownRequest = handle
    disarm(slot, &turn)
    counters.disconnectsSent += 1
    rpc.send(handle, over: route(slot))
    sent(handle)
  }

  /// A DISCONNECT was answered or not: it is the same (§9.8).
  mutating func disconnectEnded(
    _ slot: Int, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let event: ImportEvent =
      if imports.cells[slot].machine.flags.contains(.closing)
        || imports.cells[slot].closesAfterConnect
      {
        .disconnected
      } else if hasWaitingRequests(slot) {
        .idleInterrupted
      } else {
        .idleDisconnected
      }
    if event == .idleInterrupted { renewGeneration(slot) }
    step(slot, event, rpc: &rpc, lnet: &lnet, turn: &turn)
  }
}

let nanosecondsPerSecond: UInt64 = 1_000_000_000
