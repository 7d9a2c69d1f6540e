internal import BenchKit
internal import EmulatedTransport
internal import Foundation
internal import LustreWire
internal import Verbena

/// The nodes of a benchmark: the active end, and the passive end when it is ours too.
struct BenchSession {
  private enum Active {
    case own(Node, BenchDesk)
    case control(NodeName)
  }

  private let active: Active
  private let partner: Node?
  private let deadlineNanoseconds: UInt64
  private var display: PhaseDisplay
  let target: NID
  let localNID: NID
  /// For reports.
  let backend: String
  /// Whether the nodes' memory may be on an emulated fabric.
  private let isMaybeEmulated: Bool
  /// The active end, where it is our own.
  var node: Node? { if case .own(let node, _) = active { node } else { nil } }
  /// Whether both ends run in this process.
  var isLocal: Bool { partner != nil }

  typealias SettingsMaker = ([String: String]) throws(CommandFailure) -> NodeSettings

  /// The plans of two nodes on an emulated fabric of their own.
  ///
  /// - Parameter settings: those of a node with these flags set.
  static func localPlans(_ settings: SettingsMaker) throws(CommandFailure) -> (
    active: NodePlan, passive: NodePlan
  ) {
    let process = ProcessInfo.processInfo.processIdentifier
    let fabric = "bench-\(process)-\(UInt32.random(in: 0...9999))"
    func plan(_ address: String) throws(CommandFailure) -> NodePlan {
      let flags = [Setting.fabric.name: fabric, Setting.bind.name: address]
      return try NodePlan(try settings(flags), isTransient: true)
    }
    var passive = try plan("10.0.0.2")
    // One file has one node's view.
    passive.capturePath = nil
    return (try plan("10.0.0.1"), passive)
  }

  /// Both ends in this process, a thread each.
  static func local(
    _ settings: SettingsMaker, deadlineNanoseconds: UInt64, display: PhaseDisplay
  ) async throws -> BenchSession {
    let plans = try localPlans(settings)
    let partner = try await plans.passive.start(
      program: { BenchPeer(desk: BenchDesk(), session: 0) })
    return try await own(
      plans.active, target: partner.nids[0], partner: partner,
      deadlineNanoseconds: deadlineNanoseconds, display: display)
  }

  /// Against a node that runs already: from a running node of this host when it is to be the active end, else from
  /// one of our own.
  static func remote(
    _ settings: NodeSettings, target: NID, deadlineNanoseconds: UInt64, display: PhaseDisplay
  ) async throws -> BenchSession {
    if let owner = try RunningNodes.owner(of: settings) {
      return BenchSession(
        active: .control(owner), partner: nil, deadlineNanoseconds: deadlineNanoseconds,
        display: display, target: target, localNID: owner.nid, backend: "running node \(owner)",
        isMaybeEmulated: true)
    }
    return try await own(
      try NodePlan(settings, isTransient: true), target: target, partner: nil,
      deadlineNanoseconds: deadlineNanoseconds, display: display)
  }

  private static func own(
    _ plan: NodePlan, target: NID, partner: Node?, deadlineNanoseconds: UInt64,
    display: PhaseDisplay
  ) async throws -> BenchSession {
    let desk = BenchDesk()
    let session = UInt32.random(in: 1 ... .max)
    let node = try await plan.start(program: { BenchPeer(desk: desk, session: session) })
    let isEmulated = if case .emulated = plan.backend { true } else { false }
    return BenchSession(
      active: .own(node, desk), partner: partner, deadlineNanoseconds: deadlineNanoseconds,
      display: display, target: target, localNID: node.nids[0], backend: plan.backend.name,
      isMaybeEmulated: isEmulated)
  }

  /// Goes round the other end's memory before anything is measured that is too large for a message's own memory.
  ///
  /// - Parameters:
  ///   - load: one without operations to warm up does without.
  ///   - isRead: whether the other end will look at the data.
  func warmMemory(for load: LoadPlan, isRead: Bool = false) async throws {
    let isLarge = load.byteCounts.contains { $0 > BenchMemory.messageByteCount }
    guard isMaybeEmulated, load.warmup > 0, isLarge else { return }
    var session = self
    session.display = .nothing
    let lap = BenchMemory.lap(to: target, isRead: isRead)
    if let error = BenchError(try await session.run(lap), lap) { throw error }
  }

  /// Runs a phase; gives it up when nothing of it has ended for the deadline.
  @Sendable func run(_ phase: BenchPhase) async throws -> BenchOutcome {
    switch active {
    case .own(let node, let desk):
      return try await PhaseWatch(
        node: node, desk: desk, deadlineNanoseconds: deadlineNanoseconds, display: display
      ).run(phase)
    case .control(let owner):
      let watch = Task {
        if case .rows = display { try await look(at: phase, of: owner) }
      }
      defer { watch.cancel() }
      let words = ["bench"] + phase.words + ["\(deadlineNanoseconds)"]
      // The node keeps the deadline; a phase may last as long as it makes progress.
      switch try await Self.ask(owner, words, timeoutMilliseconds: 3_600_000) {
      case .text(let text):
        guard let outcome = BenchOutcome(text: text) else {
          throw CommandFailure(.failed, "the running node \(owner) answered something else")
        }
        return outcome
      case .failure(_, let explanation): throw CommandFailure(.failed, explanation)
      }
    }
  }

  /// Shows a phase that a running node measures, by asking how far it is.
  private func look(at phase: BenchPhase, of owner: NodeName) async throws {
    let clock = ContinuousClock()
    let start = clock.now
    var view = PhaseView(phase, display)
    while true {
      try await Task.sleep(for: .nanoseconds(Int64(view.pauseNanoseconds)))
      let reply = try await Self.ask(owner, BenchAnswers.progress, timeoutMilliseconds: 5000)
      guard !Task.isCancelled, case .text(let text) = reply, let count = Int(text) else { continue }
      view.update(elapsed: (clock.now - start).wholeNanoseconds, count: count)
    }
  }

  /// Asks on a thread of its own: an answer may be an hour away.
  private static func ask(
    _ owner: NodeName, _ words: [String], timeoutMilliseconds: Int32
  ) async throws -> ControlReply {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            try ControlClient.ask(
              owner, ControlRequest(words: words), timeoutMilliseconds: timeoutMilliseconds)
          })
      }
    }
  }

  /// Lets the phase under way end early and report.
  func stop() {
    if case .own(_, let desk) = active { desk.stop() }
  }

  func close() async {
    if case .own(let node, _) = active { await node.stop() }
    await partner?.stop()
  }
}
