internal import BasicContainers
internal import LNet
internal import LustreWire
internal import RDMATransport
internal import Structures

// What LNet reports of our requests: sent, and replies (spec 10 §6.3, §8, §12).
extension PtlRPC {
  /// The PUT of a request has left, or cannot.
  mutating func requestSent(_ slot: Int, _ event: LNetEvent, turn: inout Turn) {
    guard event.isUnlinked else { return }
    requests.cells[slot].sendDescriptor = .none
    if event.kind == .send, event.status == 0 { requests.cells[slot].hasLeft = true }
    if requests.cells[slot].state == .active, event.kind == .send, event.status < 0,
      !requests.cells[slot].hasReply
    {
      counters.sendsFailed += 1
      end(slot, .failed, status: event.status, turn: &turn)
    }
    gone(slot)
  }

  /// Something has landed where replies do, or the place is gone.
  mutating func replyArrived(
    _ slot: Int, _ event: LNetEvent, lnet: inout LNet, turn: inout Turn
  ) {
    if event.kind == .put && !event.isUnlinked {
      if requests.cells[slot].state != .active || !requests.cells[slot].isSent
        || requests.cells[slot].hasFinalReply
      {
        counters.repliesLate += 1
      } else if event.status == 0 {
        if event.offset == 0 && requests.cells[slot].mayGetEarlyReplies {
          earlyReplyArrived(slot, event, turn: &turn)
        } else {
          // What else may still be written there would change the reply under its reader's eyes; a real server
          // answers some requests twice (spec 10 §4). The reply is looked at when the place is gone.
          requests.cells[slot].landedOffset = event.offset
          requests.cells[slot].landedLength = event.movedLength
          requests.cells[slot].neededLength = event.requestedLength
          requests.cells[slot].hasFinalReply = true
          try? lnet.unlink(requests.cells[slot].sinkDescriptor, turn: &turn)
        }
      }
    }
    guard event.isUnlinked else { return }
    requests.cells[slot].sinkDescriptor = .none
    if requests.cells[slot].state == .active, requests.cells[slot].hasFinalReply {
      takeFinalReply(slot, turn: &turn)
    }
    gone(slot)
  }

  /// Another thing of an attempt has left the wire.
  mutating func gone(_ slot: Int) {
    if requests.cells[slot].state == .ended, !requests.cells[slot].isOnWire { queue(request: slot) }
  }

  /// Moves the deadline to what the server says it needs (spec 10 §8.2, §8.3; spec 12 §2.5).
  private mutating func earlyReplyArrived(_ slot: Int, _ event: LNetEvent, turn: inout Turn) {
    let bytes = requests.cells[slot].sink.part(offset: 0, length: Int(event.movedLength))
    guard event.requestedLength == UInt32(RPCLimits.earlyReplyBytes),
      event.movedLength == event.requestedLength,
      let body = Self.earlyBody(turn.memory.bytes(bytes))
    else {
      counters.earlyRepliesDiscarded += 1
      return
    }
    counters.earlyRepliesReceived += 1
    measureLatency(slot, serviceTime: body.serviceTime, at: turn.now)
    requests.cells[slot].timeout = body.timeout
    armDeadline(slot, turn: &turn)
  }

  /// The body of a sound early reply.
  private static func earlyBody(_ bytes: borrowing RawSpan) -> RPCBody? {
    do throws(WireError) {
      let message = try RPCMessage(decoding: bytes)
      guard message.bufferCount == 1,
        EarlyReplyChecksum.sum(of: bytes.extracting(last: RPCBody.byteCount))
          == message.header.checksum
      else { return nil }
      let body = try RPCBody(message, in: bytes)
      return body.type == .request ? nil : body
    } catch { return nil }
  }

  private mutating func takeFinalReply(_ slot: Int, turn: inout Turn) {
    guard requests.cells[slot].landedLength == requests.cells[slot].neededLength else {
      counters.repliesTruncated += 1
      return replyTruncated(slot, turn: &turn)
    }
    let bytes = requests.cells[slot].sink.part(
      offset: Int(requests.cells[slot].landedOffset), length: Int(requests.cells[slot].landedLength)
    )
    guard let reply = Self.finalReply(turn.memory.bytes(bytes)) else {
      counters.repliesMalformed += 1
      return end(slot, .failed, status: WireErrno.eproto.status, turn: &turn)
    }
    counters.repliesReceived += 1
    noteWait(slot, until: turn.now)
    if adaptive.isEnabled {
      imports[Int(requests.cells[slot].draft.importSlot)].estimates.note(
        reply.timeout, requests.cells[slot].draft.requestPortal, adaptive)
      measureLatency(slot, serviceTime: reply.serviceTime, at: turn.now)
    }
    requests.cells[slot].reply = bytes
    requests.cells[slot].replyStatus = reply.status
    requests.cells[slot].hasReply = true
    finishIfComplete(slot, turn: &turn)
  }

  /// What this room takes from a final reply; its owner reads the rest.
  private struct FinalReply: BitwiseCopyable {
    var status: Int32
    var timeout: UInt32
    var serviceTime: UInt32
  }

  /// Nil for a reply that is not sound. The least status is no errno: it has no positive form.
  private static func finalReply(_ bytes: borrowing RawSpan) -> FinalReply? {
    do throws(WireError) {
      let body = try RPCBody(RPCMessage(decoding: bytes), in: bytes)
      guard body.type != .request, body.status != .min else { return nil }
      // Type first, then status (spec 10 §5.1).
      let isUnnamedError = body.type == .error && body.status >= 0
      return FinalReply(
        status: isUnnamedError ? WireErrno.einval.status : body.status, timeout: body.timeout,
        serviceTime: body.serviceTime)
    } catch { return nil }
  }

  /// Ends a request that has its reply, once its bulk is done too (spec 13 §1). After an error none may come.
  mutating func finishIfComplete(_ slot: Int, turn: inout Turn) {
    guard requests.cells[slot].hasReply else { return }
    let status = requests.cells[slot].replyStatus
    if status >= 0 && requests.cells[slot].liveBulkCount > 0 { return }
    if status >= 0 && requests.cells[slot].bulkStatus < 0 {
      // The reply says well done, and the data did not come (spec 13 §5.6).
      return end(slot, .failed, status: WireErrno.eio.status, turn: &turn)
    }
    end(slot, .replied, status: status, turn: &turn)
  }

  /// The same request again, with room for the reply (spec 10 §6.3).
  private mutating func replyTruncated(_ slot: Int, turn: inout Turn) {
    let request = requests.cells[slot]
    let needed =
      Int(request.neededLength) + Int(request.landedOffset) - RPCLimits.earlyReplyBytes
    guard request.draft.isResendable, needed <= RPCLimits.maximumMessageBytes else {
      return end(slot, .failed, status: WireErrno.eoverflow.status, turn: &turn)
    }
    requests.cells[slot].draft.replyByteCount = max(request.draft.replyByteCount, needed)
    requests.cells[slot].needsLargerSink = true
    turn.timers.disarm(requestTimers[slot])
    requests.cells[slot].state = .ended
    requests.cells[slot].endKind = .failed
    resend(RequestHandle(raw: requests.handle(slot)), over: request.route)
  }
}
