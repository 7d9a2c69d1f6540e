internal import BasicContainers
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

// CONNECT at the server: facts, decision, deed, reply (spec 11 §3, §5, §6).
extension Connections {
  /// A CONNECT as read from its message; what is missing or broken is nil.
  private struct Asked {
    var target: ObdUUID?
    var client: ObdUUID?
    var clientHandle: Cookie?
    var data: ConnectData?

    init(_ message: RPCMessage, in bytes: borrowing RawSpan) {
      target = try? ConnectRequest.target(message, in: bytes)
      client = try? ConnectRequest.client(message, in: bytes)
      clientHandle = try? ConnectRequest.clientHandle(message, in: bytes)
      data = try? ConnectRequest.data(message, in: bytes)
    }
  }

  mutating func serveConnect(
    _ handle: ServerRequestHandle, _ received: ReceivedRequest, rpc: inout PtlRPC,
    turn: inout Turn
  ) {
    let asked = Asked(received.message, in: turn.memory.bytes(received.bytes))
    let (target, known) = find(asked)
    if let target,
      targets.cells[target].description.traits.kind.connectOpcode != received.body.opcode
    {
      counters.connectsRefused += 1
      return rpc.refuse(handle, .eopnotsupp, withholdsEstimate: true, turn: &turn)
    }
    var facts = facts(asked, received, target: target, known: known, rpc: &rpc)
    let grant = negotiate(asked.data, target: target, known: known)
    facts.targetRefusal = grant?.errno ?? 0
    let decision = connectTable.decide(facts)
    if decision.evictsOld, let known {
      counters.exportsEvicted += 1
      endExport(known, status: WireErrno.enotconn.status, rpc: &rpc, turn: &turn)
    }
    guard decision.errno == 0, let target, let client = asked.client,
      let clientHandle = asked.clientHandle, let grant
    else {
      if decision.endsExport, let known {
        endExport(known, status: WireErrno.enotconn.status, rpc: &rpc, turn: &turn)
      }
      return refuseConnect(handle, decision, rpc: &rpc, turn: &turn)
    }
    let isNew = decision.action != .reuse
    let slot =
      isNew
      ? makeExport(client, target: target, peer: received.source, rpc: &rpc, turn: &turn) : known
    guard let slot else {
      counters.exportsExhausted += 1
      return refuseConnect(handle, decision, errno: .enomem, rpc: &rpc, turn: &turn)
    }
    guard
      let reply = try? rpc.beginReply(
        handle, buffers: BufferLengths(ConnectData.byteCount), turn: &turn)
    else {
      // No memory for an answer: the client comes again, and finds its export.
      if isNew { endExport(slot, status: WireErrno.enomem.status, rpc: &rpc, turn: &turn) }
      return rpc.drop(handle, turn: &turn)
    }
    grantConnect(slot, clientHandle, received, grant, rpc: &rpc, turn: &turn)
    var bytes = turn.memory.mutableBytes(reply)
    let lengths = BufferLengths(ConnectData.byteCount)
    grant.data.encode(into: &bytes, at: lengths.offset(of: 1))
    rpc.reply(handle, fields(decision, export: slot), turn: &turn)
    tell(
      ConnectionsEvent(.exportConnected, exports.handle(slot), tag: isNew ? 0 : 1))
  }

  /// The target and the export that a CONNECT names.
  private mutating func find(_ asked: Asked) -> (target: Int?, known: Int?) {
    guard let name = asked.target, let target = findTarget(name) else { return (nil, nil) }
    guard let client = asked.client else { return (target, nil) }
    return (target, findExport(client, target: target))
  }

  private mutating func negotiate(_ data: ConnectData?, target: Int?, known: Int?) -> GrantDecision?
  {
    guard let target else { return nil }
    return GrantDecision(
      asked: data ?? ConnectData(), target: targets.cells[target].description.traits,
      export: exportTraits(known))
  }

  private mutating func facts(
    _ asked: Asked, _ received: ReceivedRequest, target: Int?, known: Int?, rpc: inout PtlRPC
  ) -> ConnectFacts {
    var facts = ConnectFacts()
    let data = asked.data ?? ConnectData()
    facts.hasTargetName = asked.target.map { !$0.isEmpty } ?? false
    facts.hasClientUUID = asked.client.map { !$0.isEmpty } ?? false
    facts.hasClientHandle = asked.clientHandle != nil
    facts.connectDataBytes = asked.data == nil ? 0 : UInt32(ConnectData.byteCount)
    facts.isInitial = received.body.connectFlags.contains(.initial)
    facts.isLibClient = received.body.connectFlags.contains(.libClient)
    facts.connectionCount = received.body.connectionCount
    facts.clientHandle = asked.clientHandle?.rawValue ?? 0
    facts.asksFull20 = data.flags.contains(.full20)
    facts.asksMDS = data.flags.contains(.mds)
    facts.asksBetweenMDTs = data.flags.contains(.mdsToMDS)
    facts.asksFID = data.flags.contains(.fid)
    facts.asksVersion = data.flags.contains(.version)
    facts.asksLightweight = data.flags.contains(.lightweight)
    facts.asksReadOnly = data.flags.contains(.readOnly)
    guard let target else {
      facts.target = .unknown
      return facts
    }
    facts.isVersionNear = data.version.isNear(targets.cells[target].description.traits.version)
    facts.target = targets.cells[target].condition
    facts.isOwnUUID = asked.client == targets.cells[target].description.uuid
    facts.isRecovering = targets.cells[target].isRecovering
    facts.isReplayable = targets.cells[target].description.traits.kind.isReplayable
    guard let known else { return facts }
    facts.hasExport = true
    facts.hasValidHandle = received.body.handle == exports.cells[known].handle
    facts.exportConnectionCount = exports.cells[known].connectionCount
    facts.exportClientHandle = exports.cells[known].clientHandle.rawValue
    facts.hasReverseHandle = !exports.cells[known].clientHandle.isNone
    facts.isSameNID = exports.cells[known].peer.nid == received.source.nid
    facts.hasRequestsInProgress = rpc.hasRequestsInProgress(ofExport: UInt32(known))
    facts.isExportGone = exports.cells[known].isGone
    facts.isAccessDenied =
      received.message.header.flavor.rawValue >> 24 != exports.cells[known].flavor.rawValue >> 24
    return facts
  }

  private mutating func exportTraits(_ known: Int?) -> ExportTraits {
    var traits = ExportTraits()
    guard let known else { return traits }
    traits.isNew = false
    traits.grantByteCount =
      exports.cells[known].granted.flags.contains(.grant)
      ? exports.cells[known].granted.grantByteCount : 0
    traits.group = exports.cells[known].granted.group
    return traits
  }

  /// Puts a granted CONNECT into force (§5 row 28).
  private mutating func grantConnect(
    _ slot: Int, _ clientHandle: Cookie, _ received: ReceivedRequest, _ grant: GrantDecision,
    rpc: inout PtlRPC, turn: inout Turn
  ) {
    counters.connectsGranted += 1
    promise(grant.data, export: slot)
    // What the client had laid open before is gone (spec 13 §5.6).
    rpc.abortTransfers(ofExport: UInt32(slot), turn: &turn)
    setPeer(received.source, interface: received.interface, ofExport: slot)
    exports.cells[slot].connectionCount = received.body.connectionCount
    exports.cells[slot].clientHandle = clientHandle
    exports.cells[slot].granted = grant.data
    exports.cells[slot].flavor = received.message.header.flavor
    setTimed(grant.isTimed, export: slot, at: turn.now)
    exports.cells[slot].takesSlot = exports.cells[slot].takesSlot || grant.takesSlot
    exports.cells[slot].lastXID = 0
    exports.cells[slot].lastRequest = turn.now
    resendCallbacks(slot, rpc: &rpc, turn: &turn)
  }

  /// What one client is granted no other one of the same turn is: its target has not heard of it yet.
  private mutating func promise(_ data: ConnectData, export slot: Int) {
    let before = exports.cells[slot].granted
    let held = before.flags.contains(.grant) ? before.grantByteCount : 0
    guard data.flags.contains(.grant), data.grantByteCount > held else { return }
    let target = Int(exports.cells[slot].target)
    let left = targets.cells[target].description.traits.unpromisedByteCount
    guard left < .max else { return }
    targets.cells[target].description.traits.unpromisedByteCount =
      left - min(left, UInt64(data.grantByteCount - held))
  }

  private mutating func fields(_ decision: ConnectDecision, export slot: Int) -> ReplyFields {
    var fields = ReplyFields()
    fields.handle = exports.cells[slot].handle
    tellState(of: slot, in: &fields)
    if decision.isReconnect { fields.connectFlags.insert(.reconnect) }
    if decision.isReplayable { fields.connectFlags.insert(.replayable) }
    if decision.isRecovering { fields.connectFlags.insert(.recovering) }
    // An MGS says so to everyone who has connected before, wherever that was (§6).
    let kind = targets.cells[Int(exports.cells[slot].target)].description.traits.kind
    if kind == .mgs, exports.cells[slot].connectionCount > 1 {
      fields.connectFlags.insert(.reconnect)
    }
    return fields
  }

  /// A refusal after the target was found has the reply's two buffers (§3.2).
  private mutating func refuseConnect(
    _ handle: ServerRequestHandle, _ decision: ConnectDecision, errno: WireErrno? = nil,
    rpc: inout PtlRPC, turn: inout Turn
  ) {
    counters.connectsRefused += 1
    let error = errno ?? WireErrno(rawValue: decision.errno)
    if decision.row > 4 || errno != nil {
      _ = try? rpc.beginReply(
        handle, buffers: BufferLengths(ConnectData.byteCount), turn: &turn)
    }
    rpc.refuse(handle, error, withholdsEstimate: true, turn: &turn)
  }
}
