internal import LNet
internal import LustreWire
internal import NodeCore
internal import O2IBLND

extension Node {
  /// The node's counters, its peers and its connections in Prometheus's text format.
  ///
  /// Every counter of LNet is `verbena_lnet_…_total`, every one of the driver `verbena_o2iblnd_…_total`, every
  /// one of imports, exports and locks `verbena_connections_…_total`, all with the node's primary NID as the label `nid`. Thread rule: any. It takes one turn of the node's loop, and its
  /// length does not grow with the number of peers.
  ///
  /// - Throws: `NodeError`: stopped, limit, cancelled.
  public func metrics() async throws(NodeError) -> String {
    try await state().metrics(nid: "\(nids[0])").text
  }
}

extension NodeState {
  /// - Parameter nid: the node's primary NID.
  package func metrics(nid: String) -> MetricsText {
    var metrics = MetricsText()
    add(lnet, "lnet", nid, to: &metrics)
    add(driver, "o2iblnd", nid, to: &metrics)
    add(connections, "connections", nid, to: &metrics)
    var counts: [(state: String, count: UInt64)] = []
    for peer in peers {
      let state = "\(peer.state)"
      if let index = counts.firstIndex(where: { $0.state == state }) {
        counts[index].count += 1
      } else {
        counts.append((state, 1))
      }
    }
    metrics.gauge(
      "verbena_lnet_peers", "Nodes that this one knows, by the state of their discovery.",
      counts.sorted { $0.state < $1.state }.map {
        ([("nid", nid), ("state", $0.state)], $0.count)
      })
    metrics.gauge(
      "verbena_o2iblnd_connections", "Connections, those being made or closed included.",
      [([("nid", nid)], connectionCount)])
    return metrics
  }

  /// Every counter of a structure by its own name; those of a structure in it are told apart by a label.
  private func add(
    _ counters: Any, _ room: String, _ nid: String, to metrics: inout MetricsText
  ) {
    for (name, value) in Mirror(reflecting: counters).children {
      guard let name else { continue }
      let words = MetricsText.words(name)
      let samples: [(labels: [MetricsText.Label], value: UInt64)]
      if let number = value as? UInt64 {
        samples = [([("nid", nid)], number)]
      } else {
        samples = Mirror(reflecting: value).children.compactMap { reason, value in
          guard let reason, let number = value as? UInt64 else { return nil }
          let label = MetricsText.words(reason).joined(separator: "_")
          return ([("nid", nid), ("reason", label)], number)
        }
      }
      metrics.counter(
        "verbena_\(room)_\(words.joined(separator: "_"))_total",
        "Counter of \(room): \(words.joined(separator: " ")).", samples)
    }
  }
}
