internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
internal import Structures

// What READ and WRITE are answered: attributes, checksums, grants (spec 13 §5.5, §6).
extension ObjectServer {
  /// What a write's answer says of the quotas of its owner: `FLUSRQUOTA`, `FLGRPQUOTA` and, as in spec 13 B.1,
  /// `FLPRJQUOTA`.
  private static let quotas: AttributeValid = [
    .userQuota, .groupQuota, AttributeValid(rawValue: 0x40_0000),
  ]

  mutating func answerWrite(_ index: Int, _ node: inout NodeCore) -> Bool {
    let (request, bytes) = knownTransfer(index, &node)
    let ranges = Int(request.object.rangeCount)
    let lengths = BufferLengths(ObjectAttributes.byteCount, 4 * ranges)
    guard let message = begin(index, lengths, &node) else { return false }
    let operation = operations[index]
    let asked = request.attributes
    var reply = asked
    reply.valid.subtract([.modificationTime, .accessTime, .checksum, .grant])
    reply.fill(operation.found)
    reply.valid.subtract([.modificationTime, .accessTime])
    // There are none here, and so none is used up: a client that had thought so learns it.
    reply.valid.formUnion(Self.quotas)
    if !asked.valid.contains(.flags) { reply.flags = [] }
    reply.flags.subtract([.noUserQuota, .noGroupQuota, .noProjectQuota])
    if asked.valid.contains(.checksum) {
      let memory =
        operation.isShort
        ? bytes.part(
          offset: request.dataRange.lowerBound, length: request.dataRange.count)
        : operation.memory
      let sum = checksum(index, request, bytes, over: memory, &node)
      if sum != asked.checksum, asked.checksum != 0 { counters.checksumMismatches += 1 }
      setChecksum(sum, of: asked, in: &reply)
    }
    account(index, request, bytes, &reply, &node)
    counters.writes += 1
    counters.bytesWritten += UInt64(operation.byteCount)
    // The results of the ranges are 0 already.
    var out = node.turn.memory.mutableBytes(message)
    reply.encode(into: &out, at: lengths.offset(of: 1))
    finish(index, &node)
    return true
  }

  /// The disk is asked now and then how full it has become.
  mutating func noteWrite(_ disk: inout TargetDisk) {
    if counters.writes % 64 == 0 { askForStatistics(&disk) }
  }

  mutating func answerRead(_ index: Int, _ node: inout NodeCore) -> Bool {
    let (request, bytes) = knownTransfer(index, &node)
    let operation = operations[index]
    let message: BufferRef
    let lengths = BufferLengths(
      ObjectAttributes.byteCount, operation.isShort ? operation.moved : 0)
    if operation.isShort {
      message = node.rpc.shortenReply(operation.handle, to: lengths, turn: &node.turn)
    } else {
      guard let begun = begin(index, lengths, &node) else { return false }
      message = begun
    }
    let asked = request.attributes
    var reply = asked
    reply.valid = []
    if asked.valid.contains(.checksum) {
      let memory =
        operation.isShort
        ? lengths.place(of: 2, in: message)
        : operation.memory.part(offset: 0, length: operation.moved)
      setChecksum(
        checksum(index, request, bytes, over: memory, &node), of: asked, in: &reply)
    }
    account(index, request, bytes, &reply, &node)
    counters.reads += 1
    counters.bytesRead += UInt64(operation.moved)
    var out = node.turn.memory.mutableBytes(message)
    reply.encode(into: &out, at: lengths.offset(of: 1))
    finish(index, status: Int32(clamping: operation.moved), &node)
    return true
  }

  private mutating func setChecksum(
    _ sum: UInt32, of asked: ObjectAttributes, in reply: inout ObjectAttributes
  ) {
    counters.checksums += 1
    reply.valid.formUnion([.checksum, .flags])
    reply.checksum = sum
    if !asked.valid.contains(.flags) { reply.flags = [] }
    reply.flags.checksumKind = reply.flags.checksumKind
  }

  /// Over the bytes of the ranges, in order, as many as there are.
  private func checksum(
    _ index: Int, _ request: BulkIORequest, _ message: BufferRef, over memory: BufferRef,
    _ node: inout NodeCore
  ) -> UInt32 {
    let asked = request.attributes
    let kind = asked.valid.contains(.flags) ? asked.flags.checksumKind : .adler
    var sum = BulkChecksum(kind)
    var position = 0
    var number = 0
    while position < Int(memory.length) {
      let range = request.range(number, in: node.turn.memory.bytes(message))
      let count = min(Int(range.length), Int(memory.length) - position)
      sum.begin(at: range.offset)
      sum.add(node.turn.memory.bytes(memory.part(offset: position, length: count)))
      position += count
      number += 1
    }
    return sum.finish()
  }

  /// Space that the client has used or given back, and what it gets in addition (spec 13 §5.3).
  private mutating func account(
    _ index: Int, _ request: BulkIORequest, _ message: BufferRef,
    _ reply: inout ObjectAttributes, _ node: inout NodeCore
  ) {
    let export = operations[index].export.raw.slot
    let asked = request.attributes
    // The place of a client that has left may be another's.
    guard asked.valid.isSuperset(of: [.grant, .blocks]), isCurrent(index, node) else { return }
    grants.take(UInt64(asked.miscellaneous), from: export)
    if operations[index].opcode == .ostWrite {
      for number in 0..<Int(request.object.rangeCount) {
        let range = request.range(number, in: node.turn.memory.bytes(message))
        guard range.flags.contains(.fromGrant) else { continue }
        grants.take(
          grants.cost(offset: range.offset, byteCount: UInt64(range.length)), from: export)
      }
    }
    reply.valid.insert(.grant)
    reply.grant = 0
    if asked.valid.contains(.flags), asked.flags.contains(.shrinkGrant) {
      grants.take(asked.grant, from: export)
    } else if !clients[export].isReadOnly {
      reply.grant = grants.add(wanted: UInt64(asked.mode), to: export)
    }
  }
}
