internal import Connections
internal import LustreWire
internal import NodeCore

/// A client of one file system: the connections to all its targets (spec 00; 11 §1).
package struct Mount: ~Copyable {
  package let fileSystem: String
  let index: Int
  /// Which of the node's management clients it uses.
  let management: Int

  init(fileSystem: String, index: Int, management: Int) {
    self.fileSystem = fileSystem
    self.index = index
    self.management = management
  }

  mutating func handle(
    _ event: ConnectionsEvent, _ tag: OwnerTag, _ node: inout NodeCore
  ) {}

  mutating func expired(_ tag: OwnerTag, _ node: inout NodeCore) {}
}
