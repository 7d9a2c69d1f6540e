internal import BenchKit
internal import Verbena

/// `bench rpc`.
enum RPCRun {
  static let settings: [Setting] = [.iterations, .inFlight, .warmup, .targetName]
}

extension BenchRun {
  func rpc() async throws {
    let bench = settings.integer(.iterations)
    let inFlight = settings.integer(.inFlight)
    let ends = try await sessionEnds(inFlight: inFlight)
    let watch = PhaseWatch(
      node: ends.node, desk: ends.desk, deadlineNanoseconds: settings.nanoseconds(.deadline),
      display: display)
    let plan = SessionBench(
      target: ends.target, iterations: bench, warmup: settings.integer(.warmup),
      inFlight: inFlight)
    let header = [
      ("measured", "round trips of OBD_PING over an import"),
      ("nodes", "\(ends.node.nids[0]) to \(ends.targetName) at \(ends.target)"),
      ("in flight", "1, then \(inFlight)"),
      ("count", "\(plan.iterations) after \(plan.warmup) to warm up"),
    ]
    try await report(
      backend: ends.backend, header: header, onRequest: { ends.desk.stop() }
    ) { report, interruption in
      try await plan.reportPings(
        into: &report, watch.run, isStopped: { interruption.isRequested })
    }
    await ends.close()
  }
}
