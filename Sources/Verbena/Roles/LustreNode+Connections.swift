package import Connections
package import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Structures

/// What one node is connected to, and who to it, at one time.
package struct NodeConnections: Sendable {
  package struct Import: Sendable {
    package var role: ImportRole
    package var target: ObdUUID
    package var state: ImportState
    package var history: StateHistory
  }

  package struct Export: Sendable {
    package var target: ObdUUID
    package var client: ObdUUID
  }

  package var imports: [Import] = []
  package var exports: [Export] = []
}

extension LustreNode {
  /// All imports and exports as they are now.
  package func connections() async throws(NodeError) -> NodeConnections {
    try await withRoles("connections") { _, node in
      var found = NodeConnections()
      for place in 0..<node.connections.importPlaceCount {
        guard let handle = node.connections.importHandle(at: place),
          let view = node.connections.view(handle)
        else { continue }
        found.imports.append(
          NodeConnections.Import(
            role: view.description.proposal.role, target: view.description.target,
            state: view.state, history: view.history))
      }
      for place in 0..<node.connections.exportPlaceCount {
        guard let handle = node.connections.exportHandle(at: place),
          let view = node.connections.view(handle)
        else { continue }
        found.exports.append(
          NodeConnections.Export(target: view.target.name, client: view.client))
      }
      return found
    }
  }
}
