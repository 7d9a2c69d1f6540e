internal import BasicContainers
internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import Structures

// How a target comes to serve: its management server knows it, then its clients may connect (spec 11 §13).
extension Roles {
  /// Why a target could not be opened, or what it serves without; empty when nothing is wrong.
  package func explanation(ofTarget target: Int) -> String { explanations[target] ?? "" }

  /// Begins to open a target.
  mutating func open(
    _ target: Int, _ specification: TargetSpecification, instance: UInt32,
    _ node: inout NodeCore
  ) {
    if specification.kind == .mgs {
      if let failure = managementServers[targets[target].place].failure {
        return failed(target, WireErrno.eio.status, failure)
      }
      return opened(target, &node)
    }
    var nodes = specification.managementNodes
    // The management server of this node, if there is one.
    if nodes.isEmpty, !managementServers.isEmpty { nodes = [[.loopback]] }
    guard let client = openManagement(nodes: nodes, &node) else {
      return failed(
        target, WireErrno.einval.status,
        nodes.isEmpty
          ? "\(specification.name) names no management server, and none runs on this node"
          : "this node has no place for another management server")
    }
    managementOfTarget[target] = client
    managementClients[client].register(
      target: target, specification, instance: instance, &node)
  }

  /// A registration has ended.
  mutating func registered(
    _ target: Int, by client: Int, _ status: Int32, _ explanation: String,
    _ node: inout NodeCore
  ) {
    guard status == 0 else { return failed(target, status, explanation) }
    if !explanation.isEmpty { explanations[target] = explanation }
    opened(target, &node)
    managementClients[client].ready(target: target, &node)
    watchForLinks(of: target, &node)
  }

  private mutating func opened(_ target: Int, _ node: inout NodeCore) {
    node.connections.set(.open, ofTarget: targets[target].slot)
    _ = events.append(RolesEvent(.targetOpen, index: target))
  }

  private mutating func failed(_ target: Int, _ status: Int32, _ explanation: String) {
    explanations[target] = explanation
    _ = events.append(RolesEvent(.targetFailed, index: target, status: status))
  }
}
