internal import BasicContainers
internal import Connections
package import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures

// Requests: made, and their answers read (spec 13 §5, §7).
extension ObjectClient {
  /// Makes a request and hands it to its import; when there is no room it stays due.
  mutating func make(_ place: Int, _ node: inout NodeCore) {
    let index = Int(requests[place].operation)
    let operation = operations[index]
    guard operation.result.status >= 0, let view = node.connections.view(operation.owner) else {
      if operation.result.status >= 0 {
        operations[index].result.status = WireErrno.eshutdown.status
      }
      requests[place].isRepeated = false
      return released(place, &node)
    }
    requests[place].generation = view.generation
    let isTransfer = operation.wish.action == .read || operation.wish.action == .write
    let handle =
      isTransfer
      ? makeTransfer(place, operation.wish, view, operation.owner, &node)
      : makeSimple(place, operation.wish, operation.owner, &node)
    guard let handle else {
      requests[place].state = .due
      requests[place].dueTime = node.turn.now
      return arm(Self.blockedTime, &node)
    }
    counters.requests += 1
    requests[place].state = .sent
    requests[place].handle = handle
    node.connections.submit(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  private mutating func begin(
    _ place: Int, _ draft: RequestDraft, _ owner: ImportHandle, _ lengths: BufferLengths,
    _ node: inout NodeCore
  ) -> RequestHandle? {
    var draft = draft
    let tag = OwnerTag(.object, 0, detail: place).raw
    // The end of its memory's use comes with the same number.
    draft.ownerTag = tag
    return try? node.connections.begin(
      draft, on: owner, buffers: lengths, tag: tag, rpc: &node.rpc, turn: &node.turn)
  }

  // MARK: - What is no transfer

  private static func opcode(_ action: ObjectWish.Action) -> Opcode {
    switch action {
    case .create: .ostCreate
    case .destroy: .ostDestroy
    case .getAttributes: .ostGetAttributes
    case .setAttributes: .ostSetAttributes
    case .punch: .ostPunch
    case .sync: .ostSync
    case .statistics: .ostStatfs
    case .read: .ostRead
    case .write: .ostWrite
    }
  }

  private mutating func makeSimple(
    _ place: Int, _ wish: ObjectWish, _ owner: ImportHandle, _ node: inout NodeCore
  ) -> RequestHandle? {
    var draft = node.connections.draft(on: owner, Self.opcode(wish.action))
    let lengths: BufferLengths
    let body = ObjectAttributes.byteCount
    switch wish.action {
    case .statistics:
      draft.requestPortal = .ostCreate
      draft.replyByteCount = BufferLengths(Statfs.byteCount).byteCount
      lengths = BufferLengths()
    case .create:
      draft.replyByteCount = BufferLengths(body).byteCount
      lengths = BufferLengths(body)
    case .destroy:
      draft.requestPortal = .ostIO
      draft.replyByteCount = BufferLengths(body).byteCount
      lengths = BufferLengths(body, LockRequest.commonByteCount, 0)
    default:
      if wish.action == .punch { draft.requestPortal = .ostIO }
      draft.replyByteCount = BufferLengths(body).byteCount
      lengths = BufferLengths(body, 0)
    }
    guard let handle = begin(place, draft, owner, lengths, &node) else { return nil }
    guard wish.action != .statistics else { return handle }
    var attributes = wish.attributes
    attributes.object = wish.object
    attributes.valid.formUnion([.id, .group])
    if wish.action == .punch || wish.action == .sync {
      attributes.valid.formUnion([.size, .blocks])
      attributes.size = wish.offset
      attributes.blocks = wish.last
    }
    let message = node.rpc.message(of: handle)
    var bytes = node.turn.memory.mutableBytes(message)
    attributes.encode(into: &bytes, at: lengths.offset(of: 1))
    return handle
  }

  // MARK: - Transfers

  private mutating func makeTransfer(
    _ place: Int, _ wish: ObjectWish, _ view: ImportView, _ owner: ImportHandle,
    _ node: inout NodeCore
  ) -> RequestHandle? {
    let request = requests[place]
    let isWrite = wish.action == .write
    let memory = wish.memory.part(offset: request.start, length: request.count)
    let offset = wish.offset + UInt64(request.start)
    let isShort =
      wish.allowsShort && view.granted.flags.contains(.shortIO)
      && request.count <= Self.shortByteCountMax
    let kind = Self.kind(wish.checksum, view.granted)
    var draft = node.connections.draft(on: owner, Self.opcode(wish.action))
    draft.requestPortal = .ostIO
    let answer = ObjectAttributes.byteCount
    draft.replyByteCount =
      BufferLengths(answer, isWrite ? 4 : isShort ? request.count : 0).byteCount
    if !isShort {
      draft.bulk = BulkDescription(
        isWrite ? .source : .sink, portal: .ostBulk, memory: memory,
        pageOffset: UInt32(offset % 4096))
    }
    let lengths = BufferLengths(
      ObjectAttributes.byteCount, ObjectRequest.byteCount, RemoteRange.byteCount, 0,
      isShort && isWrite ? request.count : 0)
    guard let handle = begin(place, draft, owner, lengths, &node) else { return nil }
    requests[place].isShort = isShort
    requests[place].kind = kind
    if isShort { counters.shortTransfers += 1 }
    var attributes = wish.attributes
    attributes.object = wish.object
    attributes.valid.formUnion([.id, .group, .flags])
    attributes.flags = Self.flags(wish, isShort: isShort, isRepeated: request.retries > 0)
    if let kind {
      attributes.valid.insert(.checksum)
      attributes.flags.checksumKind = kind
      attributes.checksum =
        isWrite ? BulkChecksum.compute(kind, over: node.turn.memory.bytes(memory), at: offset) : 0
      requests[place].checksum = attributes.checksum
    }
    let message = node.rpc.message(of: handle)
    let limit = Self.operationLimit(draft, view)
    Self.encode(
      attributes, wish, offset, request.count, limit: limit, lengths, message, &node)
    if isShort, isWrite {
      node.turn.memory.copy(from: memory, to: lengths.place(of: 5, in: message))
    }
    return handle
  }

  private static func encode(
    _ attributes: ObjectAttributes, _ wish: ObjectWish, _ offset: UInt64, _ count: Int,
    limit: UInt32, _ lengths: BufferLengths, _ message: BufferRef, _ node: inout NodeCore
  ) {
    var object = ObjectRequest()
    object.object = wish.object
    object.bulkLimit = limit
    object.rangeCount = 1
    var how: RangeFlags =
      wish.action == .read ? .read : wish.isSync ? .synchronous : .asynchronous
    if wish.isLockedByServer { how.insert(.serverLock) }
    var bytes = node.turn.memory.mutableBytes(message)
    attributes.encode(into: &bytes, at: lengths.offset(of: 1))
    object.encode(into: &bytes, at: lengths.offset(of: 2))
    RemoteRange(offset, length: UInt32(count), flags: how)
      .encode(into: &bytes, at: lengths.offset(of: 3))
  }

  /// How many operations the server may use: as granted, or what a badly aligned request needs (spec 13 §3).
  private static func operationLimit(_ draft: RequestDraft, _ view: ImportView) -> UInt32 {
    // Short I/O has none, and says so by a number that wraps round (spec 13 §5.1).
    guard let bulk = draft.bulk else { return 0 }
    var limit: UInt32 = 1
    let granted = view.granted.flags.contains(.bulkSize) ? view.granted.bulkByteCount >> 20 : 1
    while limit < granted || limit < UInt32(bulk.cut.count) { limit *= 2 }
    return limit
  }

  private static func flags(
    _ wish: ObjectWish, isShort: Bool, isRepeated: Bool
  ) -> ObjectFlags {
    var flags: ObjectFlags = []
    if wish.isLockedByServer { flags.insert(.serverLock) }
    if isShort { flags.insert(.shortIO) }
    if isRepeated { flags.insert(.resentAfterError) }
    return flags
  }

  /// Kinds of checksum, the fastest of ours first.
  private static let preference: [4 of BulkChecksumKind] = [.t10IP4K, .adler, .crc32c, .crc32]

  /// The kind of checksum that transfers of a caller's choice carry; nil for none.
  package static func kind(
    _ choice: ObjectWish.Checksum, _ granted: ConnectData
  ) -> BulkChecksumKind? {
    switch choice {
    case .none: return nil
    case .kind(let kind): return kind
    case .automatic:
      guard granted.flags.contains(.checksum) else { return .adler }
      for index in 0..<preference.count
      where granted.checksumTypes.contains(preference[index].type) {
        return preference[index]
      }
      return .adler
    }
  }

  // MARK: - Answers

  mutating func ended(_ place: Int, _ event: ConnectionsEvent, _ node: inout NodeCore) {
    let index = Int(requests[place].operation)
    let action = operations[index].wish.action
    let isTransfer = action == .read || action == .write
    var status = event.status
    if event.kind == .replied, status >= 0 {
      status =
        isTransfer
        ? readTransfer(place, index, status, &node) : readSimple(place, index, status, &node)
    }
    requests[place].isRepeated = false
    if status < 0 {
      if isTransfer, isWorthRepeating(place, index, status, &node) {
        requests[place].isRepeated = true
      } else if operations[index].result.status >= 0 {
        operations[index].result.status = status
      }
    }
    let hadBulk = hasBulk(place)
    requests[place].state = .releasing
    node.connections.release(event.request, rpc: &node.rpc, turn: &node.turn)
    if !hadBulk { released(place, &node) }
  }

  /// Errors that may pass, as long as the target has not forgotten us (spec 13 §5.7).
  private func isWorthRepeating(
    _ place: Int, _ index: Int, _ status: Int32, _ node: inout NodeCore
  ) -> Bool {
    guard let error = WireErrno(status: status), requests[place].retries < Self.retriesMax else {
      return false
    }
    guard let view = node.connections.view(operations[index].owner),
      view.generation == requests[place].generation
    else { return false }
    return error == .eio || error == .erofs || error == .enomem || error == .eagain
  }

  private mutating func readSimple(
    _ place: Int, _ index: Int, _ status: Int32, _ node: inout NodeCore
  ) -> Int32 {
    guard let reply = try? node.rpc.reply(to: requests[place].handle, turn: &node.turn) else {
      return WireErrno.eproto.status
    }
    note(reply.body, index)
    let bytes = node.turn.memory.bytes(reply.bytes)
    if operations[index].wish.action == .statistics {
      guard let value: Statfs = try? reply.message.value(at: 1, in: bytes) else {
        return WireErrno.eproto.status
      }
      operations[index].result.statistics = value
    } else {
      guard let value: ObjectAttributes = try? reply.message.value(at: 1, in: bytes) else {
        return WireErrno.eproto.status
      }
      operations[index].result.attributes = value
    }
    return status
  }

  private mutating func note(_ body: RPCBody, _ index: Int) {
    let result = operations[index].result
    operations[index].result.transno = max(result.transno, body.transno)
    operations[index].result.committed = max(result.committed, body.lastCommitted)
  }

  /// Checks what a transfer's answer says (spec 13 §5.5).
  private mutating func readTransfer(
    _ place: Int, _ index: Int, _ status: Int32, _ node: inout NodeCore
  ) -> Int32 {
    let request = requests[place]
    let wish = operations[index].wish
    guard let reply = try? node.rpc.reply(to: request.handle, turn: &node.turn) else {
      return WireErrno.eproto.status
    }
    let value: ObjectAttributes? = try? reply.message.value(
      at: 1, in: node.turn.memory.bytes(reply.bytes))
    guard let value else { return WireErrno.eproto.status }
    let memory = wish.memory.part(offset: request.start, length: request.count)
    var answer = status
    if wish.action == .write {
      answer = writeStatus(place, status, reply, value, &node)
    } else {
      let offset = wish.offset + UInt64(request.start)
      answer = readStatus(place, status, reply, value, memory, at: offset, &node)
    }
    guard answer >= 0 else { return answer }
    note(reply.body, index)
    operations[index].result.attributes = value
    operations[index].result.byteCount += wish.action == .write ? request.count : Int(answer)
    return answer
  }

  private mutating func writeStatus(
    _ place: Int, _ status: Int32, _ reply: Reply, _ value: ObjectAttributes,
    _ node: inout NodeCore
  ) -> Int32 {
    let request = requests[place]
    guard status == 0 else { return WireErrno.eproto.status }
    let code: Int32? = try? BulkIOReply.result(
      0, reply.message, in: node.turn.memory.bytes(reply.bytes))
    guard let code, code <= 0, code != .min else { return WireErrno.eproto.status }
    if code < 0 { return code }
    if !request.isShort, node.rpc.bulkByteCount(of: request.handle) != UInt64(request.count) {
      return WireErrno.eio.status
    }
    if let kind = request.kind, value.valid.contains(.checksum),
      value.flags.checksumKind != kind || value.checksum != request.checksum
    {
      counters.checksumMismatches += 1
      return WireErrno.eagain.status
    }
    return 0
  }

  private mutating func readStatus(
    _ place: Int, _ status: Int32, _ reply: Reply, _ value: ObjectAttributes,
    _ memory: BufferRef, at offset: UInt64, _ node: inout NodeCore
  ) -> Int32 {
    let request = requests[place]
    let count = Int(status)
    guard count <= request.count else { return WireErrno.eproto.status }
    if request.isShort {
      let place = reply.message.range(of: 2, in: node.turn.memory.bytes(reply.bytes))
      guard let place, place.count == count else { return WireErrno.eproto.status }
      node.turn.memory.copy(
        from: reply.bytes.part(offset: place.lowerBound, length: count),
        to: memory.part(offset: 0, length: count))
    } else if node.rpc.bulkByteCount(of: request.handle) != UInt64(count) {
      return WireErrno.eproto.status
    }
    if value.valid.contains(.checksum), request.kind != nil {
      let kind = value.flags.checksumKind
      let read = node.turn.memory.bytes(memory.part(offset: 0, length: count))
      guard BulkChecksum.compute(kind, over: read, at: offset) == value.checksum else {
        counters.checksumMismatches += 1
        return WireErrno.eagain.status
      }
    }
    if count < request.count {
      var rest = node.turn.memory.mutableBytes(memory)
      rest.zero(at: count, count: request.count - count)
    }
    return status
  }
}
