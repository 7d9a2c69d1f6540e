// Property: no modifying request without bulk is executed twice, whatever replies are lost; a client's slot and the
// replies in it are on the target's disk before anything of the client is durable, and light-weight clients have none.
// Method: replies longer than their buffer, links that are cut at random times, disks that crash, in virtual time.
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

struct SavedReplyTests {
  /// An object target on a disk with a plan, and a caller with an import of it.
  private final class Pair {
    let world = World()
    var node: ObjectNode
    let disk: RoleDisk
    let caller = Caller()
    var osc = ImportHandle.none

    init(role: ImportRole = .osc) throws {
      disk = RoleDisk(.of(.ost), plan: DiskPlan(seed: 11))
      node = ObjectNode([disk])
      try world.add(node, limits: ObjectWorld.limits(cookie: 0x1000))
      try world.add(caller, limits: ObjectWorld.limits(cookie: 0x10_0000))
      osc = try #require(caller.connect(role, to: "lfs-OST0000_UUID", on: 0))
      world.run(10) { self.caller.state(self.osc) == .full }
      // The disk has said that it knows the client.
      world.run(0.1)
    }

    /// Asks; as soon as the server has done something, the way back may be cut, until the connection is broken.
    func ask(
      _ opcode: Opcode, _ body: ObjectAttributes, losesReplyAfter isDone: (() -> Bool)? = nil
    ) throws -> Answer {
      let tag = caller.ask(opcode, on: osc, [body.encoded])
      if let isDone {
        world.run(1, until: isDone)
        world.cut(0, 1, seconds: 9)
      }
      world.run(60) { self.caller.answers[tag] != nil }
      return try #require(caller.answers[tag])
    }

    func export() -> ExportHandle? {
      node.use { core in
        core.connections.export(
          ofClient: ObdUUID("caller-uuid") ?? ObdUUID(),
          atTarget: self.node.roles.objectServers[0].slot)
      }
    }
  }

  private static func body(_ object: ObjectID) -> ObjectAttributes {
    var body = ObjectAttributes()
    body.object = object
    body.valid = [.id, .group]
    return body
  }

  @Test("10 §10, 8.7: what is asked for again because its reply was lost is not done again")
  func aLostReply() throws {
    let pair = try Pair()
    let first = try pair.ask(.ostCreate, Self.body(.echo(1))) { pair.node.server.created == 1 }
    #expect(first.status == 0)
    #expect(first.value(ObjectAttributes.self)?.object == .echo(1))
    #expect((first.body?.transno ?? 0) > 0)
    #expect(pair.node.server.created == 1 && pair.node.server.repeated == 1)
    let second = try pair.ask(.ostCreate, Self.body(.echo(1)))
    #expect(second.value(ObjectAttributes.self)?.object == .echo(2))
    #expect(second.body?.transno ?? 0 > first.body?.transno ?? .max)
    // The client has said that it has the first reply.
    let export = try #require(pair.export())
    let kept = pair.node.use { $0.connections.savedReplyCount(of: export) }
    #expect(kept == 1)
    let destroyed = try pair.ask(.ostDestroy, Self.body(.echo(1))) {
      pair.node.server.destroyed == 1
    }
    #expect(destroyed.status == 0)
    #expect(pair.node.server.destroyed == 1 && pair.node.server.repeated == 2)
    #expect(pair.world.leaks().isEmpty)
  }

  @Test("12 §6.2, §6.4: slot and replies come back with the client, after a crash")
  func overACrash() throws {
    let pair = try Pair()
    _ = try pair.ask(.ostCreate, Self.body(.echo(1)))
    let created = try pair.ask(.ostCreate, Self.body(.echo(1)))
    _ = try pair.ask(.ostSync, Self.body(ObjectID()))
    pair.world.kill(0)
    pair.disk.crash()
    let records = pair.disk.image.clients
    #expect(records.map(\.uuid) == [ObdUUID("caller-uuid")])
    let reply = try #require(records.first?.replies.first { $0.result.data == 2 })
    #expect(reply.result.transno == created.body?.transno)
    pair.node = ObjectNode([pair.disk])
    try pair.world.revive(0, pair.node, limits: ObjectWorld.limits(cookie: 0x900_0000))
    let remembered = pair.node.roles.objectServers[0].clientSlots.rememberedCount
    #expect(remembered == 1)
    // The request finds out, and is lost with its import's old connection; the import connects anew.
    _ = try? pair.ask(.ostGetAttributes, Self.body(.echo(1)))
    pair.world.run(200) { pair.export() != nil }
    let export = try #require(pair.export())
    var again = RPCBody(request: .ostCreate)
    again.flags = .resent
    let saved = pair.node.use { core in
      core.connections.savedReply(to: again, xid: reply.result.xid, of: export)
    }
    #expect(saved?.data == 2 && saved?.transno == reply.result.transno)
    // It is still no other request's.
    #expect(saved?.answers(.ostCreate) == true && saved?.answers(.ostDestroy) == false)
    // And it is still on disk, under the new life's number.
    pair.world.run(1)
    pair.world.kill(0)
    pair.disk.crash()
    let kept = pair.disk.image.clients
    #expect(kept.count == 1 && kept.first?.replies.contains(reply) == true)
    #expect(kept.first?.generation == UInt32(pair.disk.image.identity.mountCount - 1))
  }

  @Test("11 §6: who leaves gives the slot back")
  func departure() throws {
    let pair = try Pair()
    _ = try pair.ask(.ostCreate, Self.body(.echo(1)))
    let clients = pair.disk.liveImage.clients
    #expect(clients.count == 1 && clients.first?.replies.count == 1)
    pair.caller.close(pair.osc)
    pair.world.run(1)
    #expect(pair.disk.liveImage.clients.isEmpty)
  }

  @Test("11 §6: a light-weight client has no slot, and is answered as before all the same")
  func lightWeight() throws {
    for role in [ImportRole.lwpOfMetadata, .mdc] {
      let world = World()
      let disk = RoleDisk(.of(.mdt))
      let server = RoleNode([disk])
      let caller = Caller()
      try world.add(server)
      try world.add(caller)
      server.use { $0.connections.set(.open, ofTarget: server.roles.metadataServers[0].slot) }
      let handle = try #require(caller.connect(role, to: "lfs-MDT0000_UUID", on: 0))
      world.run(10) { caller.state(handle) == .full }
      world.run(0.1)
      // Super-ranges are for servers only.
      for operation in role == .mdc ? [1] : [0, 1] {
        var starts: Set<UInt64> = []
        for isLost in [true, false, true] {
          let served = server.roles.metadataServers[0].counters.sequencesServed
          let tag = caller.ask(
            .sequenceQuery, on: handle,
            [[UInt8(operation), 0, 0, 0], SequenceRange().encoded], portal: .seqController)
          if isLost {
            world.run(1) {
              server.roles.metadataServers[0].counters.sequencesServed > served
            }
            world.cut(0, 1, seconds: 9)
          }
          world.run(60) { caller.answers[tag] != nil }
          let range = caller.answers[tag]?.value(SequenceRange.self)
          starts.insert(range?.start ?? 0)
        }
        #expect(starts.count == 3 && !starts.contains(0))
      }
      let counters = server.roles.metadataServers[0].counters
      #expect(counters.sequencesServed == (role == .mdc ? 3 : 6))
      #expect(counters.sequencesRepeated == (role == .mdc ? 2 : 4))
      #expect(disk.liveImage.clients.count == (role == .mdc ? 1 : 0))
    }
  }

  @Test("clients that stay away for some lives are forgotten")
  func thoseWhoStayAway() throws {
    let pair = try Pair()
    pair.world.kill(1)
    pair.world.kill(0)
    for life in 0..<6 {
      pair.disk.crash()
      pair.node = ObjectNode([pair.disk])
      try pair.world.revive(
        0, pair.node, limits: ObjectWorld.limits(cookie: 0x1000_0000 * UInt64(life + 1)))
      pair.world.run(0.5)
      let isThere = pair.disk.liveImage.clients.count == 1
      let isExpected = life < Int(ClientSlots.livesMax)
      #expect(isThere == isExpected, "life \(life)")
      pair.world.kill(0)
    }
  }

  @Test("whatever replies are lost, each creation makes one object", arguments: 1...8)
  func lostReplies(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let world = try ObjectWorld()
    let user = world.users[0]
    var made: [ObjectID] = []
    var destroyed: UInt64 = 0
    // Whose client was evicted meanwhile: they were executed once or not at all.
    var uncertain: UInt64 = 0
    for _ in 0..<30 {
      let isDestroy = !made.isEmpty && random.next(upperBound: UInt64(3)) == 0
      let before = world.node.server
      let tag = user.begin(
        isDestroy
          ? ObjectWish(.destroy, made.removeLast()) : ObjectWish(.create, .echo(1)))
      if random.next(upperBound: UInt64(2)) == 0 {
        world.world.run(1) { world.node.server != before }
      } else {
        world.world.run(Double(random.next(upperBound: UInt64(30))) / 1_000_000)
      }
      world.world.cut(0, 1, seconds: 0.5 + Double(random.next(upperBound: UInt64(20))))
      world.world.run(200) { user.done[tag] != nil }
      let result = try #require(user.done[tag])
      if result.status == WireErrno.eio.status {
        uncertain += 1
      } else if isDestroy {
        destroyed += 1
        #expect(result.status == 0)
      } else {
        #expect(result.status == 0)
        made.append(result.attributes.object)
      }
    }
    let server = world.node.server
    let certain = UInt64(made.count) + 2 * destroyed
    let executed = server.created + server.destroyed
    #expect(executed >= certain && executed <= certain + uncertain)
    #expect(uncertain < 10)
    #expect(Set(made.map(\.number)).count == made.count)
    #expect(server.repeated > 0, "no reply was lost")
    #expect(world.world.leaks().isEmpty)
  }
}

extension World {
  /// Nothing goes from one node to the other for so many seconds.
  func cut(_ one: Int, _ other: Int, seconds: Double) {
    let addresses = (0x0A00_0001 + UInt32(one), 0x0A00_0001 + UInt32(other))
    fabric.setLink(addresses.0, addresses.1, isUp: false)
    run(seconds)
    fabric.setLink(addresses.0, addresses.1, isUp: true)
  }
}
