package import LNet
internal import LustreWire
package import NodeCore
internal import RDMATransport
internal import Verbena

/// The active end: a program on a node's loop that runs one phase after the other.
///
/// A phase is put on the desk and the bell is rung; its outcome comes back over the desk. What is measured
/// happens on the loop itself, by the calls that every consumer of LNet makes. A phase opens and closes with an
/// empty echo: the first makes the connection and says how many checksums were wrong before, the last
/// confirms that all that was sent has arrived.
package struct BenchClient: NodeProgram {
  package static let bellTag: UInt64 = 1
  private static let answersTag: UInt64 = 2
  private static let controlTag: UInt64 = 3
  private static let firstSlotTag: UInt64 = 16

  private enum Stage { case idle, opening, running, closing }

  private struct Slot {
    var descriptor = DescriptorHandle.none
    var memory = BufferRef.none
    var startedAt: UInt64 = 0
    var isCounted = false
  }

  private let desk: BenchDesk
  private let session: UInt32
  private var stage = Stage.idle
  private var phase: BenchPhase
  private var outcome = BenchOutcome()
  private var slots: [Slot] = []
  /// Slots of phases that ended with something under way: their memory is not ours yet.
  private var draining: [Slot] = []
  private var anchor = BufferRef.none
  private var control = DescriptorHandle.none
  private var startedCount = 0
  private var finishedCount = 0
  private var beganAt: UInt64 = 0
  private var sequence: UInt64 = 0
  private var patternChecksum: UInt64 = 0
  private var mismatchesBefore: UInt64 = 0

  package init(desk: BenchDesk, session: UInt32) {
    self.desk = desk
    self.session = session
    phase = BenchPhase(.pingPong, target: .any, byteCount: 0, count: 0)
  }

  package mutating func started(_ node: inout NodeCore) {
    let answers = MemoryDescriptor(
      memory: .none, options: [.put], unlinksWhenExhausted: false, tag: Self.answersTag)
    let entry = MatchEntry(portal: BenchWire.answers, matchBits: UInt64(session))
    _ = try? node.lnet.expose(entry, answers, turn: &node.turn)
    // A message without data still has a place that it is sent from.
    anchor = (node.turn.memory.bulk.allocateRun(byteCount: 8) ?? .none).part(offset: 0, length: 0)
    let empty = MemoryDescriptor(memory: anchor, unlinksWhenExhausted: false, tag: Self.controlTag)
    control = (try? node.lnet.bind(empty)) ?? .none
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    switch event.tag {
    case Self.bellTag: belled(&node)
    case Self.answersTag:
      guard event.kind == .put, event.status == 0 else { return }
      if event.delivery != .none { node.lnet.release(event.delivery, turn: &node.turn) }
      answered(event, &node)
    case Self.controlTag:
      if event.kind == .send, event.status != 0, stage != .idle {
        finish(status: event.status, &node)
      }
    default:
      let index = Int(event.tag &- Self.firstSlotTag)
      if stage == .running, slots.indices.contains(index),
        slots[index].descriptor == event.descriptor
      {
        ended(index, event, &node)
      } else if event.isUnlinked {
        drained(event.descriptor, &node)
      }
    }
  }

  // MARK: - Begin

  /// Somebody has put a phase on the desk, or wants the one under way to end.
  private mutating func belled(_ node: inout NodeCore) {
    guard stage == .idle else {
      if desk.isAbandoned { finish(status: -110, &node) }
      return
    }
    guard let next = desk.takePhase() else { return }
    phase = next
    outcome = BenchOutcome()
    startedCount = 0
    finishedCount = 0
    stage = .opening
    sendControl(&node)
  }

  /// Asks for an answer with nothing but the service's count of wrong checksums.
  private mutating func sendControl(_ node: inout NodeCore) {
    do throws(LNetError) {
      try node.lnet.put(request(.echo, control), turn: &node.turn)
    } catch {
      finish(status: Self.status(error), &node)
    }
  }

  private func request(
    _ kind: BenchWire.Kind, _ descriptor: DescriptorHandle, headerData: UInt64 = 0
  ) -> PutRequest {
    PutRequest(
      descriptor: descriptor, target: ProcessID(nid: phase.target), portal: BenchWire.service,
      matchBits: BenchWire.matchBits(kind, session: session), headerData: headerData)
  }

  private mutating func begin(_ node: inout NodeCore) {
    guard prepare(&node) else { return finish(status: -12, &node) }
    stage = .running
    beganAt = node.turn.now
    for index in slots.indices where stage == .running { start(index, &node) }
  }

  /// Takes memory and a descriptor for each operation that may be under way.
  private mutating func prepare(_ node: inout NodeCore) -> Bool {
    for index in 0..<min(phase.inFlight, phase.warmupCount + phase.count) {
      var slot = Slot()
      if phase.byteCount > 0 {
        guard let memory = node.turn.memory.bulk.allocateRun(byteCount: phase.byteCount) else {
          return false
        }
        slot.memory = memory
        var bytes = node.turn.memory.mutableBytes(memory)
        TransferPattern.fill(&bytes)
      }
      let descriptor = MemoryDescriptor(
        memory: phase.byteCount > 0 ? slot.memory : anchor, unlinksWhenExhausted: false,
        tag: Self.firstSlotTag + UInt64(index))
      guard let handle = try? node.lnet.bind(descriptor) else {
        if slot.memory != .none { node.turn.memory.release(slot.memory) }
        return false
      }
      slot.descriptor = handle
      slots.append(slot)
    }
    patternChecksum =
      phase.byteCount > 0 ? TransferChecksum.of(node.turn.memory.bytes(slots[0].memory)) : 0
    return true
  }

  // MARK: - Operations

  /// Begins the next operation, in a slot that is free.
  private mutating func start(_ index: Int, _ node: inout NodeCore) {
    slots[index].startedAt = node.turn.now
    slots[index].isCounted = startedCount >= phase.warmupCount
    startedCount += 1
    let descriptor = slots[index].descriptor
    do throws(LNetError) {
      switch phase.operation {
      case .pingPong: try node.lnet.put(request(.echo, descriptor), turn: &node.turn)
      case .stream: try node.lnet.put(request(.discard, descriptor), turn: &node.turn)
      case .put:
        let checksum = phase.isChecked ? stamp(index, &node) : 0
        try node.lnet.put(
          request(.data, descriptor, headerData: checksum), turn: &node.turn)
      case .get:
        try node.lnet.get(
          GetRequest(
            descriptor: descriptor, target: ProcessID(nid: phase.target),
            portal: BenchWire.service,
            matchBits: BenchWire.matchBits(.pattern, session: session)), turn: &node.turn)
      }
    } catch {
      finish(status: Self.status(error), &node)
    }
  }

  /// Makes the data differ from that of every other transfer, and computes its checksum.
  private mutating func stamp(_ index: Int, _ node: inout NodeCore) -> UInt64 {
    sequence &+= 1
    var bytes = node.turn.memory.mutableBytes(slots[index].memory)
    if bytes.byteCount >= 8 { bytes.storeBytes(of: sequence, toByteOffset: 0, as: UInt64.self) }
    return TransferChecksum.of(node.turn.memory.bytes(slots[index].memory))
  }

  /// An event of a slot's descriptor: the end of its operation, or a part on the way there.
  private mutating func ended(_ index: Int, _ event: LNetEvent, _ node: inout NodeCore) {
    if event.status != 0 { return finish(status: event.status, &node) }
    switch (phase.operation, event.kind) {
    case (.stream, .send), (.put, .send): break
    case (.get, .reply):
      if phase.isChecked, phase.byteCount > 0,
        TransferChecksum.of(node.turn.memory.bytes(slots[index].memory)) != patternChecksum
      {
        outcome.mismatchCount += 1
      }
    default: return
    }
    count(index, &node)
  }

  private mutating func answered(_ event: LNetEvent, _ node: inout NodeCore) {
    switch stage {
    case .idle: break
    case .opening:
      mismatchesBefore = event.headerData
      begin(&node)
    case .running:
      if phase.operation == .pingPong { count(0, &node) }
    case .closing:
      outcome.mismatchCount += event.headerData &- mismatchesBefore
      if phase.operation == .stream || phase.operation == .put {
        outcome.elapsedNanoseconds = node.turn.now &- beganAt
      }
      finish(status: 0, &node)
    }
  }

  private mutating func count(_ index: Int, _ node: inout NodeCore) {
    let now = node.turn.now
    finishedCount += 1
    if slots[index].isCounted {
      outcome.count += 1
      let elapsed = now &- slots[index].startedAt
      outcome.latency.record(phase.operation == .pingPong ? elapsed / 2 : elapsed)
      desk.note(outcome.count)
    }
    if finishedCount == phase.warmupCount { beganAt = now }
    let isOverTime =
      phase.durationNanoseconds > 0 && finishedCount > phase.warmupCount
      && now &- beganAt >= phase.durationNanoseconds
    if startedCount < phase.warmupCount + phase.count, !isOverTime, !desk.isStopped {
      start(index, &node)
    } else if finishedCount == startedCount {
      outcome.elapsedNanoseconds = now &- beganAt
      stage = .closing
      sendControl(&node)
    }
  }

  // MARK: - End

  private mutating func finish(status: Int32, _ node: inout NodeCore) {
    outcome.status = status
    stage = .idle
    draining += slots
    let ended = slots
    slots = []
    for slot in ended { try? node.lnet.unlink(slot.descriptor, turn: &node.turn) }
    desk.finish(outcome)
  }

  /// Nothing uses the memory of a former slot any more.
  private mutating func drained(_ descriptor: DescriptorHandle, _ node: inout NodeCore) {
    guard let index = draining.firstIndex(where: { $0.descriptor == descriptor }) else { return }
    let slot = draining.remove(at: index)
    if slot.memory != .none { node.turn.memory.release(slot.memory) }
  }

  private static func status(_ error: LNetError) -> Int32 {
    switch error {
    case .busy: -11
    case .noRoute: -101
    case .tooLong: -90
    case .unknownHandle, .exhausted, .occupied: -22
    }
  }
}
