// Property: targets that register are in everyone's configuration, and whoever watches it hears of every change.
// Method: a management server, targets and watchers on nodes of their own, in virtual time on a simulated fabric.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Testing

@Suite struct ManagementTests {
  /// A management server on node 0, a metadata target on node 1, and object targets on those that follow.
  final class Cluster {
    let world: World
    let management: RoleNode
    let managementDisk: RoleDisk
    var servers: [RoleNode] = []
    var disks: [RoleDisk] = []

    init(objectTargets: Int = 1, plan: DiskPlan? = nil, seed: UInt64 = 1) throws {
      world = World(seed: seed)
      managementDisk = RoleDisk(.of(.mgs), plan: plan)
      management = RoleNode([managementDisk])
      try world.add(management)
      try add(.mdt, index: 0)
      for index in 0..<objectTargets { try add(.ost, index: UInt32(index)) }
    }

    func add(_ kind: TargetKind, index: UInt32) throws {
      let disk = RoleDisk(.of(kind, index: index, management: 0), plan: DiskPlan(seed: 5))
      disks.append(disk)
      servers.append(RoleNode([disk]))
      let cookie = UInt64(0x10_0000 * (servers.count + 1))
      try world.add(servers[servers.count - 1], limits: World.limits(cookie: cookie))
    }

    func watcher(_ fileSystem: String = "lfs") throws -> Watcher {
      let watcher = Watcher(server: 0, fileSystem)
      try world.add(watcher, limits: World.limits(cookie: 0x900_0000))
      return watcher
    }

    var isOpen: Bool { servers.allSatisfy { $0.count(.targetOpen) == $0.disks.count } }
    var server: Int { 0 }
  }

  @Test func targetsRegisterAndAreFound() throws {
    let cluster = try Cluster(objectTargets: 2)
    cluster.world.run(30) { cluster.isOpen }
    #expect(cluster.management.count(.targetOpen) == 1)
    #expect(cluster.isOpen)
    let watcher = try cluster.watcher()
    cluster.world.run(30) { watcher.map != nil }
    let map = try #require(watcher.map)
    #expect(map.metadataTargets.map(\.uuid) == ["lfs-MDT0000_UUID"])
    #expect(map.objectTargets.map(\.uuid) == ["lfs-OST0000_UUID", "lfs-OST0001_UUID"])
    #expect(map.nids(of: map.metadataTargets[0]) == [World.nid(1)])
    #expect(map.nids(of: map.objectTargets[1]) == [World.nid(3)])
    #expect(map.life(of: map.objectTargets[1])?.instance == 1)
    cluster.world.run(2)
    #expect(cluster.world.leaks().isEmpty)
  }

  @Test func watchersHearOfANewTarget() throws {
    let cluster = try Cluster()
    cluster.world.run(30) { cluster.isOpen }
    let watcher = try cluster.watcher()
    cluster.world.run(30) { watcher.map != nil }
    #expect(watcher.map?.objectTargets.count == 1)
    try cluster.add(.ost, index: 7)
    cluster.world.run(40) { watcher.map?.objectTargets.count == 2 }
    let map = try #require(watcher.map)
    #expect(map.objectTargets.map(\.index) == [0, 7])
    cluster.world.run(40) { watcher.map?.life(of: map.objectTargets[1]) != nil }
    #expect(watcher.map?.life(of: map.objectTargets[1])?.nids == [World.nid(4)])
    #expect(cluster.management.roles.managementServers[0].counters.locksRevoked > 0)
  }
}
