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
