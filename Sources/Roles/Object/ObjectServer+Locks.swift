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

  /// Decides about a lock, now that the object is known.
  mutating func answerEnqueue(_ index: Int, _ node: inout NodeCore) -> Bool {
    let operation = operations[index]
    guard operation.errno == 0 else {
      refuse(index, .rpc(WireErrno(rawValue: -operation.status)), &node)
      return true
    }
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
    if !grantedLocks.append(lock) {
      // The client asks for the value itself.
      node.connections.complete(
        LockHandle(raw: lock), rpc: &node.rpc, turn: &node.turn)
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
