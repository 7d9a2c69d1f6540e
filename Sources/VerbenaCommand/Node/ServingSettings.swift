internal import BenchKit
internal import LustreWire
internal import Verbena

/// What commands that run until a signal offer to those who watch over them.
struct ServingSettings {
  private let address: (ipv4: UInt32, port: UInt16)?

  /// Whether somebody may ask how long connects take.
  var isMeasured: Bool { address != nil }

  init(_ groups: [any FlagGroup]) throws(CommandFailure) {
    let file = try Resolved.file(groups)
    let settings = try Settings(
      Setting.serving, flags: Resolved.flags(groups), environment: Resolved.environment,
      file: file?.values ?? [:], path: file?.path ?? "")
    guard let text = settings.optionalText(.metrics) else {
      address = nil
      return
    }
    guard let address = Self.address(text) else {
      throw CommandFailure(
        .usage,
        "metrics '\(text)' (\(settings.origin(.metrics))) must be [ADDRESS]:PORT, an IPv4 address of this host "
          + "and a port of 0 to 65535; 0 takes a free one")
    }
    self.address = address
  }

  /// Without an address, only this host is served: metrics are nobody else's business unless somebody says so.
  static func address(_ text: String) -> (ipv4: UInt32, port: UInt16)? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let port = UInt16(parts[1]), !parts[1].hasPrefix("+") else {
      return nil
    }
    if parts[0].isEmpty { return (127 << 24 | 1, port) }
    guard let ipv4 = try? IPv4Text.parse(String(parts[0])) else { return nil }
    return (ipv4, port)
  }

  /// Begins to serve metrics, if they were asked for, and says where.
  func endpoint(_ node: Node, _ timings: ConnectTimings?) throws(CommandFailure)
    -> MetricsEndpoint?
  {
    guard let address else { return nil }
    let nid = "\(node.nids[0])"
    do throws(NodeError) {
      let endpoint = try MetricsEndpoint(address: address.ipv4, port: address.port) {
        guard var metrics = try? await node.state().metrics(nid: nid) else { return nil }
        timings?.add(to: &metrics, nid: nid)
        return metrics.text
      }
      Streams.error(
        "verbena: metrics at http://\(IPv4Text.describe(address.ipv4)):\(endpoint.port)/metrics\n")
      return endpoint
    } catch { throw CommandFailure(error) }
  }
}

extension ConnectTimings {
  /// Upper bounds of the histograms' buckets: 1 µs to 10 s, two to a decade.
  private static let bounds: [UInt64] =
    (0..<7).flatMap { decade -> [UInt64] in
      let base = (0..<decade).reduce(1_000 as UInt64) { product, _ in product * 10 }
      return [base, base * 3]
    } + [10_000_000_000]

  /// The steps of a connect that a node makes by itself.
  private static let steps: [Step] = [
    .resolveAddress, .resolveRoute, .createQueuePair, .exchange, .hello,
  ]

  func add(to metrics: inout MetricsText, nid: String) {
    metrics.histogram(
      "verbena_connect_step_seconds", "Time of each step of setting up a connection.",
      Self.steps.map { step in
        let label = step.name.split(separator: " ").joined(separator: "_").lowercased()
        return ([("nid", nid), ("step", label)], Self.distribution(recorder(step)))
      })
  }

  private static func distribution(_ recorder: LatencyRecorder) -> MetricsText.Distribution {
    var counts = [UInt64](repeating: 0, count: bounds.count)
    var sum: UInt64 = 0
    for bucket in recorder.buckets {
      sum += bucket.value * bucket.count
      if let first = bounds.firstIndex(where: { bucket.value <= $0 }) {
        counts[first] += bucket.count
      }
    }
    var total: UInt64 = 0
    let buckets = zip(bounds, counts).map { bound, count in
      total += count
      return (bound: bound, count: total)
    }
    return MetricsText.Distribution(
      buckets: buckets, count: recorder.count, sumNanoseconds: sum)
  }
}
