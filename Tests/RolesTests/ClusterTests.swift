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
    // Who had no sequences yet was asked to come again.
    cluster.world.run(60) { Self.haveObjects(cluster) }
    cluster.world.run(6)
    Self.expectProxies(cluster)
  }

  /// Whether all metadata targets have made objects in advance at all object targets.
  static func haveObjects(_ cluster: FileSystemWorld) -> Bool {
    (1...2).allSatisfy { server in
      (0..<cluster.servers[server].roles.links.placeCount).allSatisfy { place in
        let entry = cluster.servers[server].roles.links[place]
        return entry?.link.role != .ospToObjects || entry?.proxy.creation == .ready
      }
    }
  }

  /// Metadata targets know how full the others are, and have objects in advance: the first one's are in a sequence of
  /// the object target's as the others', and no two have the same.
  static func expectProxies(_ cluster: FileSystemWorld) {
    var sequences: Set<UInt64> = []
    for server in 1...2 {
      for place in 0..<cluster.servers[server].roles.links.placeCount {
        guard let entry = cluster.servers[server].roles.links[place] else { continue }
        let isProxy = entry.link.role == .ospToObjects || entry.link.role == .ospToMetadata
        #expect((entry.proxy.statistics != nil) == isProxy, "\(entry.link.target)")
        guard entry.link.role == .ospToObjects else { continue }
        #expect(entry.proxy.creation == .ready, "\(entry.link.target): \(entry.proxy.status)")
        #expect(entry.proxy.lastObject.fid.objectID == UInt32(TargetProxy.batch) + 1)
        let sequence = entry.proxy.lastObject.fid.sequence
        #expect(sequence >= SequenceTable.first + SequenceTable.width)
        #expect(sequences.insert(sequence).inserted, "\(entry.link.target)")
      }
    }
    expectSequences(cluster, sequences)
    // One object of sequence 0 to begin with, and a batch of each metadata target's, which is counted from 1.
    for server in 3...6 {
      let created = cluster.servers[server].roles.objectServers[0].counters.created
      #expect(created == 1 + 2 * (TargetProxy.batch + 1))
    }
  }

  /// The first metadata target knows whose each sequence is; the second hands out some of its own.
  static func expectSequences(_ cluster: FileSystemWorld, _ sequences: Set<UInt64>) {
    let table = cluster.servers[1].roles.metadataServers[0].sequences
    #expect(table.range(of: FID.root.sequence)?.index == 0)
    var owners: [UInt32: Int] = [:]
    for sequence in sequences {
      guard let range = table.range(of: sequence) else { continue }
      #expect(range.flags == 1)
      owners[range.index, default: 0] += 1
    }
    // Two metadata targets at each of four object targets.
    #expect(owners == [0: 2, 1: 2, 2: 2, 3: 2])
    let own = cluster.servers[2].roles.metadataServers[0].sequences.own
    let start = own.start ?? 0
    let range = table.range(of: start)
    #expect(start > SequenceTable.first && range?.index == 1 && range?.flags == 0)
  }

  @Test("a crash of everybody: no sequence is handed out twice, and no range is asked for again")
  func sequencesOverACrash() throws {
    let cluster = try FileSystemWorld(clients: 0)
    cluster.world.run(90) { cluster.isServing && cluster.linkCounts == Self.linkCounts }
    cluster.world.run(15)
    var starts: [UInt64?] = []
    for server in 3...6 {
      let before = cluster.servers[server].roles.objectServers[0].sequences
      starts.append(before.start)
      cluster.kill(server)
      cluster.world.run(1)
      try cluster.revive(server)
      let after = cluster.servers[server].roles.objectServers[0].sequences
      #expect(after.start == before.start && after.start != nil)
      var taken = after
      var used = before
      // The next one is one that was not told before.
      let next = taken.take()?.range.start
      let expected = used.take()?.range.start
      #expect(next == expected && next != nil)
    }
    #expect(Set(starts).count == 4)
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
