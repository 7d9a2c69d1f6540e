package import Connections
package import LNet
internal import NodeCore
package import O2IBLND
package import PtlRPC

/// What a node has done so far, and whom it knows.
package struct NodeState: Sendable {
  package var driver: O2IBCounters
  package var lnet: LNetCounters
  package var rpc = RPCCounters()
  package var connections = ConnectionsCounters()
  /// The nodes it knows.
  package var peers: [PeerView]
  /// The driver's connections, those being made or closed included.
  package var connectionCount: UInt64
}

extension Node {
  /// A picture of the node between two turns.
  package func state() async throws(NodeError) -> NodeState {
    try await inbox.run("state") { node, _, call in
      var peers: [PeerView] = []
      for place in 0..<node.lnet.peerPlaceCount {
        if let nid = node.lnet.primaryNID(atPlace: place), let peer = node.lnet.peer(nid) {
          peers.append(peer)
        }
      }
      call.finish(
        .success(
          NodeState(
            driver: node.lnd.counters, lnet: node.lnet.counters, rpc: node.rpc.counters,
            connections: node.connections.counters, peers: peers,
            connectionCount: UInt64(node.lnd.connectionCount))))
    }
  }
}
