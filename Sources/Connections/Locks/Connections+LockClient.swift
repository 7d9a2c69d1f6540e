internal import BasicContainers
package import LNet
internal import LustreWire
package import PtlRPC
package import RDMATransport
package import Structures

/// What a server's callback says.
private struct LockCall {
  var descriptor: LockDescriptor
  /// Our handle and the server's.
  var own = Cookie.none
  var other = Cookie.none

  /// Nil for what no callback may be: without an ldlm_request, or with flags of others.
  init?(_ message: RPCMessage, in bytes: borrowing RawSpan) {
    guard let request: LockRequest = try? message.value(at: 1, in: bytes),
      let range = message.range(of: 1, in: bytes),
      LockFlags.legalInCallbacks.isSuperset(of: request.flags)
    else { return nil }
    descriptor = request.descriptor
    let room = LockRequest.handles(inBufferOf: range.count)
    let start = range.lowerBound + LockRequest.byteCount
    if room > 0 { own = Cookie(at: start, in: bytes) }
    if room > 1 { other = Cookie(at: start + 8, in: bytes) }
  }
}

// Locks at their holder: enqueue, callbacks, cancel (spec 10 §11.2).
extension Connections {
  /// Asks for a lock; `lockHeld` or `lockFailed` follows.
  ///
  /// - Parameter tag: the owner's number; comes back in events.
  package mutating func enqueue(
    _ wish: LockWish, on handle: ImportHandle, tag: UInt32, rpc: inout PtlRPC,
    lnet: inout LNet, turn: inout Turn
  ) throws(RPCError) -> LockHandle {
    let slot = slot(of: handle)
    guard let lock = held.take() else { throw .busy }
    held.cells[lock] = ClientLock(
      owner: UInt32(slot), descriptor: wish.descriptor, handle: cookies.make(), tag: tag)
    var draft = draft(slot, .ldlmEnqueue)
    if wish.descriptor.type == .extent { draft.flags.insert(.hasProjectID) }
    draft.replyByteCount = BufferLengths(LockReply.byteCount, wish.valueByteCount).byteCount
    do throws(RPCError) {
      held.cells[lock].request = try beginLockRequest(
        draft, wish.flags, lock, count: 0, first: held.cells[lock].handle, rpc: &rpc, turn: &turn)
    } catch {
      held.give(lock)
      throw error
    }
    heldIndex.insert(lock, key: held.cells[lock].handle.rawValue)
    linkHeld(lock, slot)
    let name = LockHandle(raw: held.handle(lock))
    submit(held.cells[lock].request, rpc: &rpc, lnet: &lnet, turn: &turn)
    return name
  }

  /// Gives a granted lock back; `lockReleased` follows. False when it cannot be sent now.
  package mutating func cancel(
    _ handle: LockHandle, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) -> Bool {
    guard let lock = held.slot(handle.raw), held.cells[lock].state == .granted else {
      return false
    }
    var draft = draft(Int(held.cells[lock].owner), .ldlmCancel)
    draft.requestPortal = .ldlmCancelRequest
    draft.replyPortal = .ldlmCancelReply
    let begun = try? beginLockRequest(
      draft, [], lock, count: 1, first: held.cells[lock].serverHandle, rpc: &rpc, turn: &turn)
    guard let begun else { return false }
    held.cells[lock].state = .cancelling
    held.cells[lock].request = begun
    submit(begun, rpc: &rpc, lnet: &lnet, turn: &turn)
    return true
  }

  package func view(ofHeldLock handle: LockHandle) -> LockView? {
    guard let lock = held.slot(handle.raw) else { return nil }
    let record = held.cells[lock]
    return LockView(
      descriptor: record.descriptor, handle: record.handle, otherHandle: record.serverHandle,
      isBlocked: record.isBlocked)
  }

  package var heldLockCount: Int { held.count }
  /// Places for held locks, taken or not.
  package var heldLockPlaceCount: Int { held.capacity }

  /// For lists: the lock that we hold at a place, with its import; nil for an empty one.
  package func heldLock(at place: Int) -> (view: LockView, owner: ImportHandle)? {
    guard held.isTaken(place), let view = view(ofHeldLock: LockHandle(raw: held.handle(place)))
    else { return nil }
    let owner = Int(held.cells[place].owner)
    return (view, ImportHandle(raw: imports.handle(owner)))
  }

  /// The number of a held lock's owner; 0 when it is gone.
  package func ownerTag(ofHeldLock handle: Handle) -> UInt32 {
    held.slot(handle).map { held.cells[$0].tag } ?? 0
  }

  private mutating func beginLockRequest(
    _ draft: RequestDraft, _ flags: LockFlags, _ lock: Int, count: UInt32, first: Cookie,
    rpc: inout PtlRPC, turn: inout Turn
  ) throws(RPCError) -> RequestHandle {
    let lengths = BufferLengths(LockRequest.commonByteCount)
    let handle = try rpc.begin(draft, buffers: lengths, turn: &turn)
    enter(
      handle, .user, Int(held.cells[lock].owner), tag: held.handle(lock).raw, options: [])
    requests[handle.raw.slot].isAboutLock = true
    var request = LockRequest()
    request.flags = flags
    request.count = count
    // A cancel names the lock by its handle only.
    if count == 0 { request.descriptor = held.cells[lock].descriptor }
    var bytes = turn.memory.mutableBytes(rpc.message(of: handle))
    request.encode(into: &bytes, at: lengths.offset(of: 1))
    first.encode(into: &bytes, at: lengths.offset(of: 1) + LockRequest.byteCount)
    return handle
  }

  /// An enqueue or a cancel has ended, in whatever way.
  mutating func lockRequestEnded(
    _ index: Int, isReplied: Bool, status: Int32, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let handle = requests[index].handle
    let lock = held.slot(Handle(raw: requests[index].tag))
    var reply: LockReply?
    if isReplied, status == 0, let lock, held.cells[lock].state != .cancelling {
      reply = readLockReply(handle, rpc: &rpc, turn: &turn)
    }
    release(handle, rpc: &rpc, turn: &turn)
    guard let lock else { return }
    held.cells[lock].request = .none
    if held.cells[lock].state == .cancelling {
      return dropHeld(lock, .lockReleased, status: status)
    }
    guard let reply else {
      let error = isReplied && status == 0 ? WireErrno.eproto.status : status
      return dropHeld(lock, .lockFailed, status: error)
    }
    held.cells[lock].serverHandle = reply.handle
    if reply.flags.contains(.callbackSent) { held.cells[lock].isBlocked = true }
    // Its completion callback may have come first.
    guard held.cells[lock].state == .asked else { return }
    if reply.descriptor.grantedMode == .none {
      held.cells[lock].state = .waiting
    } else {
      granted(lock, reply.descriptor)
    }
  }

  private func readLockReply(
    _ handle: RequestHandle, rpc: inout PtlRPC, turn: inout Turn
  ) -> LockReply? {
    guard let reply = try? rpc.reply(to: handle, turn: &turn) else { return nil }
    return try? reply.message.value(at: 1, in: turn.memory.bytes(reply.bytes))
  }

  private mutating func granted(_ lock: Int, _ descriptor: LockDescriptor) {
    held.cells[lock].state = .granted
    held.cells[lock].descriptor = descriptor
    note(.lockHeld, lock)
    if held.cells[lock].isBlocked { note(.lockBlocked, lock) }
  }

  private mutating func note(
    _ kind: ConnectionsEvent.Kind, _ lock: Int, status: Int32 = 0
  ) {
    tell(
      ConnectionsEvent(kind, held.handle(lock), status: status, tag: held.cells[lock].tag))
  }

  // MARK: - Callbacks

  /// Answers a server that calls back about a lock of ours: always at once (spec 12 §3.3).
  mutating func serveLockCallback(
    _ handle: ServerRequestHandle, import slot: Int, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let received = rpc.received(handle)
    let opcode = received.body.opcode
    guard let call = LockCall(received.message, in: turn.memory.bytes(received.bytes)) else {
      counters.requestsRefused += 1
      return rpc.reply(handle, ReplyFields(status: WireErrno.eproto.status), turn: &turn)
    }
    guard let lock = findHeld(call.own, import: slot), held.cells[lock].state != .cancelling else {
      // A benign race: the lock is gone already.
      counters.callbacksUnknown += 1
      return rpc.reply(handle, ReplyFields(status: WireErrno.einval.status), turn: &turn)
    }
    if opcode == .ldlmGlimpseCallback {
      tell(ConnectionsEvent(.glimpsed, handle.raw, tag: held.handle(lock).raw))
      return
    }
    counters.callbacksAnswered += 1
    if held.cells[lock].serverHandle.isNone { held.cells[lock].serverHandle = call.other }
    rpc.reply(handle, ReplyFields(), turn: &turn)
    let isGranted = held.cells[lock].state == .granted
    if opcode == .ldlmCompletionCallback {
      if !isGranted { granted(lock, call.descriptor) }
      return
    }
    let isNews = !held.cells[lock].isBlocked
    held.cells[lock].isBlocked = true
    if isGranted, isNews { note(.lockBlocked, lock) }
  }

  private func findHeld(_ cookie: Cookie, import slot: Int) -> Int? {
    guard !cookie.isNone, let lock = heldIndex.first(cookie.rawValue),
      held.cells[lock].owner == UInt32(slot)
    else { return nil }
    return lock
  }

  // MARK: - The table

  /// The server has forgotten an import, or its user has left: its locks are gone.
  mutating func dropHeldLocks(_ slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    while imports.cells[slot].firstLock != noRecord {
      let lock = Int(imports.cells[slot].firstLock)
      let request = held.cells[lock].request
      if request != .none { release(request, rpc: &rpc, turn: &turn) }
      dropHeld(lock, .lockLost, status: WireErrno.eio.status)
    }
  }

  private mutating func dropHeld(
    _ lock: Int, _ kind: ConnectionsEvent.Kind, status: Int32
  ) {
    note(kind, lock, status: status)
    let record = held.cells[lock]
    let slot = Int(record.owner)
    heldIndex.remove(lock, key: record.handle.rawValue)
    if record.previous == noRecord {
      imports.cells[slot].firstLock = record.next
    } else {
      held.cells[Int(record.previous)].next = record.next
    }
    if record.next != noRecord { held.cells[Int(record.next)].previous = record.previous }
    imports.cells[slot].lockCount -= 1
    held.give(lock)
  }

  private mutating func linkHeld(_ lock: Int, _ slot: Int) {
    let first = imports.cells[slot].firstLock
    held.cells[lock].next = first
    if first != noRecord { held.cells[Int(first)].previous = UInt32(lock) }
    imports.cells[slot].firstLock = UInt32(lock)
    imports.cells[slot].lockCount += 1
  }
}
