// Property: a registration that was acknowledged survives a crash of the management server, and who watches learns
// where a target is after a restart of either.
// Method: power failures of the nodes of a small cluster, on disks that lose what was not durable.
import Connections
import LustreWire
@testable import NodeWorld
@testable import Roles
import Simulation
import Storage
import Testing

@Suite struct ManagementRestartTests {
  @Test func registrationsSurviveACrash() throws {
    let cluster = try ManagedCluster(objectTargets: 2, plan: DiskPlan(seed: 3))
    cluster.world.run(30) { cluster.isOpen }
    let old = try cluster.watcher()
    cluster.world.run(30) { old.map != nil }
    let before = try #require(old.map)
    try cluster.restartManagement(after: 1)
    let new = try cluster.watcher()
    cluster.world.run(40) { new.map != nil }
    #expect(new.map == before)
    // The one from before has its locks again, and hears of what is new.
    try cluster.add(.ost, index: 2)
    cluster.world.run(90) { old.map?.objectTargets.count == 3 }
    #expect(old.map?.objectTargets.count == 3)
    #expect(cluster.isOpen)
  }

  @Test func aTargetsNewLifeIsKnown() throws {
    let cluster = try ManagedCluster(plan: DiskPlan(seed: 3))
    cluster.world.run(30) { cluster.isOpen }
    let watcher = try cluster.watcher()
    cluster.world.run(30) { watcher.map != nil }
    func life() -> TargetLife? {
      watcher.map.flatMap { $0.objectTargets.isEmpty ? nil : $0.life(of: $0.objectTargets[0]) }
    }
    cluster.world.run(30) { life() != nil }
    try cluster.restart(1)
    #expect(life() == TargetLife(instance: 1, nids: [World.nid(2)]))
    cluster.world.run(60) { life()?.instance == 2 }
    #expect(life() == TargetLife(instance: 2, nids: [World.nid(2)]))
    #expect(cluster.isOpen)
  }

  @Test func aTargetElsewhereIsFound() throws {
    let cluster = try ManagedCluster(plan: DiskPlan(seed: 3))
    cluster.world.run(30) { cluster.isOpen }
    let watcher = try cluster.watcher()
    cluster.world.run(30) { watcher.map != nil }
    try cluster.restart(1, elsewhere: true)
    func nids() -> [NID] {
      watcher.map.map { $0.nids(of: $0.objectTargets[0]) } ?? []
    }
    #expect(nids() == [World.nid(2)])
    cluster.world.run(60) { nids().count == 2 }
    // Where it is now comes first; the log still has where it was.
    #expect(nids() == [World.nid(4), World.nid(2)])
  }

  /// Whenever the power fails: what is open is known, and what is not yet open comes to be.
  @Test(arguments: 1...24)
  func aCrashAtAnyTime(seed: UInt64) throws {
    let plan = DiskPlan(
      seed: seed, delay: 100_000...5_000_000, commitDelay: 1_000_000...60_000_000)
    let cluster = try ManagedCluster(objectTargets: 2, plan: plan, seed: seed)
    // The first registrations come after the fabric's first exchange.
    cluster.world.run(0.005 * Double(seed))
    let open = cluster.servers.indices.filter { cluster.servers[$0].count(.targetOpen) > 0 }
    let names = open.map { cluster.disks[$0].specification.name }
    try cluster.restartManagement(after: 0.5)
    let known = cluster.management.roles.managementServers[0].fileSystems
    for name in names {
      #expect(known.contains { $0.log(name) != nil }, "\(name) was acknowledged and is lost")
    }
    cluster.world.run(60) { cluster.isOpen }
    #expect(cluster.isOpen)
    let server = cluster.management.roles.managementServers[0].fileSystems
    #expect(server.map(\.name) == ["lfs"])
    #expect(server[0].targets.count == 3)
    let client = try #require(server[0].log("lfs-client"))
    var map = FileSystemMap()
    server[0].logs[client].log.forEachRecord { bytes, content in
      do { try map.apply(bytes, content) } catch { Issue.record("\(error)") }
    }
    #expect(map.metadataTargets.count == 1)
    #expect(map.objectTargets.count == 2)
  }
}
