internal import BasicContainers
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
internal import Structures

// READ and WRITE: the data comes into bulk memory and goes to the disk from there, or the other way round (spec 13).
extension ObjectServer {
  /// Ranges that the disk is asked for at a time: a request may have many more.
  private static let chunkRangesMax = 64
  /// Bytes of short I/O: more fit into no reply.
  private static let shortBytesMax = 65_536
  /// Bytes of bulk memory that transfers leave free, if that is no more than a sixteenth.
  static let messageReserve = 1 << 20

  func transfer(
    _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(ObjectRefusal) -> BulkIORequest {
    do throws(WireError) {
      return try BulkIORequest(received.message, in: bytes)
    } catch {
      throw .rpc(.eproto)
    }
  }

  /// A request whose checks have been passed before.
  func knownTransfer(_ index: Int, _ node: inout NodeCore) -> (BulkIORequest, BufferRef) {
    let received = node.rpc.received(operations[index].handle)
    let request = try? BulkIORequest(
      received.message, in: node.turn.memory.bytes(received.bytes))
    guard let request else { preconditionFailure("a request that has changed") }
    return (request, received.bytes)
  }

  mutating func admitTransfer(
    _ index: Int, _ received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) throws(ObjectRefusal) {
    // The handler's own check: a real one answers with all buffers (spec 13 §5.4).
    guard received.portal == .ostIO || received.portal == .mdsIO else { throw .handler(.eproto) }
    let object = try name(try attributes(received, bytes), received.body.opcode)
    let request = try transfer(received, bytes)
    let client = clients[operations[index].export.raw.slot]
    let isWrite = operations[index].opcode == .ostWrite
    let limit = Int(request.object.bulkLimit)
    let flags = request.attributes.valid.contains(.flags) ? request.attributes.flags : []
    let isShort = flags.contains(.shortIO)
    guard isShort || limit & (limit - 1) == 0 else { throw .silent }
    if isWrite, client.isReadOnly { throw .handler(.erofs) }
    let summary = try Self.check(request, bytes)
    let most = isShort ? Self.shortBytesMax : min(client.bulkByteCount, bulkByteCountMax)
    guard summary.byteCount <= most else { throw .handler(.eproto) }
    if isShort {
      guard request.object.rangeCount == 1, !isWrite || request.dataByteCount == summary.byteCount
      else { throw .handler(.eproto) }
    }
    operations[index].object = object
    operations[index].isShort = isShort
    operations[index].operationLimit = limit
    operations[index].byteCount = summary.byteCount
    operations[index].pageOffset = summary.pageOffset
    operations[index].isSync = isWrite && summary.isSync
    operations[index].wantsLock = flags.contains(.serverLock) || summary.wantsLock
  }

  /// What the ranges of a request are together.
  private struct Summary {
    var byteCount = 0
    var pageOffset: UInt32 = 0
    var isSync = false
    var wantsLock = false
  }

  /// Ranges rise and do not overlap, and only the outer ends may lie inside a page (spec 13 §5.2): the client
  /// has cut them so.
  private static func check(
    _ request: BulkIORequest, _ bytes: borrowing RawSpan
  ) throws(ObjectRefusal) -> Summary {
    var summary = Summary()
    var last: UInt64 = 0
    let count = Int(request.object.rangeCount)
    for number in 0..<count {
      let range = request.range(number, in: bytes)
      let (end, overflows) = range.offset.addingReportingOverflow(UInt64(range.length))
      guard range.length > 0, !overflows, end <= StorageLimits.objectByteCountMax,
        number == 0 || range.offset >= last, number == 0 || range.offset % 4096 == 0,
        number == count - 1 || end % 4096 == 0
      else { throw .handler(.eproto) }
      if number == 0 { summary.pageOffset = UInt32(range.offset % 4096) }
      if range.flags.contains(.synchronous), !range.flags.contains(.asynchronous) {
        summary.isSync = true
      }
      if range.flags.contains(.serverLock) { summary.wantsLock = true }
      summary.byteCount += Int(range.length)
      last = end
    }
    return summary
  }

  // MARK: - Begin

  mutating func startTransfer(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    let operation = operations[index]
    let isWrite = operation.opcode == .ostWrite
    if operation.isShort {
      if !isWrite {
        let lengths = BufferLengths(ObjectAttributes.byteCount, operation.byteCount)
        guard let message = begin(index, lengths, &node) else { return false }
        operations[index].reply = lengths.place(of: 2, in: message)
      }
      operations[index].stage = isWrite ? .store : .load
      return step(index, &disk, &node)
    }
    guard
      operation.byteCount
        <= node.turn.memory.bulk.pieceCount * node.turn.memory.bulk.pieceByteCount
    else {
      refuse(index, .handler(.enomem), &node)
      return true
    }
    // One that has not waited comes behind those that do.
    guard operation.stage == .memory || wanting.isEmpty, memoryShare > 0,
      let memory = Self.takeMemory(operation.byteCount, &node)
    else {
      operations[index].stage = .memory
      return false
    }
    memoryShare -= 1
    operations[index].memory = memory
    operations[index].stage = isWrite ? .fetch : .load
    guard isWrite else { return step(index, &disk, &node) }
    beginTransfer(index, .get, memory, &node)
    return true
  }

  /// Bulk memory for a transfer. Some is left to messages that are longer than a piece, as those of short I/O
  /// (spec 13 §7): without, such a request would be lost when it comes.
  private static func takeMemory(_ byteCount: Int, _ node: inout NodeCore) -> BufferRef? {
    let all = node.turn.memory.bulk.pieceCount
    let piece = node.turn.memory.bulk.pieceByteCount
    let reserve = min(all / 16, messageReserve / piece)
    let needed = (byteCount + piece - 1) / piece
    // What fits into nothing less takes it all, when it is free.
    if needed <= all - reserve, node.turn.memory.bulk.freePieceCount < needed + reserve {
      return nil
    }
    return node.turn.memory.bulk.allocateRun(byteCount: byteCount)
  }

  private mutating func beginTransfer(
    _ index: Int, _ direction: TransferDescription.Direction, _ memory: BufferRef,
    _ node: inout NodeCore
  ) {
    operations[index].matchBits = node.rpc.matchBits(of: operations[index].handle)
    let operation = operations[index]
    do throws(TransferError) {
      try node.rpc.transfer(
        operation.handle,
        TransferDescription(
          direction, portal: .ostBulk, memory: memory, pageOffset: operation.pageOffset,
          operationLimit: operation.operationLimit), turn: &node.turn)
    } catch {
      // What the client lays open does not fit what it says: as with bulk that does not come (spec 13 §5.6).
      counters.refused += 1
      abandon(index, &node)
    }
  }

  /// The data is here, or with the client; or it did not go.
  mutating func transferred(
    _ event: ConnectionsEvent, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    let index = event.handle.slot
    guard operations[index].handle.raw == event.handle else { return }
    let isFetch = operations[index].stage == .fetch
    guard isFetch || operations[index].stage == .sending else { return }
    guard event.status >= 0, isCurrent(index, node) else {
      if wasSentAgain(index, &node) { return beginAgain(index, &node) }
      return abandon(index, &node)
    }
    operations[index].stage = isFetch ? .store : .answer
    advance(index, &disk, &node)
  }

  /// Whether the client lies open elsewhere meanwhile: the transfer was for an earlier sending.
  private func wasSentAgain(_ index: Int, _ node: inout NodeCore) -> Bool {
    node.connections.isLive(operations[index].export)
      && node.rpc.matchBits(of: operations[index].handle) != operations[index].matchBits
  }

  private mutating func beginAgain(_ index: Int, _ node: inout NodeCore) {
    let operation = operations[index]
    operations[index].connectionCount = clients[operation.export.raw.slot].connectionCount
    if operation.stage == .fetch {
      beginTransfer(index, .get, operation.memory, &node)
    } else {
      beginTransfer(
        index, .put, operation.memory.part(offset: 0, length: operation.moved), &node)
    }
  }

  // MARK: - Disk

  /// Where the data is: in bulk memory, or in the request or the reply itself.
  private mutating func data(
    _ index: Int, _ request: BulkIORequest, _ bytes: BufferRef
  ) -> BufferRef {
    let operation = operations[index]
    if !operation.isShort { return operation.memory }
    if operation.opcode == .ostRead { return operation.reply }
    let place = request.dataRange
    return bytes.part(offset: place.lowerBound, length: place.count)
  }

  /// Asks the disk to write the next ranges, as a transaction; with the last ones the times.
  mutating func store(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    let (request, bytes) = knownTransfer(index, &node)
    let first = operations[index].nextRange
    let count = Int(request.object.rangeCount)
    let end = min(count, first + Self.chunkRangesMax)
    guard disk.hasRoom(for: end - first + 2) else { return false }
    let memory = data(index, request, bytes)
    let id = operations[index].object
    let attributes = StoredAttributes(request.attributes)
    let isLast = end == count
    let setsAttributes = isLast && !attributes.fields.isEmpty
    operations[index].stage = .disk
    operations[index].transno = 0
    var range = first
    while range < end {
      let (offset, length, next) = Self.run(request, from: range, to: end, bytes, node)
      let part = memory.part(offset: operations[index].position, length: length)
      operations[index].position += length
      range = next
      modify(
        index, .write(id, offset: offset, data: part),
        continues: range < end || setsAttributes, isSync: operations[index].isSync, &disk)
    }
    if setsAttributes {
      modify(
        index, .setAttributes(id, attributes), isSync: operations[index].isSync, &disk)
    }
    if isLast { command(index, .getAttributes(id), &disk) }
    operations[index].nextRange = end
    return true
  }

  /// Ranges that follow each other without a hole are one.
  private static func run(
    _ request: BulkIORequest, from first: Int, to end: Int, _ message: BufferRef,
    _ node: borrowing NodeCore
  ) -> (offset: UInt64, length: Int, next: Int) {
    let bytes = node.turn.memory.bytes(message)
    let range = request.range(first, in: bytes)
    var length = Int(range.length)
    var next = first + 1
    while next < end {
      let follower = request.range(next, in: bytes)
      guard follower.offset == range.offset + UInt64(length) else { break }
      length += Int(follower.length)
      next += 1
    }
    return (range.offset, length, next)
  }

  mutating func chunkStored(_ index: Int, _ node: inout NodeCore) {
    let (request, _) = knownTransfer(index, &node)
    let isDone =
      operations[index].errno != 0
      || operations[index].nextRange == Int(request.object.rangeCount)
    operations[index].stage = isDone ? .answer : .store
  }

  /// Asks the disk for the next ranges.
  mutating func load(
    _ index: Int, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) -> Bool {
    let (request, bytes) = knownTransfer(index, &node)
    let first = operations[index].nextRange
    let end = min(Int(request.object.rangeCount), first + Self.chunkRangesMax)
    guard disk.hasRoom(for: end - first) else { return false }
    let memory = data(index, request, bytes)
    operations[index].stage = .disk
    for number in first..<end {
      let range = request.range(number, in: node.turn.memory.bytes(bytes))
      let part = memory.part(offset: operations[index].position, length: Int(range.length))
      operations[index].position += Int(range.length)
      command(
        index, .read(operations[index].object, offset: range.offset, into: part), &disk)
    }
    operations[index].nextRange = end
    return true
  }

  /// A range has come from the disk. What follows a range that was not filled lies behind the object's end.
  mutating func rangeRead(
    _ index: Int, _ result: StorageResult, _ node: inout NodeCore
  ) {
    let (request, bytes) = knownTransfer(index, &node)
    let number = operations[index].doneRange
    let range = request.range(number, in: node.turn.memory.bytes(bytes))
    operations[index].doneRange += 1
    guard !operations[index].isAtEnd else { return }
    operations[index].moved += Int(result.count)
    operations[index].isAtEnd = result.count < UInt64(range.length)
  }

  mutating func chunkLoaded(_ index: Int, _ node: inout NodeCore) {
    let operation = operations[index]
    let (request, _) = knownTransfer(index, &node)
    if operation.errno != 0 || operation.isShort {
      operations[index].stage = .answer
    } else if operation.isAtEnd || operation.nextRange == Int(request.object.rangeCount) {
      operations[index].stage = .send
    } else {
      operations[index].stage = .load
    }
  }

  /// Sends what was read; operations beyond it are empty.
  mutating func send(_ index: Int, _ node: inout NodeCore) -> Bool {
    let operation = operations[index]
    operations[index].stage = .sending
    beginTransfer(
      index, .put, operation.memory.part(offset: 0, length: operation.moved), &node)
    return true
  }
}
