package import Connections
package import LNet
package import NodeCore
package import PtlRPC

/// What runs on a node's own loop and hears of everything at once, without a hop to another thread.
///
/// A program must not block: it holds up its node. Its calls on the node take effect in the same turn.
package protocol NodeProgram: ~Copyable {
  /// The loop begins.
  mutating func started(_ node: inout NodeCore)
  /// An event of a descriptor or a call that this program made.
  mutating func received(_ event: LNetEvent, _ node: inout NodeCore)
  /// On a node without connections: an event of a request of ours or of a peer; a program with services must answer
  /// or drop the latter.
  mutating func received(_ event: RPCEvent, _ node: inout NodeCore)
  /// An event of an import, an export or a request; what is `requested` must be answered or dropped.
  mutating func received(_ event: ConnectionsEvent, _ node: inout NodeCore)
  /// A deadline has passed of a timer that was made by `makeProgramTimer`.
  mutating func expired(timer owner: UInt32, _ node: inout NodeCore)
  /// The node has taken in all that this turn brought: what it counts is up to date.
  mutating func turned(_ node: inout NodeCore)
  /// Called in every turn: looks at what other threads have left.
  ///
  /// - Returns: whether there was anything.
  mutating func looked(_ node: inout NodeCore) -> Bool
  /// The node has stopped: nobody may wait for the program any longer, as the loop serves its transport until callers
  /// have given all memory back.
  mutating func stopped(_ node: inout NodeCore)
  /// The loop ends: may wait for threads of its own.
  mutating func ended()
}

extension NodeProgram where Self: ~Copyable {
  /// Most programs speak LNet only.
  package mutating func received(_ event: RPCEvent, _ node: inout NodeCore) {}
  package mutating func received(_ event: ConnectionsEvent, _ node: inout NodeCore) {}
  /// Most programs have no timers.
  package mutating func expired(timer owner: UInt32, _ node: inout NodeCore) {}
  /// Most programs live by their events.
  package mutating func turned(_ node: inout NodeCore) {}
  package mutating func looked(_ node: inout NodeCore) -> Bool { false }
  package mutating func stopped(_ node: inout NodeCore) {}
  package mutating func ended() {}
}

/// The program of a node that is used from outside only.
package struct NoProgram: NodeProgram {
  package init() {}
  package mutating func started(_ node: inout NodeCore) {}
  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {}
}
