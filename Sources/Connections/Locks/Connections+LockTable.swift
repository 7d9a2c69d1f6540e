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
    guard let lock = locks.take() else { return nil }
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
    let mode =
      obstacle.isGranted ? obstacle.descriptor.grantedMode : obstacle.descriptor.requestedMode
    return LockConflict.conflicts(
      record.descriptor.type, record.descriptor.requestedMode, record.descriptor.policy,
      with: mode, obstacle.descriptor.policy)
  }

  mutating func callBlockersBack(
    of lock: Int, rpc: inout PtlRPC, turn: inout Turn
  ) {
    let record = locks.cells[lock]
    guard !record.isGranted else { return }
    var other = resourceIndex.first(Self.key(record.descriptor.resource, record.target))
    while let found = other {
      other = resourceIndex.next(after: found)
      let isObstacle = stands(found, against: lock)
      if isObstacle, locks.cells[found].isGranted, !locks.cells[found].isBlocked,
        !locks.cells[found].isCompleting
      {
        block(found, because: record.descriptor, rpc: &rpc, turn: &turn)
      }
    }
  }

  /// Asks a holder to give its lock up, and starts the time in which it must.
  mutating func block(
    _ lock: Int, because conflicting: LockDescriptor, rpc: inout PtlRPC, turn: inout Turn
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
    encodeCall(
      handle, record, about: about ?? record.descriptor, lengths, rpc: &rpc, turn: &turn)
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
    let record = locks.cells[lock]
    let key = Self.key(record.descriptor.resource, record.target)
    takeOut(lock, record, key, rpc: &rpc, turn: &turn)
    locks.give(lock)
    grantWaiting(key, record, turn: &turn, rpc: &rpc)
  }

  /// The client is gone, and its locks with it: all of them first, then each resource is looked through once.
  mutating func endLocks(ofExport slot: Int, rpc: inout PtlRPC, turn: inout Turn) {
    var gone = exports.cells[slot].firstLock
    var lock = gone
    while lock != noRecord {
      let record = locks.cells[Int(lock)]
      let key = Self.key(record.descriptor.resource, record.target)
      takeOut(Int(lock), record, key, rpc: &rpc, turn: &turn)
      lock = record.next
    }
    lockSweep += 1
    while gone != noRecord {
      let record = locks.cells[Int(gone)]
      let key = Self.key(record.descriptor.resource, record.target)
      locks.give(Int(gone))
      gone = record.next
      // The newest one that is left stands for the resource: nothing is added meanwhile.
      guard let newest = newestLock(key, record), locks.cells[newest].sweep != lockSweep
      else { continue }
      locks.cells[newest].sweep = lockSweep
      grantWaiting(key, record, turn: &turn, rpc: &rpc)
    }
  }

  private func newestLock(_ key: UInt64, _ like: ServerLock) -> Int? {
    var lock = resourceIndex.first(key)
    while let found = lock {
      let record = locks.cells[found]
      if record.target == like.target, record.descriptor.resource == like.descriptor.resource {
        return found
      }
      lock = resourceIndex.next(after: found)
    }
    return nil
  }

  /// Nobody finds the lock any more; its place is still taken.
  private mutating func takeOut(
    _ lock: Int, _ record: ServerLock, _ key: UInt64, rpc: inout PtlRPC, turn: inout Turn
  ) {
    lockIndex.remove(lock, key: record.handle.rawValue)
    resourceIndex.remove(lock, key: key)
    if let timer = record.timer { turn.timers.disarm(timer) }
    if record.previous != noRecord {
      locks.cells[Int(record.previous)].next = record.next
    } else if record.export != noRecord {
      exports.cells[Int(record.export)].firstLock = record.next
    }
    if record.next != noRecord { locks.cells[Int(record.next)].previous = record.previous }
    if record.callback != .none { releaseCallback(record.callback, rpc: &rpc, turn: &turn) }
  }

  /// Grants what waited for a lock that is gone, in the order of arrival, and calls back whoever stands in the way.
  mutating func grantWaiting(
    _ key: UInt64, _ gone: ServerLock, turn: inout Turn, rpc: inout PtlRPC
  ) {
    lockSearchCount += 1
    var last: UInt64 = 0
    while let lock = nextWaiting(key, gone, after: last) {
      last = locks.cells[lock].order
      decide(lock, turn: &turn)
      if locks.cells[lock].isGranted {
        locks.cells[lock].isCompleting = locks.cells[lock].export != noRecord
        announce(lock, turn: &turn)
      } else {
        callBlockersBack(of: lock, rpc: &rpc, turn: &turn)
      }
    }
  }

  /// The oldest waiting lock of a resource that came after a number.
  private func nextWaiting(_ key: UInt64, _ gone: ServerLock, after order: UInt64) -> Int? {
    var best: Int?
    var lock = resourceIndex.first(key)
    while let found = lock {
      lock = resourceIndex.next(after: found)
      let record = locks.cells[found]
      guard record.target == gone.target, record.descriptor.resource == gone.descriptor.resource,
        !record.isGranted, record.order > order
      else { continue }
      if let known = best, locks.cells[known].order < record.order { continue }
      best = found
    }
    return best
  }
}
