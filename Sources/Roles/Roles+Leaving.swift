internal import BasicContainers
internal import Connections
package import NodeCore

// How a node leaves all that its roles are connected to, before it ends.
extension Roles {
  /// Goes on leaving: mounts, and the connections of this node's targets to others; then the management servers, which
  /// the others are found by. To be called again until it is done.
  ///
  /// - Returns: whether nothing is left. Imports of the program above are its own matter, and are waited for too.
  package mutating func leave(_ node: inout NodeCore) -> Bool {
    for index in 0..<mounts.count where !mounts[index].isOver { unmount(index, &node) }
    links.leave(&node)
    var isUsing = links.count > 0
    for index in 0..<mounts.count where !mounts[index].isOver { isUsing = true }
    if !isUsing {
      for index in 0..<managementClients.count { managementClients[index].leave(&node) }
    }
    for place in 0..<node.connections.importPlaceCount {
      guard let handle = node.connections.importHandle(at: place),
        let view = node.connections.view(handle)
      else { continue }
      if view.state != .closed { return false }
    }
    return true
  }
}
