internal import BenchKit
internal import LustreWire
internal import O2IBLND
internal import Verbena

/// `bench connect`.
enum ConnectRun {
  static let settings: [Setting] = [
    .connections, .inFlightConnects, .connectWarmup, .targetName, .mountCount, .mountedTargets,
    .mountedFileSystem,
  ]
}

extension BenchRun {
  func connect() async throws {
    let mounts = try MountsRun(self)
    let inFlight = settings.integer(.inFlightConnects)
    let timings = ConnectTimings()
    let desk = BenchDesk()
    let ends = try await connectEnds(inFlight)
    let nid = ends.target
    let wanted = ConnectPlan(
      target: nid, count: settings.integer(.connections),
      warmupCount: settings.integer(.connectWarmup), inFlight: inFlight,
      deadlineNanoseconds: settings.nanoseconds(.deadline))
    let node = try await ends.plan.start(timings: timings) {
      ConnectClient(wanted, timings: timings, desk: desk)
    }
    let watch = PhaseWatch(
      node: node, desk: desk, deadlineNanoseconds: wanted.deadlineNanoseconds &* 2,
      display: display)
    let sessions = try await connectSessions()
    let sessionWatch = PhaseWatch(
      node: sessions?.node ?? node, desk: sessions?.desk ?? desk,
      deadlineNanoseconds: wanted.deadlineNanoseconds, display: display)
    let header = [
      ("measured", "set-up of o2iblnd connections, and an LNet ping over them"),
      ("nodes", "\(node.nids[0]) to \(nid)"), ("at a time", "\(inFlight)"),
      ("count", "\(wanted.count) after \(wanted.warmupCount) to warm up"),
    ]
    try await report(
      backend: ends.plan.backend.name, header: header,
      onRequest: {
        desk.stop()
        sessions?.desk.stop()
      }
    ) { report, interruption in
      let phase = BenchPhase(.pingPong, target: nid, byteCount: 0, count: wanted.count)
      let outcome = try await watch.run(phase)
      if outcome.count > 0 { ConnectBench.file(outcome, wanted, timings, into: &report) }
      if outcome.status != 0 {
        report.failureCount += 1
        throw CommandFailure(NodeError(status: outcome.status, "connect", nid))
      }
      if let sessions, !interruption.isRequested {
        try await SessionBench(
          target: sessions.target, iterations: wanted.count, warmup: wanted.warmupCount,
          inFlight: wanted.inFlight
        ).reportConnects(
          into: &report, sessionWatch.run, isStopped: { interruption.isRequested })
      }
      if !interruption.isRequested {
        try await mounts?.run(into: &report, isStopped: { interruption.isRequested })
      }
    }
    await sessions?.close()
    await node.stop()
    await ends.partner?.stop()
  }

  /// For CONNECTs of imports over a connection that stands: where there are targets, which nodes alone do not have.
  private func connectSessions() async throws -> SessionEnds? {
    guard target == nil || settings.optionalText(.targetName) != nil else { return nil }
    return try await sessionEnds(inFlight: settings.integer(.inFlightConnects))
  }

  private struct ConnectEnds {
    var plan: NodePlan
    var target: NID
    /// The passive end, where it is ours too.
    var partner: Node?
  }

  /// The active end is always a node of the command's own: connects are taken apart in its transport.
  private func connectEnds(_ inFlight: Int) async throws -> ConnectEnds {
    if let target {
      let settings = try node()
      if let owner = try RunningNodes.owner(of: settings) {
        throw CommandFailure(
          .usage,
          "the local NID \(owner) belongs to a node that runs here, and connects are measured from a "
            + "node of the command's own: give another address with --bind, or stop the node")
      }
      var plan = try NodePlan(settings, isTransient: true)
      plan.configuration.tunables.connectAtOnce(inFlight)
      return ConnectEnds(plan: plan, target: target, partner: nil)
    }
    var plans = try BenchSession.localPlans { flags throws(CommandFailure) in try node(flags) }
    plans.active.configuration.tunables.connectAtOnce(inFlight)
    let partner = try await plans.passive.start(
      program: { BenchPeer(desk: BenchDesk(), session: 0) })
    return ConnectEnds(plan: plans.active, target: partner.nids[0], partner: partner)
  }
}
