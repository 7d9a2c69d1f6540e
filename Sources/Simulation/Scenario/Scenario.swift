internal import Structures

/// One whole run, as data: the same scenario is the same run.
package struct Scenario: Equatable, Sendable {
  package var seed: UInt64
  package var nodeCount: Int
  package var peerCredits: Int
  package var connectionsPerPeer: Int
  /// NIDs of each node, on as many networks of their own addresses; links are cut on the first.
  package var railCount: Int
  /// Whether the nodes' tables are so small that they fill up.
  package var isTight = false
  package var model: NetworkModel
  package var operations: [Operation]
  package var faults: [Fault]

  package init(
    seed: UInt64, nodeCount: Int = 2, peerCredits: Int = 8, connectionsPerPeer: Int = 1,
    railCount: Int = 1, model: NetworkModel = NetworkModel(), operations: [Operation] = [],
    faults: [Fault] = []
  ) {
    self.seed = seed
    self.nodeCount = nodeCount
    self.peerCredits = peerCredits
    self.connectionsPerPeer = connectionsPerPeer
    self.railCount = railCount
    self.model = model
    self.operations = operations
    self.faults = faults
  }

  /// When the last operation or fault is due, in microseconds.
  package var duration: UInt64 {
    max(operations.map(\.time).max() ?? 0, faults.map(\.time).max() ?? 0)
  }

  // MARK: - Drawing

  /// Sizes round every edge: empty, the largest IMMEDIATE and one more, pages, the largest message.
  private static let edges = [
    0, 1, 8, 64, 3975, 3976, 3977, 4095, 4096, 4097, 65_536, 1 << 20 - 1, 1 << 20,
  ]

  private static func byteCount(using random: inout SeededGenerator) -> Int {
    switch Int.random(in: 0..<8, using: &random) {
    case 0..<3: edges[Int.random(in: 0..<edges.count, using: &random)]
    case 3..<7: Int.random(in: 0...8192, using: &random)
    default: Int.random(in: 0...300_000, using: &random)
    }
  }

  /// A run without faults and on a quiet network; everything must succeed.
  package static func calm(seed: UInt64, operations count: Int = 40) -> Scenario {
    var random = SeededGenerator(seed: seed)
    var scenario = Scenario(seed: seed)
    scenario.nodeCount = Int.random(in: 2...3, using: &random)
    scenario.peerCredits = [8, 16, 32][Int.random(in: 0..<3, using: &random)]
    scenario.connectionsPerPeer = Int.random(in: 0..<4, using: &random) == 0 ? 2 : 1
    scenario.railCount = Int.random(in: 0..<4, using: &random) == 0 ? 2 : 1
    scenario.addOperations(count, within: 20_000, using: &random)
    return scenario
  }

  /// A run on a network drawn from the seed, with faults drawn from it too.
  package static func random(seed: UInt64, operations wanted: Int? = nil) -> Scenario {
    var random = SeededGenerator(seed: seed)
    let count = wanted ?? Int.random(in: 8...100, using: &random)
    var scenario = Scenario(seed: seed)
    scenario.nodeCount = Int.random(in: 2...4, using: &random)
    scenario.peerCredits = [8, 8, 16, 32][Int.random(in: 0..<4, using: &random)]
    scenario.connectionsPerPeer = Int.random(in: 0..<4, using: &random) == 0 ? 2 : 1
    scenario.railCount = Int.random(in: 0..<4, using: &random) == 0 ? 2 : 1
    scenario.isTight = Int.random(in: 0..<4, using: &random) == 0
    scenario.model = NetworkModel.random(using: &random)
    let duration = [50_000, 2_000_000, 90_000_000][Int.random(in: 0..<3, using: &random)]
    scenario.addOperations(count, within: UInt64(duration), using: &random)
    scenario.addFaults(within: UInt64(duration), using: &random)
    return scenario
  }

  private mutating func addOperations(
    _ count: Int, within duration: UInt64, using random: inout SeededGenerator
  ) {
    for _ in 0..<count {
      let from = Int.random(in: 0..<nodeCount, using: &random)
      let to = (from + Int.random(in: 1..<nodeCount, using: &random)) % nodeCount
      let kinds: [Operation.Kind] = [
        .put, .put, .put, .put, .get, .get, .get, .get, .ping, .discover, .stray,
      ]
      let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
      let size = kind == .ping || kind == .discover ? 0 : Self.byteCount(using: &random)
      operations.append(
        Operation(
          time: UInt64.random(in: 0...duration, using: &random), kind: kind, from: from, to: to,
          byteCount: size))
    }
    operations.sort { $0.time < $1.time }
  }

  private mutating func addFaults(
    within duration: UInt64, using random: inout SeededGenerator
  ) {
    let count = Int.random(in: 0...4, using: &random)
    for _ in 0..<count {
      let kinds = Fault.Kind.allCases
      let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
      let time = UInt64.random(in: 0...duration, using: &random)
      let node = Int.random(in: 0..<nodeCount, using: &random)
      var fault = Fault(time: time, kind: kind, node: node)
      switch kind {
      case .cut, .mend:
        fault.other = (node + Int.random(in: 1..<nodeCount, using: &random)) % nodeCount
      case .freeze: fault.other = Int.random(in: 0...200_000, using: &random)
      case .crash, .kill, .restart, .remove: break
      }
      faults.append(fault)
      // What goes down mostly comes back while the operations still run.
      let back = time + UInt64.random(in: 0...duration / 2, using: &random)
      switch kind {
      case .crash, .kill, .remove: faults.append(Fault(time: back, kind: .restart, node: node))
      case .cut: faults.append(Fault(time: back, kind: .mend, node: node, other: fault.other))
      case .mend, .restart, .freeze: break
      }
    }
    faults.sort { $0.time < $1.time }
  }
}
