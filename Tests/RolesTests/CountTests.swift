// N targets and M clients: exactly N x M exports and N imports per client, after whatever has happened. Seeded: servers
// die and come back, clients mount and leave at random times, messages are late; then the network is left alone, and all
// must be as if nothing had been.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Structures
import Testing

@Suite struct CountTests {
  private static let servers: [[(TargetKind, UInt32)]] = [
    [(.mgs, 0), (.mdt, 0)], [(.mdt, 1), (.ost, 0)], [(.ost, 1), (.ost, 2)],
  ]
  /// MDT0000: one to the other and to three object targets, and to itself; MDT0001 the same and OST0000 two; two for
  /// each of the others.
  private static let linkCounts = [5, 7, 4]

  @Test(arguments: [("lustre", 1), ("fast", 2), ("lustre", 3), ("fast", 4), ("lustre", 5)])
  func alwaysRight(profile: String, seed: UInt64) throws {
    let cluster = try FileSystemWorld(
      profile, servers: Self.servers, clients: 4, seed: seed)
    var random = SeededGenerator(seed: seed)
    cluster.world.run(90) { cluster.isServing && cluster.linkCounts == Self.linkCounts }
    #expect(cluster.linkCounts == Self.linkCounts)
    for client in 0..<3 { cluster.mount(client) }
    try disturb(cluster, &random)

    // Healed: the one that has not mounted yet does, and all become whole.
    if cluster.clients[3].roles.mounts.count == 0 { cluster.mount(3) }
    cluster.world.run(400) { isRight(cluster) }
    #expect(cluster.isServing && cluster.isWhole, "\(cluster.explanation)")
    expectCounts(cluster)
    // Nobody is left behind when all have gone.
    for client in cluster.clients.indices { cluster.unmount(client) }
    cluster.world.run(60) {
      cluster.clients.allSatisfy { $0.roles.mounts[0].state == .unmounted }
    }
    cluster.world.run(30)
    for server in cluster.servers.indices {
      let exports = cluster.exports(ofServer: server)
      #expect(!exports.contains { $0.hasPrefix("mount") }, "server \(server)")
    }
    for client in cluster.clients.indices { #expect(cluster.importCount(ofClient: client) == 0) }
  }

  /// Some minutes of trouble. The management server's node is spared, as its disk is another test's matter.
  private func disturb(
    _ cluster: FileSystemWorld, _ random: inout SeededGenerator
  ) throws {
    for _ in 0..<6 {
      cluster.world.run(Double(random.next() % 8000) / 1000)
      let server = 1 + Int(random.next() % 2)
      cluster.kill(server)
      cluster.world.run(Double(random.next() % 20_000) / 1000)
      if random.next() % 3 == 0, cluster.clients[3].roles.mounts.count == 0 { cluster.mount(3) }
      try cluster.revive(server)
    }
  }

  private func isRight(_ cluster: FileSystemWorld) -> Bool {
    cluster.isServing && cluster.isWhole && cluster.linkCounts == Self.linkCounts
      && faults(cluster).isEmpty
  }

  private func expectCounts(_ cluster: FileSystemWorld) {
    #expect(faults(cluster) == [])
    for client in cluster.clients.indices {
      // Five targets and the management server.
      #expect(cluster.importCount(ofClient: client) == 6)
    }
  }

  /// Metadata targets have an export of every mount; object targets of every one that is not idle there.
  private func faults(_ cluster: FileSystemWorld) -> [String] {
    var result: [String] = []
    let all = cluster.servers.indices.flatMap { cluster.exports(ofServer: $0) }
    let names = ["lfs-MDT0000", "lfs-MDT0001", "lfs-OST0000", "lfs-OST0001", "lfs-OST0002"]
    for name in names {
      let expected = cluster.clients.count { client in
        client.roles.mounts[0].links.contains {
          "\($0.target)" == name + "_UUID" && $0.phase == .full
        }
      }
      let found = all.count { $0 == "mount -> \(name)" }
      if found != expected { result.append("\(name): \(found) exports of \(expected) mounts") }
    }
    let between = all.filter { !$0.hasPrefix("mount") && !$0.hasPrefix("mgc") }
    if Set(between).count != between.count || between.count != Self.linkCounts.reduce(0, +) {
      result.append("\(between.count) exports of servers: \(between)")
    }
    return result
  }
}
