internal import BasicContainers
internal import LNet
package import LustreWire
package import RDMATransport
internal import Structures

// Our requests as their owners see them: begin, encode, send, read the reply, send again or release.
extension PtlRPC {
  /// Takes a slot, an XID and memory for a request and its reply, and writes the lengths of its buffers; `send`
  /// writes header and body.
  /// The other buffers are zero and are encoded where `message(of:)` says.
  package mutating func begin(
    _ draft: RequestDraft, buffers: BufferLengths, turn: inout Turn
  ) throws(RPCError) -> RequestHandle {
    let byteCount = buffers.byteCount
    let operationCount = draft.bulk?.cut.count ?? 0
    guard byteCount <= RPCLimits.maximumMessageBytes, draft.replyByteCount >= 0,
      draft.replyByteCount <= RPCLimits.maximumMessageBytes,
      operationCount <= BulkCut.operationCountMax
    else { throw .tooLong }
    guard let slot = requests.take() else { throw .busy }
    guard let request = Self.allocateMessage(byteCount: byteCount, &turn) else {
      requests.give(slot)
      throw .busy
    }
    guard let sink = Self.allocateSink(replyByteCount: draft.replyByteCount, &turn) else {
      turn.memory.release(request)
      requests.give(slot)
      throw .busy
    }
    requests.cells[slot] = ClientRequest(
      draft: draft, xid: makeXID(), request: request, bufferCount: buffers.count, sink: sink)
    enlist(slot)
    var bytes = turn.memory.mutableBytes(request)
    buffers.encode(into: &bytes)
    return RequestHandle(raw: requests.handle(slot))
  }

  /// The request's message, for encoding its buffers before it is sent (`BufferLengths.place(of:in:)`).
  package mutating func message(of handle: RequestHandle) -> BufferRef {
    requests.cells[slot(of: handle)].request
  }

  /// Puts the request on the wire, over a connection as it is now.
  package mutating func send(_ handle: RequestHandle, over route: ImportRoute) {
    let slot = slot(of: handle)
    precondition(requests.cells[slot].state == .draft, "sent twice")
    requests.cells[slot].route = route
    requests.cells[slot].state = .active
    queue(request: slot)
  }

  /// Sends an ended request again, as soon as nothing of its last attempt is on the wire.
  package mutating func resend(
    _ handle: RequestHandle, over route: ImportRoute, _ resending: Resending = .sameXID
  ) {
    let slot = slot(of: handle)
    precondition(requests.cells[slot].state == .ended, "sent again before it had ended")
    requests.cells[slot].route = route
    renumber(slot, resending)
    requests.cells[slot].wantsResend = true
    queue(request: slot)
  }

  /// Ends the attempt of a request without an event: its import is no longer what it was. It can then be sent
  /// again or released.
  package mutating func abandon(_ handle: RequestHandle, turn: inout Turn) {
    let slot = slot(of: handle)
    guard requests.cells[slot].state != .ended else {
      requests.cells[slot].wantsResend = false
      return
    }
    requests.cells[slot].state = .ended
    requests.cells[slot].endKind = .failed
    turn.timers.disarm(requestTimers[slot])
    queue(request: slot)
  }

  /// The owner needs a request and its reply no more. Its handle ends here; memory and slot stay taken until
  /// nothing is on the wire. Of a request with bulk, `released` then says so.
  package mutating func release(_ handle: RequestHandle, turn: inout Turn) {
    let slot = slot(of: handle)
    precondition(!requests.cells[slot].isReleased, "released twice")
    requests.cells[slot].isReleased = true
    requests.cells[slot].wantsResend = false
    requests.cells[slot].state = .ended
    if requests.cells[slot].isUnreplied { unlist(slot) }
    turn.timers.disarm(requestTimers[slot])
    queue(request: slot)
  }

  /// The final reply of a request that ended with `replied`.
  package mutating func reply(
    to handle: RequestHandle, turn: inout Turn
  ) throws(WireError) -> Reply {
    let bytes = requests.cells[slot(of: handle)].reply
    precondition(bytes != .none, "there is no reply")
    let span = turn.memory.bytes(bytes)
    let message = try RPCMessage(decoding: span)
    return Reply(message: message, body: try RPCBody(message, in: span), bytes: bytes)
  }

  /// Whether the last attempt has ended and none was asked for since: else an event of its end is no news any more.
  package mutating func hasEnded(_ handle: RequestHandle) -> Bool {
    let slot = slot(of: handle)
    return requests.cells[slot].state == .ended && !requests.cells[slot].wantsResend
  }

  /// Bytes that the bulk of a request has moved.
  package mutating func bulkByteCount(of handle: RequestHandle) -> UInt64 {
    requests.cells[slot(of: handle)].bulkByteCount
  }

  package mutating func xid(of handle: RequestHandle) -> UInt64 {
    requests.cells[slot(of: handle)].xid
  }

  /// What the request asks for, and its owner's number.
  package mutating func draft(of handle: RequestHandle) -> RequestDraft {
    requests.cells[slot(of: handle)].draft
  }

  /// How often it was put on the wire.
  package mutating func attemptCount(of handle: RequestHandle) -> UInt32 {
    requests.cells[slot(of: handle)].attemptCount
  }

  /// Whether the handle names a request that was not released.
  package mutating func isLive(_ handle: RequestHandle) -> Bool {
    guard let slot = requests.slot(handle.raw) else { return false }
    return !requests.cells[slot].isReleased
  }

  // MARK: - For the other files of the room

  @inline(__always)
  mutating func slot(of handle: RequestHandle) -> Int {
    guard let slot = requests.slot(handle.raw), !requests.cells[slot].isReleased else {
      preconditionFailure("a stale handle of a request")
    }
    return slot
  }

  /// Memory for a message that will be sent: a piece with headroom, or bulk memory for what is longer.
  static func allocateMessage(byteCount: Int, _ turn: inout Turn) -> BufferRef? {
    guard byteCount <= immediatePayloadByteCountMax else {
      return turn.memory.bulk.allocateRun(byteCount: byteCount)
    }
    return turn.memory.messages.allocatePiece()?.part(
      offset: lndHeadroomByteCount, length: byteCount)
  }

  /// Memory for replies: the early one in front of the final one (spec 10 §6.1, 3).
  static func allocateSink(replyByteCount: Int, _ turn: inout Turn) -> BufferRef? {
    let byteCount = RPCLimits.earlyReplyBytes + RPCMessage.padded(replyByteCount)
    if byteCount <= turn.memory.messages.pieceByteCount {
      return turn.memory.messages.allocatePiece()
    }
    return turn.memory.bulk.allocateRun(byteCount: byteCount)
  }

  /// New numbers for a resend (spec 10 §9.2).
  private mutating func renumber(_ slot: Int, _ resending: Resending) {
    let request = requests.cells[slot]
    let usesMatchBits =
      request.draft.bulk != nil
      || request.route.hasReplyMatchBits && !request.draft.opcode.isConnect
    switch resending {
    case .freshXID:
      setXID(slot, makeXID())
    case .sameXID where usesMatchBits && request.route.hasBulkMatchBits:
      requests.cells[slot].firstMatchBits = makeXID()
    case .sameXID where usesMatchBits:
      setXID(slot, makeXID())
    case .sameXID: break
    }
  }

  private mutating func setXID(_ slot: Int, _ xid: UInt64) {
    if requests.cells[slot].isUnreplied { unlist(slot) }
    requests.cells[slot].xid = xid
    requests.cells[slot].firstMatchBits = xid
    enlist(slot)
  }
}
