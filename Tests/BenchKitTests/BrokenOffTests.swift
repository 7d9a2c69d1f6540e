// Property: a report has what was counted of a measurement that broke off, at its true rate, and nothing of one without.
// Method: benchmarks of which a phase ends as a test says.
import BenchKit
import LustreWire
import Testing

@Suite struct BrokenOffTests {
  private func outcome(count: Int, status: Int32) -> BenchOutcome {
    var outcome = BenchOutcome()
    outcome.count = count
    outcome.elapsedNanoseconds = count > 0 ? 2_000_000_000 : 0
    outcome.status = status
    return outcome
  }

  private func report(openLoop: Bool = false, _ outcome: BenchOutcome) async throws -> BenchReport {
    var report = BenchReport(
      benchmark: "bulk", header: [], parameters: [], environment: EnvironmentReport(backend: "none")
    )
    let target = try #require(NID("10.0.0.2@o2ib"))
    await #expect(throws: BenchError.self) {
      if openLoop {
        try await OpenLoopBench(
          target: target, byteCounts: [1 << 20], iterations: 10, warmup: 0, inFlight: 1,
          durationNanoseconds: 0, ratePerSecond: 1000, operations: [.put], checksums: [false]
        ).report(into: &report, { _ in outcome }, isStopped: { false })
      } else {
        try await BulkBench(
          target: target, byteCounts: [1 << 20], iterations: 10, warmup: 0, inFlight: 1,
          durationNanoseconds: 0, operations: [.put], checksums: [false]
        ).report(into: &report, { _ in outcome }, isStopped: { false })
      }
    }
    return report
  }

  /// A node that is not there is not asked whether all has arrived.
  @Test(arguments: [
    (-110, "connect 10.0.0.2@o2ib: no answer in time (ETIMEDOUT) to the CONNECT"),
    (-113, "connect 10.0.0.2@o2ib: no way to it (EHOSTUNREACH)"),
  ])
  func anImportThatIsNotConnectedSaysSo(status: Int, text: String) throws {
    var outcome = outcome(count: 0, status: Int32(status))
    outcome.stage = .connecting
    let phase = BenchPhase(
      .rpc, target: try #require(NID("10.0.0.2@o2ib")), byteCount: 0, count: 10, warmupCount: 0,
      inFlight: 1)
    #expect(BenchError(outcome, phase)?.description.hasPrefix(text) == true)
  }

  @Test func bandwidthIsOfWhatWasCounted() async throws {
    let report = try await report(outcome(count: 64, status: -103))
    let metrics = try #require(report.series.first).metrics
    #expect(metrics.first { $0.name == "mebibytesPerSecond" }?.value == 32)
    #expect(report.lastLine == "PUT of 1M: 32 MiB/s, checksums off; 1 failed\n")
  }

  @Test func atARateToo() async throws {
    let report = try await report(openLoop: true, outcome(count: 64, status: -103))
    let metrics = try #require(report.series.first).metrics
    #expect(metrics.first { $0.name == "operationsPerSecond" }?.value == 32)
  }

  @Test(arguments: [false, true])
  func nothingIsReportedOfNothing(openLoop: Bool) async throws {
    let report = try await report(openLoop: openLoop, outcome(count: 0, status: -113))
    #expect(report.series.isEmpty && report.tables.isEmpty)
    #expect(report.failureCount == 1)
  }
}
