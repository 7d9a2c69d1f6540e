// A node for tests: an LNet with memory of its own, and short ways to use it.
// It is driven by hand, or by a TinyFabric that carries its messages.
import Glibc
import LNet
import LustreWire
import RDMATransport
import Structures

@testable import LNet

let second: UInt64 = 1_000_000_000

/// Limits small enough to make a node in a test cheap.
func smallLimits(_ change: (inout LNetCapacity) -> Void = { _ in }) -> LNetCapacity {
  var limits = LNetCapacity()
  limits.entries = 256
  limits.descriptors = 512
  limits.messages = 256
  limits.responses = 256
  limits.responsesPerPeer = 64
  limits.operations = 128
  limits.heldMessages = 64
  limits.messagesInPlace = 64
  limits.peers = 64
  limits.peerInterfaces = 128
  limits.parkedMessages = 128
  limits.pings = 64
  limits.discoveries = 16
  limits.events = 512
  limits.outbox = 512
  limits.logRecords = 64
  change(&limits)
  return limits
}

final class TestNode {
  var lnet: LNet
  var turn: Turn
  let nids: [NID]
  var events: [LNetEvent] = []
  /// Receptions that were answered `.held` and wait.
  var waiting: [UInt32: LNDEvent] = [:]
  /// Answers that came late, in order.
  var lateAnswers: [LateAnswer] = []
  private var nextReception: UInt32 = 1
  private let regions: [MemoryRegion]

  static let timerKind: UInt8 = 9

  init(
    _ nids: [NID], pingsBeforeSending: Bool = false, features: PingFeatures = .default,
    statuses: [InterfaceStatus]? = nil, cookie: UInt64 = 0x1877_F0A1_B2C3_D4E5, now: UInt64 = 0,
    messagePieces: Int = 256, bulkBytes: Int = 4 << 20, credits: Int = 256, peerCredits: Int = 256,
    limits: LNetCapacity = smallLimits()
  ) {
    self.nids = nids
    let messages = Self.region(byteCount: messagePieces * 4096)
    let bulk = Self.region(byteCount: bulkBytes)
    regions = [messages, bulk]
    let memory = NodeMemory(
      messages: Arena(region: messages, pieceByteCount: 4096, isBulk: false),
      bulk: Arena(region: bulk, pieceByteCount: 4096, isBulk: true))
    turn = Turn(now: now, memory: memory, timerCount: 512, seed: 1)
    var interfaces: [LNetConfiguration.Interface] = []
    for (index, nid) in nids.enumerated() {
      interfaces.append(
        LNetConfiguration.Interface(nid: nid, status: statuses?[index] ?? .up))
    }
    let configuration = LNetConfiguration(
      interfaces: interfaces, interfaceCookie: cookie, features: features,
      pingsBeforeSending: pingsBeforeSending, credits: credits, peerCredits: peerCredits,
      timerKind: Self.timerKind, limits: limits)
    lnet = LNet(configuration: configuration, turn: &turn)
  }

  deinit {
    for region in regions {
      UnsafeMutableRawPointer(bitPattern: UInt(region.address))?.deallocate()
    }
  }

  private static func region(byteCount: Int) -> MemoryRegion {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
    memset(memory, 0, byteCount)
    return MemoryRegion(
      address: UInt64(UInt(bitPattern: memory)), byteCount: byteCount, localKey: 7, remoteKey: 8)
  }

  // Memory.

  /// Bulk memory with these bytes.
  func bulk(_ bytes: [UInt8]) -> BufferRef {
    guard let ref = turn.memory.bulk.allocateRun(byteCount: max(1, bytes.count)) else {
      preconditionFailure("the test's bulk memory is used up")
    }
    let part = ref.part(offset: 0, length: bytes.count)
    write(bytes, to: part)
    return part
  }

  func bulk(count: Int) -> BufferRef { bulk([UInt8](repeating: 0, count: count)) }

  /// A message piece with headroom and these bytes.
  func piece(_ bytes: [UInt8]) -> BufferRef {
    guard let piece = turn.memory.messages.allocatePiece() else {
      preconditionFailure("the test's message memory is used up")
    }
    let part = piece.part(offset: lndHeadroomByteCount, length: bytes.count)
    write(bytes, to: part)
    return part
  }

  func write(_ bytes: [UInt8], to ref: BufferRef) {
    Self.write(bytes, to: ref, in: &turn.memory)
  }

  func bytes(_ ref: BufferRef) -> [UInt8] {
    ref.length == 0 ? [] : Self.read(ref, in: turn.memory)
  }

  // A span may not outlive the access to a property of a class; in a parameter it may.
  private static func write(
    _ bytes: [UInt8], to ref: BufferRef, in memory: inout NodeMemory
  ) {
    guard !bytes.isEmpty else { return }
    var span = memory.mutableBytes(ref)
    for (offset, byte) in bytes.enumerated() {
      span.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
  }

  private static func read(_ ref: BufferRef, in memory: borrowing NodeMemory) -> [UInt8] {
    let span = memory.bytes(ref)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(span.byteCount)
    for offset in 0..<span.byteCount {
      bytes.append(unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
    }
    return bytes
  }

  // What the room's queues hold.

  /// Takes all events.
  func takeEvents() -> [LNetEvent] {
    collect()
    defer { events = [] }
    return events
  }

  /// Moves events to where tests look, and late answers too.
  func collect() {
    while let event = lnet.events.popFirst() { events.append(event) }
    while let answer = lnet.lateAnswers.popFirst() {
      lateAnswers.append(answer)
      if let event = waiting.removeValue(forKey: answer.reception.raw.raw) {
        release(event, answer.answer)
      }
    }
  }

  var firstOut: LNDMessage? { lnet.outbox.first.map { lnet.messages[$0].message } }
  var counters: LNetCounters { lnet.counters }
  // The macros of the tests want values that can be copied, which an LNet cannot.
  func isLive(_ handle: DescriptorHandle) -> Bool { lnet.isLive(handle) }
  func health(ofInterface index: Int) -> Int { lnet.health(ofInterface: index) }
  func interface(ofPeer nid: NID, at place: Int) -> PeerInterfaceView? {
    lnet.interface(ofPeer: nid, at: place)
  }
  func pingInfo(_ ping: PingHandle) -> BufferRef? { lnet.pingInfo(ping) }
  func peer(_ nid: NID) -> PeerView? { lnet.peer(nid) }
  func transitions(ofPeer nid: NID) -> [PeerTransition] {
    (0..<16).compactMap { lnet.transition(ofPeer: nid, at: $0) }.reversed()
  }

  func takeMessage() -> LNDMessage? {
    var taken: LNDMessage?
    if !lnet.outbox.isEmpty { lnet.handOverMessage { taken = $0 } }
    return taken
  }

  func takeOutbox() -> [LNDMessage] {
    var messages: [LNDMessage] = []
    while let message = takeMessage() { messages.append(message) }
    return messages
  }

  // Driving by hand.

  /// Has a message arrive: a header, and what follows it. Returns the answer; a held one is kept.
  @discardableResult
  func receive(
    _ header: LNetHeader, _ payload: [UInt8] = [], kind: LNDEvent.Kind = .immediate,
    from peer: NID? = nil, interface: UInt8 = 0
  ) -> ReceptionAnswer {
    var raw = [UInt8](repeating: 0, count: LNetHeader.byteCount)
    var span = raw.mutableSpan
    var bytes = span.mutableBytes
    header.encode(into: &bytes)
    return receive(
      bytes: raw + payload, kind: kind, from: peer ?? header.source.nid, interface: interface)
  }

  @discardableResult
  func receive(
    bytes: [UInt8], kind: LNDEvent.Kind = .immediate, from peer: NID, interface: UInt8 = 0
  ) -> ReceptionAnswer {
    guard let piece = turn.memory.messages.allocatePiece() else {
      preconditionFailure("the test's message memory is used up")
    }
    let part = piece.part(offset: 0, length: 48 + bytes.count)
    write(bytes, to: part.part(offset: 48, length: bytes.count))
    var event = LNDEvent(
      kind: kind, interface: interface, peer: peer,
      reception: ReceptionID(raw: Handle(raw: nextReception)), piece: part, headerOffset: 48)
    nextReception += 1
    let answer = lnet.received(&event, turn: &turn)
    if case .held = answer {
      waiting[event.reception.raw.raw] = event
    } else {
      turn.memory.release(piece)
    }
    return answer
  }

  private func release(_ event: LNDEvent, _ answer: ReceptionAnswer) {
    turn.memory.release(event.piece)
  }

  func finish(_ message: LNDMessage, _ outcome: SendOutcome = .success, status: Int32 = 0) {
    lnet.finished(message.id, outcome, status: status, turn: &turn)
  }

  func putDone(_ ticket: UInt32, status: Int32, from peer: NID) {
    lnet.putDone(
      LNDEvent(kind: .putDone, peer: peer, status: status, ticket: ticket), turn: &turn)
  }

  /// Lets the timers of the time up to `now` expire, each at its own time.
  func advance(to now: UInt64) {
    // The wheel's answer is a lower bound: each step goes at least a tick further.
    while turn.now < now, let next = turn.timers.nextDeadline(), next <= now {
      turn.now = min(now, max(turn.now + (1 << 20), next))
      expire()
    }
    turn.now = now
    expire()
  }

  func expire() {
    while let expiry = turn.timers.expire(at: turn.now) {
      precondition(expiry.kind == Self.timerKind)
      lnet.timerExpired(owner: expiry.owner, turn: &turn)
      collect()
    }
  }
}

extension LNetHeader {
  /// A PUT from one process to another.
  static func put(
    from source: NID, to destination: NID, portal: UInt32 = 8, matchBits: UInt64 = 7,
    offset: UInt32 = 0, length: Int, ack: WireHandle = .none, headerData: UInt64 = 0
  ) -> LNetHeader {
    LNetHeader(
      destination: ProcessID(nid: destination), source: ProcessID(nid: source),
      payloadLength: UInt32(length),
      body: .put(
        LNetPut(
          acknowledgeHandle: ack, matchBits: matchBits, headerData: headerData,
          portal: Portal(rawValue: portal), offset: offset)))
  }

  static func get(
    from source: NID, to destination: NID, portal: UInt32 = 8, matchBits: UInt64 = 7,
    offset: UInt32 = 0, sink: UInt32, handle: WireHandle = peerHandle
  ) -> LNetHeader {
    LNetHeader(
      destination: ProcessID(nid: destination), source: ProcessID(nid: source), payloadLength: 0,
      body: .get(
        LNetGet(
          returnHandle: handle, matchBits: matchBits, portal: Portal(rawValue: portal),
          sourceOffset: offset, sinkLength: sink)))
  }

  static func reply(
    from source: NID, to destination: NID, handle: WireHandle, length: Int
  ) -> LNetHeader {
    LNetHeader(
      destination: ProcessID(nid: destination), source: ProcessID(nid: source),
      payloadLength: UInt32(length), body: .reply(LNetReply(destinationHandle: handle)))
  }

  static func ack(
    from source: NID, to destination: NID, handle: WireHandle, matchBits: UInt64 = 7,
    length: UInt32
  ) -> LNetHeader {
    LNetHeader(
      destination: ProcessID(nid: destination), source: ProcessID(nid: source), payloadLength: 0,
      body: .ack(
        LNetAck(destinationHandle: handle, matchBits: matchBits, depositedBytes: length)))
  }
}

/// A handle as a real peer would make it.
let peerHandle = WireHandle(
  interfaceCookie: 0x1866_A0B0_C0D0_E0F0, objectCookie: 0x2A1)

/// The identities of spec 04.
let us = NID.o2ib(0x0A0A_0005)
let real = NID.o2ib(0x0A0A_0001)

func pattern(_ count: Int, seed: Int = 1) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed &* 17 &+ $0 >> 8) }
}
