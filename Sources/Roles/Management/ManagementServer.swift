package import Connections
internal import LNet
internal import LustreWire
package import NodeCore
package import PtlRPC
internal import RDMATransport
package import Storage
internal import Structures

/// What a management server has done, by kind.
package struct ManagementCounters: Equatable, BitwiseCopyable, Sendable {
  package var registrations: UInt64 = 0
  package var registrationsRefused: UInt64 = 0
  package var targetsReady: UInt64 = 0
  package var logsOpened: UInt64 = 0
  package var logsUnknown: UInt64 = 0
  package var blocksRead: UInt64 = 0
  package var tablesRead: UInt64 = 0
  /// Locks of clients that were asked back because something had changed.
  package var locksRevoked: UInt64 = 0
  package var malformed: UInt64 = 0
  package var unsupported: UInt64 = 0
  package var diskErrors: UInt64 = 0

  package init() {}
}

/// A management server: registration, configuration logs, the table of NIDs, configuration locks (spec 11 §11–§14).
///
/// A registration is written through before it is answered: one at a time, the others wait in the order of their
/// arrival, and one that fails changes nothing.
package struct ManagementServer: TargetServer, ~Copyable {
  /// File systems of one server.
  package static let fileSystemCountMax = 64
  /// Registrations that may wait for the disk; who comes then is told to come again.
  package static let waitingMax = 256

  package let specification: TargetSpecification
  package internal(set) var counters = ManagementCounters()
  package internal(set) var fileSystems: [ManagedFileSystem] = []
  /// Why it cannot serve; nil when it can.
  package let failure: String?

  /// Its place among the targets of the node, and the connections' number for it.
  let target: Int
  let slot: UInt32
  let clockStart: UInt64
  /// Parameters of all nodes: exists on every server, and is empty (spec 11 §12).
  let parameters: ConfigLog
  var nextLog: UInt64 = 3
  /// Where a log is, by number: file system and place there.
  var logPlaces: [UInt64: (Int, Int)] = [:]
  var waiting: [WaitingRegistration] = []
  var writing: WritingRegistration?
  /// Registrations whose NIDs are on their way here.
  var fetching: [FetchingRegistration] = []
  var nextTicket: UInt32 = 1
  /// Tables on their way to readers.
  var transfers: [TableTransfer] = []
  /// When the first request came: for as long as the server is young, restarts are not complete (spec 11 §14).
  var startedAt: UInt64?

  /// - Parameters:
  ///   - clockStart: nanoseconds since 1970 at time 0 of the turn's clock.
  ///   - now: of that clock.
  init(
    _ specification: TargetSpecification, target: Int, slot: UInt32, image: TargetImage,
    clockStart: UInt64, at now: UInt64
  ) {
    self.specification = specification
    self.target = target
    self.slot = slot
    self.clockStart = clockStart
    parameters = ConfigLog(
      name: "params", id: LogID(object: 2, sequence: 10),
      createdAt: Self.unixSeconds(now, clockStart))
    var failure: String?
    for name in image.blobNames where name.description.hasPrefix(ManagedFileSystem.blobPrefix) {
      let label = String(
        name.description.dropFirst(ManagedFileSystem.blobPrefix.count))
      let bytes = image.blob(name) ?? []
      guard
        let known = ManagedFileSystem(
          label, text: String(decoding: bytes, as: UTF8.self), image: image)
      else {
        failure = "what the disk of the management server has of the file system \(label) is spoilt"
        continue
      }
      fileSystems.append(known)
      for kept in known.logs { nextLog = max(nextLog, kept.log.id.object + 1) }
    }
    self.failure = failure
    indexLogs()
  }

  /// Seconds since 1970.
  static func unixSeconds(_ now: UInt64, _ clockStart: UInt64) -> Int64 {
    Int64((clockStart &+ now) / 1_000_000_000)
  }

  package mutating func serve(
    _ request: ServerRequestHandle, of export: ExportHandle, _ disk: inout TargetDisk,
    _ node: inout NodeCore
  ) {
    if startedAt == nil { startedAt = node.turn.now }
    let received = node.rpc.received(request)
    switch received.body.opcode {
    case .ldlmEnqueue: serveLock(request, received, export, &node)
    case .mgsTargetRegister: serveRegistration(request, received, export, &disk, &node)
    case .mgsSetInfo: serveSetInfo(request, received, export, &node)
    case .mgsConfigRead: serveTable(request, received, export, &node)
    case .logOpen: serveOpen(request, received, export, &node)
    case .logReadHeader: serveHeader(request, received, export, &node)
    case .logNextBlock: serveBlock(request, received, export, &node)
    default:
      counters.unsupported += 1
      node.rpc.refuse(request, .eopnotsupp, turn: &node.turn)
    }
  }

  package mutating func handle(
    _ event: ConnectionsEvent, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    if event.kind == .transferred {
      if fetched(event.serverRequest, event.status, &disk, &node) { return }
      transferred(event.serverRequest, event.status, &node)
    } else if event.kind == .lockGranted {
      node.connections.complete(
        LockHandle(raw: event.handle), rpc: &node.rpc, turn: &node.turn)
    }
  }

  package mutating func ended(
    _ result: StorageResult, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    written(result, &disk, &node)
  }

  package mutating func durable(
    _ transno: UInt64, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {}

  // MARK: - For the other files

  func place(of fileSystem: String) -> Int? {
    fileSystems.firstIndex { $0.name == fileSystem }
  }

  mutating func indexLogs() {
    logPlaces = [:]
    for (fileSystem, known) in fileSystems.enumerated() {
      for (place, kept) in known.logs.enumerated() {
        logPlaces[kept.log.id.object] = (fileSystem, place)
      }
    }
  }

  /// Reads a structure out of a request; refuses it and returns nil when it is not there.
  mutating func value<Value: FixedLayout>(
    _ index: Int, of received: ReceivedRequest, _ request: ServerRequestHandle,
    _ node: inout NodeCore
  ) -> Value? {
    do throws(WireError) {
      return try received.message.value(
        at: index, in: node.turn.memory.bytes(received.bytes))
    } catch {
      refuseMalformed(request, &node)
      return nil
    }
  }

  mutating func refuseMalformed(_ request: ServerRequestHandle, _ node: inout NodeCore) {
    counters.malformed += 1
    node.rpc.refuse(request, .eproto, turn: &node.turn)
  }

  /// Answers with one structure.
  func reply(
    _ request: ServerRequestHandle, _ export: ExportHandle, _ value: some FixedLayout,
    status: Int32 = 0, _ node: inout NodeCore
  ) {
    let lengths = BufferLengths(type(of: value).byteCount)
    guard let message = try? node.rpc.beginReply(request, buffers: lengths, turn: &node.turn)
    else { return node.rpc.refuse(request, .enomem, turn: &node.turn) }
    var bytes = node.turn.memory.mutableBytes(message)
    value.encode(into: &bytes, at: lengths.offset(of: 1))
    node.rpc.reply(
      request, node.connections.replyFields(export, status: status), turn: &node.turn)
  }

  // MARK: - Locks, and what is ignored

  /// Configuration locks are plain ones for reading. Any other would keep all clients from theirs.
  private mutating func serveLock(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ node: inout NodeCore
  ) {
    guard let asked: LockRequest = value(1, of: received, request, &node) else { return }
    guard asked.descriptor.type == .plain, asked.descriptor.requestedMode == .concurrentRead else {
      counters.malformed += 1
      return node.rpc.refuse(request, .einval, turn: &node.turn)
    }
    _ = node.connections.serveEnqueue(request, of: export, rpc: &node.rpc, turn: &node.turn)
  }

  /// Settings that real servers take and ignore too; others are refused (spec 11 §13).
  private mutating func serveSetInfo(
    _ request: ServerRequestHandle, _ received: ReceivedRequest, _ export: ExportHandle,
    _ node: inout NodeCore
  ) {
    guard
      let setting: WireText<1024> = text(1, of: received, node.turn.memory.bytes(received.bytes))
    else { return refuseMalformed(request, &node) }
    let lengths = BufferLengths(1024)
    guard let message = try? node.rpc.beginReply(request, buffers: lengths, turn: &node.turn)
    else { return node.rpc.refuse(request, .enomem, turn: &node.turn) }
    var bytes = node.turn.memory.mutableBytes(message)
    setting.encode(into: &bytes, at: lengths.offset(of: 1))
    let key = setting.description.prefix { $0 != "=" }
    let isIgnored = ["size", "count", "offset"].contains { key.hasSuffix(".lov.stripe\($0)") }
    let fields = node.connections.replyFields(
      export, status: isIgnored ? 0 : WireErrno.einval.status)
    node.rpc.reply(request, fields, turn: &node.turn)
  }

  private func text(
    _ index: Int, of received: ReceivedRequest, _ bytes: borrowing RawSpan
  ) -> WireText<1024>? {
    guard let range = received.message.range(of: index, in: bytes), range.count >= 1024 else {
      return nil
    }
    return WireText(at: range.lowerBound, in: bytes)
  }
}
