/// One measured thing of a run: a size, a step, a direction.
package struct BenchSeries: Sendable {
  /// What was measured, in words that stay the same: `half round trip`, `LND hello`.
  package var name: String
  /// What tells this series from its neighbours, such as the size.
  package var labels: [(name: String, value: JSONValue)]
  /// Numbers that are no latency, their unit in the name: `messagesPerSecond`.
  package var metrics: [(name: String, value: Double)]
  /// From the start of the operation.
  package var latency: LatencyRecorder?
  /// From when the operation should have started, where a rate was asked for.
  package var correctedLatency: LatencyRecorder?

  package init(
    name: String, labels: [(name: String, value: JSONValue)] = [],
    metrics: [(name: String, value: Double)] = [], latency: LatencyRecorder? = nil,
    correctedLatency: LatencyRecorder? = nil
  ) {
    self.name = name
    self.labels = labels
    self.metrics = metrics
    self.latency = latency
    self.correctedLatency = correctedLatency
  }
}

/// The result of a benchmark, and its forms: text, JSON, CSV, percentile spectra.
package struct BenchReport: Sendable {
  package static let schema = "verbena.bench/1"

  /// `connect`, `message` or `bulk`.
  package var benchmark: String
  /// What is measured, with what, before the numbers.
  package var header: [(name: String, value: String)]
  package var parameters: [(name: String, value: JSONValue)]
  package var environment: EnvironmentReport
  /// The tables for people, each with a title.
  package var tables: [(title: String, table: Table)] = []
  package var series: [BenchSeries] = []
  /// The last line: the result in one sentence.
  package var summary = ""
  /// Operations that failed, and were not counted in the numbers.
  package var failureCount = 0
  /// Whether a signal ended the run before its time.
  package var isInterrupted = false

  package init(
    benchmark: String, header: [(name: String, value: String)],
    parameters: [(name: String, value: JSONValue)], environment: EnvironmentReport
  ) {
    self.benchmark = benchmark
    self.header = header
    self.parameters = parameters
    self.environment = environment
  }
}

extension BenchReport {
  /// For people: header, tables, summary.
  package var text: String {
    var text = Block.text(header)
    for (title, table) in tables {
      text += "\n" + (title.isEmpty ? "" : title + "\n") + table.text
    }
    return text + "\n" + lastLine
  }

  /// The summary as one line, with what went wrong.
  package var lastLine: String {
    var line = summary
    if failureCount > 0 { line += "; \(failureCount) failed" }
    if isInterrupted { line += "; interrupted" }
    return line + "\n"
  }

  package var json: JSONValue {
    .object([
      "schema": .string(Self.schema), "benchmark": .string(benchmark),
      "parameters": .object(parameters.map { JSONValue.Member($0.name, $0.value) }),
      "environment": environment.json, "series": .array(series.map(\.json)),
      "summary": .string(summary), "failures": .integer(failureCount),
      "interrupted": .bool(isInterrupted),
    ])
  }

  /// A row per series: its labels, its metrics, its latencies in nanoseconds; of open loops those from when operations
  /// should have begun as well.
  package var csv: String {
    var labels: [String] = []
    var metrics: [String] = []
    for one in series {
      for (name, _) in one.labels where !labels.contains(name) { labels.append(name) }
      for (name, _) in one.metrics where !metrics.contains(name) { metrics.append(name) }
    }
    let names = LatencySummary().members.map {
      $0.name == "count" ? "count" : $0.name + "Nanoseconds"
    }
    let isOpen = series.contains { $0.correctedLatency != nil }
    let corrected =
      isOpen ? names.map { "corrected" + $0.prefix(1).uppercased() + $0.dropFirst() } : []
    var table = Table(
      (["benchmark", "series"] + labels + metrics + names + corrected).map { .init($0) })
    func cells(_ recorder: LatencyRecorder?) -> [String] {
      recorder?.summary.members.map { Self.cell($0.value) } ?? names.map { _ in "" }
    }
    for one in series {
      table.add(
        [benchmark, one.name]
          + labels.map { name in
            one.labels.first { $0.name == name }.map { Self.cell($0.value) } ?? ""
          }
          + metrics.map { name in one.metrics.first { $0.name == name }.map { "\($0.value)" } ?? ""
          }
          + cells(one.latency) + (isOpen ? cells(one.correctedLatency) : []))
    }
    return table.csv
  }

  private static func cell(_ value: JSONValue) -> String {
    if case .string(let text) = value { return text }
    return value.line
  }

  /// A percentile spectrum per series with latencies, by file name. With one series it is the name given,
  /// with several the series' names stand before the ending. Of an open loop it is the one that counts from when
  /// operations should have begun.
  package func spectra(path: String) -> [(path: String, text: String)] {
    let measured = series.filter { ($0.latency?.count ?? 0) > 0 }
    return measured.map { one in
      let text = (one.correctedLatency ?? one.latency)?.spectrum ?? ""
      guard measured.count > 1 else { return (path, text) }
      let values = one.labels.map { Self.cell($0.value) }
      let name = ([one.name] + values).joined(separator: "-").map {
        $0 == " " || $0 == "/" ? "-" : $0
      }
      let ending = path.hasSuffix(".hgrm") ? 5 : 0
      return ("\(path.dropLast(ending))-\(String(name)).hgrm", text)
    }
  }
}

extension BenchSeries {
  var json: JSONValue {
    .object([
      "name": .string(name),
      "labels": .object(labels.map { JSONValue.Member($0.name, $0.value) }),
      "metrics": .object(metrics.map { JSONValue.Member($0.name, .number($0.value)) }),
      "latency": latency?.json ?? .null, "correctedLatency": correctedLatency?.json ?? .null,
    ])
  }
}

extension LatencySummary {
  /// Names and values in the order in which they are printed; all but the count in nanoseconds.
  var members: [(name: String, value: JSONValue)] {
    [
      ("count", .unsigned(count)), ("min", .unsigned(min)), ("p50", .unsigned(p50)),
      ("p90", .unsigned(p90)), ("p99", .unsigned(p99)), ("p99.9", .unsigned(p999)),
      ("p99.99", .unsigned(p9999)), ("max", .unsigned(max)), ("mean", .number(mean)),
      ("stddev", .number(standardDeviation)),
    ]
  }

  /// The columns of a latency table, in microseconds, and this summary's cells for them.
  package static let columns: [Table.Column] =
    ["p50", "p90", "p99", "p99.9", "p99.99", "max"].map { Table.Column($0, unit: "us") }
    + [Table.Column("count")]

  package var cells: [String] {
    // Fewer samples than a part of them has in it say nothing of it.
    let parts: [(value: UInt64, countMin: UInt64)] = [
      (p50, 1), (p90, 10), (p99, 100), (p999, 1000), (p9999, 10_000), (max, 1),
    ]
    return parts.map { count < $0.countMin ? "-" : Fixed.microseconds($0.value) } + ["\(count)"]
  }
}

extension LatencyRecorder {
  /// The summary and every bucket: enough to merge and draw again without loss.
  var json: JSONValue {
    var members = summary.members.map { JSONValue.Member($0.name, $0.value) }
    members.insert(.init("unit", .string("ns")), at: 0)
    members.append(
      .init("buckets", .array(buckets.map { .array([.unsigned($0.value), .unsigned($0.count)]) })))
    return .object(members)
  }
}
