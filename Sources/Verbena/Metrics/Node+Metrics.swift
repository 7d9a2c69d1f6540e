internal import LNet
internal import LustreWire
internal import NodeCore
internal import O2IBLND
internal import Roles

extension Node {
  /// The node's counters, its peers and its connections in Prometheus's text format.
  ///
  /// Every counter of LNet is `verbena_lnet_…_total`, every one of the driver `verbena_o2iblnd_…_total`, every one of
  /// requests and replies `verbena_rpc_…_total`, every one of imports, exports and locks
  /// `verbena_connections_…_total`, all with the node's primary NID as the label `nid`; those of a node's targets are
  /// `verbena_management_…_total`, `verbena_metadata_…_total` and `verbena_objects_…_total`, with the label `target`
  /// besides. Thread rule: any. It takes one or two turns of the node's loop, and its length does not grow with the
  /// number of peers.
  ///
  /// - Throws: `NodeError`: stopped, limit, cancelled.
  public func metrics() async throws(NodeError) -> String {
    let nid = "\(nids[0])"
    var metrics = try await state().metrics(nid: nid)
    if let desk {
      let targets = try await LustreNode(node: self, desk: desk).withRoles("metrics") { roles, _ in
        roles.targetCounters()
      }
      metrics.add(targets, nid)
    }
    return metrics.text
  }
}

extension NodeState {
  /// - Parameter nid: the node's primary NID.
  package func metrics(nid: String) -> MetricsText {
    var metrics = MetricsText()
    let label: [MetricsText.Label] = [("nid", nid)]
    metrics.add([(label, lnet)], "lnet")
    metrics.add([(label, driver)], "o2iblnd")
    metrics.add([(label, rpc)], "rpc")
    metrics.add([(label, connections)], "connections")
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
}

extension MetricsText {
  /// Every counter of structures of one type by its own name; those of a structure in it are told apart by a label.
  fileprivate mutating func add(_ structures: [(labels: [Label], counters: Any)], _ room: String) {
    guard let first = structures.first else { return }
    for (index, child) in Mirror(reflecting: first.counters).children.enumerated() {
      guard let name = child.label else { continue }
      let words = Self.words(name)
      let samples = structures.flatMap { labels, counters -> [(labels: [Label], value: UInt64)] in
        let children = Mirror(reflecting: counters).children
        return Self.samples(
          children[children.index(children.startIndex, offsetBy: index)].value, labels)
      }
      counter(
        "verbena_\(room)_\(words.joined(separator: "_"))_total",
        "Counter of \(room): \(words.joined(separator: " ")).", samples)
    }
  }

  private static func samples(
    _ value: Any, _ labels: [Label]
  ) -> [(labels: [Label], value: UInt64)] {
    if let number = value as? UInt64 { return [(labels, number)] }
    return Mirror(reflecting: value).children.compactMap { reason, value in
      guard let reason, let number = value as? UInt64 else { return nil }
      return (labels + [("reason", words(reason).joined(separator: "_"))], number)
    }
  }

  /// What the targets of a node have done.
  fileprivate mutating func add(_ targets: [TargetCounters], _ nid: String) {
    var rooms: [(name: String, structures: [(labels: [Label], counters: Any)])] = [
      ("management", []), ("metadata", []), ("objects", []),
    ]
    for target in targets {
      let labels: [Label] = [("nid", nid), ("target", target.name)]
      switch target.counts {
      case .management(let counters): rooms[0].structures.append((labels, counters))
      case .metadata(let counters): rooms[1].structures.append((labels, counters))
      case .objects(let counters): rooms[2].structures.append((labels, counters))
      }
    }
    for room in rooms { add(room.structures, room.name) }
  }
}
