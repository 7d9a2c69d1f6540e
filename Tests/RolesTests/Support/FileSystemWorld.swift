// A whole file system on simulated nodes: a management server, other servers and clients, whose exports and imports can
// be listed by name.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Testing

/// Node 0: MGS; 1 and 2: MDT0000 and MDT0001; 3 to 6: OST0000 to OST0003; then clients.
final class FileSystemWorld {
  let world: World
  let timing: TimingProfile
  private(set) var disks: [[RoleDisk]] = []
  private(set) var servers: [RoleNode] = []
  private(set) var clients: [RoleNode] = []
  private var lives: UInt64 = 0

  /// - Parameter make: what the servers are at first.
  init(
    _ profile: String = "lustre", servers: [[(TargetKind, UInt32)]] = FileSystemWorld.table,
    clients: Int, seed: UInt64 = 1, model: NetworkModel = NetworkModel(),
    make: ([RoleDisk], SimulatedNode.Limits) -> RoleNode = { RoleNode($0, limits: $1) }
  ) throws {
    world = World(seed: seed, model: model)
    timing = try #require(TimingProfile.named(profile))
    for targets in servers {
      let ownDisks = targets.map {
        RoleDisk(.of($0.0, index: $0.1, management: 0), plan: DiskPlan(seed: seed))
      }
      disks.append(ownDisks)
      let limits = newLimits()
      let server = make(ownDisks, limits)
      self.servers.append(server)
      try world.add(server, limits: limits, seed: 7 + seed)
    }
    for _ in 0..<clients { try addClient(seed: seed) }
  }

  static let table: [[(TargetKind, UInt32)]] = [
    [(.mgs, 0)], [(.mdt, 0)], [(.mdt, 1)], [(.ost, 0)], [(.ost, 1)], [(.ost, 2)], [(.ost, 3)],
  ]

  private func newLimits() -> SimulatedNode.Limits {
    lives += 1
    return World.limits(timing: timing, cookie: lives << 40) { limits in
      limits.driver.connections = 96
      limits.driver.peers = 48
      limits.driver.transmits = 512
      limits.driver.receptions = 1024
      limits.lnet.peers = 64
      limits.lnet.peerInterfaces = 128
      limits.rpc.capacity.serverRequests = 256
    }
  }

  @discardableResult
  func addClient(seed: UInt64 = 1) throws -> RoleNode {
    let limits = newLimits()
    let client = RoleNode(limits: limits)
    clients.append(client)
    try world.add(client, limits: limits, seed: 1000 * seed + UInt64(clients.count))
    return client
  }

  func mountAll() {
    for client in clients.indices { mount(client) }
  }

  func mount(_ client: Int) {
    let client = clients[client]
    let place = client.use { core in
      client.roles.mount("lfs", management: [[World.nid(0)]], &core)
    }
    #expect(place == 0)
  }

  func unmount(_ client: Int) {
    let client = clients[client]
    client.use { core in client.roles.unmount(0, &core) }
  }

  func kill(_ server: Int) { world.kill(server) }

  /// The disks as the loss of power has left them, on a node that knows nothing else.
  func revive(_ server: Int) throws {
    for disk in disks[server] { disk.crash() }
    let limits = newLimits()
    servers[server] = RoleNode(disks[server], limits: limits)
    // Every life has its own random numbers, as names of clients are made of them.
    try world.revive(server, servers[server], limits: limits, seed: 100_000 + lives)
  }

  /// Whether all targets serve, and all connections between servers are there.
  var isServing: Bool {
    servers.allSatisfy { server in
      server.count(.targetOpen) == server.disks.count
        && server.roles.links.readyCount == server.roles.links.count
    }
  }

  var linkCounts: [Int] { servers.map { $0.roles.links.count } }

  var isMounted: Bool {
    clients.allSatisfy { $0.roles.mounts.count == 1 && $0.roles.mounts[0].state == .mounted }
  }

  /// Whether every import of every mount and link can be used.
  var isWhole: Bool {
    isMounted
      && clients.allSatisfy { $0.roles.mounts[0].readyCount == $0.roles.mounts[0].importCount }
      && servers.allSatisfy { $0.roles.links.readyCount == $0.roles.links.count }
  }

  /// What is missing, for failures.
  var explanation: String {
    var missing: [String] = []
    for (number, server) in servers.enumerated() {
      let text = server.use { server.roles.explanationOfLinks($0) }
      if !text.isEmpty { missing.append("server \(number): \(text)") }
    }
    for (number, client) in clients.enumerated() where client.roles.mounts.count > 0 {
      let text = client.use { client.roles.explanation(ofMount: 0, $0) }
      if !text.isEmpty { missing.append("client \(number): \(text)") }
    }
    return missing.joined(separator: "\n")
  }

  /// `client -> target` of all exports of a server; mounts and management clients by what they are.
  func exports(ofServer server: Int) -> [String] {
    let mounts = Set(
      clients.compactMap { $0.roles.mounts.count > 0 ? $0.roles.mounts[0].client : nil })
    return servers[server].use { core in
      var result: [String] = []
      for place in 0..<64 {
        guard let handle = core.connections.exportHandle(at: place),
          let view = core.connections.view(handle)
        else { continue }
        let client =
          mounts.contains(view.client)
          ? "mount" : view.target.traits.kind == .mgs ? "mgc" : "\(view.client)"
        result.append("\(client) -> \(view.target.name)")
      }
      return result.sorted()
    }
  }

  func importCount(ofClient client: Int) -> Int {
    clients[client].use { $0.connections.importCount }
  }
}
