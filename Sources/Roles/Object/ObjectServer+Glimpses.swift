internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
internal import Structures

// Glimpses: what an object is while another client writes to it. Only that client knows (spec 10 §11.2).
extension ObjectServer {
  /// The status of an answer that has no lock and a value.
  private static let noLock: Int32 = 301

  /// Asks the writer of an object, for a client that wants to know of it and not to have it.
  ///
  /// - Returns: false when it is an ordinary enqueue, or nobody writes.
  mutating func glimpses(_ index: Int, _ node: inout NodeCore) -> Bool {
    let operation = operations[index]
    let received = node.rpc.received(operation.handle)
    let asked: LockRequest? = try? received.message.value(
      at: 1, in: node.turn.memory.bytes(received.bytes))
    guard let asked, asked.flags.contains(.hasIntent),
      let writer = node.connections.writer(
        of: asked.descriptor.resource, ofTarget: slot, besides: operation.export)
    else { return false }
    let callback = node.connections.glimpse(
      writer, tag: OwnerTag(.server, target, detail: index).raw, rpc: &node.rpc,
      turn: &node.turn)
    guard let callback else { return false }
    operations[index].stage = .queued
    operations[index].callback = callback
    return true
  }

  /// The writer has answered, or has not: then the disk's word counts.
  mutating func calledBack(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    let index = OwnerTag(raw: event.tag).detail
    var value: ObjectLockValue?
    if event.status == 0, let reply = try? node.rpc.reply(to: event.request, turn: &node.turn) {
      value = try? reply.message.value(at: 1, in: node.turn.memory.bytes(reply.bytes))
    }
    node.connections.releaseCallback(event.request, rpc: &node.rpc, turn: &node.turn)
    guard operations[index].callback == event.request else { return }
    operations[index].callback = .none
    let found = operations[index].found
    var answer = ObjectLockValue(found)
    if let value {
      answer = value
      answer.size = max(value.size, found.size)
      answer.blocks = max(value.blocks, ObjectAttributes.blocks(found.size))
    }
    let lengths = BufferLengths(LockReply.byteCount, ObjectLockValue.byteCount)
    guard let message = begin(index, lengths, &node) else { return abandon(index, &node) }
    var bytes = node.turn.memory.mutableBytes(message)
    answer.encode(into: &bytes, at: lengths.offset(of: 2))
    finish(index, status: Self.noLock, &node)
  }
}
