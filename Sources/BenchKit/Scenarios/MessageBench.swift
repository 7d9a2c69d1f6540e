package import LustreWire

/// Runs a phase on whichever node is the active end.
package typealias PhaseRunner = @Sendable (BenchPhase) async throws -> BenchOutcome

/// Latency and rate of LNet messages between two nodes.
package struct MessageBench: Sendable {
  package var target: NID
  package var byteCounts: [Int]
  package var iterations: Int
  package var warmup: Int
  package var inFlight: Int
  package var durationNanoseconds: UInt64
  /// Measures PUTs (half a round trip), GETs (a whole one), or both.
  package var measuresPut = true
  package var measuresGet = false
  /// Parts that each measurement is cut in, the floor measured between them; 0 measures no floor.
  package var floorRounds: Int
  /// Round trips of the floor in each part.
  package static let floorRoundTrips = 20_000

  package init(
    target: NID, byteCounts: [Int], iterations: Int, warmup: Int, inFlight: Int,
    durationNanoseconds: UInt64, floorRounds: Int
  ) {
    self.target = target
    self.byteCounts = byteCounts
    self.iterations = iterations
    self.warmup = warmup
    self.inFlight = inFlight
    self.durationNanoseconds = durationNanoseconds
    self.floorRounds = floorRounds
  }

  /// Latency of one size, in parts, with the floor between them.
  package struct Latency: Sendable {
    package var byteCount: Int
    package var isGet: Bool
    package var recorder = LatencyRecorder()
    package var floor = LatencyRecorder()
    package var ratio = PairedRatio()
  }

  package func latency(_ byteCount: Int, isGet: Bool, _ run: PhaseRunner) async throws -> Latency {
    var latency = Latency(byteCount: byteCount, isGet: isGet)
    let rounds = max(1, min(floorRounds, iterations))
    for round in 0..<rounds {
      let part = iterations / rounds + (round < iterations % rounds ? 1 : 0)
      let floor = floorRounds > 0 ? await Self.measureFloor() : nil
      let phase = BenchPhase(
        isGet ? .get : .pingPong, target: target, byteCount: byteCount, count: part,
        warmupCount: min(warmup, max(part, 1)),
        durationNanoseconds: durationNanoseconds / UInt64(rounds))
      let outcome = try await run(phase)
      latency.recorder.add(outcome.latency)
      if let error = BenchError(outcome, phase) { throw error }
      guard outcome.count > 0 else { break }
      if let floor {
        latency.floor.record(UInt64(floor.rounded()))
        let halves: Double = isGet ? 1 : 2
        latency.ratio.add(
          ours: Double(outcome.elapsedNanoseconds) / Double(outcome.count) / halves, theirs: floor)
      }
    }
    return latency
  }

  /// Messages one way, many under way.
  func rate(_ phase: BenchPhase, _ run: PhaseRunner) async throws -> BenchOutcome {
    let outcome = try await run(phase)
    if let error = BenchError(outcome, phase) { throw error }
    return outcome
  }

  /// On a thread of its own, once the loops have gone to sleep.
  private static func measureFloor() async -> Double {
    try? await Task.sleep(for: .milliseconds(2))
    return await Task.detached { ThreadFloor.measure(roundTrips: floorRoundTrips) }.value
  }
}

extension MessageBench {
  /// Runs all of it and files tables and series.
  ///
  /// - Parameters:
  ///   - run: the nodes that latency is measured between.
  ///   - runRate: those that the rate is measured between: deeper queues.
  ///   - isStopped: whether what has not begun is left out.
  package func report(
    into report: inout BenchReport, _ run: PhaseRunner, rate runRate: PhaseRunner,
    isStopped: () -> Bool
  ) async throws {
    var lines: [String] = []
    defer { report.summary = lines.joined(separator: "; ") }
    try await reportLatency(into: &report, &lines, run, isStopped)
    if measuresPut { try await reportRate(into: &report, &lines, runRate, isStopped) }
  }

  private func reportLatency(
    into report: inout BenchReport, _ lines: inout [String], _ run: PhaseRunner,
    _ isStopped: () -> Bool
  ) async throws {
    var table = Table(
      [.init("operation", isNumber: false), .init("size", unit: "B")] + LatencySummary.columns
        + [.init("floor", unit: "us"), .init("× floor"), .init("× min"), .init("× max")])
    defer {
      if !table.rows.isEmpty { report.tables.append(("Latency (PUT: half a round trip)", table)) }
    }
    for byteCount in byteCounts {
      for isGet in [false, true] where (isGet ? measuresGet : measuresPut) && !isStopped() {
        let latency = try await self.latency(byteCount, isGet: isGet, run)
        add(latency, to: &report, &table, &lines)
      }
    }
  }

  private func reportRate(
    into report: inout BenchReport, _ lines: inout [String], _ run: PhaseRunner,
    _ isStopped: () -> Bool
  ) async throws {
    var table = Table([
      .init("size", unit: "B"), .init("in flight"), .init("messages/s"),
      .init("rate", unit: "MiB/s"), .init("count"),
    ])
    defer {
      if !table.rows.isEmpty { report.tables.append(("Rate (PUT one way, no ACK)", table)) }
    }
    for byteCount in byteCounts where !isStopped() {
      let phase = BenchPhase(
        .stream, target: target, byteCount: byteCount, count: iterations, warmupCount: warmup,
        inFlight: BenchMemory.inFlight(inFlight, byteCount: byteCount),
        durationNanoseconds: durationNanoseconds)
      report.noteInFlight(asked: inFlight, phase)
      add(try await rate(phase, run), phase, to: &report, &table, &lines)
    }
  }

  private func add(
    _ latency: Latency, to report: inout BenchReport, _ table: inout Table, _ lines: inout [String]
  ) {
    let name = latency.isGet ? "GET round trip" : "PUT half round trip"
    let summary = latency.recorder.summary
    let ratio = [latency.ratio.median, latency.ratio.minimum, latency.ratio.maximum]
    let floor = latency.floor.count > 0 ? Fixed.microseconds(latency.floor.summary.p50) : "-"
    table.add(
      [latency.isGet ? "GET" : "PUT", "\(latency.byteCount)"] + summary.cells + [floor]
        + ratio.map { $0.map { Fixed.text($0, places: 2) } ?? "-" })
    var metrics: [(name: String, value: Double)] = []
    if let median = latency.ratio.median {
      metrics = [
        ("floorNanoseconds", Double(latency.floor.summary.p50)), ("floorRatioMedian", median),
        ("floorRatioMin", latency.ratio.minimum ?? median),
        ("floorRatioMax", latency.ratio.maximum ?? median),
        ("floorPairs", Double(latency.ratio.count)),
      ]
    }
    report.series.append(
      BenchSeries(
        name: name, labels: [("bytes", .integer(latency.byteCount))], metrics: metrics,
        latency: latency.recorder))
    let times = latency.ratio.median.map { ", \(Fixed.text($0, places: 2)) × the floor" } ?? ""
    lines.append(
      "\(name) of \(latency.byteCount) B: median \(Fixed.microseconds(summary.p50)) us\(times)")
  }

  private func add(
    _ outcome: BenchOutcome, _ phase: BenchPhase, to report: inout BenchReport,
    _ table: inout Table, _ lines: inout [String]
  ) {
    let seconds = Double(max(outcome.elapsedNanoseconds, 1)) / 1e9
    let rate = Double(outcome.count) / seconds
    let bytes = rate * Double(phase.byteCount) / Double(1 << 20)
    table.add([
      "\(phase.byteCount)", "\(phase.inFlight)", Fixed.grouped(UInt64(rate)),
      Fixed.text(bytes, places: 1), "\(outcome.count)",
    ])
    report.series.append(
      BenchSeries(
        name: "PUT rate",
        labels: [("bytes", .integer(phase.byteCount)), ("inFlight", .integer(phase.inFlight))],
        metrics: [("messagesPerSecond", rate), ("mebibytesPerSecond", bytes)],
        latency: outcome.latency))
    lines.append("\(phase.byteCount) B: \(Fixed.grouped(UInt64(rate))) messages/s")
  }
}
