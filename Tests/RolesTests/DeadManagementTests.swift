// Property: a management server of which some NIDs cannot be reached, and one whose first node is dead, is found at those that
// live: by mounts, by targets that register, and by who was there already when it moved to its other node.
// Method: NIDs that nobody has and nodes that were killed stand before the live ones, in virtual time.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
@testable import Roles
import Simulation
import Storage
import Testing

@Suite struct DeadManagementTests {
  /// Where the management server is said to be; node 0 is it, node 1 was killed, and nobody has the other NIDs.
  static let places: [(name: String, nodes: [[NID]])] = [
    ("NIDs of one node, the first is nobody's", [[nobody(1), World.nid(0)]]),
    ("NIDs of one node, only the third lives", [[nobody(1), nobody(2), World.nid(0)]]),
    ("two nodes, the first is nobody's", [[nobody(1)], [World.nid(0)]]),
    ("two nodes, the first was killed", [[World.nid(1)], [World.nid(0)]]),
    ("two nodes of two NIDs", [[World.nid(1), nobody(1)], [nobody(2), World.nid(0)]]),
    ("one", [[World.nid(0)]]),
    ("the live one first", [[World.nid(0), nobody(1)], [World.nid(1)]]),
  ]

  private static func nobody(_ number: Int) -> NID { World.nid(200 + number) }

  private static func world(_ timing: TimingProfile) throws -> (World, RoleNode) {
    let world = World()
    let limits = World.limits(timing: timing)
    let server = RoleNode([RoleDisk(.of(.mgs))], limits: limits)
    try world.add(server, limits: limits)
    try world.add(RoleNode(), limits: World.limits(timing: timing, cookie: 0x10_0000))
    world.run(1)
    world.kill(1)
    return (world, server)
  }

  private static func target(_ kind: TargetKind, at nodes: [[NID]]) -> TargetSpecification {
    var specification = TargetSpecification.of(kind)
    specification.managementNodes = nodes
    return specification
  }

  @Test(arguments: ["lustre", "fast"], 0..<places.count)
  func isFound(profile: String, place: Int) throws {
    let timing = try #require(TimingProfile.named(profile))
    let (world, management) = try Self.world(timing)
    let nodes = Self.places[place].nodes
    // Targets that register.
    var servers: [RoleNode] = []
    for (number, kind) in [TargetKind.mdt, .ost].enumerated() {
      let limits = World.limits(timing: timing, cookie: 0x20_0000 + UInt64(number) << 20)
      servers.append(RoleNode([RoleDisk(Self.target(kind, at: nodes))], limits: limits))
      try world.add(servers[number], limits: limits)
    }
    world.run(120) { servers.allSatisfy { $0.count(.targetOpen) == 1 } }
    #expect(servers.map { $0.count(.targetOpen) } == [1, 1], "\(Self.places[place].name)")
    #expect(management.roles.managementServers[0].fileSystems[0].targets.count == 2)
    // A mount.
    let limits = World.limits(timing: timing, cookie: 0x900_0000)
    let client = RoleNode(limits: limits)
    try world.add(client, limits: limits)
    let mount = client.use { client.roles.mount("lfs", management: nodes, &$0) } ?? 0
    let start = world.fabric.now
    world.run(120) { client.roles.mounts[mount].state == .mounted }
    #expect(client.roles.mounts[mount].state == .mounted, "\(Self.places[place].name)")
    // An attempt at a NID that is nobody's takes seconds, not minutes.
    #expect((world.fabric.now - start) / second < 10)
    #expect(client.roles.mounts[mount].readyCount == 2)
    // Servers connect to each other yet.
    world.run(10)
    #expect(world.leaks() == [])
  }

  @Test(
    "the management server moves to its other node: who was there follows, and who comes finds it",
    arguments: ["lustre", "fast"])
  func moves(profile: String) throws {
    let timing = try #require(TimingProfile.named(profile))
    let world = World()
    func limits(_ number: UInt64) -> SimulatedNode.Limits {
      World.limits(timing: timing, cookie: number << 20)
    }
    let nodes = [[World.nid(0)], [World.nid(1)]]
    let disk = RoleDisk(.of(.mgs), plan: DiskPlan(seed: 1))
    try world.add(RoleNode([disk]), limits: limits(1))
    try world.add(RoleNode(), limits: limits(2))
    let server = RoleNode(
      [RoleDisk(Self.target(.mdt, at: nodes)), RoleDisk(Self.target(.ost, at: nodes))])
    try world.add(server, limits: limits(3))
    world.run(60) { server.count(.targetOpen) == 2 }
    let first = RoleNode()
    try world.add(first, limits: limits(4))
    let mount = first.use { first.roles.mount("lfs", management: nodes, &$0) } ?? 0
    world.run(60) { first.roles.mounts[mount].state == .mounted }
    #expect(first.roles.mounts[mount].state == .mounted)
    world.run(5)
    for number in [0, 1] { world.kill(number) }
    disk.crash()
    let management = RoleNode([disk])
    try world.revive(1, management, limits: limits(5))
    let second = RoleNode()
    try world.add(second, limits: limits(6))
    let other = second.use { second.roles.mount("lfs", management: nodes, &$0) } ?? 0
    world.run(120) { second.roles.mounts[other].state == .mounted }
    #expect(second.roles.mounts[other].state == .mounted)
    // The first mount, the targets' node and the second mount each have one.
    func clients() -> Int { management.use { Int($0.connections.exportCount) } }
    world.run(300) { clients() == 3 }
    #expect(clients() == 3)
    #expect(first.roles.mounts[mount].state == .mounted)
    world.run(10)
    #expect(world.leaks() == [])
  }
}
