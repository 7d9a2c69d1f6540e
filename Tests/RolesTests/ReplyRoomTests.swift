// Property: every request that the object client, mounts and servers make has room for its reply from the start: none is
// asked, and executed, twice for want of it; one that changes something and has too little is executed once all the same.
// Method: each reply is measured against what its request said, in a whole file system and for transfers of each length.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Testing

struct ReplyRoomTests {
  private static func truncated(_ node: RoleNode) -> UInt64 {
    node.use { $0.rpc.counters.repliesTruncated }
  }

  @Test("13 §7: the room for a short READ is that for its data", arguments: [true, false])
  func objects(allowsShort: Bool) throws {
    let world = try ObjectWorld()
    let object = world.create()
    for count in [1, 3000, 3544, 3545, 4096, 8192, 16_383, 16_384, 16_385, 100_000] {
      let before = world.node.server
      let written = world.write(pattern(count), object) { $0.allowsShort = allowsShort }
      let (read, bytes) = world.read(count, object) { $0.allowsShort = allowsShort }
      let isEqual = bytes == pattern(count)
      #expect(written?.status == 0 && read?.status == 0 && isEqual, "\(count)")
      #expect(world.node.server.reads == before.reads + 1, "\(count)")
      #expect(world.node.server.writes == before.writes + 1, "\(count)")
    }
    for action: ObjectWish.Action in [
      .getAttributes, .setAttributes, .punch, .sync, .statistics, .destroy,
    ] {
      #expect(world.run(ObjectWish(action, object))?.status == 0, "\(action)")
    }
    let user = world.users[0]
    #expect(user.cramped.isEmpty && user.replyCount >= 27)
    #expect(Self.truncated(user) == 0)
  }

  @Test("10 §6.3: servers and mounts of a whole file system")
  func fileSystem() throws {
    let cluster = try FileSystemWorld(clients: 1)
    cluster.world.run(90) { cluster.isServing }
    cluster.mountAll()
    cluster.world.run(15) { cluster.isWhole }
    cluster.world.run(15)
    for node in cluster.servers + cluster.clients {
      #expect(node.cramped.isEmpty)
      #expect(Self.truncated(node) == 0)
    }
    #expect(cluster.clients[0].replyCount >= 10)
  }

  @Test("10 §6.3, §10, 8.7: a creation whose answer has no room is executed once")
  func executedOnce() throws {
    let world = World()
    let node = ObjectNode([RoleDisk(.of(.ost))])
    let caller = Caller()
    try world.add(node, limits: ObjectWorld.limits(cookie: 0x1000))
    try world.add(caller, limits: ObjectWorld.limits(cookie: 0x10_0000))
    let osc = try #require(caller.connect(.osc, to: "lfs-OST0000_UUID", on: 0))
    world.run(10) { caller.state(osc) == .full }
    var body = ObjectAttributes()
    body.object = .echo(1)
    body.valid = [.id, .group]
    let tag = caller.ask(.ostCreate, on: osc, [body.encoded], replyByteCount: 224)
    world.run(30) { caller.answers[tag] != nil }
    #expect(caller.answers[tag]?.value(ObjectAttributes.self)?.object == .echo(1))
    #expect(node.server.created == 1)
    let truncated = caller.use { $0.rpc.counters.repliesTruncated }
    #expect(node.server.repeated == truncated)
  }
}
