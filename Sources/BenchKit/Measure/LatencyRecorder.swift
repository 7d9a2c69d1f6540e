internal import Histogram

/// Latencies in nanoseconds, in a high-dynamic-range histogram of three significant digits.
///
/// One recorder belongs to one thread; recorders of several threads are merged at the end. Percentiles are
/// never averaged.
package struct LatencyRecorder: Sendable {
  /// The longest latency that is kept apart from longer ones: an hour.
  package static let nanosecondsMax: UInt64 = 3_600_000_000_000

  private var histogram = Histogram<UInt64>(
    highestTrackableValue: nanosecondsMax, numberOfSignificantValueDigits: .three)

  package init() {}

  package var count: UInt64 { histogram.totalCount }

  /// Records one latency; longer ones than an hour count as an hour. Does not allocate.
  package mutating func record(_ nanoseconds: UInt64) {
    _ = histogram.record(min(max(nanoseconds, 1), Self.nanosecondsMax))
  }

  /// Records one latency of a load that should have sent every `expectedInterval`: a stall also stands for
  /// the requests that it kept from being sent.
  package mutating func record(_ nanoseconds: UInt64, expectedInterval: UInt64) {
    _ = histogram.recordCorrectedValue(
      min(max(nanoseconds, 1), Self.nanosecondsMax), expectedInterval: expectedInterval)
  }

  /// Records so many latencies of one value.
  package mutating func record(_ nanoseconds: UInt64, count: UInt64) {
    _ = histogram.record(min(max(nanoseconds, 1), Self.nanosecondsMax), count: count)
  }

  package mutating func add(_ other: LatencyRecorder) { histogram.add(other.histogram) }

  package mutating func reset() { histogram.reset() }

  package var summary: LatencySummary {
    guard count > 0 else { return LatencySummary() }
    var summary = LatencySummary()
    summary.count = count
    summary.min = histogram.min
    summary.p50 = histogram.valueAtPercentile(50)
    summary.p90 = histogram.valueAtPercentile(90)
    summary.p99 = histogram.valueAtPercentile(99)
    summary.p999 = histogram.valueAtPercentile(99.9)
    summary.p9999 = histogram.valueAtPercentile(99.99)
    summary.max = histogram.max
    summary.mean = histogram.mean
    summary.standardDeviation = histogram.stdDeviation
    return summary
  }

  /// Every bucket that holds something: its value in nanoseconds and its count. Nothing is lost.
  package var buckets: [(value: UInt64, count: UInt64)] {
    histogram.recordedValues().map { ($0.value, $0.count) }
  }

  /// The percentile spectrum as the HdrHistogram plotters read it, in microseconds.
  package var spectrum: String {
    var text = ""
    histogram.outputPercentileDistribution(
      to: &text, outputValueUnitScalingRatio: 1000, percentileTicksPerHalfDistance: 5)
    return text
  }
}

/// What is said of many latencies, in nanoseconds.
package struct LatencySummary: Equatable, Sendable {
  package var count: UInt64 = 0
  package var min: UInt64 = 0
  package var p50: UInt64 = 0
  package var p90: UInt64 = 0
  package var p99: UInt64 = 0
  package var p999: UInt64 = 0
  package var p9999: UInt64 = 0
  package var max: UInt64 = 0
  package var mean: Double = 0
  package var standardDeviation: Double = 0

  package init() {}
}
