internal import BasicContainers
internal import LNet
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Structures

// The server's table of locks: who stands in whose way, who is granted next (spec 10 §11.2).
extension Connections {
  static func key(_ resource: ResourceID, _ target: UInt32) -> UInt64 {
    func mix(_ key: UInt64, _ word: UInt64) -> UInt64 {
      let product = (key ^ word) &* 0xBF58_476D_1CE4_E5B9
      return product ^ product >> 29
    }
    let key = mix(mix(UInt64(target) &+ 0x9E37_79B9, resource.first), resource.second)
    return mix(mix(key, resource.third), resource.fourth)
  }

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
    resourceIndex.insert(lock, key: Self.key(request.descriptor.resource, target))
    let first = exports.cells[slot].firstLock
    locks.cells[lock].next = first
    if first != noRecord { locks.cells[Int(first)].previous = UInt32(lock) }
    exports.cells[slot].firstLock = UInt32(lock)
    exports.cells[slot].lockCount += 1
    return lock
  }

  /// Grants a lock that nothing stands against: no granted one, and none that came before it.
  mutating func decide(_ lock: Int, turn: inout Turn) {
    let record = locks.cells[lock]
    var other = resourceIndex.first(Self.key(record.descriptor.resource, record.target))
    while let found = other {
      if stands(found, against: lock) { return }
      other = resourceIndex.next(after: found)
    }
    locks.cells[lock].descriptor.grantedMode = record.descriptor.requestedMode
  }

  func stands(_ other: Int, against lock: Int) -> Bool {
    let record = locks.cells[lock]
    let obstacle = locks.cells[other]
    guard other != lock, obstacle.target == record.target,
      obstacle.descriptor.resource == record.descriptor.resource,
      obstacle.isGranted || obstacle.order < record.order
    else { return false }
    return LockConflict.conflicts(record.descriptor, with: obstacle.descriptor)
  }

  mutating func callBlockersBack(
    of lock: Int, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let record = locks.cells[lock]
    guard !record.isGranted else { return }
    var other = resourceIndex.first(Self.key(record.descriptor.resource, record.target))
    while let found = other {
      other = resourceIndex.next(after: found)
      if mayBeBlocked(found), stands(found, against: lock) {
        block(found, because: record.descriptor, rpc: &rpc, turn: &turn)
      }
    }
  }

  /// Asks a holder to give its lock up, and starts the time in which it must.
  ///
  /// - Parameter conflicting: who wants its place; nil: whoever does when there is room to ask.
  mutating func block(
    _ lock: Int, because conflicting: LockDescriptor?, rpc: inout PtlRPC, turn: inout Turn
  ) {
    locks.cells[lock].isBlocked = true
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
    // Looked for only now: it takes as many steps as the resource has locks.
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
    resourceIndex.remove(lock, key: Self.key(record.descriptor.resource, record.target))
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

  /// Frees the places of locks that were taken out, a list, and looks through each of their resources once.
  mutating func grantWhatWaited(for first: UInt32, rpc: inout PtlRPC, turn: inout Turn) {
    var gone = first
    lockSweep += 1
    while gone != noRecord {
      let record = locks.cells[Int(gone)]
      locks.give(Int(gone))
      gone = record.next
      // The newest one that is left stands for the resource: nothing is added meanwhile.
      guard let newest = newestLock(record), locks.cells[newest].sweep != lockSweep else {
        continue
      }
      locks.cells[newest].sweep = lockSweep
      grantWaiting(record, rpc: &rpc, turn: &turn)
    }
  }

  private func newestLock(_ like: ServerLock) -> Int? {
    var lock = resourceIndex.first(Self.key(like.descriptor.resource, like.target))
    while let found = lock {
      if isAbout(found, like) { return found }
      lock = resourceIndex.next(after: found)
    }
    return nil
  }

  private func isAbout(_ lock: Int, _ other: ServerLock) -> Bool {
    locks.cells[lock].target == other.target
      && locks.cells[lock].descriptor.resource == other.descriptor.resource
  }

  /// Grants what waits for a resource and nothing stands against any more, in the order of arrival; and calls back
  /// whoever still stands in somebody's way.
  private mutating func grantWaiting(
    _ gone: ServerLock, rpc: inout PtlRPC, turn: inout Turn
  ) {
    sweep.removeAll()
    var waitingCount = 0
    var lock = resourceIndex.first(Self.key(gone.descriptor.resource, gone.target))
    while let found = lock {
      lock = resourceIndex.next(after: found)
      guard isAbout(found, gone) else { continue }
      sweep.add(found, locks.cells[found].descriptor)
      if !locks.cells[found].isGranted { waitingCount += 1 }
    }
    guard waitingCount > 0 else { return }
    sweep.prepare()
    let count = sweep.count
    for index in 0..<count where locks.cells[sweep.lock(index)].isGranted { sweep.enter(index) }
    // The newest came first.
    for index in stride(from: count - 1, through: 0, by: -1) {
      let waiting = sweep.lock(index)
      guard !locks.cells[waiting].isGranted else { continue }
      let isFree = sweep.obstacle(to: index) == nil
      sweep.enter(index)
      guard isFree else { continue }
      waitingCount -= 1
      locks.cells[waiting].descriptor.grantedMode = locks.cells[waiting].descriptor.requestedMode
      locks.cells[waiting].isCompleting = locks.cells[waiting].export != noRecord
      announce(waiting, turn: &turn)
    }
    guard waitingCount > 0 else { return }
    sweep.restart()
    for index in 0..<count where !locks.cells[sweep.lock(index)].isGranted { sweep.enter(index) }
    for index in 0..<count {
      let holder = sweep.lock(index)
      guard mayBeBlocked(holder), let waiting = sweep.obstacle(to: index) else { continue }
      block(
        holder, because: locks.cells[sweep.lock(waiting)].descriptor, rpc: &rpc, turn: &turn)
    }
  }

  /// Its holder has it, and was not asked yet to give it up.
  func mayBeBlocked(_ lock: Int) -> Bool {
    locks.cells[lock].isGranted && !locks.cells[lock].isBlocked && !locks.cells[lock].isCompleting
  }

  /// The newest lock that waits for this one to go.
  mutating func waiter(for lock: Int) -> Int? {
    let record = locks.cells[lock]
    var other = resourceIndex.first(Self.key(record.descriptor.resource, record.target))
    while let found = other {
      sweep.stepCount += 1
      if !locks.cells[found].isGranted, stands(lock, against: found) { return found }
      other = resourceIndex.next(after: found)
    }
    return nil
  }
}
