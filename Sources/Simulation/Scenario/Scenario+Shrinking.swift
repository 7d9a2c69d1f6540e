/// Smaller scenarios to try when one has failed, the boldest first.
extension Scenario {
  package var smaller: [Scenario] {
    var result: [Scenario] = []
    func offer(_ change: (inout Scenario) -> Void) {
      var scenario = self
      change(&scenario)
      if scenario != self { result.append(scenario) }
    }
    for part in Self.parts(of: operations.count) {
      offer { $0.operations.removeSubrange(part) }
    }
    for part in Self.parts(of: faults.count) {
      offer { $0.faults.removeSubrange(part) }
    }
    offer { $0.model = NetworkModel() }
    offer { $0.model = $0.model.healed }
    offer { $0.connectionsPerPeer = 1 }
    offer { $0.railCount = 1 }
    offer { $0.isTight = false }
    offer { $0.peerCredits = 8 }
    offer { scenario in
      let highest = scenario.operations.map { max($0.from, $0.to) }.max() ?? 1
      let faulty =
        scenario.faults.map { max($0.node, $0.kind == .freeze ? 0 : $0.other) }.max() ?? 0
      scenario.nodeCount = max(2, highest + 1, faulty + 1)
    }
    if operations.count <= 8 {
      for index in operations.indices {
        offer { $0.operations[index].byteCount /= 2 }
        offer { $0.operations[index].time /= 2 }
      }
    }
    return result
  }

  /// Halves, quarters, … and at last single elements.
  private static func parts(of count: Int) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var size = count
    while size >= 1 {
      var start = 0
      while start < count {
        result.append(start..<min(start + size, count))
        start += size
      }
      size /= 2
    }
    return result
  }
}
