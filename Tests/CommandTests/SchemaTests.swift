// Property: what --json prints is as the committed schemas say.
// Method: the built command's output, and a report with everything in it, are held against the schemas; a broken
// report must be found.
import BenchKit
import Foundation
import Testing

@Suite struct SchemaTests {
  @Test func info() async throws {
    let result = try await Command.run(["info", "--json", "-"])
    #expect(try Command.schema("info").problems(result.output) == [])
  }

  @Test func config() async throws {
    let result = try await Command.run(
      ["info", "config", "--json", "-", "--bind", "10.0.0.1"], environment: ["VERBENA_TYPO": "1"])
    #expect(try Command.schema("config").problems(result.output) == [])
    #expect(result.output.contains("VERBENA_TYPO"))
  }

  static var report: BenchReport {
    var report = BenchReport(
      benchmark: "message", header: [("backend", "emulated")],
      parameters: [("size", .integer(64)), ("json", .null), ("quiet", .bool(false))],
      environment: EnvironmentReport(backend: "emulated"))
    var recorder = LatencyRecorder()
    for value in 1...100 as ClosedRange<UInt64> { recorder.record(value * 100) }
    report.series = [
      BenchSeries(
        name: "half round trip", labels: [("size", .integer(64))], latency: recorder,
        correctedLatency: recorder),
      BenchSeries(name: "rate", metrics: [("messagesPerSecond", 1e6), ("none", .nan)]),
    ]
    report.summary = "fine"
    return report
  }

  @Test func aBenchReport() throws {
    #expect(try Command.schema("bench").problems(Self.report.json.text) == [])
  }

  @Test(arguments: [
    ("\"benchmark\": \"message\"", "\"benchmark\": \"other\""),
    ("\"failures\": 0", "\"failures\": -1"), ("\"unit\": \"ns\"", "\"unit\": \"us\""),
    ("\"interrupted\": false", "\"interrupted\": 0"), ("\"summary\"", "\"sumary\""),
    ("\"size\": 64", "\"size\": [64]"),
  ])
  func aBrokenReportIsFound(from: String, to: String) throws {
    let text = Self.report.json.text
    #expect(text.contains(from))
    let broken = text.replacingOccurrences(of: from, with: to)
    #expect(try !Command.schema("bench").problems(broken).isEmpty)
  }

  @Test func csvHasARowPerSeries() {
    let lines = Self.report.csv.split(separator: "\n")
    #expect(lines.count == 3)
    #expect(
      lines[0].hasPrefix("benchmark,series,size,messagesPerSecond,none,count,minNanoseconds,"))
    #expect(lines[0].contains(",correctedCount,correctedMinNanoseconds,"))
    #expect(lines[1].hasPrefix("message,half round trip,64,,,100,100,"))
    #expect(lines[2].hasPrefix("message,rate,,1000000.0,nan,,"))
  }

  @Test func spectraAreNamedAfterTheirSeries() {
    #expect(Self.report.spectra(path: "x.hgrm").map(\.path) == ["x.hgrm"])
    var two = Self.report
    two.series.append(two.series[0])
    two.series[1] = two.series[0]
    two.series[1].labels = [("size", .integer(128))]
    #expect(
      two.spectra(path: "x.hgrm").map(\.path).prefix(2)
        == ["x-half-round-trip-64.hgrm", "x-half-round-trip-128.hgrm"])
  }
}
