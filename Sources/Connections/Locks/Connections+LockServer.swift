internal import BasicContainers
internal import LNet
package import LustreWire
package import PtlRPC
package import RDMATransport
internal import Structures

// Locks at the server: enqueue, conflict, callbacks, cancel (spec 10 §11.2, 12 §3.3).
extension Connections {
  /// Serves an enqueue that a handler was given: decides, calls conflicting holders back, and answers.
  ///
  /// - Parameter value: what goes into the reply's third buffer; nil leaves it empty.
  package mutating func serveEnqueue(
    _ handle: ServerRequestHandle, of export: ExportHandle, value: ObjectLockValue? = nil,
    rpc: inout PtlRPC, turn: inout Turn
  ) -> EnqueueResult {
    let received = rpc.received(handle)
    guard let slot = exports.slot(export.raw), !exports.cells[slot].isGone else {
      rpc.refuse(handle, .enotconn, withholdsEstimate: true, turn: &turn)
      return .refused(WireErrno.enotconn.status)
    }
    let asked: (LockRequest, Cookie)
    do throws(WireErrno) {
      asked = try Self.readEnqueue(received, turn.memory.bytes(received.bytes))
    } catch {
      counters.requestsRefused += 1
      rpc.refuse(handle, error, turn: &turn)
      return .refused(error.status)
    }
    let (request, clientHandle) = asked
    cancelLocks(from: 1, buffer: 1, of: handle, export: export, rpc: &rpc, turn: &turn)
    // A resend asks for a lock that is there already (§11.2).
    let repeats = !received.body.flags.isDisjoint(with: [.resent, .replay])
    let known = repeats ? findLock(ofExport: slot, clientHandle: clientHandle) : nil
    guard
      let lock = known ?? makeLock(request, clientHandle, export: slot, turn: &turn)
    else {
      rpc.refuse(handle, .enomem, turn: &turn)
      return .refused(WireErrno.enomem.status)
    }
    if known == nil { decide(lock, turn: &turn) }
    let isGranted = locks.cells[lock].isGranted
    if !isGranted, request.flags.contains(.blockNoWait) {
      endLock(lock, rpc: &rpc, turn: &turn)
      // The client did not want to wait (ELDLM_LOCK_WOULDBLOCK).
      rpc.reply(handle, replyFields(export, status: 304), turn: &turn)
      return .refused(304)
    }
    answerEnqueue(handle, lock, value, export, rpc: &rpc, turn: &turn)
    if known == nil { callBlockersBack(of: lock, rpc: &rpc, turn: &turn) }
    let name = LockHandle(raw: locks.handle(lock))
    return isGranted ? .granted(name) : .waiting(name)
  }

  /// Tells a client that its waiting lock is granted: after `lockGranted`, with what the handler knows of the object. If
  /// there is no room now, another `lockGranted` follows: what is known may be something else by then.
  package mutating func complete(
    _ handle: LockHandle, value: ObjectLockValue? = nil, rpc: inout PtlRPC, turn: inout Turn
  ) {
    guard let lock = locks.slot(handle.raw), locks.cells[lock].isCompleting else { return }
    if !callBack(lock, .ldlmCompletionCallback, value: value, rpc: &rpc, turn: &turn) {
      owe(value == nil ? .completion : .telling, lock, turn: &turn)
    }
  }

  /// The handler has no room for what `lockGranted` asks of it: it is told again.
  package mutating func postpone(_ handle: LockHandle, turn: inout Turn) {
    guard let lock = locks.slot(handle.raw) else { return }
    owe(.telling, lock, turn: &turn)
  }

  /// Takes a resource away from all its holders: each is called back, and cancels (spec 11 §11).
  package mutating func revoke(
    _ resource: ResourceID, ofTarget target: UInt32, rpc: inout PtlRPC, turn: inout Turn
  ) -> Int {
    var wanted = ServerLock.filler
    wanted.target = target
    wanted.descriptor.resource = resource
    var count = 0
    // Who is asked has another place from then on; who does not know yet that he has it keeps his.
    var told = lockTree.first(like: wanted, .told)
    while let lock = told {
      if !locks.cells[lock].isBlocked { count += revoke(lock, rpc: &rpc, turn: &turn) }
      told = lockTree.first(like: wanted, .told, after: lock)
    }
    while let lock = lockTree.first(like: wanted, .free) {
      count += revoke(lock, rpc: &rpc, turn: &turn)
    }
    return count
  }

  private mutating func revoke(_ lock: Int, rpc: inout PtlRPC, turn: inout Turn) -> Int {
    var conflicting = locks.cells[lock].descriptor
    conflicting.requestedMode = .exclusive
    conflicting.grantedMode = .none
    block(lock, because: conflicting, rpc: &rpc, turn: &turn)
    return 1
  }

  package func view(ofServerLock handle: LockHandle) -> LockView? {
    guard let lock = locks.slot(handle.raw) else { return nil }
    let record = locks.cells[lock]
    return LockView(
      descriptor: record.descriptor, handle: record.handle, otherHandle: record.clientHandle,
      isBlocked: record.isBlocked)
  }

  package var serverLockCount: Int { locks.count }
  /// Places for locks, taken or not.
  package var serverLockPlaceCount: Int { locks.capacity }

  /// For lists: the lock at a place, with its client's export, `.none` for one of a target's own; nil for an empty one.
  package func serverLock(at place: Int) -> (view: LockView, export: ExportHandle)? {
    guard locks.isTaken(place), let view = view(ofServerLock: LockHandle(raw: locks.handle(place)))
    else { return nil }
    let export = locks.cells[place].export
    if export == noRecord { return (view, .none) }
    return (view, ExportHandle(raw: exports.handle(Int(export))))
  }

  /// Cancels the locks that a request brings along beside its own matter: those that are the client's (§11.2).
  ///
  /// - Parameters:
  ///   - first: the place of the first handle: an enqueue has its own lock's in front.
  ///   - buffer: the one with the ldlm_request.
  package mutating func cancelLocks(
    from first: Int, buffer: Int, of handle: ServerRequestHandle, export: ExportHandle,
    rpc: inout PtlRPC, turn: inout Turn
  ) {
    guard let slot = exports.slot(export.raw), !exports.cells[slot].isGone else { return }
    let received = rpc.received(handle)
    _ = cancelLocks(
      from: first, buffer: buffer, of: received, export: slot, rpc: &rpc, turn: &turn)
  }

  /// Returns how many; nil when there is no ldlm_request.
  private mutating func cancelLocks(
    from first: Int, buffer: Int, of received: ReceivedRequest, export slot: Int,
    rpc: inout PtlRPC, turn: inout Turn
  ) -> Int? {
    let count = Self.handleCount(received, buffer, turn.memory.bytes(received.bytes))
    guard let count else { return nil }
    var cancelled = 0
    var gone = noRecord
    for index in first..<max(first, count) {
      let cookie = Self.cookie(index, received, buffer, turn.memory.bytes(received.bytes))
      guard let lock = lockIndex.first(cookie.rawValue), locks.cells[lock].handle == cookie,
        locks.cells[lock].export == UInt32(slot)
      else { continue }
      takeOut(lock, rpc: &rpc, turn: &turn)
      locks.cells[lock].next = gone
      gone = UInt32(lock)
      cancelled += 1
    }
    grantWhatWaited(for: gone, rpc: &rpc, turn: &turn)
    counters.locksCancelled += UInt64(cancelled)
    return cancelled
  }

  /// LDLM_CANCEL: the locks that are named and are the client's go; the others are passed over.
  mutating func serveCancel(
    _ handle: ServerRequestHandle, _ received: ReceivedRequest, export slot: Int,
    rpc: inout PtlRPC, turn: inout Turn
  ) {
    guard
      let cancelled = cancelLocks(
        from: 0, buffer: 1, of: received, export: slot, rpc: &rpc, turn: &turn)
    else {
      counters.requestsRefused += 1
      return rpc.refuse(handle, .eproto, turn: &turn)
    }
    // A positive ESTALE says that no lock was known (§11.2).
    let export = ExportHandle(raw: exports.handle(slot))
    let status = cancelled > 0 ? 0 : WireErrno.estale.rawValue
    rpc.reply(handle, replyFields(export, status: status), turn: &turn)
  }

  /// A blocking, completion or glimpse callback has ended (12 §3.3).
  mutating func lockCallbackEnded(
    _ index: Int, _ event: RPCEvent, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let request = requests[index]
    let lock = locks.slot(Handle(raw: request.tag))
    let slot = request.owner
    releaseCallback(event.request, rpc: &rpc, turn: &turn)
    guard let lock else { return }
    locks.cells[lock].callback = .none
    let isAnswered = event.kind == .replied
    if isAnswered, event.status >= 0 {
      guard locks.cells[lock].isCompleting else { return }
      // Now that its client has it, it can be asked to give it up.
      locks.cells[lock].isCompleting = false
      restand(lock)
      guard mayBeBlocked(lock), let waiting = waiter(for: lock) else { return }
      return block(lock, because: locks.cells[waiting].descriptor, rpc: &rpc, turn: &turn)
    }
    if isAnswered, event.status == WireErrno.einval.status {
      // The client does not know it: a benign race.
      return endLock(lock, rpc: &rpc, turn: &turn)
    }
    counters.evictionsByLock += 1
    evict(ExportHandle(raw: exports.handle(Int(slot))), rpc: &rpc, turn: &turn)
  }

  /// A client has not given up a lock in time, or something is to be tried again.
  mutating func lockTimerExpired(_ lock: Int, rpc: inout PtlRPC, turn: inout Turn) {
    guard locks.isTaken(lock) else { return }
    if !locks.cells[lock].debts.isEmpty { return payDebts(lock, rpc: &rpc, turn: &turn) }
    guard locks.cells[lock].isBlocked, locks.cells[lock].export != noRecord else { return }
    counters.evictionsByLock += 1
    evict(
      ExportHandle(raw: exports.handle(Int(locks.cells[lock].export))), rpc: &rpc, turn: &turn)
  }

  // MARK: - Messages

  private static func readEnqueue(
    _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(WireErrno) -> (LockRequest, Cookie) {
    // The first handle is the client's own: without it nobody could be called back.
    guard let request: LockRequest = try? received.message.value(at: 1, in: bytes),
      LockRequest.handles(inBufferOf: received.message.length(of: 1, in: bytes)) > 0
    else { throw .eproto }
    guard LockFlags.legalInRequests.isSuperset(of: request.flags) else { throw .eproto }
    guard request.descriptor.type.isLegal, request.descriptor.requestedMode.isLegal else {
      throw .efault
    }
    return (request, cookie(0, received, 1, bytes))
  }

  /// Handles that an ldlm_request says it has, and has room for; nil when there is no ldlm_request.
  private static func handleCount(
    _ received: ReceivedRequest, _ buffer: Int, _ bytes: borrowing RawSpan
  ) -> Int? {
    guard let request: LockRequest = try? received.message.value(at: buffer, in: bytes) else {
      return nil
    }
    let room = LockRequest.handles(inBufferOf: received.message.length(of: buffer, in: bytes))
    return min(Int(request.count), room)
  }

  private static func cookie(
    _ index: Int, _ received: ReceivedRequest, _ buffer: Int, _ bytes: borrowing RawSpan
  ) -> Cookie {
    guard let range = received.message.range(of: buffer, in: bytes),
      index < LockRequest.handles(inBufferOf: range.count)
    else { return .none }
    return Cookie(at: range.lowerBound + LockRequest.byteCount + 8 * index, in: bytes)
  }

  private mutating func answerEnqueue(
    _ handle: ServerRequestHandle, _ lock: Int, _ value: ObjectLockValue?,
    _ export: ExportHandle, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let record = locks.cells[lock]
    let valueBytes = value == nil ? 0 : lockValueByteCount(ofExport: Int(record.export))
    let lengths = BufferLengths(LockReply.byteCount, valueBytes)
    guard let message = try? rpc.beginReply(handle, buffers: lengths, turn: &turn) else {
      // No memory for an answer: the client asks again.
      endLock(lock, rpc: &rpc, turn: &turn)
      return rpc.drop(handle, turn: &turn)
    }
    var reply = LockReply()
    reply.flags = record.flags
    if !record.isGranted { reply.flags.formUnion([.blockGranted, .noTimeout]) }
    reply.descriptor = record.descriptor
    reply.handle = record.handle
    var bytes = turn.memory.mutableBytes(message)
    reply.encode(into: &bytes, at: lengths.offset(of: 1))
    if let value, valueBytes == ObjectLockValue.byteCount {
      value.encode(into: &bytes, at: lengths.offset(of: 2))
    }
    rpc.reply(handle, replyFields(export), turn: &turn)
  }

  /// Bytes of an object's value: the old form for clients without LVB_TYPE is not sent at all.
  func lockValueByteCount(ofExport slot: Int) -> Int {
    exports.cells[slot].granted.flags.contains(.lvbType) ? ObjectLockValue.byteCount : 0
  }
}
