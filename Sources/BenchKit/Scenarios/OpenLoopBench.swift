package import LustreWire

/// Operations that begin at a given rate whether or not those before have ended (an open loop). Their latency counts from
/// when each should have begun: a stall is in the numbers of all that it held up, not only in its own.
package struct OpenLoopBench: Sendable {
  package var target: NID
  package var byteCounts: [Int]
  package var iterations: Int
  package var warmup: Int
  /// Operations under way at a time, at most: those due beyond wait, and their wait counts.
  package var inFlight: Int
  package var durationNanoseconds: UInt64
  package var ratePerSecond: Int
  package var operations: [BenchPhase.Operation]
  /// Without checksums, with them, or both.
  package var checksums: [Bool]

  /// Below this part of the rate that was asked for, the report says that it was not reached.
  private static let reachedPart = 0.95

  package init(
    target: NID, byteCounts: [Int], iterations: Int, warmup: Int, inFlight: Int,
    durationNanoseconds: UInt64, ratePerSecond: Int, operations: [BenchPhase.Operation],
    checksums: [Bool]
  ) {
    self.target = target
    self.byteCounts = byteCounts
    self.iterations = iterations
    self.warmup = warmup
    self.inFlight = inFlight
    self.durationNanoseconds = durationNanoseconds
    self.ratePerSecond = ratePerSecond
    self.operations = operations
    self.checksums = checksums
  }

  /// Runs all of it and files the table and the series.
  package func report(
    into report: inout BenchReport, _ run: PhaseRunner, isStopped: () -> Bool
  ) async throws {
    var table = Table(
      [
        .init("operation", isNumber: false), .init("size", unit: "B"),
        .init("checksum", isNumber: false), .init("asked", unit: "1/s"),
        .init("reached", unit: "1/s"),
      ] + LatencySummary.columns + [.init("p50 sent", unit: "us"), .init("p99 sent", unit: "us")])
    var lines: [String] = []
    defer {
      if !table.rows.isEmpty {
        report.tables.append(
          ("Open loop: from when each should have begun; `sent`: from when it was", table))
      }
      report.summary = lines.joined(separator: "; ")
    }
    for operation in operations {
      for byteCount in byteCounts {
        for isChecked in checksums where !isStopped() {
          let phase = BenchPhase(
            operation, target: target, byteCount: byteCount, count: iterations,
            warmupCount: warmup,
            inFlight: BenchMemory.inFlight(inFlight, byteCount: byteCount), isChecked: isChecked,
            durationNanoseconds: durationNanoseconds, ratePerSecond: ratePerSecond)
          report.noteInFlight(asked: inFlight, phase)
          let outcome = try await run(phase)
          if outcome.count > 0 { lines.append(add(outcome, phase, to: &report, &table)) }
          if let error = BenchError(outcome, phase) {
            report.failureCount += max(1, Int(clamping: outcome.mismatchCount))
            throw error
          }
        }
      }
    }
  }

  private func add(
    _ outcome: BenchOutcome, _ phase: BenchPhase, to report: inout BenchReport, _ table: inout Table
  ) -> String {
    let seconds = Double(max(outcome.elapsedNanoseconds, 1)) / 1e9
    let reached = Double(outcome.count) / seconds
    let summary = outcome.correctedLatency.summary
    let sent = outcome.latency.summary
    let checksum = phase.isChecked ? "on" : "off"
    let name = phase.operation == .pingPong ? "PUT round trip" : phase.operation.word.uppercased()
    table.add(
      [
        name, "\(phase.byteCount)", checksum, Fixed.grouped(UInt64(ratePerSecond)),
        Fixed.grouped(UInt64(reached)),
      ] + summary.cells + [Fixed.microseconds(sent.p50), Fixed.microseconds(sent.p99)])
    report.series.append(
      BenchSeries(
        name: "\(name) at a rate",
        labels: [
          ("bytes", .integer(phase.byteCount)), ("checksum", .string(checksum)),
          ("inFlight", .integer(phase.inFlight)), ("askedPerSecond", .integer(ratePerSecond)),
        ],
        metrics: [
          ("operationsPerSecond", reached),
          ("mebibytesPerSecond", reached * Double(phase.byteCount) / Double(1 << 20)),
          ("wrongChecksums", Double(outcome.mismatchCount)),
        ], latency: outcome.latency, correctedLatency: outcome.correctedLatency))
    let isReached = reached >= Double(ratePerSecond) * Self.reachedPart
    let rate =
      isReached
      ? "at \(Fixed.grouped(UInt64(reached)))/s"
      : "at \(Fixed.grouped(UInt64(reached)))/s, NOT the \(Fixed.grouped(UInt64(ratePerSecond)))/s asked for"
    return
      "\(name) of \(phase.byteCount) B \(rate): median \(Fixed.microseconds(summary.p50)) us, p99 "
      + "\(Fixed.microseconds(summary.p99)) us"
  }
}
