internal import Connections
internal import NodeCore

/// Operations on objects at other nodes: a node's callers read and write through imports (spec 13).
package struct ObjectClient: ~Copyable {
  init() {}

  mutating func handle(
    _ event: ConnectionsEvent, _ tag: OwnerTag, _ node: inout NodeCore
  ) {}
}
