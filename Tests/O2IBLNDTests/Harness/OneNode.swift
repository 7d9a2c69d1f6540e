// One driver, and a peer whose every byte the test writes: for tables, bad input and what must never be
// sent.

import BasicContainers
import LNet
import LustreWire
import RDMATransport
import Structures

@testable import O2IBLND

/// A message that the driver has posted, as it was at the post.
struct Posted {
  var request: SendRequest
  var bytes: [UInt8]

  var type: O2IBMessageType? { bytes.count > 6 ? O2IBMessageType(rawValue: bytes[6]) : nil }
  var credits: UInt8 { bytes[7] }
  var message: O2IBMessage? { try? O2IBMessage(decoding: bytes.span.bytes) }
}

final class OneNode {
  static let nid = NID.o2ib(0x0A00_0001)
  static let peer = NID.o2ib(0x0A00_0002)
  static let stamp: UInt64 = 0x1111
  static let peerStamp: UInt64 = 0x2222

  let memory: TestMemory
  var lnd: O2IBLND
  var turn: Turn
  var receives: [ReceiveRequest] = []
  var sends: [Posted] = []
  /// Posted, and not completed by the test.
  var uncompleted: [SendRequest] = []
  var commands: [CMCommand] = []
  var events: [LNDEvent] = []
  var log: [O2IBLogRecord] = []
  /// What LNet says to each reception at once; nil leaves it to the test.
  var answer: ((LNDEvent) -> ReceptionAnswer?)? = { event in
    event.kind == .immediate ? .consumed : nil
  }
  var nextQueuePair: UInt32 = 100
  var nextMessage = 1

  init(
    configuration: O2IBConfiguration = O2IBConfiguration(), limits: O2IBLimits = .small,
    tables: O2IBTables = O2IBTables(), interfaces: [O2IBInterface] = [OneNode.interface],
    messagePieces: Int = 256, isListening: Bool = true, batch: Int = 4096, commands: Int = 256
  ) {
    memory = TestMemory(messagePieces: messagePieces, bulkPieces: 64)
    lnd = O2IBLND(
      configuration: configuration, limits: limits, interfaces: interfaces, timerKind: 7)
    lnd.tables = tables
    turn = Turn(
      now: 1_000_000_000, memory: memory.makeNodeMemory(), timerCount: O2IBLND.timerCount(limits),
      seed: 1, batchCapacity: batch, commandCapacity: commands)
    guard isListening else { return }
    lnd.start(&turn)
    endTurn()
    for slot in interfaces.indices {
      lnd.cmEvent(CMEvent(owner: 1 << 32 | UInt64(slot), kind: .listening), &turn)
    }
    endTurn()
    self.commands = []
  }

  static let interface = O2IBInterface(index: 0, nid: nid, stamp: stamp, ipv4: 0x0A00_0001)

  // MARK: - Turns

  func endTurn() {
    takeEvents()
    lnd.flush(&turn)
    for index in 0..<turn.receives.count { receives.append(turn.receives[index]) }
    for index in 0..<turn.sends.count {
      let request = turn.sends[index]
      sends.append(Posted(request: request, bytes: bytes(of: request.segments.0)))
      uncompleted.append(request)
    }
    for index in 0..<turn.commands.count { commands.append(turn.commands[index]) }
    turn.receives.removeAll()
    turn.sends.removeAll()
    turn.commands.removeAll()
    takeEvents()
    while let record = lnd.logRecords.popFirst() { log.append(record) }
  }

  private func takeEvents() {
    while let event = lnd.events.popFirst() {
      events.append(event)
      if event.reception.raw != .none, let given = answer?(event) {
        lnd.answer(event.reception, given, &turn)
      }
    }
  }

  var needsFlush: Bool { lnd.needsFlush }

  func pass(seconds: Double) {
    turn.now += UInt64(seconds * 1e9)
    while let expiry = turn.timers.expire(at: turn.now) { lnd.timerExpired(expiry, &turn) }
    endTurn()
  }

  func takeCommands() -> [CMCommand] {
    defer { commands = [] }
    return commands
  }

  func takeSends() -> [Posted] {
    defer { sends = [] }
    return sends
  }

  func takeEvents(_ kind: LNDEvent.Kind) -> [LNDEvent] {
    let found = events.filter { $0.kind == kind }
    events.removeAll { $0.kind == kind }
    return found
  }

  // MARK: - Connections

  func cm(_ owner: CMOwner, _ kind: CMEvent.Kind) {
    lnd.cmEvent(CMEvent(owner: owner, kind: kind), &turn)
    endTurn()
  }

  func granted(receives: UInt32 = 1024, sends: UInt32 = 64, inline: UInt16 = 0)
    -> QueuePairAttributes
  {
    QueuePairAttributes(
      sendCapacity: sends, receiveCapacity: receives, inlineByteCount: inline)
  }

  func ready(_ owner: CMOwner, _ attributes: QueuePairAttributes? = nil) {
    nextQueuePair += 1
    let queuePair = QueuePairHandle(handle: Handle(raw: nextQueuePair))
    cm(owner, .ready(queuePair, granted: attributes ?? granted()))
  }

  /// A connection that the peer opened; its owner.
  @discardableResult
  func accept(
    depth: UInt16 = 8, fragments: UInt16 = 257, stamp: UInt64 = OneNode.peerStamp,
    attributes: QueuePairAttributes? = nil
  ) -> CMOwner? {
    commands = []
    request(Hello(depth: depth, fragments: fragments, sourceStamp: stamp))
    guard let owner = preparedReply() else { return nil }
    ready(owner, attributes)
    guard commands.contains(where: { if case .accept = $0 { true } else { false } }) else {
      return nil
    }
    commands = []
    cm(owner, .established(privateData: PrivateData()))
    return owner
  }

  func request(_ hello: Hello, listener: Int = 0, port: UInt16 = 1023, handle: UInt64 = 1) {
    request(hello.bytes, listener: listener, port: port, handle: handle)
  }

  func request(_ bytes: [UInt8], listener: Int = 0, port: UInt16 = 1023, handle: UInt64 = 1) {
    let data = PrivateData(bytes.span.bytes)
    cm(
      1 << 32 | UInt64(listener),
      .connectRequest(
        ConnectRequestHandle(raw: handle),
        source: SocketAddress(ipv4: 0x0A00_0002, port: port), privateData: data))
  }

  func preparedReply() -> CMOwner? {
    for command in commands {
      if case .prepareReply(let owner, _, _) = command { return owner }
    }
    return nil
  }

  func prepared() -> CMOwner? {
    for command in commands {
      if case .prepare(let owner, _, _) = command { return owner }
    }
    return nil
  }

  /// The CONNREQ of the last connect command.
  func connectRequest() -> O2IBMessage? {
    for command in commands.reversed() {
      if case .connect(_, let parameters) = command {
        return try? O2IBMessage(decoding: parameters.privateData.bytes)
      }
    }
    return nil
  }

  func rejects() -> [O2IBReject] {
    var found: [O2IBReject] = []
    for command in commands {
      let data: PrivateData
      switch command {
      case .reject(_, let given): data = given
      case .rejectPrepared(_, let given): data = given
      default: continue
      }
      if let reject = try? O2IBReject(decoding: data.bytes) { found.append(reject) }
    }
    return found
  }

  func established(_ owner: CMOwner, _ hello: Hello) {
    cm(owner, .established(privateData: PrivateData(hello.bytes.span.bytes, paddedTo: 196)))
  }

  func rejected(_ owner: CMOwner, _ reject: [UInt8], reason: UInt16 = 28) {
    let data =
      reject.isEmpty ? PrivateData() : PrivateData(reject.span.bytes, paddedTo: 148)
    cm(
      owner,
      .failed(
        ConnectFailure(step: .connect, errno: 111, rejectReason: reason, privateData: data)))
  }

  // MARK: - Messages

  /// A message of the peer arrives.
  func deliver(_ bytes: [UInt8], on queuePair: UInt32? = nil) {
    let wanted = QueuePairHandle(handle: Handle(raw: queuePair ?? nextQueuePair))
    guard let index = receives.firstIndex(where: { $0.queuePair == wanted }) else {
      fatalError("no receive is posted")
    }
    let request = receives.remove(at: index)
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress {
        pointer(request.segment.address).copyMemory(from: base, byteCount: source.count)
      }
    }
    complete(request, byteCount: UInt32(bytes.count))
    endTurn()
  }

  func complete(
    _ request: ReceiveRequest, byteCount: UInt32, status: CompletionStatus = .success
  ) {
    lnd.completionReceived(
      WorkCompletion(
        id: request.id, queuePair: request.queuePair, byteCount: byteCount, status: status,
        operation: .receive), &turn)
  }

  /// The wire is done with everything that was posted.
  func completeSends(_ status: CompletionStatus = .success) {
    let all = uncompleted
    uncompleted = []
    for request in all where request.isSignaled || status != .success {
      lnd.completionReceived(
        WorkCompletion(
          id: request.id, queuePair: request.queuePair, byteCount: 0, status: status,
          operation: request.operation), &turn)
    }
    endTurn()
  }

  /// Everything on a queue pair is flushed.
  func flushAll() {
    let posted = receives
    receives = []
    completeSends(.flushed)
    for request in posted { complete(request, byteCount: 0, status: .flushed) }
    endTurn()
  }

  /// Ends whatever is left, as a transport would; true when the driver holds nothing any more.
  func release() -> Bool {
    lnd.shutdown(&turn)
    endTurn()
    for _ in 0..<8 {
      let ended = takeCommands()
      if ended.contains(where: { if case .disconnect = $0 { true } else { false } }) { flushAll() }
      for command in ended {
        switch command {
        case .disconnect(let owner): cm(owner, .disconnected)
        case .destroy(let owner):
          if owner >> 32 == 0 { flushAll() }
          cm(owner, .released)
        default: break
        }
      }
    }
    pass(seconds: 100)
    for command in takeCommands() {
      if case .destroy(let owner) = command {
        flushAll()
        cm(owner, .released)
      }
    }
    return lnd.isQuiet
      && turn.memory.messages.freePieceCount == turn.memory.messages.pieceCount
  }
}

extension O2IBLimits {
  static var small: O2IBLimits {
    var limits = O2IBLimits()
    limits.connections = 16
    limits.peers = 16
    limits.transmits = 128
    limits.transmitReserve = 32
    limits.receptions = 256
    limits.pendingPerPeer = 32
    limits.sendPieces = 4
    return limits
  }
}
