internal import BasicContainers
package import LustreWire
package import PtlRPC
package import RDMATransport
internal import Structures

// Locks that a target takes for itself, and what it asks those who hold others (spec 13 §5.2, 10 §11.2).
extension Connections {
  /// Locks a part of an object for a request of a client that has no lock: clients in the way are called back.
  ///
  /// - Returns: granted, or waiting: then `lockGranted` follows; nil when there is no place for another lock.
  ///   `unlock` ends both.
  package mutating func lock(
    _ resource: ResourceID, _ mode: LockMode, from first: UInt64, through last: UInt64,
    ofTarget target: UInt32, rpc: inout PtlRPC, turn: inout Turn
  ) -> EnqueueResult? {
    guard let lock = locks.take() else {
      counters.locksExhausted += 1
      return nil
    }
    var descriptor = LockDescriptor()
    descriptor.type = .extent
    descriptor.resource = resource
    descriptor.requestedMode = mode
    descriptor.policy = LockPolicy(extent: first, through: last)
    let timer = locks.cells[lock].timer
    locks.cells[lock] = ServerLock(
      target: target, export: noRecord, clientHandle: .none, handle: cookies.make(),
      descriptor: descriptor, flags: [])
    locks.cells[lock].timer = timer
    lockOrder += 1
    locks.cells[lock].order = lockOrder
    lockIndex.insert(lock, key: locks.cells[lock].handle.rawValue)
    decide(lock, turn: &turn)
    callBlockersBack(of: lock, rpc: &rpc, turn: &turn)
    let name = LockHandle(raw: locks.handle(lock))
    return locks.cells[lock].isGranted ? .granted(name) : .waiting(name)
  }

  /// Gives back a lock that a target has taken for itself, or does not wait for it any more.
  package mutating func unlock(
    _ handle: LockHandle, rpc: inout PtlRPC, turn: inout Turn
  ) {
    guard let lock = locks.slot(handle.raw) else { preconditionFailure("a stale lock") }
    precondition(locks.cells[lock].export == noRecord, "a client's lock")
    endLock(lock, rpc: &rpc, turn: &turn)
  }

  /// Whether a target has taken a lock for itself.
  package func isOwnLock(_ handle: LockHandle) -> Bool {
    locks.slot(handle.raw).map { locks.cells[$0].export == noRecord } ?? false
  }

  /// Who may be making an object longer just now: of the clients that hold it for writing, the one whose extent ends
  /// last.
  package mutating func writer(
    of resource: ResourceID, ofTarget target: UInt32, besides export: ExportHandle
  ) -> LockHandle? {
    var wanted = ServerLock.filler
    wanted.target = target
    wanted.export = UInt32(export.raw.slot)
    wanted.descriptor.resource = resource
    var best: Int?
    for standing in [LockStanding.free, .asked] {
      for mode in [LockMode.protectedWrite, .exclusive] {
        guard let found = lockTree.latest(like: wanted, standing, mode) else { continue }
        if let known = best, end(of: known) >= end(of: found) { continue }
        best = found
      }
    }
    return best.map { LockHandle(raw: locks.handle($0)) }
  }

  private func end(of lock: Int) -> UInt64 {
    LockConflict.extent(of: locks.cells[lock].descriptor).last
  }

  /// Asks a lock's holder what it knows of the object; `calledBack` follows, then its sender reads the reply and
  /// releases the callback.
  ///
  /// - Parameter tag: the owner's number.
  /// - Returns: nil when it cannot be asked now.
  package mutating func glimpse(
    _ handle: LockHandle, tag: UInt32, rpc: inout PtlRPC, turn: inout Turn
  ) -> RequestHandle? {
    guard let lock = locks.slot(handle.raw), locks.cells[lock].export != noRecord else {
      return nil
    }
    let record = locks.cells[lock]
    let lengths = BufferLengths(LockRequest.commonByteCount)
    let begun = try? beginCallback(
      .ldlmGlimpseCallback, to: ExportHandle(raw: exports.handle(Int(record.export))),
      buffers: lengths, replyByteCount: BufferLengths(ObjectLockValue.byteCount).byteCount,
      limit: 0, tag: tag, rpc: &rpc, turn: &turn)
    guard let callback = begun else { return nil }
    encodeCall(callback, record, about: record.descriptor, lengths, rpc: &rpc, turn: &turn)
    counters.callbacksSent += 1
    call(callback, rpc: &rpc, turn: &turn)
    return callback
  }

  /// Writes whose lock a callback is about.
  mutating func encodeCall(
    _ callback: RequestHandle, _ record: ServerLock, about descriptor: LockDescriptor,
    _ lengths: BufferLengths, rpc: inout PtlRPC, turn: inout Turn
  ) {
    var request = LockRequest()
    request.descriptor = descriptor
    var bytes = turn.memory.mutableBytes(rpc.message(of: callback))
    let start = lengths.offset(of: 1)
    request.encode(into: &bytes, at: start)
    record.clientHandle.encode(into: &bytes, at: start + LockRequest.byteCount)
    record.handle.encode(into: &bytes, at: start + LockRequest.byteCount + 8)
  }
}
