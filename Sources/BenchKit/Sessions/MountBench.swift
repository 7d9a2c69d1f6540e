/// The report of the way of clients from nothing to FULL.
package struct MountBench: Sendable {
  private var recorders: [MountStep: LatencyRecorder] = [:]
  private var mounts = 0
  /// Of one client that connects to the targets one by one.
  private var last = MountAccount()

  package init() {}

  /// A mount, and the same targets one by one from another node.
  package mutating func add(mount: MountAccount, oneByOne: MountAccount) {
    mounts += 1
    last = oneByOne
    for (step, nanoseconds) in mount.steps + oneByOne.steps {
      recorders[step, default: LatencyRecorder()].record(nanoseconds)
    }
  }

  package func file(into report: inout BenchReport) {
    guard mounts > 0 else { return }
    var table = Table([.init("step", isNumber: false)] + LatencySummary.columns)
    for step in MountStep.allCases {
      let summary = recorders[step]?.summary
      table.add(
        [step.rawValue]
          + (summary?.cells ?? Array(repeating: "-", count: LatencySummary.columns.count)))
      guard let recorder = recorders[step] else { continue }
      report.series.append(
        BenchSeries(
          name: step.rawValue, labels: [("targets", .integer(last.goals.count))],
          latency: recorder))
    }
    report.tables.append(("From nothing to FULL", table))
    report.series.append(
      BenchSeries(
        name: "way to FULL",
        metrics: [
          ("mounts", Double(mounts)), ("targets", Double(last.goals.count)),
          ("targetNodes", Double(last.nodeCount)), ("cmExchanges", Double(last.exchangeCount)),
        ]))
    let first = recorders[.firstTarget].map { "\(Fixed.microseconds($0.summary.p50)) us" } ?? "-"
    let further =
      recorders[.furtherTarget].map { "\(Fixed.microseconds($0.summary.p50)) us" } ?? "-"
    report.summary +=
      (report.summary.isEmpty ? "" : "; ")
      + "\(last.goals.count) targets on \(last.nodeCount) nodes cost \(last.exchangeCount) CM exchanges, "
      + "FULL after \(first) at the first of a node and \(further) at a further one"
  }
}
