internal import Connections
internal import LustreWire
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Verbena

/// A whole file system in this process: who is in it, and where.
struct ClusterPlan: Sendable {
  /// Metadata servers, a target each.
  var metadataCount: Int
  var objectServerCount: Int
  var objectTargetsPerServer: Int
  /// Clients, each a node of its own.
  var clientCount: Int
  /// Clients beside those that come and go: this many are there at a time, counting those that have just left.
  var transientClientCount = 0
  /// How long a server's idle loop polls: many of them share the processors.
  var serverSpin = Duration.zero
  var timing: TimingProfile
  var fabric: String

  static let fileSystem = "lfs"

  /// Object targets.
  var objectCount: Int { objectServerCount * objectTargetsPerServer }

  /// A node that hosts targets.
  struct Server: Sendable {
    var nid: NID
    var specifications: [TargetSpecification]

    /// That of its first target.
    var name: String { specifications.first?.name ?? "\(nid)" }
  }

  var managementNID: NID { .o2ib(10 << 24 | 1) }

  /// The management server first, then metadata servers, then object servers.
  var servers: [Server] {
    let management = Server(
      nid: managementNID, specifications: [TargetSpecification(kind: .mgs)])
    let metadata = (0..<metadataCount).map { index in
      Server(nid: Self.nid(net: 1, index), specifications: [specification(.mdt, index)])
    }
    let objects = (0..<objectServerCount).map { index in
      let first = index * objectTargetsPerServer
      return Server(
        nid: Self.nid(net: 2, index),
        specifications: (first..<first + objectTargetsPerServer).map { specification(.ost, $0) })
    }
    return [management] + metadata + objects
  }

  /// All targets, in the same order, and where they are.
  var targets: [(nid: NID, specification: TargetSpecification)] {
    servers.flatMap { server in server.specifications.map { (server.nid, $0) } }
  }

  private func specification(_ kind: TargetKind, _ index: Int) -> TargetSpecification {
    var specification = TargetSpecification(
      kind: kind, fileSystem: Self.fileSystem, index: UInt32(index))
    specification.managementNodes = [[managementNID]]
    return specification
  }

  private static func nid(net: UInt32, _ index: Int) -> NID {
    .o2ib(10 << 24 | net << 16 | UInt32(index + 1))
  }

  func clientNID(_ index: Int) -> NID { Self.nid(net: 3, index) }

  /// Nodes that may be connected to one server.
  private var nodeCount: Int {
    1 + metadataCount + objectServerCount + clientCount + transientClientCount
  }

  func configuration(ofServer server: Server) -> NodeConfiguration {
    var configuration = NodeConfiguration(nids: [server.nid])
    var capacity = ConnectionsCapacity()
    let targetCount = server.specifications.count
    capacity.imports = (metadataCount + objectCount) * (targetCount + 1) + 8
    capacity.targets = targetCount
    // Clients, proxies and light-weight connections.
    capacity.exports =
      (clientCount + transientClientCount + 2 * metadataCount + objectCount) * targetCount + 16
    capacity.locks = 8 * nodeCount
    capacity.events = 8192
    var rpc = RPCCapacity()
    rpc.requests = max(512, nodeCount)
    rpc.serverRequests = max(512, min(4096, 4 * nodeCount))
    rpc.events = 8192
    configuration.enableConnections(capacity, timing: timing, rpc: rpc)
    // While a connection ends, its successor begins.
    configuration.driverLimits.connections = 2 * nodeCount + 16
    configuration.driverLimits.peers = 2 * nodeCount + 16
    configuration.spin = serverSpin
    return configuration
  }

  func configuration(ofClient index: Int) -> NodeConfiguration {
    var configuration = NodeConfiguration(nids: [clientNID(index)])
    configuration.keepTablesSmall(
      servers: 1 + metadataCount + objectServerCount, imports: 1 + metadataCount + objectCount,
      timing: timing)
    return configuration
  }
}
