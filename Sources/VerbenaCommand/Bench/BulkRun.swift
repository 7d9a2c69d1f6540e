internal import BenchKit

/// `bench bulk`.
enum BulkRun {
  static let settings: [Setting] = [
    .bulkSize, .bulkIterations, .duration, .queuePairs, .bulkInFlight, .bulkWarmup, .operation,
    .checksum,
  ]
}

extension BenchRun {
  func bulk() async throws {
    let session = try await session()
    let operations: [BenchPhase.Operation] =
      switch settings.text(.operation) {
      case "put": [.put]
      case "get": [.get]
      default: [.put, .get]
      }
    let checksums =
      switch settings.text(.checksum) {
      case "off": [false]
      case "on": [true]
      default: [false, true]
      }
    let bench = BulkBench(
      target: session.target, byteCounts: settings.byteCounts(.bulkSize),
      iterations: settings.integer(.bulkIterations), warmup: settings.integer(.bulkWarmup),
      inFlight: settings.integer(.bulkInFlight),
      durationNanoseconds: settings.nanoseconds(.duration), operations: operations,
      checksums: checksums)
    let header = [
      ("measured", "bulk data of \(settings.text(.bulkSize)) bytes"),
      ("nodes", "\(session.localNID) to \(session.target)"),
      ("in flight", settings.text(.bulkInFlight)),
      (
        "count",
        "\(settings.integer(.bulkIterations)) after \(settings.integer(.bulkWarmup)) to warm up"
      ),
    ]
    try await report(
      backend: session.backend, header: header, onRequest: { session.stop() }
    ) { report, interruption in
      try await bench.report(
        into: &report, session.run, isStopped: { interruption.isRequested })
    }
    await session.close()
  }
}
