package import LNet
internal import LustreWire
package import NodeCore
internal import RDMATransport
internal import Structures
internal import Verbena

/// The active end: a program on a node's loop that runs one phase after the other.
///
/// A phase is put on the desk and the bell is rung; its outcome comes back over the desk. What is measured
/// happens on the loop itself, by the calls that every consumer of LNet makes. A phase opens and closes with an
/// empty echo: the first makes the connection and says what the service has had of us before, the last
/// confirms that all that was sent has arrived. With several connections it may overtake the last messages, and is
/// then sent again.
package struct BenchClient: NodeProgram {
  package static let bellTag: UInt64 = 1
  private static let answersTag: UInt64 = 2
  private static let controlTag: UInt64 = 3
  static let firstSlotTag: UInt64 = 16
  /// Until messages that the closing echo overtook are asked for again.
  private static let overtakenNanoseconds: UInt64 = 1_000_000

  struct Slot {
    var descriptor = DescriptorHandle.none
    var memory = BufferRef.none
    var startedAt: UInt64 = 0
    /// When it should have begun, in an open loop.
    var dueAt: UInt64 = 0
    var isCounted = false
    var isBusy = false
  }

  let desk: BenchDesk
  let session: UInt32
  /// Of the phase under way; nil between two.
  var stage: BenchOutcome.Stage?
  var phase: BenchPhase
  var outcome = BenchOutcome()
  var slots: [Slot] = []
  /// Slots that nothing is under way in.
  var idleSlots: [Int] = []
  /// Slots of phases that ended with something under way: their memory is not ours yet.
  private var draining: [Slot] = []
  var anchor = BufferRef.none
  private var control = DescriptorHandle.none
  private var timer: TimerID?
  private var phaseNumber = 0
  var startedCount = 0
  var finishedCount = 0
  var beganAt: UInt64 = 0
  /// When the last operation that counted ended.
  var countedAt: UInt64 = 0
  var pace: BenchPace?
  var sequence: UInt64 = 0
  var patternChecksum: UInt64 = 0
  private var accountBefore = BenchAccount()

  package init(desk: BenchDesk, session: UInt32) {
    self.desk = desk
    self.session = session
    phase = BenchPhase(.pingPong, target: .any, byteCount: 0, count: 0)
  }

  package mutating func started(_ node: inout NodeCore) {
    let answers = MemoryDescriptor(
      memory: .none, options: [.put], unlinksWhenExhausted: false, tag: Self.answersTag)
    let entry = MatchEntry(
      portal: BenchWire.answers, matchBits: UInt64(session), ignoreBits: ~BenchWire.sessionMask)
    _ = try? node.lnet.expose(entry, answers, turn: &node.turn)
    // A message without data still has a place that it is sent from.
    anchor = (node.turn.memory.bulk.allocateRun(byteCount: 8) ?? .none).part(offset: 0, length: 0)
    let empty = MemoryDescriptor(memory: anchor, unlinksWhenExhausted: false, tag: Self.controlTag)
    control = (try? node.lnet.bind(empty)) ?? .none
    timer = node.makeProgramTimer(0)
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    switch event.tag {
    case Self.bellTag: belled(&node)
    case Self.answersTag:
      guard event.kind == .put, event.status == 0 else { return }
      if event.delivery != .none { node.lnet.release(event.delivery, turn: &node.turn) }
      if BenchWire.phase(event.matchBits) == UInt8(truncatingIfNeeded: phaseNumber) {
        answered(event, &node)
      }
    case Self.controlTag:
      if event.kind == .send, event.status != 0, stage != nil {
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

  package mutating func expired(timer owner: UInt32, _ node: inout NodeCore) {
    switch stage {
    case .running: startDue(&node)
    case .closing: sendControl(&node)
    case .opening, .connecting, nil: break
    }
  }

  mutating func arm(at time: UInt64, _ node: inout NodeCore) {
    if let timer { node.turn.timers.arm(timer, at: time) }
  }

  // MARK: - Begin

  /// Somebody has put a phase on the desk, or wants the one under way to end.
  private mutating func belled(_ node: inout NodeCore) {
    guard stage == nil else {
      if desk.isAbandoned { finish(status: -110, &node) }
      return
    }
    guard let next = desk.takePhase() else { return }
    phase = next
    phaseNumber += 1
    outcome = BenchOutcome()
    startedCount = 0
    finishedCount = 0
    stage = .opening
    sendControl(&node)
  }

  /// Asks for an answer with nothing but the service's account of us.
  private mutating func sendControl(_ node: inout NodeCore) {
    do throws(LNetError) {
      try node.lnet.put(request(.echo, control), turn: &node.turn)
    } catch {
      finish(status: Self.status(error), &node)
    }
  }

  mutating func request(
    _ kind: BenchWire.Kind, _ descriptor: DescriptorHandle, slot: Int = 0, headerData: UInt64 = 0
  ) -> PutRequest {
    PutRequest(
      descriptor: descriptor, target: ProcessID(nid: phase.target), portal: BenchWire.service,
      matchBits: BenchWire.matchBits(kind, session: session, phase: phaseNumber, slot: slot),
      headerData: headerData)
  }

  private mutating func begin(_ node: inout NodeCore) {
    guard prepare(&node) else { return finish(status: -12, &node) }
    stage = .running
    beganAt = node.turn.now
    pace =
      phase.ratePerSecond > 0
      ? BenchPace(ratePerSecond: phase.ratePerSecond, start: node.turn.now) : nil
    startDue(&node)
  }

  private mutating func answered(_ event: LNetEvent, _ node: inout NodeCore) {
    switch stage {
    // It goes over no import.
    case nil, .connecting: break
    case .opening:
      accountBefore = BenchAccount(encoded: event.headerData)
      begin(&node)
    case .running:
      let slot = BenchWire.slot(event.matchBits)
      if phase.operation == .pingPong, slots.indices.contains(slot), slots[slot].isBusy {
        count(slot, &node)
      }
    case .closing: closed(BenchAccount(encoded: event.headerData), &node)
    }
  }

  // MARK: - End

  /// All operations have ended here: asks whether all that was sent is there.
  mutating func close(_ node: inout NodeCore) {
    outcome.elapsedNanoseconds = node.turn.now &- beganAt
    stage = .closing
    sendControl(&node)
  }

  private mutating func closed(_ account: BenchAccount, _ node: inout NodeCore) {
    if phase.operation == .stream || phase.operation == .put {
      let arrived = account.received &- accountBefore.received
      if Int(arrived) < startedCount {
        // The others are on their way by another connection; the deadline is the desk's.
        return arm(at: node.turn.now &+ Self.overtakenNanoseconds, &node)
      }
      // The end of a message of a stream is not known here, that of a PUT is.
      if phase.operation == .stream { outcome.elapsedNanoseconds = node.turn.now &- beganAt }
    }
    outcome.mismatchCount += UInt64(account.mismatched &- accountBefore.mismatched)
    finish(status: 0, &node)
  }

  mutating func finish(status: Int32, _ node: inout NodeCore) {
    outcome.status = status
    outcome.stage = stage ?? .opening
    // What broke off took as long as what was counted of it, not as long as it then waited.
    if stage == .running, outcome.count > 0 {
      outcome.elapsedNanoseconds = countedAt &- beganAt
    }
    stage = nil
    draining += slots
    let ended = slots
    slots = []
    idleSlots = []
    for slot in ended { try? node.lnet.unlink(slot.descriptor, turn: &node.turn) }
    desk.finish(outcome)
  }

  /// Nothing uses the memory of a former slot any more.
  private mutating func drained(_ descriptor: DescriptorHandle, _ node: inout NodeCore) {
    guard let index = draining.firstIndex(where: { $0.descriptor == descriptor }) else { return }
    let slot = draining.remove(at: index)
    if slot.memory != .none { node.turn.memory.release(slot.memory) }
  }

  static func status(_ error: LNetError) -> Int32 {
    switch error {
    case .busy: -11
    case .noRoute: -101
    case .tooLong: -90
    case .unknownHandle, .exhausted, .occupied: -22
    }
  }
}
