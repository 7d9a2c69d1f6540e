internal import BenchKit

/// `bench message`.
enum MessageRun {
  static let settings = LoadFlags<MessageLoad>.settings + [.rounds]

  /// The queue depth that message rates are measured at unless another is asked for.
  static let rateDepth = "128"
}

extension BenchRun {
  func message() async throws {
    let load = LoadPlan(settings, of: MessageLoad.self)
    if target != nil || load.ratePerSecond > 0 {
      try refuse(.rounds, "the floor is measured without a NID and without --rate")
    }
    if load.ratePerSecond > 0 { return try await messagesAtRate(load) }
    let session = try await session()
    let node = try node()
    let depth = node.interfaces.first?.tunables
    // A capture has one pair of nodes in it.
    let isDeepened =
      depth?.origin(.peerCredits) == .standard && session.isLocal
      && node.common.optionalText(.pcap) == nil
    let rateSession =
      isDeepened
      ? try await self.session([Setting.peerCredits.name: MessageRun.rateDepth]) : session
    var bench = MessageBench(
      target: session.target, byteCounts: load.byteCounts, iterations: load.iterations,
      warmup: load.warmup, inFlight: load.inFlight,
      durationNanoseconds: load.durationNanoseconds,
      floorRounds: session.isLocal ? settings.integer(.rounds) : 0)
    bench.measuresPut = load.measuresPut
    bench.measuresGet = load.measuresGet
    let plan = bench
    let usual = depth?.text(.peerCredits) ?? "8"
    let header = [
      ("measured", "LNet messages of \(settings.text(.messageSize)) bytes"),
      ("nodes", "\(session.localNID) to \(session.target)"),
      ("depth", isDeepened ? "\(usual), rate \(MessageRun.rateDepth)" : usual), load.count,
    ]
    try await report(
      backend: session.backend, header: header,
      onRequest: {
        session.stop()
        rateSession.stop()
      }
    ) { report, interruption in
      try await session.warmMemory(for: load)
      if isDeepened { try await rateSession.warmMemory(for: load) }
      try await plan.report(
        into: &report, session.run, rate: rateSession.run,
        isStopped: { interruption.isRequested })
      if let own = session.node {
        try await CallBench(plan).report(
          into: &report, from: own, isStopped: { interruption.isRequested })
      }
    }
    await session.close()
    if isDeepened { await rateSession.close() }
  }

  private func messagesAtRate(_ load: LoadPlan) async throws {
    let session = try await session()
    let header = [
      ("measured", "LNet messages of \(settings.text(.messageSize)) bytes, there and back"),
      ("nodes", "\(session.localNID) to \(session.target)"),
      ("in flight", "\(load.inFlight) at most"), load.count,
    ]
    let operations: [BenchPhase.Operation] =
      (load.measuresPut ? [.pingPong] : []) + (load.measuresGet ? [.get] : [])
    try await report(
      backend: session.backend, header: header, onRequest: { session.stop() }
    ) { report, interruption in
      try await session.warmMemory(for: load)
      try await OpenLoopBench(load, to: session.target, operations, checksums: [false])
        .report(into: &report, session.run, isStopped: { interruption.isRequested })
    }
    await session.close()
  }
}
