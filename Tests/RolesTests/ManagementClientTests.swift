// Property: a management client serves all its users over one connection, gives back what they leave, and ends a
// watch that cannot be served with a reason.
// Method: nodes with and without a management server that answers, in virtual time.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Testing

@Suite struct ManagementClientTests {
  private static func watchCount(_ node: RoleNode) -> Int {
    node.roles.managementClients[0].watches.count { $0 != nil }
  }

  @Test func allOnOneNode() throws {
    let world = World()
    let node = RoleNode(
      [.of(.mgs), .of(.mdt), .of(.ost), .of(.ost, index: 1)].map { RoleDisk($0) })
    try world.add(node)
    world.run(30) { node.count(.targetOpen) == 4 }
    #expect(node.count(.targetOpen) == 4)
    // One connection for all of them, to the node itself.
    let slot = node.roles.managementServers[0].slot
    #expect(node.use { $0.connections.exportCount(ofTarget: slot) } == 1)
    let watcher = Watcher(server: 0)
    try world.add(watcher, limits: World.limits(cookie: 0x900_0000))
    world.run(30) { watcher.map != nil }
    #expect(watcher.map?.objectTargets.count == 2)
    let map = try #require(watcher.map)
    #expect(map.nids(of: map.objectTargets[0]) == [World.nid(0)])
  }

  @Test func whatIsLeftIsGivenBack() throws {
    let cluster = try ManagedCluster()
    cluster.world.run(30) { cluster.isOpen }
    // What the servers ask of each other is done by then.
    cluster.world.run(40)
    let before = cluster.managementUse
    let watcher = try cluster.watcher()
    cluster.world.run(30) { watcher.map != nil }
    #expect(cluster.managementUse == [before[0] + 4, before[1] + 1])
    watcher.unwatch()
    cluster.world.run(5)
    #expect(cluster.managementUse == before)
    #expect(watcher.use { $0.connections.importCount } == 0)
    #expect(watcher.use { $0.connections.heldLockCount } == 0)
    #expect(cluster.management.use { $0.connections.counters.evictionsByLock } == 0)
    // And comes back.
    watcher.use { watcher.watch(&$0) }
    cluster.world.run(30) { cluster.managementUse[0] == before[0] + 4 }
    #expect(cluster.managementUse == [before[0] + 4, before[1] + 1])
  }

  /// Whenever a watch ends: nothing of it is left at either end.
  @Test(arguments: [1, 2, 4, 6, 8, 10, 12, 15, 18, 22, 26, 30])
  func leftAtAnyTime(step: Int) throws {
    let cluster = try ManagedCluster()
    cluster.world.run(30) { cluster.isOpen }
    cluster.world.run(40)
    let before = cluster.managementUse
    let watcher = try cluster.watcher()
    cluster.world.run(0.000_02 * Double(step * step))
    watcher.unwatch()
    cluster.world.run(60)
    #expect(cluster.managementUse == before)
    #expect(watcher.use { $0.connections.importCount } == 0)
    #expect(watcher.use { $0.turn.memory.bulk.freePieceCount } == watcher.freePieces)
    #expect(watcher.use { $0.rpc.requestCount } == 0)
  }

  @Test func anUnknownFileSystem() throws {
    let cluster = try ManagedCluster()
    cluster.world.run(30) { cluster.isOpen }
    let watcher = try cluster.watcher("nosuch")
    cluster.world.run(20) { Self.watchCount(watcher) == 0 }
    #expect(Self.watchCount(watcher) == 0)
    #expect(watcher.map == nil)
    #expect(watcher.isWatching)
  }

  @Test func noServerAnswers() throws {
    let world = World()
    let watcher = Watcher(server: 1)
    try world.add(watcher)
    let target = RoleNode([RoleDisk(.of(.ost, management: 9))])
    // Node 1 is there, but no management server.
    try world.add(target, limits: World.limits(cookie: 0x900_0000))
    world.run(30)
    #expect(Self.watchCount(watcher) == 1)
    #expect(target.count(.targetFailed) == 0)
    world.run(6)
    #expect(Self.watchCount(watcher) == 0)
    #expect(target.count(.targetFailed) == 1)
    #expect(target.told.last?.status == WireErrno.etimedout.status)
    let words = target.roles.explanation(ofTarget: 0)
    #expect(words == "no management server answers at 10.0.0.10@o2ib: ETIMEDOUT")
  }

  @Test func anIndexThatIsTaken() throws {
    let cluster = try ManagedCluster()
    cluster.world.run(30) { cluster.isOpen }
    let second = RoleNode([RoleDisk(.of(.ost, management: 0))])
    try cluster.world.add(second, limits: World.limits(cookie: 0x900_0000))
    cluster.world.run(30) { second.count(.targetFailed) == 1 }
    #expect(second.told.last?.status == WireErrno.eaddrinuse.status)
    #expect(
      second.roles.explanation(ofTarget: 0)
        == "the management server (10.0.0.1@o2ib) refuses lfs-OST0000: EADDRINUSE")
  }

  /// A target that served before opens although its management server is away, and is known when that is back.
  @Test func aKnownTargetServesWithout() throws {
    let cluster = try ManagedCluster(plan: DiskPlan(seed: 4))
    cluster.world.run(30) { cluster.isOpen }
    cluster.world.run(2)
    cluster.world.kill(0)
    try cluster.restart(1)
    cluster.world.run(40) { cluster.servers[1].count(.targetOpen) == 1 }
    #expect(cluster.servers[1].count(.targetOpen) == 1)
    #expect(!cluster.servers[1].roles.explanation(ofTarget: 0).isEmpty)
    try cluster.restartManagement(after: 1)
    func instance() -> UInt32? {
      let known = cluster.management.roles.managementServers[0].fileSystems[0]
      return known.target(.ost, 0).map { known.targets[$0].instance }
    }
    cluster.world.run(60) { instance() == 2 }
    #expect(instance() == 2)
  }

  /// What cannot be written is not acknowledged, and nobody sees it.
  @Test func aDiskThatFails() throws {
    var plan = DiskPlan(seed: 4)
    plan.commitErrorsPerMillion = 1_000_000
    let cluster = try ManagedCluster(plan: plan)
    cluster.world.run(30) { cluster.servers.allSatisfy { $0.count(.targetFailed) == 1 } }
    for server in cluster.servers {
      #expect(server.told.map(\.kind) == [.targetFailed])
    }
    #expect(cluster.servers.contains { $0.told.first?.status == WireErrno.eio.status })
    let server = cluster.management.roles.managementServers[0].fileSystems
    #expect(server.isEmpty)
    #expect(cluster.management.roles.managementServers[0].counters.diskErrors > 0)
    #expect(cluster.world.leaks().isEmpty)
  }
}
