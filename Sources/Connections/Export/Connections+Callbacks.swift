internal import BasicContainers
package import LustreWire
package import PtlRPC
package import RDMATransport
internal import Structures

// Reverse imports: a server's own requests to its clients (spec 11 §7).
extension Connections {
  /// Begins a callback to a client; its buffers are then encoded in `rpc.message(of:)`, and `call` sends it.
  ///
  /// - Parameters:
  ///   - limit: until when an unanswered callback is sent again, in nanoseconds.
  ///   - tag: the owner's number; comes back in `calledBack`.
  package mutating func beginCallback(
    _ opcode: Opcode, to handle: ExportHandle, buffers: BufferLengths,
    replyByteCount: Int = RPCLimits.earlyReplyBytes, limit: UInt64, tag: UInt32,
    rpc: inout PtlRPC, turn: inout Turn
  ) throws(RPCError) -> RequestHandle? {
    guard let slot = exports.slot(handle.raw), !exports.cells[slot].isGone else { return nil }
    // Neither jobs nor users: a callback is the server's own (spec 10 §3.1).
    var draft = RequestDraft(
      importSlot: rpcSlot(ofExport: slot), opcode: opcode, requestPortal: .ldlmCallbackRequest,
      replyPortal: .ldlmCallbackReply, replyByteCount: replyByteCount, flags: [])
    draft.processID = processID
    let request = try rpc.begin(draft, buffers: buffers, turn: &turn)
    enter(request, .callback, slot, tag: tag, options: [])
    let index = request.raw.slot
    requests[index].notBefore = limit
    let first = exports.cells[slot].firstCallback
    requests[index].next = first
    if first != noRecord { requests[Int(first)].previous = UInt32(index) }
    exports.cells[slot].firstCallback = UInt32(index)
    return request
  }

  /// Sends a callback; `calledBack` follows exactly once, and then the owner releases it.
  package mutating func call(_ handle: RequestHandle, rpc: inout PtlRPC, turn: inout Turn) {
    let index = handle.raw.slot
    precondition(requests[index].handle == handle, "a stale request")
    rpc.send(handle, over: callbackRoute(Int(requests[index].owner)))
    sent(handle)
  }

  /// The owner needs a callback and its reply no more.
  package mutating func releaseCallback(
    _ handle: RequestHandle, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let index = handle.raw.slot
    precondition(requests[index].handle == handle, "a stale request")
    unlinkCallback(index)
    requests[index] = OwnRequest()
    rpc.release(handle, turn: &turn)
  }

  private func callbackRoute(_ slot: Int) -> ImportRoute {
    let export = exports.cells[slot]
    var header = RPCHeaderFlags.connected
    if !export.granted.flags.contains(.adaptiveTimeouts) { header.remove(.adaptiveTimeouts) }
    // The reverse import has no connections of its own to count.
    return ImportRoute(
      server: export.peer, handle: export.clientHandle, connectionCount: 0, headerFlags: header,
      hasReplyMatchBits: export.hasReplyMatchBits, interface: export.interface)
  }

  mutating func callbackEnded(
    _ index: Int, _ event: RPCEvent, rpc: inout PtlRPC, turn: inout Turn
  ) {
    if event.kind != .replied, turn.now < requests[index].notBefore {
      counters.requestsResent += 1
      return rpc.resend(event.request, over: callbackRoute(Int(requests[index].owner)))
    }
    if requests[index].isAboutLock {
      return lockCallbackEnded(index, event, rpc: &rpc, turn: &turn)
    }
    requests[index].stage = .ended
    tell(
      ConnectionsEvent(
        .calledBack, event.handle,
        status: event.kind == .timedOut ? WireErrno.etimedout.status : event.status,
        tag: requests[index].tag))
  }

  /// The client has connected again: what it has not answered goes over the new connection.
  mutating func resendCallbacks(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    var index = exports.cells[slot].firstCallback
    while index != noRecord {
      let request = requests[Int(index)]
      if request.stage == .sent {
        counters.requestsResent += 1
        rpc.abandon(request.handle, turn: &turn)
        rpc.resend(request.handle, over: callbackRoute(slot))
      }
      index = request.next
    }
  }

  /// The client is gone: so are its callbacks.
  mutating func failCallbacks(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    var index = exports.cells[slot].firstCallback
    while index != noRecord {
      let request = requests[Int(index)]
      if request.isAboutLock {
        requests[Int(index)] = OwnRequest()
        rpc.release(request.handle, turn: &turn)
        index = request.next
        continue
      }
      if request.stage == .sent {
        rpc.abandon(request.handle, turn: &turn)
        requests[Int(index)].stage = .ended
        tell(
          ConnectionsEvent(
            .calledBack, request.handle.raw, status: WireErrno.enotconn.status, tag: request.tag))
      }
      requests[Int(index)].owner = noRecord
      requests[Int(index)].next = noRecord
      requests[Int(index)].previous = noRecord
      index = request.next
    }
    exports.cells[slot].firstCallback = noRecord
  }

  private mutating func unlinkCallback(_ index: Int) {
    let request = requests[index]
    guard request.owner != noRecord else { return }
    if request.previous == noRecord {
      exports.cells[Int(request.owner)].firstCallback = request.next
    } else {
      requests[Int(request.previous)].next = request.next
    }
    if request.next != noRecord { requests[Int(request.next)].previous = request.previous }
  }
}
