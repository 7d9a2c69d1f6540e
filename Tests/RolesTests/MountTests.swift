// A mount connects every target of its file system, each once, asks what a real client asks, follows losses, returns and
// changes of the configuration, and leaves nothing behind: on simulated nodes that are told the map by hand.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Testing

@Suite struct MountTests {
  /// Node 0: the metadata target; nodes 1 and 2: two object targets each; node 3: the client.
  final class Cluster {
    let world: World
    var servers: [HandMadeServer] = []
    let client: HandMadeClient
    let disks: [[RoleDisk]]
    let limits: SimulatedNode.Limits

    init(_ timing: TimingProfile = .lustre) throws {
      world = World()
      limits = World.limits(timing: timing)
      disks = [
        [RoleDisk(.of(.mdt))], [RoleDisk(.of(.ost)), RoleDisk(.of(.ost, index: 1))],
        [RoleDisk(.of(.ost, index: 2)), RoleDisk(.of(.ost, index: 3))],
      ]
      for node in disks {
        let server = HandMadeServer(node, limits: limits)
        servers.append(server)
        try world.add(server, limits: limits)
      }
      client = HandMadeClient(limits: limits)
      try world.add(client, limits: limits)
    }

    static func map(osts: [UInt32] = [0, 1, 2, 3]) throws -> FileSystemMap {
      try .handMade(
        [(.mdt, 0, [0])] + osts.map { (.ost, $0, [1 + Int($0) / 2]) })
    }

    /// Exports of a node's targets together.
    func exports(_ node: Int) -> Int { servers[node].use { $0.connections.exportCount } }
    var imports: Int { client.use { $0.connections.importCount } }

    func mounted() throws -> Int {
      let mount = try client.mount(Cluster.map(), tag: 77)
      world.run(10) { self.client.state(mount) == .mounted }
      #expect(client.state(mount) == .mounted)
      return mount
    }

    func revive(_ node: Int) throws {
      servers[node] = HandMadeServer(disks[node], limits: limits)
      try world.revive(node, servers[node], limits: limits)
    }
  }

  @Test func everyTargetOnce() throws {
    let cluster = try Cluster()
    let mount = try cluster.mounted()
    #expect(cluster.client.told == [RolesEvent(.mounted, index: mount, tag: 77)])
    #expect(cluster.imports == 5)
    #expect((0..<3).map(cluster.exports) == [1, 2, 2])
    #expect(cluster.client.roles.mounts[mount].readyCount == 5)
    #expect(cluster.client.roles.mounts[mount].root?.mode == 0o40755)
    #expect(cluster.client.explanation() == "")
    #expect(cluster.world.leaks() == [])
  }

  @Test func asksWhatARealClientAsks() throws {
    let cluster = try Cluster()
    _ = try cluster.mounted()
    let asked = cluster.servers[0].asked
    #expect(asked.map(\.opcode) == [.mdsStatfs, .mdsStatfs, .mdsGetRoot, .mdsGetAttributes])
    let names = [
      "MDS_STATFS request", "MDS_STATFS request", "MDS_GET_ROOT request", "MDS_GETATTR request",
    ]
    for (place, name) in names.enumerated() {
      let bytes = GoldenFile.vector(name, in: "captured-rpcs.txt")
      let message = try RPCMessage(decoding: bytes.rawBytes)
      let body = try RPCBody(message, in: bytes.rawBytes)
      #expect(asked[place].buffers == (try MetadataServerTests.captured(name)), "\(name)")
      #expect(asked[place].body.flags == body.flags, "\(name)")
      #expect(asked[place].body.service == body.service, "\(name)")
    }
    // The first question is asked by nobody's process.
    #expect(asked.map(\.body.status) == [0, 4242, 4242, 4242])
  }

  @Test(arguments: ["lustre", "fast"])
  func aServerThatIsMissingAtFirst(profile: String) throws {
    let cluster = try Cluster(#require(TimingProfile.named(profile)))
    cluster.world.kill(2)
    let mount = try cluster.client.mount(Cluster.map())
    cluster.world.run(30)
    #expect(cluster.client.state(mount) == .connecting)
    #expect(cluster.client.roles.mounts[mount].readyCount == 3)
    #expect(cluster.client.explanation().contains("lfs-OST0002 (at 10.0.0.3@o2ib): "))
    #expect(cluster.client.explanation().contains("lfs-OST0003"))
    try cluster.revive(2)
    cluster.world.run(120) { cluster.client.state(mount) == .mounted }
    #expect(cluster.client.state(mount) == .mounted)
    #expect(cluster.exports(2) == 2)
  }

  @Test(arguments: ["lustre", "fast"])
  func lossAndReturn(profile: String) throws {
    let cluster = try Cluster(#require(TimingProfile.named(profile)))
    let mount = try cluster.mounted()
    cluster.world.kill(0)
    cluster.world.run(90) { cluster.client.roles.mounts[mount].readyCount < 5 }
    #expect(cluster.client.state(mount) == .mounted)
    try cluster.revive(0)
    cluster.world.run(120) { cluster.client.explanation(mount) == "" }
    #expect(cluster.client.explanation(mount) == "")
    #expect(cluster.client.count(.mountChanged) >= 2)
    #expect(cluster.client.count(.mounted) == 1)
    #expect(cluster.exports(0) == 1)
  }

  @Test func leavesNothing() throws {
    let cluster = try Cluster()
    let mount = try cluster.mounted()
    cluster.client.use { core in cluster.client.roles.unmount(mount, &core) }
    cluster.world.run(10) { cluster.client.state(mount) == .unmounted }
    #expect(cluster.client.count(.unmounted) == 1)
    #expect(cluster.imports == 0)
    #expect((0..<3).map(cluster.exports) == [0, 0, 0])
    #expect(cluster.world.leaks() == [])
    // Its place is free again, and it is somebody else then.
    let first = cluster.client.roles.mounts[mount].client
    #expect(try cluster.mounted() == mount)
    #expect(cluster.client.roles.mounts[mount].client != first)
  }

  @Test func leavesWhileConnecting() throws {
    for instant in [0.0, 0.0001, 0.001, 0.002, 0.004, 0.01, 0.02, 2] {
      let cluster = try Cluster()
      cluster.world.kill(2)
      let mount = try cluster.client.mount(Cluster.map())
      cluster.world.run(instant)
      cluster.client.use { core in cluster.client.roles.unmount(mount, &core) }
      cluster.world.run(30) { cluster.client.state(mount) == .unmounted }
      #expect(cluster.client.state(mount) == .unmounted, "\(instant)")
      #expect(cluster.imports == 0)
      #expect((0..<2).map(cluster.exports) == [0, 0])
      #expect(cluster.world.leaks() == [])
    }
  }

  @Test func followsTheConfiguration() throws {
    let cluster = try Cluster()
    let mount = try cluster.client.mount(Cluster.map(osts: [0, 2]))
    cluster.world.run(10) { cluster.client.state(mount) == .mounted }
    #expect(cluster.imports == 3)
    cluster.client.tell(try Cluster.map(osts: [0, 3]), mount: mount)
    cluster.world.run(2)
    #expect(cluster.client.count(.mountChanged) >= 1)
    #expect(cluster.client.explanation(mount) == "")
    #expect(cluster.imports == 3)
    #expect(cluster.exports(2) == 1)
    let names = (0..<3).map { place in
      "\(cluster.client.roles.mounts[mount].links[place].target)"
    }
    #expect(names == ["lfs-MDT0000_UUID", "lfs-OST0000_UUID", "lfs-OST0003_UUID"])
  }

  @Test func anAnswerThatEndsTheMount() throws {
    let cluster = try Cluster()
    cluster.servers[0].refusals[.mdsGetRoot] = .eacces
    let mount = try cluster.client.mount(Cluster.map(), tag: 5)
    cluster.world.run(10) { cluster.client.state(mount) == .failed }
    #expect(
      cluster.client.told == [
        RolesEvent(.mountFailed, index: mount, status: WireErrno.eacces.status, tag: 5)
      ])
    #expect(
      cluster.client.explanation() == "lfs: lfs-MDT0000_UUID answers MDS_GET_ROOT with EACCES")
    #expect(cluster.imports == 0)
    #expect(cluster.exports(0) == 0)
  }

  @Test func aQuestionIsPutAgain() throws {
    let cluster = try Cluster()
    cluster.servers[0].refusals = [.mdsGetRoot: .einprogress, .mdsStatfs: .einprogress]
    _ = try cluster.mounted()
    #expect(cluster.servers[0].asked.count == 6)
  }

  @Test func noMetadataTarget() throws {
    let cluster = try Cluster()
    let mount = try cluster.client.mount(.handMade([(.ost, 0, [1])]))
    cluster.world.run(1)
    #expect(cluster.client.state(mount) == .failed)
    #expect(
      cluster.client.explanation() == "lfs: its configuration names no metadata target")
  }

  @Test func moreTargetsThanPlaces() throws {
    let cluster = try Cluster()
    let map = try FileSystemMap.handMade(
      [(.mdt, 0, [0])] + (0..<40).map { (.ost, UInt32($0), [1]) })
    let mount = try cluster.client.mount(map)
    cluster.world.run(20) { cluster.client.state(mount) == .failed }
    #expect(cluster.client.told.last?.status == WireErrno.enomem.status)
    #expect(cluster.imports == 0)
  }
}
