internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
internal import Structures

// Locks on objects: their values come from the disk (spec 10 §11.2).
extension ObjectServer {
  mutating func admitLock(
    _ index: Int, _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(ObjectRefusal) {
    guard let request: LockRequest = try? received.message.value(at: 1, in: bytes) else {
      throw .rpc(.eproto)
    }
    operations[index].object = StoredObjectID(request.descriptor.resource)
  }

  /// Begins an operation once the server has the lock that it needs: the client has none (spec 13 §5.2).
  mutating func startLocked(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    let operation = operations[index]
    guard operation.wantsLock, operation.lock == .none else {
      return start(index, &disk, &node)
    }
    let isShared = operation.opcode == .ostRead || operation.opcode == .ostGetAttributes
    let (resource, extent) = part(index, &node)
    let result = node.connections.lock(
      resource, isShared ? .protectedRead : .protectedWrite, from: extent.lowerBound,
      through: extent.upperBound, ofTarget: slot, rpc: &node.rpc, turn: &node.turn)
    switch result {
    case .granted(let lock): operations[index].lock = lock
    case .waiting(let lock):
      operations[index].lock = lock
      operations[index].stage = .queued
      return true
    case .refused, nil:
      refuse(index, .handler(.enomem), &node)
      return true
    }
    return start(index, &disk, &node)
  }

  /// What an operation is about: a part of an object, whole pages as clients lock them.
  private func part(_ index: Int, _ node: inout NodeCore) -> (ResourceID, ClosedRange<UInt64>) {
    let operation = operations[index]
    switch operation.opcode {
    case .ostRead, .ostWrite:
      let (request, bytes) = knownTransfer(index, &node)
      let span = node.turn.memory.bytes(bytes)
      let first = request.range(0, in: span)
      let last = request.range(Int(request.object.rangeCount) - 1, in: span)
      let end = (last.offset + UInt64(last.length) - 1) | 4095
      return (request.attributes.object.resource, first.offset & ~4095...end)
    default:
      let received = node.rpc.received(operation.handle)
      let bytes = node.turn.memory.bytes(received.bytes)
      guard let asked = try? attributes(received, bytes) else {
        preconditionFailure("a request that has changed")
      }
      guard operation.opcode == .ostPunch else { return (asked.object.resource, 0...UInt64.max) }
      return (asked.object.resource, asked.size & ~4095...asked.blocks | 4095)
    }
  }

  /// A lock of the server's own is granted: the operation that has waited for it begins.
  private mutating func ownLockGranted(_ lock: LockHandle) {
    for index in 0..<operations.count
    where operations[index].stage == .queued && operations[index].lock == lock {
      operations[index].stage = .start
      waiting.append(UInt32(index))
    }
  }

  /// Decides about a lock, now that the object is known.
  mutating func answerEnqueue(_ index: Int, _ node: inout NodeCore) -> Bool {
    let operation = operations[index]
    guard operation.errno == 0 else {
      refuse(index, .rpc(WireErrno(rawValue: -operation.status)), &node)
      return true
    }
    if glimpses(index, &node) { return true }
    release(index, &node)
    _ = node.connections.serveEnqueue(
      operation.handle, of: operation.export, value: ObjectLockValue(operation.found),
      rpc: &node.rpc, turn: &node.turn)
    return true
  }

  /// A lock that had to wait is granted: its client is told, with what the disk says of the object then.
  mutating func lockGranted(
    _ lock: Handle, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    if node.connections.isOwnLock(LockHandle(raw: lock)) {
      return ownLockGranted(LockHandle(raw: lock))
    }
    if !grantedLocks.append(lock) {
      node.connections.postpone(LockHandle(raw: lock), turn: &node.turn)
    }
  }

  mutating func askAboutLocks(_ disk: inout TargetDisk, _ node: inout NodeCore) {
    while let lock = grantedLocks.first, !askedLocks.isFull, disk.hasRoom() {
      grantedLocks.dropFirst()
      guard let view = node.connections.view(ofServerLock: LockHandle(raw: lock)) else { continue }
      askedLocks.append(lock)
      let object = StoredObjectID(view.descriptor.resource)
      disk.ask(StorageCommand(.getAttributes(object), ticket: Self.lockTicket))
    }
  }

  mutating func completeLock(_ result: StorageResult, _ node: inout NodeCore) {
    guard let lock = askedLocks.popFirst() else { preconditionFailure("an answer of no lock") }
    var value: ObjectLockValue?
    if case .object(let object) = result.value { value = ObjectLockValue(object) }
    node.connections.complete(
      LockHandle(raw: lock), value: value, rpc: &node.rpc, turn: &node.turn)
  }
}
