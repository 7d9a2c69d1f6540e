internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
internal import Structures

// An operation's way: what is checked first, what it does next, what becomes of it.
extension ObjectServer {
  /// Looks at a request before anything is done for it (spec 13 §5.4).
  mutating func admit(
    _ index: Int, _ received: ReceivedRequest, _ node: inout NodeCore
  ) throws(ObjectRefusal) {
    let opcode = received.body.opcode
    switch opcode {
    case .ostRead, .ostWrite:
      try admitTransfer(index, received, node.turn.memory.bytes(received.bytes))
    case .ostCreate, .ostDestroy, .ostGetAttributes, .ostSetAttributes, .ostPunch, .ostSync:
      try admitObject(index, received, node.turn.memory.bytes(received.bytes))
    case .ldlmEnqueue:
      try admitLock(index, received, node.turn.memory.bytes(received.bytes))
    case .ostStatfs: break
    case .sequenceQuery:
      try admitSequence(received, node.turn.memory.bytes(received.bytes))
    case .ostGetInfo, .ostSetInfo:
      try admitInfo(index, received, node.turn.memory.bytes(received.bytes))
    default: throw .rpc(.eopnotsupp)
    }
  }

  func attributes(
    _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(ObjectRefusal) -> ObjectAttributes {
    guard let attributes: ObjectAttributes = try? received.message.value(at: 1, in: bytes) else {
      throw .rpc(.eproto)
    }
    return attributes
  }

  /// The object that a request is about (spec 13 §5.3). Real metadata targets do not say that a CREATE names one.
  func name(
    _ attributes: ObjectAttributes, _ opcode: Opcode
  ) throws(ObjectRefusal) -> StoredObjectID {
    let needed: AttributeValid = opcode == .ostCreate ? .group : [.id, .group]
    guard attributes.valid.isSuperset(of: needed), attributes.object.hasLegalSequence,
      (1...Self.numberMax).contains(attributes.object.number)
    else { throw .rpc(.eproto) }
    return StoredObjectID(attributes.object)
  }

  private mutating func admitObject(
    _ index: Int, _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(ObjectRefusal) {
    let attributes = try attributes(received, bytes)
    let opcode = operations[index].opcode
    // A SYNC of no object is one of everything.
    if opcode == .ostSync, attributes.object.number == 0 { return }
    operations[index].object = try name(attributes, opcode)
    let isReadOnly = clients[operations[index].export.raw.slot].isReadOnly
    if isReadOnly, opcode != .ostGetAttributes, opcode != .ostSync { throw .handler(.erofs) }
    let flags = attributes.valid.contains(.flags) ? attributes.flags : []
    switch opcode {
    case .ostPunch, .ostGetAttributes: operations[index].wantsLock = flags.contains(.serverLock)
    case .ostDestroy: operations[index].wantsLock = true
    default: break
    }
    guard opcode == .ostPunch else { return }
    guard attributes.valid.isSuperset(of: [.size, .blocks]) else { throw .rpc(.eproto) }
    // From the byte in `size` through the one in `blocks`: as of an extent, whose last byte is 2⁶⁴ - 1 when it has no
    // end. That one cuts the object, any other leaves its size.
    guard attributes.size <= attributes.blocks else { throw .rpc(.eproto) }
  }

  /// Takes an operation a step further.
  ///
  /// - Returns: false when it must wait for memory or for the disk.
  mutating func step(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    switch operations[index].stage {
    case .start:
      guard isAlive(index, &node) else {
        abandon(index, &node)
        return true
      }
      return startLocked(index, &disk, &node)
    case .memory:
      guard isAlive(index, &node) else {
        abandon(index, &node)
        return true
      }
      return startTransfer(index, &disk, &node)
    case .store: return store(index, &disk, &node)
    case .load: return load(index, &disk, &node)
    case .send: return send(index, &node)
    case .answer: return answer(index, &disk, &node)
    case .free, .queued, .fetch, .disk, .sending: preconditionFailure("nothing to do now")
    }
  }

  /// Whether an answer could still reach its client in time; a request that has waited too long gets none.
  private func isAlive(_ index: Int, _ node: inout NodeCore) -> Bool {
    isCurrent(index, node)
      && node.turn.now <= node.rpc.received(operations[index].handle).deadline
  }

  mutating func start(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    if operations[index].isRepeated { return startAgain(index, &disk, &node) }
    switch operations[index].opcode {
    case .ostRead, .ostWrite: return startTransfer(index, &disk, &node)
    case .ostCreate: return startCreation(index, &disk, &node)
    case .sequenceQuery: return startSequence(index, &disk, &node)
    case .ostGetInfo, .ostSetInfo:
      operations[index].stage = .answer
      return answer(index, &disk, &node)
    default: return ask(index, &disk, &node)
    }
  }

  /// Commands of requests that are done with a few of them.
  private mutating func ask(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    guard disk.hasRoom(for: 4) else { return false }
    let operation = operations[index]
    let received = node.rpc.received(operation.handle)
    let id = operation.object
    operations[index].stage = .disk
    switch operation.opcode {
    case .ostStatfs: command(index, .statistics, &disk)
    case .ldlmEnqueue, .ostGetAttributes: command(index, .getAttributes(id), &disk)
    case .ostSync:
      let isAll = id.object == 0
      operations[index].barrier = disk.lastTransno
      command(index, isAll ? .none : .getAttributes(id), isSync: true, &disk)
    case .ostDestroy:
      keepReply(index, &disk, &node)
      modify(index, .destroy(id), &disk)
    case .ostSetAttributes, .ostPunch:
      keepReply(index, &disk, &node)
      let bytes = node.turn.memory.bytes(received.bytes)
      guard let asked = try? attributes(received, bytes) else {
        preconditionFailure("a request that has changed")
      }
      let stored = StoredAttributes(asked)
      if operation.opcode == .ostPunch {
        let change: StorageOperation =
          asked.blocks == .max
          ? .truncate(id, size: asked.size)
          : .clear(id, from: asked.size, through: asked.blocks)
        modify(index, change, continues: true, &disk)
      }
      modify(index, .setAttributes(id, stored), &disk)
      command(index, .getAttributes(id), &disk)
    default: preconditionFailure("not a request of few commands")
    }
    return true
  }

  // MARK: - Commands

  mutating func command(
    _ index: Int, _ operation: StorageOperation, isSync: Bool = false, _ disk: inout TargetDisk
  ) {
    operations[index].pending += 1
    disk.ask(StorageCommand(operation, ticket: UInt32(index), isSync: isSync))
  }

  /// A command of the operation's transaction; the first one makes its number.
  mutating func modify(
    _ index: Int, _ operation: StorageOperation, continues: Bool = false, isSync: Bool = false,
    _ disk: inout TargetDisk
  ) {
    if operations[index].transno == 0 { operations[index].transno = disk.makeTransno() }
    operations[index].pending += 1
    disk.ask(
      StorageCommand(
        operation, ticket: UInt32(index), transno: operations[index].transno,
        continues: continues, isSync: isSync))
  }

  mutating func commandEnded(
    _ index: Int, _ result: StorageResult, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    if !operations[index].tolerates(result.errno) { operations[index].note(result.errno) }
    operations[index].pending -= 1
    if case .object(let found) = result.value { operations[index].found = found }
    if operations[index].opcode == .ostRead { rangeRead(index, result, &node) }
    guard operations[index].pending == 0 else { return }
    switch operations[index].opcode {
    case .ostWrite: chunkStored(index, &node)
    case .ostRead: chunkLoaded(index, &node)
    case .ostCreate: batchEnded(index)
    default: operations[index].stage = .answer
    }
    advance(index, &disk, &node)
  }

  /// Goes on with an operation that has been waiting for something else than room.
  mutating func advance(_ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore) {
    guard operations[index].stage != .free else { return }
    if !step(index, &disk, &node) { wait(index) }
  }

  // MARK: - Ends

  mutating func refuse(_ index: Int, _ refusal: ObjectRefusal, _ node: inout NodeCore) {
    counters.refused += 1
    settleReply(index, &node)
    let handle = operations[index].handle
    let export = operations[index].export
    operations[index].stage = .free
    switch refusal {
    case .rpc(let error): node.rpc.refuse(handle, error, turn: &node.turn)
    case .handler(let error):
      let fields = node.connections.replyFields(export, status: error.status)
      node.rpc.reply(handle, fields, turn: &node.turn)
    case .silent: node.rpc.drop(handle, turn: &node.turn)
    }
  }

  /// Ends an operation without an answer: its client asks again, or is not there.
  mutating func abandon(_ index: Int, _ node: inout NodeCore) {
    counters.abandoned += 1
    settleReply(index, &node)
    release(index, &node)
    node.rpc.drop(operations[index].handle, turn: &node.turn)
  }

  mutating func release(_ index: Int, _ node: inout NodeCore) {
    if operations[index].memory != .none { node.turn.memory.release(operations[index].memory) }
    operations[index].memory = .none
    operations[index].stage = .free
    if operations[index].lock != .none {
      node.connections.unlock(operations[index].lock, rpc: &node.rpc, turn: &node.turn)
      operations[index].lock = .none
    }
    creationOver(index)
  }

  /// Sends the answer that has been made.
  ///
  /// - Parameter status: 0, or a positive result; what the disk says comes before it.
  mutating func finish(_ index: Int, status: Int32 = 0, _ node: inout NodeCore) {
    let operation = operations[index]
    settleReply(index, isDone: operation.errno == 0, &node)
    release(index, &node)
    let client = operation.export.raw.slot
    if operation.errno == 0 {
      durableTransno = max(
        durableTransno, operation.isSync ? operation.transno : operation.barrier)
    }
    if operation.errno == 0, operation.transno != 0, isCurrent(index, node) {
      clients[client].lastTransno = max(clients[client].lastTransno, operation.transno)
    }
    // Of the client's own transactions, those that are durable.
    node.connections.setCommitted(
      min(clients[client].lastTransno, durableTransno), of: operation.export)
    var fields = node.connections.replyFields(
      operation.export, status: operation.errno == 0 ? status : operation.status)
    fields.transno = operation.errno == 0 ? operation.transno : 0
    node.rpc.reply(operation.handle, fields, turn: &node.turn)
  }

  /// Answers with an error: the body alone.
  ///
  /// - Returns: false when there is no memory for it now.
  mutating func fail(_ index: Int, _ node: inout NodeCore) -> Bool {
    let handle = operations[index].handle
    let begun = try? node.rpc.beginReply(handle, buffers: BufferLengths(), turn: &node.turn)
    guard begun != nil else { return false }
    counters.failed += 1
    finish(index, &node)
    return true
  }
}
