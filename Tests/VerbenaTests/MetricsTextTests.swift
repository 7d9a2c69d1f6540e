// Property: metrics are written as Prometheus's text format wants them: escaped, exact, buckets cumulative.
// Method: golden texts of families with everything in them.
import Testing

@testable import Verbena

@Suite struct MetricsTextTests {
  @Test func aCounterWithLabels() {
    var metrics = MetricsText()
    metrics.counter(
      "x_total", "Back\\slash and\nline.",
      [([("nid", "10.0.0.1@o2ib"), ("why", "a \"b\" \\ \n")], 7), ([], .max)])
    #expect(
      metrics.text == #"""
        # HELP x_total Back\\slash and\nline.
        # TYPE x_total counter
        x_total{nid="10.0.0.1@o2ib",why="a \"b\" \\ \n"} 7
        x_total 18446744073709551615

        """#)
  }

  @Test func aHistogram() {
    var metrics = MetricsText()
    metrics.histogram(
      "t_seconds", "Times.",
      [
        (
          [("step", "hello")],
          .init(buckets: [(1000, 1), (2_500_000_000, 3)], count: 4, sumNanoseconds: 1)
        )
      ])
    #expect(
      metrics.text == """
        # HELP t_seconds Times.
        # TYPE t_seconds histogram
        t_seconds_bucket{step="hello",le="0.000001"} 1
        t_seconds_bucket{step="hello",le="2.5"} 3
        t_seconds_bucket{step="hello",le="+Inf"} 4
        t_seconds_sum{step="hello"} 0.000000001
        t_seconds_count{step="hello"} 4

        """)
  }

  @Test(arguments: [
    ("held", ["held"]), ("droppedNoMatch", ["dropped", "no", "match"]),
    ("invalidServiceID", ["invalid", "service", "id"]), ("badPingInfos", ["bad", "ping", "infos"]),
  ])
  func namesOfCounters(name: String, words: [String]) {
    #expect(MetricsText.words(name) == words)
  }
}
