internal import EmulatedTransport
internal import LustreWire
internal import RDMATransport
internal import Roles
internal import Verbena

/// A file system that runs in this process, on an emulated fabric: a node and a loop for each server and client.
struct Cluster: Sendable {
  let plan: ClusterPlan
  private(set) var servers: [LustreNode] = []
  private(set) var clients: [LustreNode] = []

  /// Bytes that a client's node may take at most; only what it touches is taken.
  private static let clientByteCountMax = 16 << 20

  init(_ plan: ClusterPlan) { self.plan = plan }

  /// Starts the servers, then the clients, which begin to mount.
  mutating func start() async throws(CommandFailure) {
    for server in plan.servers {
      servers.append(
        try await node(
          plan.configuration(ofServer: server), server.specifications.map { HostedTarget($0) },
          FabricLimits()))
    }
    for index in 0..<plan.clientCount {
      let client = try await node(
        plan.configuration(ofClient: index), [],
        FabricLimits(memoryByteCountMax: Self.clientByteCountMax))
      clients.append(client)
      try await mount(client)
    }
  }

  private func node(
    _ configuration: NodeConfiguration, _ targets: [HostedTarget], _ limits: FabricLimits
  ) async throws(CommandFailure) -> LustreNode {
    let fabric = plan.fabric
    let addresses = configuration.nids.map(\.address)
    do throws(NodeError) {
      return try await LustreNode.start(configuration, targets: targets, guest: { NoProgram() }) {
        () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: addresses, limits: limits)
      }
    } catch { throw CommandFailure(error) }
  }

  private func mount(_ client: LustreNode) async throws(CommandFailure) {
    let (fileSystem, management) = (plan.fileSystem, [[plan.managementNID]])
    let place: Int?
    do throws(NodeError) {
      place = try await client.withRoles("mount") { roles, node in
        roles.mount(fileSystem, management: management, &node)
      }
    } catch { throw CommandFailure(error) }
    precondition(place != nil, "a new client without a place for a mount")
  }

  /// Who is connected to whom now.
  func look() async throws(CommandFailure) -> ClusterView {
    var view = ClusterView(plan)
    do throws(NodeError) {
      for (server, node) in zip(plan.servers, servers) {
        view.add(try await node.connections(), server: server.name)
      }
      for (index, node) in clients.enumerated() {
        view.add(try await node.connections(), client: index)
      }
    } catch { throw CommandFailure(error) }
    return view
  }

  /// Unmounts the clients, then ends all nodes.
  func stop() async {
    for client in clients { await client.stop() }
    for server in servers.reversed() { await server.stop() }
  }
}
