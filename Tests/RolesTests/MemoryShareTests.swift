// Property: of the bulk memory of a node each object target gets some in turn: many requests at one of them do not keep
// those at another waiting, whatever their sizes; and no memory lies idle when only one wants it.
// Method: two targets on a node with little memory; one is flooded, and requests that have ended are counted.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Testing

struct MemoryShareTests {
  private final class Scene {
    let world = World()
    let node = ObjectNode([RoleDisk(.of(.ost)), RoleDisk(.of(.ost, index: 1))])
    let users: [ObjectUser]
    private(set) var objects: [ObjectID] = []

    init() throws {
      users = (0..<2).map { ObjectUser("user-\($0)", target: "lfs-OST000\($0)") }
      try world.add(node, limits: ObjectWorld.limits(cookie: 0x1000))
      for (number, user) in users.enumerated() {
        try world.add(user, limits: ObjectWorld.limits(cookie: 0x10_0000 * UInt64(number + 1)))
      }
      world.run(5) { self.users.allSatisfy { $0.isFull } }
      for user in users {
        let tag = user.begin(ObjectWish(.create, .echo(1)))
        world.run(5) { user.done[tag] != nil }
        objects.append(user.done[tag]?.attributes.object ?? ObjectID())
      }
    }

    /// So much is left of the server's memory for transfers.
    @discardableResult
    func leave(_ free: Int) throws -> BufferRef {
      let taken = node.use { core in
        let all = core.turn.memory.bulk.pieceCount * core.turn.memory.bulk.pieceByteCount
        return core.turn.memory.bulk.allocateRun(
          byteCount: all - ObjectServer.messageReserve - free)
      }
      return try #require(taken)
    }

    func begin(_ user: Int, _ action: ObjectWish.Action, _ count: Int) -> UInt32 {
      var wish = ObjectWish(action, objects[user])
      wish.memory = users[user].memory([UInt8](repeating: 7, count: count))
      return users[user].begin(wish)
    }

    func doneCount(_ user: Int, _ tags: [UInt32]) -> Int {
      tags.count { users[user].done[$0] != nil }
    }
  }

  @Test(
    "one target is flooded, and the other is served in turn",
    arguments: [1 << 20, 4 << 20])
  func inTurn(byteCount: Int) throws {
    let scene = try Scene()
    for user in 0..<2 {
      let tag = scene.begin(user, .write, 4 << 20)
      scene.world.run(5) { scene.users[user].done[tag] != nil }
    }
    try scene.leave(4 << 20)
    // The flood does not end: whenever one has ended another comes.
    var flood = (0..<7).map { _ in scene.begin(0, .read, 1 << 20) }
    // Until some wait.
    scene.world.run(1) { scene.node.roles.objectServers[0].wanting.count > 1 }
    let before = scene.doneCount(0, flood)
    #expect(before < 3)
    let quiet = scene.begin(1, .read, byteCount)
    for _ in 0..<20 where scene.users[1].done[quiet] == nil {
      let count = scene.doneCount(0, flood)
      scene.world.run(5) {
        scene.users[1].done[quiet] != nil || scene.doneCount(0, flood) > count
      }
      while flood.count - scene.doneCount(0, flood) < 7 {
        flood.append(scene.begin(0, .read, 1 << 20))
      }
    }
    #expect(scene.users[1].done[quiet]?.status == 0)
    let overtaken = scene.doneCount(0, flood) - before
    #expect(overtaken <= 8)
    scene.world.run(60) { scene.doneCount(0, flood) == flood.count }
    for tag in flood { #expect(scene.users[0].done[tag]?.status == 0) }
    let left = scene.node.roles.objectServers[0].wanting.count
    #expect(left == 0)
  }

  @Test("13 §3: a turn that comes to nothing is the next one's at once")
  func wastedTurn() throws {
    let scene = try Scene()
    let taken = try scene.leave(0)
    // Its match bits name one operation, and its data takes two: that is seen only when there is memory.
    let caller = Caller()
    try scene.world.add(caller, limits: ObjectWorld.limits(cookie: 0x90_0000))
    let handle = try #require(caller.connect(.osc, to: "lfs-OST0001_UUID", on: 0))
    scene.world.run(5) { caller.state(handle) == .full }
    var forged = ObjectForgeryTests.Transfer(scene.objects[1])
    forged.opcode = .ostWrite
    forged.attributes.flags = []
    forged.ranges = [RemoteRange(0, length: 2 << 20, flags: .write)]
    _ = caller.ask(.ostWrite, on: handle, forged.buffers, portal: .ostIO)
    scene.world.run(1) { scene.node.roles.objectServers[1].wanting.count == 1 }
    let read = scene.begin(0, .read, 1 << 20)
    scene.world.run(1) { scene.node.roles.objectServers[0].wanting.count == 1 }
    // One turn, in which the first target has been looked at before the second one's turn is over.
    scene.node.use { $0.turn.memory.release(taken) }
    let waiting = (0..<2).map { scene.node.roles.objectServers[$0].wanting.count }
    #expect(waiting == [0, 0])
    let abandoned = scene.node.roles.objectServers[1].counters.abandoned
    #expect(abandoned == 1)
    scene.world.run(5) { scene.users[0].done[read] != nil }
    #expect(scene.users[0].done[read]?.status == 0)
  }

  @Test("who has had a turn comes behind those who wait; who is alone has all turns")
  func line() {
    var line = MemoryLine(targets: 3)
    #expect((0..<3).map { line.share(of: $0) } == [.max, .max, .max])
    line.note(2, hasTaken: false, isWanting: true)
    #expect((0..<3).map { line.share(of: $0) } == [0, 0, .max])
    line.note(0, hasTaken: false, isWanting: true)
    line.note(1, hasTaken: false, isWanting: true)
    #expect((0..<3).map { line.share(of: $0) } == [0, 0, 1])
    line.note(2, hasTaken: true, isWanting: true)
    #expect((0..<3).map { line.share(of: $0) } == [1, 0, 0])
    // It waits for its disk just now, and keeps its place meanwhile only behind the first.
    line.note(1, hasTaken: false, isWanting: false)
    line.note(0, hasTaken: true, isWanting: false)
    #expect((0..<3).map { line.share(of: $0) } == [0, 0, .max])
    line.note(2, hasTaken: true, isWanting: false)
    #expect((0..<3).map { line.share(of: $0) } == [.max, .max, .max])
  }
}
