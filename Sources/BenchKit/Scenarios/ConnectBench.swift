/// The report of a measurement of connects.
package enum ConnectBench {
  /// Files the step table, the series and the summary.
  package static func file(
    _ outcome: BenchOutcome, _ plan: ConnectPlan, _ timings: ConnectTimings,
    into report: inout BenchReport
  ) {
    var table = Table(
      [.init("step", isNumber: false)] + LatencySummary.columns + [.init("mean", unit: "us")])
    var sum = 0.0
    for step in ConnectTimings.Step.allCases {
      let recorder = timings.recorder(step)
      let summary = recorder.summary
      let isMeasured = summary.count > 0
      table.add(
        [step.name]
          + (isMeasured
            ? summary.cells + [Fixed.text(summary.mean / 1000, places: 2)]
            : Array(repeating: "-", count: LatencySummary.columns.count + 1)))
      switch step {
      case .resolveAddress, .resolveRoute, .createQueuePair, .exchange: sum += summary.mean
      case .hello, .ping, .total, .share: break
      }
      guard isMeasured else { continue }
      report.series.append(
        BenchSeries(
          name: step.name, labels: [("inFlight", .integer(plan.inFlight))], latency: recorder))
    }
    report.tables.append(
      (
        "Steps of a connect; from `LND hello` on, one sample for each \(plan.inFlight) made at a time",
        table
      ))
    let seconds = Double(max(outcome.elapsedNanoseconds, 1)) / 1e9
    let rate = Double(outcome.count) / seconds
    report.series.append(
      BenchSeries(
        name: "rate", labels: [("inFlight", .integer(plan.inFlight))],
        metrics: [
          ("connectsPerSecond", rate), ("connects", Double(outcome.count)),
          ("stepSumMeanNanoseconds", sum),
          ("setupMeanNanoseconds", timings.recorder(.share).summary.mean),
        ]))
    report.summary =
      "\(outcome.count) connections, \(plan.inFlight) at a time, each closed again: "
      + "\(Fixed.grouped(UInt64(rate)))/s; set-up alone "
      + "\(Fixed.text(timings.recorder(.share).summary.mean / 1000, places: 2)) us per connection"
  }
}
