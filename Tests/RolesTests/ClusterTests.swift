// Who is connected to whom in a whole file system: a management server, two metadata and four object servers and their
// clients on simulated nodes, against the table that specification 00 and 11 §1.1 make, written out by hand; and that all
// of them are FULL again after a server has died and come back.
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

  init(
    _ profile: String = "lustre", servers: [[(TargetKind, UInt32)]] = FileSystemWorld.table,
    clients: Int, seed: UInt64 = 1
  ) throws {
    world = World(seed: seed)
    timing = try #require(TimingProfile.named(profile))
    for targets in servers {
      let ownDisks = targets.map {
        RoleDisk(.of($0.0, index: $0.1, management: 0), plan: DiskPlan(seed: seed))
      }
      disks.append(ownDisks)
      let limits = newLimits()
      let server = RoleNode(ownDisks, limits: limits)
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
    for client in clients {
      let place = client.use { core in
        client.roles.mount("lfs", management: [[World.nid(0)]], &core)
      }
      #expect(place == 0)
    }
  }

  func kill(_ server: Int) { world.kill(server) }

  /// The disks as the loss of power has left them, on a node that knows nothing else.
  func revive(_ server: Int) throws {
    for disk in disks[server] { disk.crash() }
    let limits = newLimits()
    servers[server] = RoleNode(disks[server], limits: limits)
    try world.revive(server, servers[server], limits: limits)
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

@Suite struct ClusterTests {
  /// Specification 00 with 11 §1.1, for two metadata and four object targets: the exports that servers make.
  static let betweenServers: [[String]] = [
    ["mgc -> MGS", "mgc -> MGS", "mgc -> MGS", "mgc -> MGS", "mgc -> MGS", "mgc -> MGS"],
    [
      "lfs-MDT0000-lwp-MDT0000_UUID -> lfs-MDT0000",
      "lfs-MDT0000-lwp-MDT0001_UUID -> lfs-MDT0000",
      "lfs-MDT0000-lwp-OST0000_UUID -> lfs-MDT0000",
      "lfs-MDT0000-lwp-OST0001_UUID -> lfs-MDT0000",
      "lfs-MDT0000-lwp-OST0002_UUID -> lfs-MDT0000",
      "lfs-MDT0000-lwp-OST0003_UUID -> lfs-MDT0000",
      "lfs-MDT0001-mdtlov_UUID -> lfs-MDT0000",
    ],
    [
      "lfs-MDT0000-mdtlov_UUID -> lfs-MDT0001",
      "lfs-MDT0001-lwp-OST0000_UUID -> lfs-MDT0001",
      "lfs-MDT0001-lwp-OST0001_UUID -> lfs-MDT0001",
      "lfs-MDT0001-lwp-OST0002_UUID -> lfs-MDT0001",
      "lfs-MDT0001-lwp-OST0003_UUID -> lfs-MDT0001",
    ],
    ["lfs-MDT0000-mdtlov_UUID -> lfs-OST0000", "lfs-MDT0001-mdtlov_UUID -> lfs-OST0000"],
    ["lfs-MDT0000-mdtlov_UUID -> lfs-OST0001", "lfs-MDT0001-mdtlov_UUID -> lfs-OST0001"],
    ["lfs-MDT0000-mdtlov_UUID -> lfs-OST0002", "lfs-MDT0001-mdtlov_UUID -> lfs-OST0002"],
    ["lfs-MDT0000-mdtlov_UUID -> lfs-OST0003", "lfs-MDT0001-mdtlov_UUID -> lfs-OST0003"],
  ]
  /// The imports for them: each server's own.
  static let linkCounts = [0, 6, 6, 2, 2, 2, 2]
  static let targets = [
    "MGS", "lfs-MDT0000", "lfs-MDT0001", "lfs-OST0000", "lfs-OST0001", "lfs-OST0002",
    "lfs-OST0003",
  ]

  static func expected(server: Int, clients: Int) -> [String] {
    let client = server == 0 ? "mgc -> MGS" : "mount -> \(targets[server])"
    return (betweenServers[server] + Array(repeating: client, count: clients)).sorted()
  }

  static func expectTable(_ cluster: FileSystemWorld) {
    for server in cluster.servers.indices {
      let found = cluster.exports(ofServer: server)
      let expected = expected(server: server, clients: cluster.clients.count)
      #expect(found == expected, "\(targets[server])")
    }
    // One to each of six targets, and one to the management server.
    for client in cluster.clients.indices { #expect(cluster.importCount(ofClient: client) == 7) }
  }

  @Test(arguments: ["lustre", "fast"])
  func whoIsConnectedToWhom(profile: String) throws {
    let cluster = try FileSystemWorld(profile, clients: 20)
    cluster.world.run(90) {
      cluster.isServing && cluster.linkCounts == Self.linkCounts
    }
    cluster.mountAll()
    cluster.world.run(15) { cluster.isWhole }
    #expect(cluster.isWhole, "\(cluster.explanation)")
    Self.expectTable(cluster)
    cluster.world.run(12)
    Self.expectProxies(cluster)
  }

  /// Metadata targets know how full the others are; the first one has objects in advance.
  static func expectProxies(_ cluster: FileSystemWorld) {
    for server in 1...2 {
      for place in 0..<cluster.servers[server].roles.links.placeCount {
        guard let entry = cluster.servers[server].roles.links[place] else { continue }
        let isProxy = entry.link.role == .ospToObjects || entry.link.role == .ospToMetadata
        #expect((entry.proxy.statistics != nil) == isProxy, "\(entry.link.target)")
        guard entry.link.role == .ospToObjects, server == 1 else { continue }
        #expect(entry.proxy.creation == .ready, "\(entry.link.target): \(entry.proxy.status)")
        #expect(entry.proxy.lastObject.number >= TargetProxy.batch)
      }
    }
  }

  @Test(arguments: ["lustre", "fast"], [1, 4])
  func aServerDiesAndComesBack(profile: String, server: Int) throws {
    let cluster = try FileSystemWorld(profile, clients: 12)
    cluster.world.run(90) {
      cluster.isServing && cluster.linkCounts == Self.linkCounts
    }
    cluster.mountAll()
    cluster.world.run(15) { cluster.isWhole }
    cluster.kill(server)
    cluster.world.run(3)
    try cluster.revive(server)
    // Imports of object targets that nobody uses leave in order: the tables of metadata servers are whole.
    cluster.world.run(300) {
      cluster.isServing && cluster.isWhole && cluster.linkCounts == Self.linkCounts
        && (1...2).allSatisfy {
          cluster.exports(ofServer: $0) == Self.expected(server: $0, clients: 12)
        }
    }
    #expect(cluster.isWhole, "\(cluster.explanation)")
    for number in 1...2 {
      #expect(
        cluster.exports(ofServer: number) == Self.expected(server: number, clients: 12),
        "\(Self.targets[number])")
    }
  }
}
