internal import Connections
internal import NodeCore

/// The connections of this node's targets to other targets: OSP and LWP (spec 00; 11 §1.1).
package struct ServerLinks: ~Copyable {
  init() {}

  mutating func handle(
    _ event: ConnectionsEvent, _ tag: OwnerTag, _ node: inout NodeCore
  ) {}

  mutating func expired(_ tag: OwnerTag, _ node: inout NodeCore) {}
}
