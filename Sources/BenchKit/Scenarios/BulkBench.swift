package import LustreWire

/// Bandwidth of bulk PUTs and GETs between two nodes.
package struct BulkBench: Sendable {
  package var target: NID
  package var byteCounts: [Int]
  package var iterations: Int
  package var warmup: Int
  package var inFlight: Int
  package var durationNanoseconds: UInt64
  package var operations: [BenchPhase.Operation]
  /// Without checksums, with them, or both.
  package var checksums: [Bool]
  /// What puts and gets are called: of objects, they are writes and reads.
  package var putName = "PUT"
  package var getName = "GET"
  /// Whether the data is placed in the bulk memory of a node that has as much of it as any.
  package var isOfNodes = true

  package init(
    target: NID, byteCounts: [Int], iterations: Int, warmup: Int, inFlight: Int,
    durationNanoseconds: UInt64, operations: [BenchPhase.Operation], checksums: [Bool]
  ) {
    self.target = target
    self.byteCounts = byteCounts
    self.iterations = iterations
    self.warmup = warmup
    self.inFlight = inFlight
    self.durationNanoseconds = durationNanoseconds
    self.operations = operations
    self.checksums = checksums
  }

  /// Runs all of it and files the table and the series.
  package func report(
    into report: inout BenchReport, _ run: PhaseRunner, isStopped: () -> Bool
  ) async throws {
    var table = Table([
      .init("operation", isNumber: false), .init("size", unit: "B"),
      .init("checksum", isNumber: false), .init("bandwidth", unit: "MiB/s"), .init("transfers/s"),
      .init("p50", unit: "us"), .init("p99", unit: "us"), .init("max", unit: "us"), .init("count"),
    ])
    var best: (text: String, bandwidth: Double) = ("nothing was measured", 0)
    defer {
      if !table.rows.isEmpty { report.tables.append(("", table)) }
      report.summary = best.text
    }
    for operation in operations {
      for byteCount in byteCounts {
        let depth = isOfNodes ? BenchMemory.inFlight(inFlight, byteCount: byteCount) : inFlight
        for isChecked in checksums where !isStopped() {
          let phase = BenchPhase(
            operation, target: target, byteCount: byteCount, count: iterations,
            warmupCount: warmup, inFlight: depth, isChecked: isChecked,
            durationNanoseconds: durationNanoseconds)
          report.noteInFlight(asked: inFlight, phase)
          let outcome = try await run(phase)
          let bandwidth = outcome.count > 0 ? add(outcome, phase, to: &report, &table) : 0
          if bandwidth > best.bandwidth {
            let name = self.name(operation)
            best = (
              "\(name) of \(Quantity.text(bytes: byteCount)): \(Fixed.text(bandwidth, places: 0)) MiB/s, "
                + "checksums \(isChecked ? "on" : "off")", bandwidth
            )
          }
          if let error = BenchError(outcome, phase) {
            report.failureCount += max(1, Int(clamping: outcome.mismatchCount))
            throw error
          }
        }
      }
    }
  }

  private func name(_ operation: BenchPhase.Operation) -> String {
    operation == .put ? putName : getName
  }

  private func add(
    _ outcome: BenchOutcome, _ phase: BenchPhase, to report: inout BenchReport, _ table: inout Table
  ) -> Double {
    let seconds = Double(max(outcome.elapsedNanoseconds, 1)) / 1e9
    let rate = Double(outcome.count) / seconds
    let bandwidth = rate * Double(phase.byteCount) / Double(1 << 20)
    let summary = outcome.latency.summary
    let checksum = phase.isChecked ? "on" : "off"
    table.add([
      name(phase.operation), "\(phase.byteCount)", checksum,
      Fixed.text(bandwidth, places: 1), Fixed.text(rate, places: 0),
      Fixed.microseconds(summary.p50), Fixed.microseconds(summary.p99),
      Fixed.microseconds(summary.max), "\(outcome.count)",
    ])
    report.series.append(
      BenchSeries(
        name: name(phase.operation),
        labels: [
          ("bytes", .integer(phase.byteCount)), ("checksum", .string(checksum)),
          ("inFlight", .integer(phase.inFlight)),
        ],
        metrics: [
          ("mebibytesPerSecond", bandwidth), ("transfersPerSecond", rate),
          ("wrongChecksums", Double(outcome.mismatchCount)),
        ], latency: outcome.latency))
    return bandwidth
  }
}
