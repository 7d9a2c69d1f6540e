internal import BasicContainers
internal import Connections
internal import LNet
internal import LustreWire
package import NodeCore
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

  /// Registers a target of the program's, which is open whatever comes of it; `targetOpen` or `targetFailed` follows with
  /// its tag for index.
  ///
  /// - Parameters:
  ///   - tag: `firstProgramTarget` or above.
  ///   - instance: 2 or above: it may have been known before, and has kept nothing itself.
  package mutating func register(
    programTarget tag: Int, _ specification: TargetSpecification, instance: UInt32,
    _ node: inout NodeCore
  ) {
    precondition(tag >= Self.firstProgramTarget && instance > 1)
    guard let client = openManagement(nodes: specification.managementNodes, &node) else {
      return failed(
        tag, WireErrno.einval.status, "this node has no place for another management server")
    }
    managementClients[client].register(
      target: tag, specification, instance: instance, &node)
  }

  private mutating func registered(
    programTarget tag: Int, by client: Int, _ explanation: String, _ node: inout NodeCore
  ) {
    // One that is not new is no failure there; but this one is to be found.
    guard explanation.isEmpty else { return failed(tag, WireErrno.eio.status, explanation) }
    _ = events.append(RolesEvent(.targetOpen, index: tag))
    managementClients[client].ready(target: tag, &node)
  }

  /// A registration has ended.
  mutating func registered(
    _ target: Int, by client: Int, _ status: Int32, _ explanation: String,
    _ node: inout NodeCore
  ) {
    if target >= Self.firstProgramTarget {
      return registered(programTarget: target, by: client, explanation, &node)
    }
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
