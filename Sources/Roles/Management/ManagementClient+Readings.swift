internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Structures

// Logs and tables, each under its lock (spec 11 §11, §12, §14).
extension ManagementClient {
  /// Units of 4 KiB that the table may fill: the first time, and later (spec 11 §14).
  private static let firstUnits: UInt32 = 256
  private static let laterUnits: UInt32 = 4
  private static let unitBits: UInt8 = 12

  /// Does what is next for a reading, if anything can be done now.
  mutating func advance(_ slot: Int, _ node: inout NodeCore) {
    guard let reading = readings[slot], isConnected else { return }
    switch reading.lockState {
    case .none, .resting:
      if reading.due == .max || reading.due <= node.turn.now { enqueue(slot, &node) }
    case .asked, .cancelling: break
    case .blocked: giveBack(slot, &node)
    case .held: if reading.isDue, reading.request == .none { ask(slot, &node) }
    }
  }

  // MARK: - The lock

  private mutating func enqueue(_ slot: Int, _ node: inout NodeCore) {
    guard let reading = readings[slot] else { return }
    if case .table = reading.content, !hasTable(&node) {
      // Nobody would tell us of restarts: there is no table to read.
      readings[slot]?.isDue = false
      return completed(slot, &node)
    }
    let wish = LockWish(configuration: reading.lockName, kind: reading.lockKind)
    do throws(RPCError) {
      readings[slot]?.lock = try node.connections.enqueue(
        wish, on: link, tag: OwnerTag(.managementClient, index).raw, rpc: &node.rpc,
        lnet: &node.lnet, turn: &node.turn)
      readings[slot]?.lockState = .asked
      readings[slot]?.due = .max
    } catch {
      rest(slot, &node)
    }
  }

  private func hasTable(_ node: inout NodeCore) -> Bool {
    node.connections.view(link)?.granted.flags.contains(.imperativeRecovery) ?? false
  }

  mutating func lockChanged(
    _ slot: Int, _ event: ConnectionsEvent, _ node: inout NodeCore
  ) {
    switch event.kind {
    case .lockHeld:
      readings[slot]?.lockState = .held
      // There may be news since the last time.
      readAgain(slot)
      advance(slot, &node)
    case .lockBlocked:
      readings[slot]?.lockState = .blocked
      giveBack(slot, &node)
    case .lockReleased:
      readings[slot]?.lock = .none
      rest(slot, &node)
      readings[slot]?.lockState = .resting
    case .lockFailed:
      readings[slot]?.lock = .none
      readings[slot]?.lockState = .none
      note(event.status, slot)
      rest(slot, &node)
    case .lockLost:
      // Asked for again as soon as there is a connection.
      readings[slot]?.lock = .none
      readings[slot]?.lockState = .none
      readings[slot]?.due = .max
    default: break
    }
  }

  private mutating func giveBack(_ slot: Int, _ node: inout NodeCore) {
    guard let lock = readings[slot]?.lock else { return }
    let isSent = node.connections.cancel(
      lock, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    if isSent {
      readings[slot]?.lockState = .cancelling
      readings[slot]?.due = .max
    } else {
      readings[slot]?.due = node.turn.now + 100_000_000
    }
  }

  /// Waits before the next try, so that not all clients come at once (spec 11 §11).
  private mutating func rest(_ slot: Int, _ node: inout NodeCore) {
    let timing = node.connections.timing
    let jitter = node.turn.random.next() % max(1, timing.requeueJitter)
    readings[slot]?.due = node.turn.now + timing.requeueMin + jitter
  }

  private mutating func note(_ status: Int32, _ slot: Int) {
    guard let watch = readings[slot]?.watch else { return }
    watches[watch]?.lastStatus = status < 0 ? status : WireErrno.eio.status
  }

  // MARK: - Questions

  private mutating func ask(_ slot: Int, _ node: inout NodeCore) {
    guard let reading = readings[slot] else { return }
    do throws(RPCError) {
      switch reading.content {
      case .table: try askForTable(slot, reading, &node)
      case .log:
        switch reading.walk.question {
        case .open(let name): try askForLog(slot, name, &node)
        case .header(let body): try ask(slot, .logReadHeader, body, &node)
        case .block(let body): try ask(slot, .logNextBlock, body, &node)
        case .done: finish(slot, &node)
        case .failed(let status): stop(slot, status, &node)
        }
      }
    } catch {
      rest(slot, &node)
    }
  }

  private mutating func begin(
    _ slot: Int, _ draft: RequestDraft, _ buffers: BufferLengths, _ node: inout NodeCore
  ) throws(RPCError) -> BufferRef {
    var draft = draft
    let tag = OwnerTag(.managementClient, index).raw
    draft.ownerTag = tag
    let request = try node.connections.begin(
      draft, on: link, buffers: buffers, tag: tag, rpc: &node.rpc, turn: &node.turn)
    readings[slot]?.request = request
    return node.rpc.message(of: request)
  }

  private mutating func submit(_ slot: Int, _ node: inout NodeCore) {
    guard let request = readings[slot]?.request else { return }
    node.connections.submit(request, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  private mutating func askForLog(
    _ slot: Int, _ name: String, _ node: inout NodeCore
  ) throws(RPCError) {
    var draft = node.connections.draft(on: link, .logOpen)
    draft.replyByteCount = BufferLengths(LogBody.byteCount).byteCount
    let lengths = BufferLengths(
      LogBody.byteCount, name.utf8.count + 1, MetadataBody.byteCount)
    let message = try begin(slot, draft, lengths, &node)
    var bytes = node.turn.memory.mutableBytes(message)
    LogBody().encode(into: &bytes, at: lengths.offset(of: 1))
    bytes.copy(from: Array(name.utf8).rawBytes, at: lengths.offset(of: 2))
    // What captures have: all capabilities, and no group besides (03-mount, frame 24).
    var body = MetadataBody()
    body.capabilities = .max
    body.supplementaryGroup = .max
    body.encode(into: &bytes, at: lengths.offset(of: 3))
    submit(slot, &node)
  }

  private mutating func ask(
    _ slot: Int, _ opcode: Opcode, _ body: LogBody, _ node: inout NodeCore
  ) throws(RPCError) {
    var draft = node.connections.draft(on: link, opcode)
    let reply =
      opcode == .logReadHeader
      ? BufferLengths(LogHeader.byteCount)
      : BufferLengths(LogBody.byteCount, ConfigLog.chunkByteCount)
    draft.replyByteCount = reply.byteCount
    let lengths = BufferLengths(LogBody.byteCount)
    let message = try begin(slot, draft, lengths, &node)
    var bytes = node.turn.memory.mutableBytes(message)
    body.encode(into: &bytes, at: lengths.offset(of: 1))
    submit(slot, &node)
  }

  private mutating func askForTable(
    _ slot: Int, _ reading: ConfigReading, _ node: inout NodeCore
  ) throws(RPCError) {
    var units = reading.isComplete ? Self.laterUnits : Self.firstUnits
    var memory = node.turn.memory.bulk.allocateRun(byteCount: Int(units) << Int(Self.unitBits))
    if memory == nil {
      units = Self.laterUnits
      memory = node.turn.memory.bulk.allocateRun(byteCount: Int(units) << Int(Self.unitBits))
    }
    guard let memory else { throw .busy }
    var draft = node.connections.draft(on: link, .mgsConfigRead)
    draft.replyByteCount = BufferLengths(ConfigReadReply.byteCount).byteCount
    draft.bulk = BulkDescription(.sink, portal: .mgsBulk, memory: memory)
    let lengths = BufferLengths(ConfigReadRequest.byteCount)
    let message: BufferRef
    do throws(RPCError) {
      message = try begin(slot, draft, lengths, &node)
    } catch {
      node.turn.memory.release(memory)
      throw error
    }
    readings[slot]?.bulk = memory
    var request = ConfigReadRequest()
    request.name = WireText(reading.name) ?? WireText()
    request.offset = reading.version + 1
    request.type = ConfigurationLock.recovery.rawValue
    request.nidByteCount = UInt8(LargeNID.byteCount)
    request.unitBits = Self.unitBits
    request.units = units
    var bytes = node.turn.memory.mutableBytes(message)
    request.encode(into: &bytes, at: lengths.offset(of: 1))
    submit(slot, &node)
  }

  // MARK: - Answers

  mutating func readEnded(
    _ slot: Int, _ event: ConnectionsEvent, _ node: inout NodeCore
  ) {
    let request = event.request
    var failure: String?
    var isAnswered = event.kind == .replied
    if isAnswered {
      if let reply = try? node.rpc.reply(to: request, turn: &node.turn) {
        failure = take(slot, reply, request, &node)
      } else {
        isAnswered = false
      }
    }
    let bulk = readings[slot]?.bulk ?? .none
    readings[slot]?.request = .none
    readings[slot]?.bulk = .none
    give(request, bulk, &node)
    if let failure {
      guard let watch = readings[slot]?.watch else { return }
      return fail(watch: watch, WireErrno.einval.status, failure, &node)
    }
    guard isAnswered else {
      note(event.status, slot)
      return rest(slot, &node)
    }
    proceed(slot, &node)
  }

  /// Asks on, if the lock still allows it.
  private mutating func proceed(_ slot: Int, _ node: inout NodeCore) {
    guard let reading = readings[slot] else { return }
    switch reading.walk.question {
    case .done: return finish(slot, &node)
    case .failed(let status): return stop(slot, status, &node)
    case .open, .header, .block: break
    }
    if case .table = reading.content, !reading.isDue { return finish(slot, &node) }
    advance(slot, &node)
  }

  /// - Returns: why what was read cannot be carried out.
  private mutating func take(
    _ slot: Int, _ reply: Reply, _ request: RequestHandle, _ node: inout NodeCore
  ) -> String? {
    guard var reading = readings[slot] else { return nil }
    let status = reply.body.status
    var failure: String?
    switch reading.content {
    case .table:
      return takeTable(slot, reply, request, &node)
    case .log(let mayBeAbsent):
      readings[slot] = nil
      let bytes = node.turn.memory.bytes(reply.bytes)
      let body: LogBody = (try? reply.message.value(at: 1, in: bytes)) ?? LogBody()
      switch reading.walk.question {
      case .open: reading.walk.opened(body, status: status, mayBeAbsent: mayBeAbsent)
      case .header:
        let range = reply.message.range(of: 1, in: bytes) ?? 0..<0
        reading.walk.headerRead(bytes.extracting(range), status: status)
      case .block:
        let range = reply.message.range(of: 2, in: bytes) ?? 0..<0
        // Taken out, so that nothing is copied.
        var map = watches[reading.watch]?.map ?? FileSystemMap()
        watches[reading.watch]?.map = FileSystemMap()
        reading.walk.blockRead(body, bytes.extracting(range), status: status) { chunk, content in
          guard reading.isMapped, failure == nil else { return }
          do throws(FileSystemMap.Failure) {
            try map.apply(chunk, content)
          } catch {
            failure = "\(error.command) in the log \(reading.name): \(error.explanation)"
          }
          reading.hasNews = true
        }
        watches[reading.watch]?.map = map
      case .done, .failed: break
      }
    }
    readings[slot] = reading
    return failure
  }

  /// Takes over the entries that have come as bulk.
  private mutating func takeTable(
    _ slot: Int, _ reply: Reply, _ request: RequestHandle, _ node: inout NodeCore
  ) -> String? {
    guard let reading = readings[slot] else { return nil }
    let count = min(
      node.rpc.bulkByteCount(of: request), UInt64(reading.bulk.length))
    let bytes = node.turn.memory.bytes(reply.bytes)
    let answer: ConfigReadReply? =
      reply.body.status == 0 ? try? reply.message.value(at: 1, in: bytes) : nil
    // A version to ask on from is needed, so none is the last.
    guard let answer, answer.offset >= reading.version, answer.offset <= answer.size,
      answer.offset < .max
    else {
      return "the management server's table of NIDs \(reading.name) cannot be read"
    }
    let table = node.turn.memory.bytes(reading.bulk.part(offset: 0, length: Int(count)))
    do throws(WireError) {
      try takeEntries(slot, table)
    } catch {
      return "an entry of the management server's table \(reading.name) is spoilt (\(error))"
    }
    // Each answer must bring us forward, or be the last.
    if answer.offset < answer.size, answer.offset == reading.version {
      return "the management server's table of NIDs \(reading.name) does not end"
    }
    readings[slot]?.version = answer.offset
    readings[slot]?.isDue = answer.offset < answer.size
    return nil
  }

  private mutating func takeEntries(
    _ slot: Int, _ bytes: borrowing RawSpan
  ) throws(WireError) {
    guard let watch = readings[slot]?.watch else { return }
    var offset = 0
    while offset < bytes.byteCount {
      let entry = try NIDTableEntry(decoding: bytes, at: offset)
      var life = TargetLife(instance: entry.instance, nids: [])
      for number in 0..<Int(entry.nidCount) {
        // A NID of a kind that we have no way to.
        if let nid = try entry.nid(number, at: offset, in: bytes).small { life.nids.append(nid) }
      }
      let isNews =
        watches[watch]?.map.update(
          index: entry.index, isMetadata: entry.targetType == 1, life)
        ?? false
      if isNews { readings[slot]?.hasNews = true }
      offset += Int(entry.byteCount)
    }
  }

  // MARK: - The end of a reading

  /// Goes through the log from where the last walk ended.
  private mutating func readAgain(_ slot: Int) {
    guard let reading = readings[slot] else { return }
    readings[slot]?.isDue = true
    if reading.request == .none {
      readings[slot]?.walk = LogWalk(name: reading.name, after: reading.walk.processed)
      readings[slot]?.isOutdated = false
    } else {
      readings[slot]?.isOutdated = true
    }
  }

  private mutating func finish(_ slot: Int, _ node: inout NodeCore) {
    readings[slot]?.isDue = false
    if readings[slot]?.isOutdated == true {
      readAgain(slot)
      advance(slot, &node)
    }
    completed(slot, &node)
  }

  /// The log cannot be read now.
  private mutating func stop(_ slot: Int, _ status: Int32, _ node: inout NodeCore) {
    guard let reading = readings[slot], let watch = watches[reading.watch] else { return }
    if reading.isComplete {
      readAgain(slot)
      return rest(slot, &node)
    }
    let explanation =
      status == WireErrno.enoent.status
      ? "the management server (\(serverText)) does not know the file system \(watch.fileSystem):"
        + " it has no log \(reading.name)"
      : "the log \(reading.name) of the management server (\(serverText)) cannot be read"
    fail(watch: reading.watch, status, explanation, &node)
  }

  /// A reading has come to its end: the watch goes on to the next, or hears of news.
  private mutating func completed(_ slot: Int, _ node: inout NodeCore) {
    guard let reading = readings[slot], let watch = watches[reading.watch] else { return }
    readings[slot]?.isComplete = true
    readings[slot]?.hasNews = false
    if watch.isComplete {
      if reading.hasNews { reports.append(.changed(watch.tag)) }
      return
    }
    let next = watch.readings.first { readings[$0]?.isBegun == false }
    if let next {
      readings[next]?.isBegun = true
      advance(next, &node)
    } else if watch.readings.allSatisfy({ readings[$0]?.isComplete == true }) {
      watches[reading.watch]?.isComplete = true
      reports.append(.changed(watch.tag))
    }
  }
}
