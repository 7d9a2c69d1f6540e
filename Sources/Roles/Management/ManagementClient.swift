internal import Connections
package import LustreWire
internal import NodeCore

/// What a management client tells the parts of its node.
enum ManagementReport {
  /// A target's registration has ended: 0, or a negative errno.
  case registered(target: Int, status: Int32)
  /// What a watcher has asked for is there, or has changed: `map` of the watch.
  case changed(OwnerTag)
  /// A watcher cannot be served; the status is a negative errno.
  case failed(OwnerTag, status: Int32, explanation: String)
}

/// The client of one management server, for all mounts and targets of the node that use it (spec 11 §11–§14).
package struct ManagementClient: ~Copyable {
  package let nodes: [[NID]]
  let index: Int
  /// What the other parts are to hear, in order; `Roles` takes it after each call.
  var reports: [ManagementReport] = []

  init(nodes: [[NID]], index: Int) {
    self.nodes = nodes
    self.index = index
  }

  mutating func handle(_ event: ConnectionsEvent, _ tag: OwnerTag, _ node: inout NodeCore) {}

  mutating func expired(_ tag: OwnerTag, _ node: inout NodeCore) {}
}
