// Property: a metadata target makes its objects at an object target in one sequence, over reconnects, over restarts of
// either, and over a crash of both; no object is made anew that is there already. A sequence at its end is followed by
// another; one that is denied is asked for again, at the pace of all such questions.
// Method: servers of a file system die and come back in virtual time; sequences and creations are compared. An object
// target has nearly used a sequence up, or denies all for a while.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Testing

struct ObjectSequenceTests {
  /// Management server, two metadata targets, and an object target on node 3.
  private static func cluster() throws -> FileSystemWorld {
    let cluster = try FileSystemWorld(
      servers: [[(.mgs, 0)], [(.mdt, 0)], [(.mdt, 1)], [(.ost, 0)]], clients: 0)
    cluster.world.run(90) { cluster.isServing && Self.proxies(cluster).count == 2 }
    settle(cluster)
    return cluster
  }

  /// Those of the object target, by metadata target.
  private static func proxies(_ cluster: FileSystemWorld) -> [TargetProxy] {
    (1...2).compactMap { server in
      let links = cluster.servers[server].use { _ in
        (0..<cluster.servers[server].roles.links.placeCount).compactMap {
          cluster.servers[server].roles.links[$0]
        }
      }
      return links.first { $0.link.role == .ospToObjects && $0.link.phase == .full }?.proxy
    }
  }

  /// Until objects are there, and disks know what they are to know.
  private static func settle(_ cluster: FileSystemWorld) {
    cluster.world.run(400) {
      let known = Self.proxies(cluster)
      return known.count == 2 && known.allSatisfy { $0.creation == .ready }
    }
    cluster.world.run(15)
    let isReady = proxies(cluster).map(\.creation) == [.ready, .ready]
    #expect(isReady)
  }

  private static func objects(_ cluster: FileSystemWorld) -> [ObjectID] {
    proxies(cluster).map(\.lastObject)
  }

  private static func lastIDs(_ cluster: FileSystemWorld) -> [UInt64: UInt64] {
    // Without the records of what the target hands out itself.
    cluster.servers[3].roles.objectServers[0].lastIDs.filter {
      $0.key != OwnSequences.nextKey && $0.key != OwnSequences.startKey
    }
  }

  @Test("11 §10: a connection that is lost and back costs no sequence and no object")
  func reconnect() throws {
    let cluster = try Self.cluster()
    let (objects, lastIDs) = (Self.objects(cluster), Self.lastIDs(cluster))
    let created = cluster.servers[3].roles.objectServers[0].counters.created
    #expect(Set(objects.map(\.fid.sequence)).count == 2)
    for server in 1...2 { cluster.world.cut(server, 3, seconds: 60) }
    cluster.world.run(120)
    Self.settle(cluster)
    #expect(Self.objects(cluster) == objects)
    #expect(Self.lastIDs(cluster) == lastIDs)
    #expect(cluster.servers[3].roles.objectServers[0].counters.created == created)
  }

  @Test(
    "11 §10: neither does a crash of the object target, of a metadata target, or of all",
    arguments: [[3], [2], [1, 2, 3]])
  func restart(servers: [Int]) throws {
    let cluster = try Self.cluster()
    let (objects, lastIDs) = (Self.objects(cluster), Self.lastIDs(cluster))
    for _ in 0..<2 {
      for server in servers { cluster.kill(server) }
      cluster.world.run(3)
      for server in servers { try cluster.revive(server) }
      cluster.world.run(300) { cluster.isServing }
      Self.settle(cluster)
    }
    #expect(Self.objects(cluster).map(\.fid.sequence) == objects.map(\.fid.sequence))
    #expect(Set(Self.lastIDs(cluster).keys) == Set(lastIDs.keys))
  }

  @Test("11 §10: a sequence at its end is followed by another, which is kept as the first was")
  func end() throws {
    let cluster = try Self.cluster()
    let before = Self.objects(cluster)
    for object in before {
      cluster.servers[3].roles.objectServers[0].lastIDs[object.fid.sequence] =
        UInt64(TargetProxy.sequenceWidth) - TargetProxy.batch + 1
    }
    var later: [[ObjectID]] = []
    for _ in 0..<2 {
      for server in 1...2 { cluster.kill(server) }
      cluster.world.run(3)
      for server in 1...2 { try cluster.revive(server) }
      cluster.world.run(300) { cluster.isServing }
      Self.settle(cluster)
      later.append(Self.objects(cluster))
    }
    #expect(Set((before + later[0]).map(\.fid.sequence)).count == 4)
    #expect(later[0].map(\.fid.objectID) == [33, 33])
    #expect(later[1].map(\.fid.sequence) == later[0].map(\.fid.sequence))
    // One object less, and there would have been room for as many as are made at a time.
    for object in later[1] {
      cluster.servers[3].roles.objectServers[0].lastIDs[object.fid.sequence] =
        UInt64(TargetProxy.sequenceWidth) - TargetProxy.batch
    }
    cluster.kill(2)
    cluster.world.run(3)
    try cluster.revive(2)
    cluster.world.run(300) { cluster.isServing }
    Self.settle(cluster)
    #expect(Self.objects(cluster)[1].fid.sequence == later[1][1].fid.sequence)
    #expect(Self.objects(cluster)[1].fid.objectID <= TargetProxy.sequenceWidth)
  }

  /// Denies sequences so many times, and notes when it was asked.
  private final class Denying: RoleNode {
    var denials = 4
    private(set) var times: [UInt64] = []

    override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
      guard event.kind == .requested,
        core.rpc.received(event.serverRequest).body.opcode == .sequenceQuery
      else { return super.received(event, &core) }
      times.append(core.turn.now)
      guard times.count <= denials else { return super.received(event, &core) }
      core.rpc.refuse(event.serverRequest, .eperm, turn: &core.turn)
    }
  }

  @Test("a sequence that is denied is asked for with each tick, and not in between")
  func denied() throws {
    let cluster = try FileSystemWorld(
      servers: [[(.mgs, 0)], [(.mdt, 0)], [(.ost, 0)]], clients: 0
    ) { disks, limits in
      disks[0].specification.kind == .ost
        ? Denying(disks, limits: limits) : RoleNode(disks, limits: limits)
    }
    let target = try #require(cluster.servers[2] as? Denying)
    func proxy() -> TargetProxy? {
      cluster.servers[1].use { _ in
        (0..<cluster.servers[1].roles.links.placeCount)
          .compactMap { cluster.servers[1].roles.links[$0] }
          .first { $0.link.role == .ospToObjects && $0.link.phase == .full }?.proxy
      }
    }
    cluster.world.run(90) { target.times.count == 1 }
    cluster.world.run(1)
    #expect(proxy()?.creation == .sequence && proxy()?.status == WireErrno.eperm.status)
    cluster.world.run(200) { proxy()?.creation == .ready }
    #expect(proxy()?.creation == .ready && proxy()?.status == 0)
    #expect(target.times.count == 5)
    // The first question has no pace: it comes with the connection.
    for (one, next) in zip(target.times.dropFirst(), target.times.dropFirst(2)) {
      let apart = next - one
      #expect(apart > TargetProxy.interval - 10_000_000 && apart < TargetProxy.interval * 2)
    }
    let counters = cluster.servers[1].use { $0.connections.counters }
    #expect(counters.evictions == 0)
  }

  @Test("13 A.2: a spoilt number of the disk is no sequence")
  func spoiltDisk() {
    for value in [0, 1, SequenceTable.first - 1, .max] as [UInt64] {
      let known = MetadataServer.objectSequences(in: [(sequence: 0x1_0003, lastID: value)])
      #expect(known.isEmpty)
    }
    let stored = [0, 1, 0xFFFF, 0x1_0003, 0x2_0000, .max].map {
      (sequence: $0 as UInt64, lastID: SequenceTable.first + 5)
    }
    #expect(MetadataServer.objectSequences(in: stored) == [3: SequenceTable.first + 5])
  }
}
