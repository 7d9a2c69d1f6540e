/// A scenario as one line that can be pasted, and back.
extension Scenario: CustomStringConvertible {
  package var description: String {
    let operations = operations.map {
      "\($0.time):\($0.kind.rawValue):\($0.from):\($0.to):\($0.byteCount)"
    }
    let faults = faults.map { "\($0.time):\($0.kind.rawValue):\($0.node):\($0.other)" }
    return
      "seed=\(seed) nodes=\(nodeCount) credits=\(peerCredits) conns=\(connectionsPerPeer) rails=\(railCount) tight=\(isTight ? 1 : 0)"
      + " net=\(model) ops=\(operations.joined(separator: ","))"
      + " faults=\(faults.joined(separator: ","))"
  }

  /// Nil when the line is not what `description` prints.
  package init?(line: String) {
    self.init(seed: 0)
    var seen = 0
    for word in line.split(separator: " ") {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, take(key: parts[0], value: parts[1]) else { return nil }
      seen += 1
    }
    guard seen == 9, isLegal else { return nil }
  }

  private mutating func take(key: Substring, value: Substring) -> Bool {
    switch key {
    case "seed":
      guard let number = UInt64(value) else { return false }
      seed = number
    case "nodes": return take(value, into: \.nodeCount)
    case "credits": return take(value, into: \.peerCredits)
    case "conns": return take(value, into: \.connectionsPerPeer)
    case "rails": return take(value, into: \.railCount)
    case "tight":
      guard value == "0" || value == "1" else { return false }
      isTight = value == "1"
    case "net":
      guard let read = NetworkModel(text: value) else { return false }
      model = read
    case "ops":
      for item in value.split(separator: ",") {
        guard let operation = Operation(text: item) else { return false }
        operations.append(operation)
      }
    case "faults":
      for item in value.split(separator: ",") {
        guard let fault = Fault(text: item) else { return false }
        faults.append(fault)
      }
    default: return false
    }
    return true
  }

  private mutating func take(_ text: Substring, into path: WritableKeyPath<Scenario, Int>) -> Bool {
    guard let number = Int(text) else { return false }
    self[keyPath: path] = number
    return true
  }

  /// Whether a run of it means something.
  package var isLegal: Bool {
    let nodes = 0..<nodeCount
    guard (1...16).contains(nodeCount), (8...255).contains(peerCredits),
      (1...16).contains(connectionsPerPeer), (1...4).contains(railCount)
    else { return false }
    return operations.allSatisfy {
      nodes.contains($0.from) && nodes.contains($0.to) && $0.from != $0.to
        && (0...1 << 20).contains($0.byteCount)
    }
      && faults.allSatisfy {
        nodes.contains($0.node)
          && ($0.kind == .freeze ? $0.other >= 0 : nodes.contains($0.other))
      }
  }
}

extension Scenario.Operation {
  init?(text: Substring) {
    let parts = text.split(separator: ":")
    guard parts.count == 5, let time = UInt64(parts[0]),
      let kind = Kind(rawValue: String(parts[1])),
      let from = Int(parts[2]), let to = Int(parts[3]), let byteCount = Int(parts[4])
    else { return nil }
    self.init(time: time, kind: kind, from: from, to: to, byteCount: byteCount)
  }
}

extension Scenario.Fault {
  init?(text: Substring) {
    let parts = text.split(separator: ":")
    guard parts.count == 4, let time = UInt64(parts[0]),
      let kind = Kind(rawValue: String(parts[1])),
      let node = Int(parts[2]), let other = Int(parts[3])
    else { return nil }
    self.init(time: time, kind: kind, node: node, other: other)
  }
}
