internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Storage
internal import Structures

/// A registration that waits for those before it.
struct WaitingRegistration {
  let handle: ServerRequestHandle
  let export: ExportHandle
  let info: TargetInfo
  let nids: [NID]
  /// Bytes of the structure as it came: the answer has as many (spec 11 §13).
  let byteCount: Int
}

/// A registration whose NIDs are fetched, as there are too many for a message (spec 11 §13).
struct FetchingRegistration {
  let handle: ServerRequestHandle
  let export: ExportHandle
  let info: TargetInfo
  let count: Int
  let byteCount: Int
  let memory: BufferRef
}

/// A registration that is being written.
struct WritingRegistration {
  let registration: WaitingRegistration
  let answer: TargetInfo
  /// What is true when it is written.
  let new: ManagedFileSystem
  let nextLog: UInt64
  let revokes: ConfigurationLock?
  let memory: BufferRef
  /// Of the last command.
  let ticket: UInt32
}

// Registration of targets (spec 11 §13).
extension ManagementServer {
  /// Until then after its start a server may not have heard of all restarts: four times the timeout of requests.
  private static let youth: UInt64 = 400_000_000_000

  mutating func serveRegistration(
    _ handle: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    guard let info: TargetInfo = value(1, of: received, handle, &node) else { return }
    guard waiting.count + fetching.count < Self.waitingMax else {
      return node.rpc.refuse(handle, .einprogress, turn: &node.turn)
    }
    let byteCount = received.message.length(
      of: 1, in: node.turn.memory.bytes(received.bytes))
    if let count = Self.bulkCount(received.message, in: node.turn.memory.bytes(received.bytes)) {
      return fetch(count, handle, export, info, byteCount, &node)
    }
    let listed = Self.nids(
      of: info, received.message, in: node.turn.memory.bytes(received.bytes))
    guard byteCount <= TargetInfo.byteCount + 64 * TargetNIDList.maximumInline,
      let nids = listed
    else { return refuseMalformed(handle, &node) }
    waiting.append(
      WaitingRegistration(
        handle: handle, export: export, info: info, nids: nids, byteCount: byteCount))
    startNext(&disk, &node)
  }

  /// How many NIDs travel as bulk; nil when they do not.
  private static func bulkCount(_ message: RPCMessage, in bytes: borrowing RawSpan) -> Int? {
    guard let range = message.range(of: 2, in: bytes), !range.isEmpty,
      let head = try? TargetNIDList.head(of: bytes.extracting(range)),
      head.flags == TargetNIDList.inBulk
    else { return nil }
    return head.count
  }

  /// Gets the texts of the NIDs out of the target's memory: 64 bytes each, nothing else (spec 11 §13; 13 §8).
  private mutating func fetch(
    _ count: Int, _ handle: ServerRequestHandle, _ export: ExportHandle, _ info: TargetInfo,
    _ byteCount: Int, _ node: inout NodeCore
  ) {
    guard (1...ManagedFileSystem.nidCountMax).contains(count), byteCount == TargetInfo.byteCount
    else { return refuseMalformed(handle, &node) }
    let length = TargetNIDList.textByteCount * count
    guard let memory = node.turn.memory.bulk.allocateRun(byteCount: length) else {
      return node.rpc.refuse(handle, .einprogress, turn: &node.turn)
    }
    do throws(TransferError) {
      try node.rpc.transfer(
        handle, TransferDescription(.get, portal: .mgsBulk, memory: memory), turn: &node.turn)
      fetching.append(
        FetchingRegistration(
          handle: handle, export: export, info: info, count: count, byteCount: byteCount,
          memory: memory))
    } catch {
      node.turn.memory.release(memory)
      refuseMalformed(handle, &node)
    }
  }

  /// The NIDs of a registration are here, or do not come.
  ///
  /// - Returns: false when it was none that has ended.
  mutating func fetched(
    _ handle: ServerRequestHandle, _ status: Int32, _ disk: inout TargetDisk,
    _ node: inout NodeCore
  ) -> Bool {
    guard let place = fetching.firstIndex(where: { $0.handle == handle }) else { return false }
    let done = fetching.remove(at: place)
    let nids = Self.nids(done.count, in: node.turn.memory.bytes(done.memory))
    node.turn.memory.release(done.memory)
    // Whose NIDs did not come asks again (spec 13 §5.6).
    guard status >= 0, node.connections.isLive(done.export) else {
      node.rpc.drop(handle, turn: &node.turn)
      return true
    }
    guard let nids else {
      refuseMalformed(handle, &node)
      return true
    }
    waiting.append(
      WaitingRegistration(
        handle: handle, export: done.export, info: done.info, nids: nids,
        byteCount: done.byteCount))
    startNext(&disk, &node)
    return true
  }

  private static func nids(_ count: Int, in bytes: borrowing RawSpan) -> [NID]? {
    var nids: [NID] = []
    for index in 0..<count {
      let text = WireText<64>(at: TargetNIDList.textByteCount * index, in: bytes)
      guard let nid = NID(text.description), nid.isLegal else { return nil }
      nids.append(nid)
    }
    return nids
  }

  /// The NIDs in whichever form they come: in a list of their own, as texts behind the structure, or in it.
  private static func nids(
    of info: TargetInfo, _ message: RPCMessage, in bytes: borrowing RawSpan
  ) -> [NID]? {
    let count = Int(info.nidCount)
    guard count <= TargetNIDList.maximumInline else { return nil }
    var nids: [NID] = []
    if let range = message.range(of: 2, in: bytes), !range.isEmpty {
      let list = bytes.extracting(range)
      guard let head = try? TargetNIDList.head(of: list), head.flags == 0,
        head.count <= TargetNIDList.maximumInline
      else { return nil }
      for index in 0..<head.count {
        guard let nid = NID(TargetNIDList.text(at: index, in: list).description) else { return nil }
        nids.append(nid)
      }
    } else if info.flags.contains(.largeNIDs) {
      guard let range = message.range(of: 1, in: bytes),
        range.count >= TargetInfo.byteCount + 64 * count
      else { return nil }
      for index in 0..<count {
        let start = range.lowerBound + TargetInfo.byteCount + 64 * index
        guard let nid = NID(WireText<64>(at: start, in: bytes).description) else { return nil }
        nids.append(nid)
      }
    } else {
      for index in 0..<min(count, 32) { nids.append(info.nids[index]) }
    }
    return nids.allSatisfy({ $0.isLegal }) ? nids : nil
  }

  // MARK: - One after the other

  private mutating func startNext(_ disk: inout TargetDisk, _ node: inout NodeCore) {
    while writing == nil, !waiting.isEmpty {
      let registration = waiting.removeFirst()
      do throws(WireErrno) {
        try start(registration, &disk, &node)
      } catch {
        refuse(registration, error, &node)
      }
    }
  }

  private mutating func start(
    _ registration: WaitingRegistration, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) throws(WireErrno) {
    let request = try RegistrationRequest(registration.info, nids: registration.nids)
    let name = registration.info.fileSystem.description
    let known = place(of: name)
    guard known != nil || fileSystems.count < Self.fileSystemCountMax else { throw .enospc }
    let old = known.map { fileSystems[$0] }
    var new = old ?? ManagedFileSystem(name)
    var nextLog = nextLog
    let granted = node.connections.view(registration.export)?.granted.flags ?? []
    // Who does not take part in recovery by the table only ever registers.
    let isReady =
      registration.info.flags.contains(.ready) && granted.contains(.imperativeRecovery)
    var answer: TargetInfo
    var revokes: ConfigurationLock?
    if isReady {
      answer = try new.ready(request)
      if isGrownUp(node.turn.now) { answer.flags.insert(.recoveryCapable) }
      revokes = .recovery
    } else {
      let outcome = try new.register(
        request, nextLog: &nextLog, at: Self.unixSeconds(node.turn.now, clockStart))
      answer = outcome.info
      if outcome.isChanged { revokes = .configuration }
    }
    guard revokes != nil else {
      counters.registrations += 1
      return self.answer(registration, answer, 0, &node)
    }
    let changes = BlobChanges(from: old, to: new)
    let ticket = try write(changes, &disk, &node)
    for place in new.logs.indices {
      new.logs[place].storedByteCount = new.logs[place].log.bytes.count
    }
    writing = WritingRegistration(
      registration: registration, answer: answer, new: new, nextLog: nextLog, revokes: revokes,
      memory: ticket.memory, ticket: ticket.number)
  }

  private func isGrownUp(_ now: UInt64) -> Bool {
    now - (startedAt ?? now) > Self.youth
  }

  /// Asks the disk for all changes as one transaction.
  private mutating func write(
    _ changes: BlobChanges, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) throws(WireErrno) -> (number: UInt32, memory: BufferRef) {
    guard disk.hasRoom(for: changes.steps.count) else { throw .einprogress }
    guard
      let memory = node.turn.memory.bulk.allocateRun(byteCount: max(changes.bytes.count, 1))
    else { throw .enomem }
    var bytes = node.turn.memory.mutableBytes(memory)
    bytes.copy(from: changes.bytes.rawBytes)
    var ticket: UInt32 = 0
    for (index, step) in changes.steps.enumerated() {
      let isLast = index == changes.steps.count - 1
      let operation: StorageOperation =
        switch step {
        case .remove(let name): .removeBlob(name)
        case .truncate(let name, let size): .truncateBlob(name, size: size)
        case .write(let name, let offset, let range):
          .writeBlob(
            name, offset: offset,
            data: memory.part(offset: range.lowerBound, length: range.count))
        }
      ticket = nextTicket
      nextTicket &+= 1
      disk.ask(
        StorageCommand(operation, ticket: ticket, continues: !isLast, isSync: isLast))
    }
    return (ticket, memory)
  }

  /// A command of ours has ended; the last one speaks for all.
  mutating func written(
    _ result: StorageResult, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    guard let done = writing, result.ticket == done.ticket else { return }
    writing = nil
    node.turn.memory.release(done.memory)
    if let error = WireErrno(status: -result.errno) {
      counters.diskErrors += 1
      refuse(done.registration, error, &node)
      return startNext(&disk, &node)
    }
    if let place = place(of: done.new.name) {
      fileSystems[place] = done.new
    } else {
      fileSystems.append(done.new)
    }
    nextLog = done.nextLog
    indexLogs()
    counters.registrations += 1
    if done.revokes == .recovery { counters.targetsReady += 1 }
    answer(done.registration, done.answer, 0, &node)
    if let kind = done.revokes {
      let count = node.connections.revoke(
        ResourceID(configuration: done.new.name, kind: kind), ofTarget: slot, rpc: &node.rpc,
        turn: &node.turn)
      counters.locksRevoked += UInt64(count)
    }
    startNext(&disk, &node)
  }

  // MARK: - Answers

  private mutating func refuse(
    _ registration: WaitingRegistration, _ error: WireErrno, _ node: inout NodeCore
  ) {
    // To come again later is no answer to the registration.
    if error == .einprogress {
      return node.rpc.refuse(registration.handle, error, turn: &node.turn)
    }
    counters.registrationsRefused += 1
    var info = registration.info
    info.flags.insert(.error)
    answer(registration, info, error.status, &node)
  }

  /// The structure goes back in any case: clients copy it whole (spec 11 §13).
  private func answer(
    _ registration: WaitingRegistration, _ info: TargetInfo, _ status: Int32,
    _ node: inout NodeCore
  ) {
    let lengths = BufferLengths(registration.byteCount)
    guard
      let message = try? node.rpc.beginReply(
        registration.handle, buffers: lengths, turn: &node.turn)
    else { return node.rpc.refuse(registration.handle, .enomem, turn: &node.turn) }
    var bytes = node.turn.memory.mutableBytes(message)
    info.encode(into: &bytes, at: lengths.offset(of: 1))
    node.rpc.reply(
      registration.handle, node.connections.replyFields(registration.export, status: status),
      turn: &node.turn)
  }
}
