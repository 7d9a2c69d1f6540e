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
  @Test func targetsRegisterAndAreFound() throws {
    let cluster = try ManagedCluster(objectTargets: 2)
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

  @Test("11 §12: logs and their markers say when they were made")
  func times() throws {
    let cluster = try ManagedCluster()
    cluster.world.run(30) { cluster.isOpen }
    let logs = cluster.management.roles.managementServers[0].fileSystems[0].logs.map(\.log)
    #expect(logs.count >= 3)
    for log in logs {
      var isSwapped = false
      let header = try LogHeader(decoding: log.bytes.rawBytes, swapped: &isSwapped)
      #expect((1_790_000_000...1_790_000_030).contains(header.timestamp), "\(log.name)")
      // The first marker stands behind the header and has the same time.
      let bytes = Array(log.bytes[ConfigLog.chunkByteCount...].prefix(300))
      let stamp = (0..<8).map { UInt8(truncatingIfNeeded: header.timestamp >> Int64(8 * $0)) }
      let isThere = (0..<bytes.count - 8).contains { Array(bytes[$0..<$0 + 8]) == stamp }
      #expect(isThere, "\(log.name)")
    }
  }

  @Test func watchersHearOfANewTarget() throws {
    let cluster = try ManagedCluster()
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
