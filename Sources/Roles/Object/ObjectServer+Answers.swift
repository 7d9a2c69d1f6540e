internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
internal import Structures

// What clients are answered.
extension ObjectServer {
  /// Makes and sends the answer; false when there is no memory for it now.
  mutating func answer(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    let opcode = operations[index].opcode
    if operations[index].errno != 0, opcode != .ldlmEnqueue { return fail(index, &node) }
    switch opcode {
    case .ostRead: return answerRead(index, &node)
    case .ostWrite:
      let isAnswered = answerWrite(index, &node)
      if isAnswered { noteWrite(&disk) }
      return isAnswered
    case .ostStatfs: return answerStatfs(index, &node)
    case .ldlmEnqueue: return answerEnqueue(index, &node)
    case .ostGetInfo: return answerGetInfo(index, &node)
    case .ostSetInfo: return answerSetInfo(index, &node)
    case .sequenceQuery: return answerSequence(index, &node)
    default: return answerObject(index, &node)
    }
  }

  /// The request's obdo with what the disk says now.
  private mutating func answerObject(_ index: Int, _ node: inout NodeCore) -> Bool {
    let operation = operations[index]
    let lengths = BufferLengths(ObjectAttributes.byteCount)
    guard let message = begin(index, lengths, &node) else { return false }
    let received = node.rpc.received(operation.handle)
    guard var reply = try? attributes(received, node.turn.memory.bytes(received.bytes)) else {
      preconditionFailure("a request that has changed")
    }
    switch operation.opcode {
    case .ostCreate:
      reply.object = reply.object.replacing(number: operation.lastID)
      reply.valid = [.id, .group]
    case .ostDestroy:
      reply.valid = [.id, .group]
      if !operation.isRepeated { counters.destroyed += 1 }
    default:
      reply.valid = [.id, .group]
      if operation.object.object != 0 { reply.fill(operation.found) }
    }
    var bytes = node.turn.memory.mutableBytes(message)
    reply.encode(into: &bytes, at: lengths.offset(of: 1))
    finish(index, &node)
    return true
  }

  private mutating func answerStatfs(_ index: Int, _ node: inout NodeCore) -> Bool {
    let lengths = BufferLengths(Statfs.byteCount)
    guard let message = begin(index, lengths, &node) else { return false }
    var bytes = node.turn.memory.mutableBytes(message)
    statfs.encode(into: &bytes, at: lengths.offset(of: 1))
    finish(index, &node)
    return true
  }

  /// What the disk has said last, without what clients have been promised.
  private var statfs: Statfs {
    var value = Statfs()
    let block = max(statistics.blockByteCount, 512)
    let granted = grants.total / block
    value.blockByteCount = UInt32(clamping: block)
    value.blocks = statistics.blocks
    value.freeBlocks = statistics.blocksFree
    value.availableBlocks =
      statistics.blocksAvailable > granted ? statistics.blocksAvailable - granted : 0
    value.files = statistics.objects
    value.freeFiles = statistics.objectsFree
    value.nameByteCount = 255
    value.maximumByteCount = TargetTraits(kind: .ost).objectByteCountMax
    value.granted = UInt32(clamping: granted)
    if statistics.blocksAvailable == 0 { value.state.insert(.noSpace) }
    if statistics.objectsFree == 0 { value.state.insert(.noInodes) }
    return value
  }

  func begin(
    _ index: Int, _ lengths: BufferLengths, _ node: inout NodeCore
  ) -> BufferRef? {
    try? node.rpc.beginReply(operations[index].handle, buffers: lengths, turn: &node.turn)
  }

  // MARK: - Keys

  func admitInfo(
    _ index: Int, _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(ObjectRefusal) {
    guard let range = received.message.range(of: 1, in: bytes),
      let key = try? InfoKey(bytes.extracting(range))
    else { throw .rpc(.eproto) }
    let isGet = operations[index].opcode == .ostGetInfo
    guard key == (isGet ? .lastFID : .grantShrink) else { throw .rpc(.eopnotsupp) }
    if isGet {
      let fid: FID? = try? received.message.value(at: 2, in: bytes)
      guard let fid, ObjectID(fid).hasLegalSequence else { throw .rpc(.eproto) }
    } else {
      let value: ObjectAttributes? = try? received.message.value(at: 2, in: bytes)
      guard value != nil else { throw .rpc(.eproto) }
    }
  }

  /// `last_fid`: the last object of a sequence.
  private mutating func answerGetInfo(_ index: Int, _ node: inout NodeCore) -> Bool {
    let lengths = BufferLengths(FID.byteCount)
    guard let message = begin(index, lengths, &node) else { return false }
    let received = node.rpc.received(operations[index].handle)
    let asked: FID? = try? received.message.value(
      at: 2, in: node.turn.memory.bytes(received.bytes))
    guard var fid = asked else { preconditionFailure("a request that has changed") }
    // A sequence alone looks like an old number: the id tells the two apart, and is not of interest.
    fid.objectID = 1
    let sequence = StoredObjectID(ObjectID(fid)).sequence
    fid.objectID = UInt32(truncatingIfNeeded: lastIDs[sequence] ?? 0)
    var bytes = node.turn.memory.mutableBytes(message)
    fid.encode(into: &bytes, at: lengths.offset(of: 1))
    finish(index, &node)
    return true
  }

  /// `grant_shrink`: the client gives a part of its grant back.
  private mutating func answerSetInfo(_ index: Int, _ node: inout NodeCore) -> Bool {
    let lengths = BufferLengths(ObjectAttributes.byteCount)
    guard let message = begin(index, lengths, &node) else { return false }
    let received = node.rpc.received(operations[index].handle)
    let value: ObjectAttributes? = try? received.message.value(
      at: 2, in: node.turn.memory.bytes(received.bytes))
    guard var attributes = value else { preconditionFailure("a request that has changed") }
    grants.take(attributes.grant, from: operations[index].export.raw.slot)
    attributes.grant = 0
    var bytes = node.turn.memory.mutableBytes(message)
    attributes.encode(into: &bytes, at: lengths.offset(of: 1))
    finish(index, &node)
    return true
  }
}
