package import Connections
package import LNet
package import LustreWire
package import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Structures
internal import Verbena

/// Where imports are measured to.
package struct SessionPlan: Sendable {
  package var server: NID
  package var role: ImportRole
  package var target: ObdUUID
  /// Imports that are made, connected and closed together where CONNECTs are measured.
  package static let importsPerSet = 1024

  package init(server: NID, role: ImportRole, target: ObdUUID) {
    self.server = server
    self.role = role
    self.target = target
  }
}

/// The active end of measurements over imports: OBD_PINGs, CONNECTs, and messages with ACK to hold both against.
///
/// All of it happens on the loop of the node, without a hop to another thread.
package struct SessionClient: NodeProgram {
  private static let messageTag: UInt64 = 1 << 20

  private let plan: SessionPlan
  private let desk: BenchDesk
  private var phase: BenchPhase?
  /// Whether the phase has begun, as it does when its import is FULL.
  private var hasBegun = false
  private var outcome = BenchOutcome()
  private var begunCount = 0
  private var endedCount = 0
  /// When the first that counts began, in nanoseconds.
  private var beganAt: UInt64 = 0
  /// When each began: by slot of a request, or of an import.
  private var beginnings: [UInt64]

  /// The import that is pinged.
  private var pinged = ImportHandle.none
  private var isFull = false
  private var lastStatus: Int32 = 0
  private var descriptor = DescriptorHandle.none

  /// The set of imports that CONNECT now.
  private var set: [ImportHandle] = []
  private var nextInSet = 0
  private var fullInSet = 0
  private var closedInSet = 0

  /// - Parameter slotCount: requests that the node keeps, and imports: the larger of both.
  package init(_ plan: SessionPlan, desk: BenchDesk, slotCount: Int) {
    self.plan = plan
    self.desk = desk
    beginnings = Array(repeating: 0, count: slotCount)
  }

  package mutating func started(_ node: inout NodeCore) {
    guard let handle = makeImport(&node) else { preconditionFailure("a node without imports") }
    pinged = handle
    node.connections.connect(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  private func makeImport(_ node: inout NodeCore) -> ImportHandle? {
    var random = node.turn.random
    let description = ImportDescription(
      proposal: Proposal(role: plan.role), target: plan.target, client: .random(&random))
    node.turn.random = random
    guard
      let handle = node.connections.makeImport(description, rpc: &node.rpc, turn: &node.turn)
    else { return nil }
    _ = node.connections.addConnection(plan.server, to: handle)
    return handle
  }

  // MARK: - Phases

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    if event.tag == BenchClient.bellTag, event.kind == .send {
      if let phase = desk.takePhase() {
        self.phase = phase
        outcome = BenchOutcome()
        outcome.stage = .connecting
        begunCount = 0
        endedCount = 0
        hasBegun = false
        if isFull { beginPhase(&node) }
      } else if desk.isAbandoned, phase != nil {
        finish(status: lastStatus == 0 ? WireErrno.etimedout.status : lastStatus)
      }
      return
    }
    guard event.tag == Self.messageTag, phase?.operation == .acknowledged else { return }
    if event.status != 0 { return finish(status: event.status) }
    if event.kind == .acknowledge { ended(0, &node) }
  }

  private mutating func beginPhase(_ node: inout NodeCore) {
    guard let phase, !hasBegun else { return }
    hasBegun = true
    outcome.stage = .running
    beganAt = node.turn.now
    switch phase.operation {
    case .session: beginSet(&node)
    case .rpc, .acknowledged:
      for _ in 0..<phase.inFlight { begin(&node) }
    case .pingPong, .stream, .put, .get: finish(status: WireErrno.eopnotsupp.status)
    }
  }

  /// Those that count begin when the last one before them has ended.
  private func isDue(_ phase: BenchPhase) -> Bool {
    guard begunCount < phase.warmupCount + phase.count, !desk.isStopped else { return false }
    if begunCount == phase.warmupCount, endedCount < begunCount { return false }
    return true
  }

  private mutating func begin(_ node: inout NodeCore) {
    guard let phase, isDue(phase) else { return }
    if begunCount == phase.warmupCount { beganAt = node.turn.now }
    begunCount += 1
    phase.operation == .rpc ? sendPing(&node) : sendMessage(&node)
  }

  private mutating func sendPing(_ node: inout NodeCore) {
    do throws(RPCError) {
      var draft = node.connections.draft(on: pinged, .ping)
      draft.replyByteCount = 512
      let request = try node.connections.begin(
        draft, on: pinged, buffers: BufferLengths(), tag: 0, rpc: &node.rpc, turn: &node.turn)
      beginnings[request.raw.slot] = node.turn.now
      node.connections.submit(request, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    } catch { finish(status: WireErrno.eagain.status) }
  }

  private mutating func sendMessage(_ node: inout NodeCore) {
    beginnings[0] = node.turn.now
    do throws(LNetError) {
      if descriptor == .none {
        // A descriptor has memory, of which nothing is sent.
        guard let memory = node.turn.memory.bulk.allocateRun(byteCount: 4096) else {
          return finish(status: WireErrno.enomem.status)
        }
        descriptor = try node.lnet.bind(
          MemoryDescriptor(
            memory: memory.part(offset: 0, length: 0), unlinksWhenExhausted: false,
            tag: Self.messageTag))
      }
      try node.lnet.put(
        PutRequest(
          descriptor: descriptor, target: ProcessID(nid: plan.server), portal: BenchWire.service,
          matchBits: BenchWire.matchBits(.discard, session: 0), wantsAcknowledge: true),
        turn: &node.turn)
    } catch { finish(status: WireErrno.eagain.status) }
  }

  private mutating func ended(_ slot: Int, _ node: inout NodeCore) {
    guard let phase else { return }
    endedCount += 1
    if endedCount > phase.warmupCount {
      outcome.count += 1
      outcome.latency.record(node.turn.now &- beginnings[slot])
      outcome.elapsedNanoseconds = node.turn.now &- beganAt
      desk.note(outcome.count)
    }
    if endedCount == phase.warmupCount {
      for _ in 0..<phase.inFlight { begin(&node) }
    } else {
      begin(&node)
    }
    if endedCount == begunCount { finish(status: 0) }
  }

  private mutating func finish(status: Int32) {
    guard phase != nil else { return }
    phase = nil
    outcome.status = status
    desk.finish(outcome)
  }

  // MARK: - Imports

  package mutating func received(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    switch event.kind {
    case .replied, .failed:
      let slot = event.request.raw.slot
      node.connections.release(event.request, rpc: &node.rpc, turn: &node.turn)
      guard phase?.operation == .rpc else { return }
      if event.status != 0 { return finish(status: event.status) }
      ended(slot, &node)
    case .connected where event.importHandle == pinged:
      isFull = true
      beginPhase(&node)
    case .connected: joined(event.importHandle, &node)
    case .attemptFailed:
      lastStatus = event.status
      if event.importHandle != pinged { finish(status: event.status) }
    case .closed: left(event.importHandle, &node)
    default: break
    }
  }

  private mutating func beginSet(_ node: inout NodeCore) {
    guard let phase else { return }
    // What warms up has sets of its own.
    let end = phase.warmupCount + (endedCount < phase.warmupCount ? 0 : phase.count)
    let count = min(SessionPlan.importsPerSet, end - endedCount)
    set = []
    nextInSet = 0
    fullInSet = 0
    closedInSet = 0
    for _ in 0..<count {
      guard let handle = makeImport(&node) else { return finish(status: WireErrno.enomem.status) }
      set.append(handle)
    }
    beganAt = node.turn.now
    for _ in 0..<phase.inFlight { connectNext(&node) }
  }

  private mutating func connectNext(_ node: inout NodeCore) {
    guard nextInSet < set.count else { return }
    let handle = set[nextInSet]
    nextInSet += 1
    beginnings[handle.raw.slot] = node.turn.now
    node.connections.connect(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  private mutating func joined(_ handle: ImportHandle, _ node: inout NodeCore) {
    guard let phase, phase.operation == .session else { return }
    endedCount += 1
    fullInSet += 1
    if endedCount > phase.warmupCount {
      outcome.latency.record(node.turn.now &- beginnings[handle.raw.slot])
    }
    guard fullInSet == set.count else { return connectNext(&node) }
    if endedCount > phase.warmupCount {
      outcome.count += set.count
      outcome.elapsedNanoseconds += node.turn.now &- beganAt
      desk.note(outcome.count)
    }
    nextInSet = 0
    for _ in 0..<phase.inFlight { closeNext(&node) }
  }

  private mutating func closeNext(_ node: inout NodeCore) {
    guard nextInSet < set.count else { return }
    nextInSet += 1
    node.connections.close(
      set[nextInSet - 1], rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  private mutating func left(_ handle: ImportHandle, _ node: inout NodeCore) {
    if handle == pinged {
      isFull = false
      return finish(status: lastStatus)
    }
    node.connections.removeImport(handle, turn: &node.turn)
    closedInSet += 1
    guard let phase else { return }
    guard closedInSet == set.count else { return closeNext(&node) }
    if endedCount < phase.warmupCount + phase.count, !desk.isStopped {
      beginSet(&node)
    } else {
      finish(status: 0)
    }
  }
}
