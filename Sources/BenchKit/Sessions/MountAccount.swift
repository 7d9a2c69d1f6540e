package import Connections
package import LustreWire

/// What a client does on its way to FULL, by name.
package enum MountStep: String, Sendable, CaseIterable {
  /// The management server's node, to which nothing stood: a connection of the driver, ping and push.
  case discovery = "LNet discovery, new connection"
  /// CONNECT to the management server, up to FULL.
  case management = "CONNECT to the MGS"
  /// From there until the targets are known: configuration lock, logs, and where targets are.
  case lookUp = "MGS look-up"
  /// From nothing until every target's import is FULL, and the root known.
  case mount = "mount, all FULL"
  /// A target on a node to which nothing stands: connection of the driver, discovery, CONNECT, negotiated.
  case firstTarget = "first target of a node"
  /// One more target of that node: CONNECT, negotiated.
  case furtherTarget = "further target of a node"
}

/// A target, as a mount has found it.
package struct MountGoal: Equatable, Sendable {
  package var role: ImportRole
  package var target: ObdUUID
  package var index: UInt32
  package var nid: NID
}

/// What one client's way to FULL took.
package struct MountAccount: Sendable {
  /// Nanoseconds, in the order in which they were taken.
  package var steps: [(step: MountStep, nanoseconds: UInt64)] = []
  /// Where the targets are: those of one node one behind the other.
  package var goals: [MountGoal] = []
  /// CM exchanges that this client has made.
  package var exchangeCount: UInt64 = 0

  package init() {}

  /// Nodes that have targets.
  package var nodeCount: Int {
    goals.indices.count { $0 == 0 || goals[$0].nid != goals[$0 - 1].nid }
  }

  /// Adds a target beside the others of its node.
  mutating func add(_ goal: MountGoal) {
    let place = goals.lastIndex { $0.nid == goal.nid }.map { $0 + 1 } ?? goals.count
    goals.insert(goal, at: place)
  }
}
