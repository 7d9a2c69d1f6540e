internal import BasicContainers
internal import LNet
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

// Requests of clients on their way to a handler (spec 10 §10).
extension Connections {
  /// Steps 2 and 3: whose request it is, and whether it belongs to that client's present connection.
  mutating func requestArrived(
    _ handle: ServerRequestHandle, service: UInt32, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let received = rpc.received(handle)
    let body = received.body
    // Callbacks name an import of ours.
    let slot = findExport(body.handle)
    guard let slot else {
      _ = rpc.admit(handle, export: nil, isUrgent: received.isUrgent, turn: &turn)
      return
    }
    let target = Int(exports.cells[slot].target)
    if body.connectionCount < exports.cells[slot].connectionCount {
      counters.requestsStale += 1
      return rpc.drop(handle, turn: &turn)
    }
    if targets.cells[target].condition == .unavailable {
      counters.requestsRefused += 1
      return rpc.refuse(handle, .enodev, turn: &turn)
    }
    if !targets.cells[target].isRecovering,
      !body.flags.isDisjoint(with: [.replay, .requestReplayDone]) || body.transno != 0
    {
      counters.requestsRefused += 1
      rpc.refuse(handle, .enodev, turn: &turn)
      return evict(ExportHandle(raw: exports.handle(slot)), rpc: &rpc, turn: &turn)
    }
    if !rpc.received(handle).message.header.flavor.isNull {
      counters.requestsRefused += 1
      return rpc.drop(handle, turn: &turn)
    }
    heard(ofExport: slot, estimate: rpc.estimate(ofService: service), rpc: &rpc, turn: &turn)
    // A CONNECT ends what its client's older requests wait for: it is none of them.
    _ = rpc.admit(
      handle, export: body.opcode.isConnect ? nil : UInt32(slot),
      isUrgent: received.isUrgent, isRecovering: targets.cells[target].isRecovering,
      hasReplyMatchBits: exports.cells[slot].hasReplyMatchBits,
      hasIncreasingXIDs: exports.cells[slot].hasIncreasingXIDs, turn: &turn)
  }

  /// Step 8: the handler's turn.
  mutating func serve(
    _ handle: ServerRequestHandle, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let received = rpc.received(handle)
    let body = received.body
    if body.opcode.isConnect {
      return serveConnect(handle, received, rpc: &rpc, turn: &turn)
    }
    if received.portal == .ldlmCallbackRequest {
      return serveCallback(handle, body, rpc: &rpc, turn: &turn)
    }
    guard let slot = findExport(body.handle), exports.cells[slot].connectionCount > 0 else {
      counters.requestsWithoutExport += 1
      return rpc.refuse(handle, .enotconn, withholdsEstimate: true, turn: &turn)
    }
    if body.lastXID > exports.cells[slot].lastXID {
      exports.cells[slot].lastXID = body.lastXID
      forgetReplies(ofExport: slot, through: body.lastXID)
    }
    let isTooOld = received.xid == 0 || received.xid <= exports.cells[slot].lastXID
    if isTooOld, !body.flags.contains(.replay) {
      counters.requestsRefused += 1
      return rpc.refuse(handle, .eproto, turn: &turn)
    }
    if body.connectionCount < exports.cells[slot].connectionCount {
      counters.requestsStale += 1
      return rpc.drop(handle, turn: &turn)
    }
    guard
      body.tag == 0 || !exports.cells[slot].hasIncreasingXIDs
        || !isTagBusy(handle, body, received.xid, export: slot, rpc: &rpc)
    else {
      counters.requestsRefused += 1
      return rpc.refuse(handle, .eproto, turn: &turn)
    }
    guard body.opcode.isKnown else {
      counters.requestsRefused += 1
      return rpc.refuse(handle, .eopnotsupp, turn: &turn)
    }
    guard body.service == body.opcode.service else {
      counters.requestsRefused += 1
      return rpc.refuse(handle, .einval, turn: &turn)
    }
    if exports.cells[slot].firstSaved != noRecord, findReply(received.xid, export: slot) != nil {
      guard !body.flags.isDisjoint(with: [.resent, .replay]) else {
        counters.requestsRefused += 1
        return rpc.refuse(handle, .enotconn, turn: &turn)
      }
      counters.repliesFound += 1
    }
    let export = ExportHandle(raw: exports.handle(slot))
    switch body.opcode {
    case .ping:
      counters.pingsAnswered += 1
      rpc.reply(handle, replyFields(export), turn: &turn)
    case .mgsDisconnect, .mdsDisconnect, .ostDisconnect:
      counters.exportsDisconnected += 1
      rpc.reply(handle, replyFields(export), turn: &turn)
      endExport(slot, status: 0, rpc: &rpc, turn: &turn)
    case .ldlmCancel:
      serveCancel(handle, received, export: slot, rpc: &rpc, turn: &turn)
    default:
      tell(ConnectionsEvent(.requested, handle.raw, tag: export.raw.raw))
    }
  }

  /// A server calls back about a lock of one of our imports (spec 10 §11.2).
  private mutating func serveCallback(
    _ handle: ServerRequestHandle, _ body: RPCBody, rpc: inout PtlRPC, turn: inout Turn
  ) {
    guard !body.handle.isNone, let slot = importIndex.first(body.handle.rawValue) else {
      counters.requestsWithoutExport += 1
      return rpc.reply(handle, ReplyFields(status: WireErrno.enotconn.status), turn: &turn)
    }
    switch body.opcode {
    case .ldlmBlockingCallback, .ldlmCompletionCallback, .ldlmGlimpseCallback:
      serveLockCallback(handle, import: slot, rpc: &rpc, turn: &turn)
    case .ldlmSetInfo:
      tell(ConnectionsEvent(.called, handle.raw, tag: imports.handle(slot).raw))
    default:
      counters.requestsRefused += 1
      rpc.reply(handle, ReplyFields(status: WireErrno.eproto.status), turn: &turn)
    }
  }
}
