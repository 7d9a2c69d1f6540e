internal import BenchKit
internal import LustreWire

/// `bench bulk`.
enum BulkRun {
  static let settings = LoadFlags<BulkLoad>.settings + [.checksum, .benchObjects]
}

extension LoadPlan {
  var operations: [BenchPhase.Operation] {
    (measuresPut ? [.put] : []) + (measuresGet ? [.get] : [])
  }
}

extension BenchRun {
  /// Without checksums, with them, or both.
  var checksums: [Bool] {
    switch settings.text(.checksum) {
    case "off": [false]
    case "on": [true]
    default: [false, true]
    }
  }

  func bulk() async throws {
    let session = try await session()
    let load = LoadPlan(settings, of: BulkLoad.self)
    let operations = load.operations
    let checksums = checksums
    let header = [
      ("measured", "bulk data of \(settings.text(.bulkSize)) bytes"),
      ("nodes", "\(session.localNID) to \(session.target)"),
      ("in flight", settings.text(.bulkInFlight)), load.count,
    ]
    try await report(
      backend: session.backend, header: header, onRequest: { session.stop() }
    ) { report, interruption in
      try await session.warmMemory(for: load, isRead: checksums.contains(true))
      if load.ratePerSecond > 0 {
        try await OpenLoopBench(load, to: session.target, operations, checksums: checksums)
          .report(into: &report, session.run, isStopped: { interruption.isRequested })
        return
      }
      try await BulkBench(
        target: session.target, byteCounts: load.byteCounts, iterations: load.iterations,
        warmup: load.warmup, inFlight: load.inFlight,
        durationNanoseconds: load.durationNanoseconds, operations: operations,
        checksums: checksums
      ).report(into: &report, session.run, isStopped: { interruption.isRequested })
    }
    await session.close()
  }
}

extension OpenLoopBench {
  init(
    _ load: LoadPlan, to target: NID, _ operations: [BenchPhase.Operation], checksums: [Bool]
  ) {
    self.init(
      target: target, byteCounts: load.byteCounts, iterations: load.iterations,
      warmup: load.warmup, inFlight: load.inFlight,
      durationNanoseconds: load.durationNanoseconds, ratePerSecond: load.ratePerSecond,
      operations: operations, checksums: checksums)
  }
}
