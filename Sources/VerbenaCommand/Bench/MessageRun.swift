internal import BenchKit

/// `bench message`.
enum MessageRun {
  static let settings: [Setting] = [
    .messageSize, .iterations, .duration, .queuePairs, .inFlight, .warmup, .operation, .rounds,
  ]

  /// The queue depth that message rates are measured at unless another is asked for.
  static let rateDepth = "128"
}

extension BenchRun {
  func message() async throws {
    let session = try await session()
    let depth = try node().interfaces.first?.tunables
    // A capture has one pair of nodes in it.
    let isDeepened =
      try depth?.origin(.peerCredits) == .standard && session.isLocal
      && node().common.optionalText(.pcap) == nil
    let rateSession =
      isDeepened
      ? try await self.session([Setting.peerCredits.name: MessageRun.rateDepth]) : session
    let operation = settings.text(.operation)
    var bench = MessageBench(
      target: session.target, byteCounts: settings.byteCounts(.messageSize),
      iterations: settings.integer(.iterations), warmup: settings.integer(.warmup),
      inFlight: settings.integer(.inFlight),
      durationNanoseconds: settings.nanoseconds(.duration),
      floorRounds: session.isLocal ? settings.integer(.rounds) : 0)
    bench.measuresPut = operation != "get"
    bench.measuresGet = operation != "put"
    let plan = bench
    let usual = depth?.text(.peerCredits) ?? "8"
    let header = [
      ("measured", "LNet messages of \(settings.text(.messageSize)) bytes"),
      ("nodes", "\(session.localNID) to \(session.target)"),
      (
        "depth",
        isDeepened ? "\(usual), rate \(MessageRun.rateDepth)" : usual
      ),
      ("count", "\(settings.integer(.iterations)) after \(settings.integer(.warmup)) to warm up"),
    ]
    try await report(
      backend: session.backend, header: header,
      onRequest: {
        session.stop()
        rateSession.stop()
      }
    ) { report, interruption in
      try await plan.report(
        into: &report, session.run, rate: rateSession.run,
        isStopped: { interruption.isRequested })
    }
    await session.close()
    if isDeepened { await rateSession.close() }
  }
}
