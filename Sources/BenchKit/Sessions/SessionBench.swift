package import LustreWire

/// OBD_PINGs over an import, and CONNECTs held against an LNet message with its ACK.
package struct SessionBench: Sendable {
  package var target: NID
  package var iterations: Int
  package var warmup: Int
  package var inFlight: Int

  package init(target: NID, iterations: Int, warmup: Int, inFlight: Int) {
    self.target = target
    self.iterations = iterations
    self.warmup = warmup
    self.inFlight = inFlight
  }

  private func phase(
    _ operation: BenchPhase.Operation, count: Int, inFlight: Int
  ) -> BenchPhase {
    BenchPhase(
      operation, target: target, byteCount: 0, count: count, warmupCount: warmup,
      inFlight: inFlight)
  }

  private static func columns() -> [Table.Column] {
    [.init("operation", isNumber: false), .init("in flight")] + LatencySummary.columns
      + [.init("per second")]
  }

  private func file(
    _ outcome: BenchOutcome, _ name: String, _ inFlight: Int, metric: String, _ table: inout Table,
    into report: inout BenchReport
  ) -> Double {
    let rate = Double(outcome.count) / (Double(max(outcome.elapsedNanoseconds, 1)) / 1e9)
    table.add(
      [name, "\(inFlight)"] + outcome.latency.summary.cells + [Fixed.grouped(UInt64(rate))])
    report.series.append(
      BenchSeries(
        name: name, labels: [("inFlight", .integer(inFlight))], metrics: [(metric, rate)],
        latency: outcome.latency))
    return rate
  }

  private func run(_ phase: BenchPhase, _ runner: PhaseRunner) async throws -> BenchOutcome {
    let outcome = try await runner(phase)
    if let error = BenchError(outcome, phase) { throw error }
    return outcome
  }

  /// Round trips of OBD_PING, one at a time and many.
  package func reportPings(
    into report: inout BenchReport, _ runner: PhaseRunner, isStopped: () -> Bool
  ) async throws {
    var table = Table(Self.columns())
    var lines: [String] = []
    defer {
      if !table.rows.isEmpty { report.tables.append(("Round trips of OBD_PING", table)) }
      report.summary = lines.joined(separator: "; ")
    }
    for depth in inFlight == 1 ? [1] : [1, inFlight] where !isStopped() {
      let outcome = try await run(phase(.rpc, count: iterations, inFlight: depth), runner)
      let rate = file(
        outcome, "OBD_PING", depth, metric: "pingsPerSecond", &table, into: &report)
      lines.append(
        depth == 1
          ? "OBD_PING \(Fixed.microseconds(outcome.latency.summary.p50)) us"
          : "\(Fixed.grouped(UInt64(rate))) pings/s with \(depth) in flight")
    }
  }

  /// Rounds in which a CONNECT and a message with ACK take turns.
  package static let rounds = 5

  /// CONNECTs over a connection that stands: many at a time; and one at a time, in turns with a message and its ACK.
  package func reportConnects(
    into report: inout BenchReport, _ runner: PhaseRunner, isStopped: () -> Bool
  ) async throws {
    var table = Table(Self.columns())
    var lines: [String] = []
    defer {
      if !table.rows.isEmpty {
        report.tables.append(("CONNECTs over a connection that stands", table))
      }
      report.summary = ([report.summary] + lines).filter { !$0.isEmpty }.joined(separator: "; ")
    }
    let many = try await run(phase(.session, count: iterations, inFlight: inFlight), runner)
    let rate = file(
      many, "CONNECT rate", inFlight, metric: "connectsPerSecond", &table, into: &report)
    lines.append("\(Fixed.grouped(UInt64(rate))) CONNECTs/s")
    var connects = BenchOutcome()
    var messages = BenchOutcome()
    var ratio = PairedRatio()
    let part = max(1, min(iterations, 10_000) / Self.rounds)
    for _ in 0..<Self.rounds where !isStopped() {
      let connect = try await run(phase(.session, count: part, inFlight: 1), runner)
      let message = try await run(phase(.acknowledged, count: part, inFlight: 1), runner)
      guard connect.count > 0, message.count > 0 else { break }
      ratio.add(
        ours: Double(connect.latency.summary.p50), theirs: Double(message.latency.summary.p50))
      connects.add(connect)
      messages.add(message)
    }
    guard let median = ratio.median else { return }
    _ = file(connects, "CONNECT", 1, metric: "connectsPerSecond", &table, into: &report)
    _ = file(messages, "PUT and ACK", 1, metric: "messagesPerSecond", &table, into: &report)
    report.series[report.series.count - 2].metrics.append(("ratioToMessageMedian", median))
    lines.append("CONNECT is \(Fixed.text(median, places: 2)) × a PUT with ACK")
  }
}

extension BenchOutcome {
  fileprivate mutating func add(_ other: BenchOutcome) {
    count += other.count
    elapsedNanoseconds += other.elapsedNanoseconds
    latency.add(other.latency)
  }
}
