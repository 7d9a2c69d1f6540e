// Property: summaries say what was recorded, within the histogram's three digits, and lose nothing.
// Method: known distributions, merged and corrected; ratios of known pairs.
import BenchKit
import Testing

@Suite struct MeasureTests {
  @Test func percentilesOfAKnownDistribution() {
    var recorder = LatencyRecorder()
    for value in 1...100_000 as ClosedRange<UInt64> { recorder.record(value * 10) }
    let summary = recorder.summary
    #expect(summary.count == 100_000)
    #expect(summary.min == 10)
    for (value, expected) in [
      (summary.p50, 500_000), (summary.p90, 900_000), (summary.p99, 990_000),
      (summary.p999, 999_000), (summary.p9999, 999_900), (summary.max, 1_000_000),
    ] as [(UInt64, UInt64)] {
      #expect(abs(Double(value) / Double(expected) - 1) < 0.002, "\(value) for \(expected)")
    }
  }

  @Test func anEmptyRecorderHasNoNumbers() {
    #expect(LatencyRecorder().summary == LatencySummary())
    #expect(LatencyRecorder().buckets.isEmpty)
  }

  @Test func mergingKeepsEveryCount() {
    var a = LatencyRecorder()
    var b = LatencyRecorder()
    for value in 1...1000 as ClosedRange<UInt64> {
      a.record(value)
      b.record(value * 1000)
    }
    var both = a
    both.add(b)
    #expect(both.count == 2000)
    #expect(both.buckets.reduce(0) { $0 + $1.count } == 2000)
    #expect(both.summary.max >= 999_000)
    #expect(both.summary.min == 1)
  }

  @Test func aStallStandsForWhatItKeptFromBeingSent() {
    var plain = LatencyRecorder()
    var corrected = LatencyRecorder()
    for _ in 0..<100 {
      plain.record(10)
      corrected.record(10, expectedInterval: 100)
    }
    plain.record(10_000)
    corrected.record(10_000, expectedInterval: 100)
    #expect(plain.count == 101)
    #expect(corrected.count == 200)
    #expect(plain.summary.p90 == 10)
    #expect(corrected.summary.p90 > 7000)
  }

  @Test func longerThanAnHourIsAnHour() {
    var recorder = LatencyRecorder()
    recorder.record(.max)
    recorder.record(0)
    #expect(recorder.count == 2)
    #expect(recorder.summary.min == 1)
  }

  @Test func theSpectrumEndsWithTheCount() {
    var recorder = LatencyRecorder()
    for value in 1...500 as ClosedRange<UInt64> { recorder.record(value * 1000) }
    #expect(recorder.spectrum.contains("Total count"))
    #expect(recorder.spectrum.contains("500"))
  }

  @Test func ratiosAreMedianAndRange() {
    var ratio = PairedRatio()
    for ours in [3.0, 1.0, 2.0, 10.0] { ratio.add(ours: ours, theirs: 2) }
    ratio.add(ours: 1, theirs: 0)
    ratio.add(ours: .nan, theirs: 1)
    #expect(ratio.count == 4)
    #expect(ratio.median == 1.25)
    #expect(ratio.text == "1.25 (0.50–5.00, 4 pairs)")
    #expect(PairedRatio().text == "no pair")
  }

  @Test func progressComesOnceASecond() {
    let lines = Lines()
    var progress = Progress(now: 0, isShown: true) { lines.append($0) }
    for step in 0..<40 as Range<UInt64> { progress.update(now: step * 100_000_000) { "\(step)" } }
    progress.finish()
    #expect(lines.all.count == 4)
    #expect(lines.all.first?.hasSuffix("10") == true)
    var silent = Progress(now: 0, isShown: false) { lines.append($0) }
    silent.update(now: 5_000_000_000) { "never" }
    silent.finish()
    #expect(lines.all.count == 4)
  }
}
