internal import BasicContainers
internal import LNet
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

// The server's table of locks: who stands in whose way, who is granted next (spec 10 §11.2).
extension Connections {
  func findLock(ofExport slot: Int, clientHandle: Cookie) -> Int? {
    var lock = exports.cells[slot].firstLock
    while lock != noRecord {
      if locks.cells[Int(lock)].clientHandle == clientHandle { return Int(lock) }
      lock = locks.cells[Int(lock)].next
    }
    return nil
  }

  mutating func makeLock(
    _ request: LockRequest, _ clientHandle: Cookie, export slot: Int, turn: inout Turn
  ) -> Int? {
    guard Int(exports.cells[slot].lockCount) < capacity.locksPerExport else {
      counters.locksOverBound += 1
      return nil
    }
    guard let lock = locks.take() else {
      counters.locksExhausted += 1
      return nil
    }
    let timer = locks.cells[lock].timer
    let target = exports.cells[slot].target
    locks.cells[lock] = ServerLock(
      target: target, export: UInt32(slot), clientHandle: clientHandle, handle: cookies.make(),
      descriptor: request.descriptor, flags: request.flags)
    locks.cells[lock].descriptor.grantedMode = .none
    locks.cells[lock].timer = timer
    lockOrder += 1
    locks.cells[lock].order = lockOrder
    lockIndex.insert(lock, key: locks.cells[lock].handle.rawValue)
    let first = exports.cells[slot].firstLock
    locks.cells[lock].next = first
    if first != noRecord { locks.cells[Int(first)].previous = UInt32(lock) }
    exports.cells[slot].firstLock = UInt32(lock)
    exports.cells[slot].lockCount += 1
    return lock
  }

  /// Grants a new lock that nothing stands against: no granted one, and none that came before it. From now on it is
  /// in the way of others.
  mutating func decide(_ lock: Int, turn: inout Turn) {
    let record = locks.cells[lock]
    if !isHeldBack(lock), lockTree.obstacle(to: record, .waiting) == nil {
      locks.cells[lock].descriptor.grantedMode = record.descriptor.requestedMode
    }
    lockTree.insert(lock, locks.cells[lock])
    countSteps()
  }

  /// A lock in the tree stands otherwise than before.
  mutating func restand(_ lock: Int) {
    lockTree.remove(lock)
    lockTree.insert(lock, locks.cells[lock])
  }

  private mutating func countSteps() {
    counters.lockSteps = lockTree.stepCount &+ sweep.stepCount
  }

  mutating func callBlockersBack(
    of lock: Int, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let record = locks.cells[lock]
    guard !record.isGranted else { return }
    // Who has been asked is found no more.
    while let holder = lockTree.obstacle(to: record, .free) {
      block(holder, because: record.descriptor, rpc: &rpc, turn: &turn)
    }
    countSteps()
  }

  /// Asks a holder to give its lock up, and starts the time in which it must.
  ///
  /// - Parameter conflicting: who wants its place; nil: whoever does when there is room to ask.
  mutating func block(
    _ lock: Int, because conflicting: LockDescriptor?, rpc: inout PtlRPC, turn: inout Turn
  ) {
    if !locks.cells[lock].isBlocked {
      locks.cells[lock].isBlocked = true
      restand(lock)
    }
    // A target gives its own locks up by itself, and soon.
    guard locks.cells[lock].export != noRecord else { return }
    // First it must hear that it has it.
    guard locks.cells[lock].debts.isEmpty,
      callBack(lock, .ldlmBlockingCallback, about: conflicting, rpc: &rpc, turn: &turn)
    else { return owe(.blocking, lock, turn: &turn) }
    let deadline = turn.now + timing.lockCallbackTimeout
    locks.cells[lock].deadline = deadline
    if let timer = locks.cells[lock].timer { turn.timers.arm(timer, at: deadline) }
  }

  /// - Returns: false when there is no room for a request.
  mutating func callBack(
    _ lock: Int, _ opcode: Opcode, about: LockDescriptor? = nil, value: ObjectLockValue? = nil,
    rpc: inout PtlRPC, turn: inout Turn
  ) -> Bool {
    let record = locks.cells[lock]
    let export = ExportHandle(raw: exports.handle(Int(record.export)))
    let isCompletion = opcode == .ldlmCompletionCallback
    let valueBytes = value == nil ? 0 : lockValueByteCount(ofExport: Int(record.export))
    let lengths = BufferLengths(
      LockRequest.commonByteCount, isCompletion ? valueBytes : nil)
    let begun = try? beginCallback(
      opcode, to: export, buffers: lengths, limit: turn.now + timing.lockCallbackTimeout,
      tag: locks.handle(lock).raw, rpc: &rpc, turn: &turn)
    guard let handle = begun else { return false }
    requests[handle.raw.slot].isAboutLock = true
    let subject =
      about ?? (opcode == .ldlmBlockingCallback ? claim(on: lock) : record.descriptor)
    encodeCall(handle, record, about: subject, lengths, rpc: &rpc, turn: &turn)
    if let value, isCompletion, valueBytes > 0 {
      var bytes = turn.memory.mutableBytes(rpc.message(of: handle))
      value.encode(into: &bytes, at: lengths.offset(of: 2))
    }
    locks.cells[lock].callback = handle
    counters.callbacksSent += 1
    call(handle, rpc: &rpc, turn: &turn)
    return true
  }

  /// A lock is given up; those that waited for it may be granted.
  mutating func endLock(_ lock: Int, rpc: inout PtlRPC, turn: inout Turn) {
    takeOut(lock, rpc: &rpc, turn: &turn)
    locks.cells[lock].next = noRecord
    grantWhatWaited(for: UInt32(lock), rpc: &rpc, turn: &turn)
  }

  /// The client is gone, and its locks with it.
  mutating func endLocks(ofExport slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    let gone = exports.cells[slot].firstLock
    var lock = gone
    while lock != noRecord {
      // It keeps the link to the next one.
      takeOut(Int(lock), rpc: &rpc, turn: &turn)
      lock = locks.cells[Int(lock)].next
    }
    grantWhatWaited(for: gone, rpc: &rpc, turn: &turn)
  }

  /// Nobody finds the lock any more; its place is still taken.
  mutating func takeOut(_ lock: Int, rpc: inout PtlRPC, turn: inout Turn) {
    let record = locks.cells[lock]
    lockIndex.remove(lock, key: record.handle.rawValue)
    lockTree.remove(lock)
    if let timer = record.timer { turn.timers.disarm(timer) }
    if record.previous != noRecord {
      locks.cells[Int(record.previous)].next = record.next
    } else if record.export != noRecord {
      exports.cells[Int(record.export)].firstLock = record.next
    }
    if record.next != noRecord { locks.cells[Int(record.next)].previous = record.previous }
    if record.export != noRecord { exports.cells[Int(record.export)].lockCount -= 1 }
    if record.callback != .none { releaseCallback(record.callback, rpc: &rpc, turn: &turn) }
  }

  /// Frees the places of locks that were taken out, a list, and looks once through those that wait for each of their
  /// resources, if any of them has waited for a lock of the list.
  mutating func grantWhatWaited(for first: UInt32, rpc: inout PtlRPC, turn: inout Turn) {
    var gone = first
    lockSweep += 1
    while gone != noRecord {
      let record = locks.cells[Int(gone)]
      locks.give(Int(gone))
      gone = record.next
      // The first one of those that wait stands for the resource: nothing is added meanwhile.
      guard let waiting = lockTree.first(like: record, .waiting),
        locks.cells[waiting].sweep != lockSweep,
        lockTree.obstacle(to: record, .waiting) != nil
      else { continue }
      grantWaiting(record, rpc: &rpc, turn: &turn)
      if let left = lockTree.first(like: record, .waiting) { locks.cells[left].sweep = lockSweep }
    }
    countSteps()
  }

  /// Grants what waits for a resource and nothing stands against any more, in the order of arrival.
  private mutating func grantWaiting(
    _ gone: ServerLock, rpc: inout PtlRPC, turn: inout Turn
  ) {
    sweep.removeAll()
    var next = lockTree.first(like: gone, .waiting)
    while let waiting = next {
      sweep.add(waiting, locks.cells[waiting].descriptor, order: locks.cells[waiting].order)
      next = lockTree.first(like: gone, .waiting, after: waiting)
    }
    sweep.prepare()
    var hasOwn = false
    for arrival in 0..<sweep.count {
      let index = sweep.index(ofArrival: arrival)
      let waiting = sweep.lock(index)
      let isFree = sweep.obstacle(to: index) == nil && !isHeldBack(waiting)
      sweep.enter(index)
      guard isFree else { continue }
      let isOwn = locks.cells[waiting].export == noRecord
      hasOwn = hasOwn || isOwn
      locks.cells[waiting].descriptor.grantedMode = locks.cells[waiting].descriptor.requestedMode
      locks.cells[waiting].isCompleting = !isOwn
      restand(waiting)
      announce(waiting, turn: &turn)
    }
    guard hasOwn else { return }
    // Clients' are asked when they know of them.
    for index in 0..<sweep.count {
      let holder = sweep.lock(index)
      guard mayBeBlocked(holder), let waiting = waiter(for: holder) else { continue }
      block(holder, because: locks.cells[waiting].descriptor, rpc: &rpc, turn: &turn)
    }
  }

  /// Whether a granted lock stands against one that is not.
  private mutating func isHeldBack(_ lock: Int) -> Bool {
    let record = locks.cells[lock]
    return lockTree.obstacle(to: record, .free) != nil
      || lockTree.obstacle(to: record, .asked) != nil
      || lockTree.obstacle(to: record, .told) != nil
  }

  /// Its holder has it, and was not asked yet to give it up.
  func mayBeBlocked(_ lock: Int) -> Bool { locks.cells[lock].standing == .free }

  /// A lock that waits for this one to go.
  mutating func waiter(for lock: Int) -> Int? {
    lockTree.obstacle(to: locks.cells[lock], .waiting)
  }
}
