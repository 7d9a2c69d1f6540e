internal import LNet
internal import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Simulation

/// A client that keeps no rule: it speaks LNet itself and makes each message by hand.
final class HostileClient: Program {
  /// What it does when a server calls back about a lock.
  enum Manner: UInt8, CaseIterable { case silent, answers, refuses, garbles, cancels }

  private let server: Int
  private var nextXID: UInt64 = 1 << 40
  private var handles = [Cookie.none, .none, .none]
  private(set) var staleHandle = Cookie(rawValue: 0xDEAD)
  private var counts: [UInt32] = [0, 0, 0]
  var templates = FuzzTemplates()
  var manner = Manner.silent
  /// Replies that came, by the type of their body.
  private(set) var replyCount = 0
  private var last: (bytes: [UInt8], portal: Portal, matchBits: UInt64)?
  /// What is being sent, by its tag.
  private var sending: [UInt64: BufferRef] = [:]
  private var nextTag: UInt64 = 1
  private var sinks: [UInt64: BufferRef] = [:]
  private var bulk = (descriptor: DescriptorHandle.none, memory: BufferRef.none)

  private static let bulkTag: UInt64 = 99
  private static let replyPortals: [Portal] = [
    .mgcReply, .mdcReply, .oscReply, .ldlmCancelReply, .ldlmCallbackReply, .ldlmCallbackRequest,
  ]

  init(server: Int) { self.server = server }

  override func started(_ core: inout NodeCore) {
    for (number, portal) in Self.replyPortals.enumerated() {
      guard let memory = core.turn.memory.bulk.allocateRun(byteCount: 8192) else { continue }
      let tag = 100 + UInt64(number)
      sinks[tag] = memory
      do {
        _ = try core.lnet.expose(
          MatchEntry(portal: portal, matchBits: 0, ignoreBits: .max),
          MemoryDescriptor(memory: memory, options: [.put, .remoteOffset, .truncate], tag: tag),
          turn: &core.turn)
      } catch { preconditionFailure("a sink is not taken: \(error)") }
    }
  }

  // MARK: - Sending

  func connect(_ source: inout ByteSource, client: String) {
    let target = FuzzTemplates.Target(rawValue: source.next(below: 3)) ?? .object
    counts[target.rawValue] += 1
    var message = FuzzTemplates.connect(target, as: client, count: counts[target.rawValue])
    // Half of them stay sound, so that there are connections to misuse.
    let isBent = source.next() & 1 == 1
    if isBent, source.next() & 1 == 1 { message.body.handle = handles[target.rawValue] }
    send(&message, isBent: isBent, &source)
  }

  func ask(_ source: inout ByteSource) {
    var (message, target) = templates.request(source.next(below: FuzzTemplates.count), &source)
    message.body.handle =
      switch source.next(below: 8) {
      case 6: staleHandle
      case 7: handles[source.next(below: 3)]
      default: handles[target.rawValue]
      }
    message.body.connectionCount = max(1, counts[target.rawValue])
    send(&message, isBent: source.next() & 3 != 0, &source)
  }

  private func send(_ message: inout FuzzedMessage, isBent: Bool, _ source: inout ByteSource) {
    nextXID += 128
    var matchBits = nextXID
    message.body.matchBits = nextXID
    let changes = isBent ? 1 + source.next(below: 3) : 0
    var late = 0
    for _ in 0..<changes {
      if source.next() & 1 == 0 { message.bend(&source) } else { late += 1 }
    }
    var bytes = message.bytes
    for _ in 0..<late {
      switch source.next(below: 8) {
      case 0: ByteBender.bendHead(&bytes, from: 0, &source)
      case 1: bytes.removeLast(min(bytes.count, source.next16() % 600))
      case 2: matchBits = source.edge()
      case 3: message.portal = Portal(rawValue: UInt32(source.next(below: 40)))
      default: ByteBender.bend(&bytes, from: min(bytes.count, 224), &source)
      }
    }
    put(bytes, message.portal, matchBits)
  }

  /// The same once more, as it was or as a resend.
  func repeatLast(isResend: Bool) {
    guard var last else { return }
    // The flags of the body, where the message begins with it.
    if isResend, last.bytes.count > 100 {
      let body = RPCMessage.headerByteCount(buffers: Int(last.bytes[0]))
      if body + 60 < last.bytes.count { last.bytes[body + 56] |= UInt8(RPCFlags.resent.rawValue) }
    }
    put(last.bytes, last.portal, last.matchBits)
  }

  func put(_ bytes: [UInt8], _ portal: Portal, _ matchBits: UInt64) {
    guard !bytes.isEmpty, portal.rawValue > 0 else { return }
    last = (bytes, portal, matchBits)
    use { core in put(bytes, portal, matchBits, &core) }
  }

  private func put(
    _ bytes: [UInt8], _ portal: Portal, _ matchBits: UInt64, _ core: inout NodeCore
  ) {
    guard sending.count < 32,
      let memory = core.turn.memory.bulk.allocateRun(byteCount: bytes.count)
    else { return }
    nextTag += 1
    let tag = 1000 + nextTag
    var span = core.turn.memory.mutableBytes(memory)
    span.copy(from: bytes.rawBytes)
    do {
      let descriptor = try core.lnet.bind(
        MemoryDescriptor(
          memory: memory.part(offset: 0, length: bytes.count), threshold: 1, tag: tag))
      sending[tag] = memory
      try core.lnet.put(
        PutRequest(
          descriptor: descriptor, target: ProcessID(nid: World.nid(server)), portal: portal,
          matchBits: matchBits), turn: &core.turn)
    } catch {
      // A full table: the message is lost, and so is its memory until the end.
    }
  }

  /// Lays memory open for the server's bulk, or takes it away.
  func lay(_ source: inout ByteSource) {
    let options: [DescriptorOptions] = [
      [.put, .get], [.put, .get, .truncate], [.put, .get, .remoteOffset, .truncate], [.put], [.get],
    ]
    let lengths = [65536, 1, 100, 4096, 8192]
    let option = options[source.next(below: options.count)]
    let length = lengths[source.next(below: lengths.count)]
    let portal: Portal = source.next() & 3 == 0 ? .mgsBulk : .ostBulk
    let isGone = source.next() & 3 == 3
    use { core in
      if bulk.descriptor != .none { try? core.lnet.unlink(bulk.descriptor, turn: &core.turn) }
      bulk.descriptor = .none
      if isGone { return }
      guard
        let memory = bulk.memory == .none
          ? core.turn.memory.bulk.allocateRun(byteCount: 65536) : bulk.memory
      else { return }
      bulk.memory = memory
      let made = try? core.lnet.expose(
        MatchEntry(portal: portal, matchBits: 0, ignoreBits: .max),
        MemoryDescriptor(
          memory: memory.part(offset: 0, length: length), options: option, tag: Self.bulkTag),
        turn: &core.turn)
      bulk.descriptor = made ?? .none
    }
  }

  // MARK: - What comes

  override func received(_ event: LNetEvent, _ core: inout NodeCore) {
    if event.isUnlinked, let memory = sending.removeValue(forKey: event.tag) {
      core.turn.memory.release(memory)
    }
    guard event.kind == .put, let memory = sinks[event.tag] else { return }
    let portal = Self.replyPortals[Int(event.tag - 100)]
    let part = memory.part(offset: Int(event.offset), length: Int(event.movedLength))
    guard let came = Came(core.turn.memory.bytes(part)) else { return }
    if portal == .ldlmCallbackRequest { return calledBack(came.body, event.matchBits, &core) }
    replyCount += 1
    if came.body.opcode.isConnect, came.body.status == 0, !came.body.handle.isNone {
      let place = FuzzTemplates.connectOpcodes.firstIndex(of: came.body.opcode) ?? 0
      if !handles[place].isNone { staleHandle = handles[place] }
      handles[place] = came.body.handle
    }
    if let lock = came.lock { templates.lock = lock }
  }

  /// What is looked at in a message.
  private struct Came {
    var body: RPCBody
    var lock: Cookie?

    init?(_ bytes: borrowing RawSpan) {
      guard let message = try? RPCMessage(decoding: bytes),
        let body = try? RPCBody(message, in: bytes)
      else { return nil }
      self.body = body
      if body.opcode == .ldlmEnqueue, body.status == 0,
        let reply: LockReply = try? message.value(at: 1, in: bytes)
      {
        lock = reply.handle
      }
    }
  }

  private func calledBack(
    _ body: RPCBody, _ matchBits: UInt64, _ core: inout NodeCore
  ) {
    if manner == .silent { return }
    if manner == .cancels {
      var cancel = FuzzedMessage(.ldlmCancel, .ldlmCancelRequest)
      var request = LockRequest()
      request.count = 1
      cancel.buffers = [request.encoded + templates.lock.encoded + Cookie.none.encoded]
      cancel.body.handle = handles[FuzzTemplates.Target.object.rawValue]
      cancel.body.connectionCount = max(1, counts[FuzzTemplates.Target.object.rawValue])
      nextXID += 128
      put(cancel.bytes, cancel.portal, nextXID, &core)
    }
    var reply = FuzzedMessage(body.opcode, .ldlmCallbackReply, [])
    let status: Int32 =
      manner == .refuses ? WireErrno.einval.status : manner == .garbles ? .min : 0
    reply.body = RPCBody(.reply, to: body.opcode, status: status)
    if manner == .garbles { reply.buffers = [[1, 2, 3]] }
    put(reply.bytes, .ldlmCallbackReply, body.matchBits == 0 ? matchBits : body.matchBits, &core)
  }
}
