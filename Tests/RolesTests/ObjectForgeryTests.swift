// Property: requests that contradict themselves are answered as a real target does, harm nobody and are counted.
// Method: requests made by hand; the type, the status and what is left on the server are compared with a table.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Storage
import Testing

struct ObjectForgeryTests {
  /// A target with an object of 5000 bytes, and who sends what no client would.
  final class Scene {
    let world: ObjectWorld
    let caller = Caller()
    var handle = ImportHandle.none
    let object: ObjectID

    init() throws {
      world = try ObjectWorld()
      object = world.create()
      _ = world.write(pattern(5000), object)
      try world.world.add(caller, limits: ObjectWorld.limits(cookie: 0x90_0000))
      handle = caller.connect(.osc, to: "lfs-OST0000_UUID", on: 0) ?? .none
      world.world.run(5) { self.caller.state(self.handle) == .full }
    }

    func ask(
      _ opcode: Opcode, _ buffers: [[UInt8]], portal: Portal? = nil, seconds: Double = 3
    ) -> Answer? {
      let tag = caller.ask(
        opcode, on: handle, buffers, portal: portal, replyByteCount: 8192)
      world.world.run(seconds) { caller.answers[tag] != nil }
      return caller.answers[tag]
    }

    /// A short read, or what is made of it.
    func read(
      portal: Portal = .ostIO, _ change: (inout Transfer) -> Void = { _ in }
    ) -> Answer? {
      var transfer = Transfer(object)
      change(&transfer)
      return ask(transfer.opcode, transfer.buffers, portal: portal)
    }
  }

  @Test("10 §11.1: locks given up with DESTROY: the client's own, and no callback")
  func locksGivenUp() throws {
    let scene = try Scene()
    let node = scene.world.node
    let wish = LockWish(
      object: scene.object.resource, mode: .protectedWrite, extent: 0, through: .max)
    var lock = LockRequest()
    lock.descriptor = wish.descriptor
    let mine: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    let enqueued = scene.ask(.ldlmEnqueue, [lock.encoded + mine])
    let reply = try #require(enqueued?.value(LockReply.self))
    let held = node.use { $0.connections.serverLockCount }
    #expect(held == 1)
    let before = node.use { $0.connections.counters.callbacksSent }
    var body = ObjectAttributes()
    body.object = scene.object
    body.valid = [.id, .group]
    var cancels = LockRequest()
    cancels.count = 2
    var cookie = [UInt8](repeating: 0, count: 8)
    cookie.withMutableRawSpan { reply.handle.encode(into: &$0, at: 0) }
    // One that nobody has, and that of the lock.
    let answer = scene.ask(
      .ostDestroy, [body.encoded, cancels.encoded + mine + cookie, []], portal: .ostIO)
    #expect(answer?.status == 0)
    let left = node.use { core in
      [core.connections.serverLockCount, Int(core.connections.counters.callbacksSent - before)]
    }
    #expect(left == [0, 0])
    #expect(node.server.destroyed == 1)
  }

  struct Transfer {
    var opcode = Opcode.ostRead
    var attributes = ObjectAttributes()
    var requests: [ObjectRequest]
    var ranges = [RemoteRange(0, length: 4096, flags: .read)]
    var data: [UInt8] = []

    init(_ object: ObjectID) {
      attributes.object = object
      attributes.valid = [.id, .group, .flags]
      attributes.flags = .shortIO
      var request = ObjectRequest()
      request.object = object
      request.rangeCount = 1
      request.bulkLimit = 0
      requests = [request]
    }

    var buffers: [[UInt8]] {
      [
        attributes.encoded, requests.flatMap(\.encoded), ranges.flatMap(\.encoded), [], data,
      ]
    }
  }

  @Test func aSoundOneIsAnswered() throws {
    let scene = try Scene()
    let answer = scene.read()
    #expect(answer?.status == 4096 && answer?.body?.type == .reply)
    #expect(answer?.buffers.last == Array(pattern(5000)[..<4096]))
  }

  @Test("13 §5.5: a write's answer says that no quota is used up")
  func quotas() throws {
    let scene = try Scene()
    let answer = scene.read {
      $0.opcode = .ostWrite
      $0.attributes.flags = [.shortIO, .noUserQuota, .noGroupQuota, .noProjectQuota]
      $0.data = [UInt8](repeating: 7, count: 4096)
    }
    let reply = try #require(answer?.value(ObjectAttributes.self))
    #expect(reply.valid.isSuperset(of: [.userQuota, .groupQuota]))
    #expect(reply.flags.isDisjoint(with: [.noUserQuota, .noGroupQuota, .noProjectQuota]))
    #expect(reply.flags.contains(.shortIO))
  }

  @Test("13 §5.2–§5.4: ranges, portals, sequences")
  func contradictions() throws {
    let scene = try Scene()
    typealias Change = (inout Transfer) -> Void
    let table: [(name: String, change: Change)] = [
      ("too few ranges", { $0.requests[0].rangeCount = 2 }),
      ("no range", { $0.requests[0].rangeCount = 0 }),
      ("two objects", { $0.requests.append($0.requests[0]) }),
      ("no object", { $0.requests = [] }),
      ("an empty range", { $0.ranges[0].length = 0 }),
      ("a range round the end", { $0.ranges[0] = RemoteRange(.max - 10, length: 4096) }),
      ("a range as long as anything", { $0.ranges[0].length = .max }),
      ("short and several", { Self.set([(0, 4096), (4096, 4096)], in: &$0) }),
      (
        "ranges that fall",
        {
          $0.attributes.flags = []
          Self.set([(8192, 4096), (0, 4096)], in: &$0)
        }
      ),
      (
        "ranges that overlap",
        {
          $0.attributes.flags = []
          Self.set([(0, 8192), (4096, 4096)], in: &$0)
        }
      ),
      (
        "an inner end inside a page",
        {
          $0.attributes.flags = []
          Self.set([(0, 100), (4096, 4096)], in: &$0)
        }
      ),
      ("no id", { $0.attributes.object = ObjectID() }),
      ("not said to have an id", { $0.attributes.valid = [.flags] }),
      ("a strange sequence", { $0.attributes.object = ObjectID(FID(0x1234, 5)) }),
      (
        "a write with too little",
        {
          $0.opcode = .ostWrite
          $0.data = [1, 2, 3]
        }
      ),
      (
        "a write with too much",
        {
          $0.opcode = .ostWrite
          $0.data = [UInt8](repeating: 1, count: 4097)
        }
      ),
    ]
    for row in table {
      let answer = scene.read(row.change)
      #expect(answer?.status == WireErrno.eproto.status, "\(row.name)")
    }
    let wrongPortal = scene.read(portal: .ostRequest)
    // 13 §5.4: 4713 for the one, 4712 for the other.
    #expect(wrongPortal?.status == WireErrno.eproto.status && wrongPortal?.body?.type == .reply)
    let few = scene.read { $0.requests[0].rangeCount = 2 }
    #expect(few?.body?.type == .error)
    #expect(scene.world.node.server.refused == UInt64(table.count + 2))
    // The target is as it was.
    let bytes = scene.world.read(5000, scene.object).bytes
    #expect(bytes == pattern(5000))
    #expect(scene.world.world.leaks().isEmpty)
  }

  private static func set(_ ranges: [(UInt64, UInt32)], in transfer: inout Transfer) {
    transfer.ranges = ranges.map { RemoteRange($0.0, length: $0.1) }
    transfer.requests[0].rangeCount = UInt32(ranges.count)
    transfer.requests[0].bulkLimit = 1
  }

  @Test("13 §3: a limit that is no power of two draws no answer")
  func silence() throws {
    let scene = try Scene()
    let answer = scene.read {
      $0.attributes.flags = []
      $0.requests[0].bulkLimit = 3
    }
    #expect(answer == nil)
    #expect(scene.world.node.server.refused == 1)
  }

  @Test("13 §5.6: bulk that nobody lays open is waited for in vain, and nobody is harmed")
  func bulkThatNeverComes() throws {
    let scene = try Scene()
    for opcode in [Opcode.ostRead, .ostWrite] {
      let answer = scene.read {
        $0.opcode = opcode
        $0.attributes.flags = []
        $0.requests[0].bulkLimit = 1
      }
      #expect(answer == nil)
    }
    scene.world.world.run(200) { scene.world.node.server.abandoned >= 2 }
    #expect(scene.world.node.server.abandoned >= 2)
    let bytes = scene.world.read(5000, scene.object).bytes
    #expect(bytes == pattern(5000))
  }

  @Test func otherRequests() throws {
    let scene = try Scene()
    func key(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }
    var attributes = ObjectAttributes()
    attributes.object = scene.object
    attributes.valid = [.id, .group]
    let table: [(Opcode, [[UInt8]], WireErrno)] = [
      (.ostGetAttributes, [], .eproto), (.ostGetAttributes, [[1, 2, 3]], .eproto),
      (.ostPunch, [attributes.encoded, []], .eproto), (.ldlmEnqueue, [], .eproto),
      (.ldlmEnqueue, [[UInt8](repeating: 0, count: 50)], .eproto),
      (.ostGetInfo, [], .eproto), (.ostGetInfo, [[]], .eproto),
      (.ostGetInfo, [key("last_fid")], .eproto), (.ostGetInfo, [key("no_such")], .eopnotsupp),
      (.ostSetInfo, [key("no_such"), []], .eopnotsupp),
      (.ostSetInfo, [key("grant_shrink")], .eproto),
      (.ostQuotaControl, [], .eopnotsupp), (.ostSeek, [attributes.encoded], .eopnotsupp),
      (.mdsStatfs, [], .eopnotsupp),
    ]
    for (opcode, buffers, error) in table {
      let answer = scene.ask(opcode, buffers)
      #expect(answer?.status == error.status, "\(opcode) \(buffers.map(\.count))")
    }
    #expect(scene.world.node.server.refused == UInt64(table.count))
    #expect(scene.world.world.leaks().isEmpty)
  }

  @Test("13 A.2: ids made in advance, what nobody knows, and the last of a sequence")
  func precreation() throws {
    let scene = try Scene()
    let sequence: UInt64 = 0x2_4000_0400
    func create(_ id: UInt32, _ flags: ObjectFlags = []) -> UInt64? {
      var attributes = ObjectAttributes()
      attributes.object = ObjectID(FID(sequence, id))
      attributes.valid = [.id, .group, .flags]
      attributes.flags = flags
      let answer = scene.ask(.ostCreate, [attributes.encoded])
      #expect(answer?.status == 0)
      let value: ObjectAttributes? = answer?.value()
      return value?.object.number
    }
    func last() -> UInt32? {
      let answer = scene.ask(
        .ostGetInfo, [Array("last_fid".utf8) + [0], FID(sequence, 0).encoded])
      let fid: FID? = answer?.value()
      return fid?.objectID
    }
    func exists(_ id: UInt32) -> Bool {
      scene.world.run(ObjectWish(.getAttributes, ObjectID(FID(sequence, id))))?.status == 0
    }
    #expect(last() == 0)
    #expect(create(32) == 32)
    #expect(last() == 32 && exists(1) && exists(32) && !exists(33))
    #expect(create(200) == 200)
    #expect(create(150) == 200)
    #expect(scene.world.run(ObjectWish(.destroy, ObjectID(FID(sequence, 160))))?.status == 0)
    #expect(create(100, .deleteOrphans) == 100)
    #expect(last() == 100 && exists(100) && !exists(101) && !exists(200))
    #expect(create(101) == 101)
    #expect(exists(101))
    #expect(scene.world.run(ObjectWish(.destroy, ObjectID(FID(sequence, 50))))?.status == 0)
    #expect(create(50, .recreate) == 50)
    #expect(exists(50) && last() == 101)
    #expect(scene.world.world.leaks().isEmpty)
  }

  @Test(
    "13 §5.3: a number of sequence 0 has 48 bits; one with more is refused, and nobody counts on from it"
  )
  func numbersBeyondTheirBits() throws {
    let scene = try Scene()
    for number: UInt64 in [.max, .max - 62, 1 << 63, 1 << 48] {
      for flags in [ObjectFlags.recreate, .deleteOrphans, []] {
        for opcode in [Opcode.ostCreate, .ostGetAttributes, .ostDestroy, .ostSync] {
          var attributes = ObjectAttributes()
          // An id and sequence 0, as the old form has it.
          attributes.object = ObjectID(number: number)
          attributes.valid = [.id, .group, .flags]
          attributes.flags = flags
          let answer = scene.ask(opcode, [attributes.encoded])
          #expect(answer?.status == -71, "\(opcode) of \(number)")
        }
      }
    }
    #expect(scene.read()?.status == 4096)
    #expect(scene.world.world.leaks().isEmpty)
  }

  @Test("13 §5.3: a grant is added to what is asked for, used up by writes, and given back")
  func grants() throws {
    let scene = try Scene()
    _ = scene.world.run(ObjectWish(.statistics))
    func granted() -> UInt64 { scene.world.node.roles.objectServers[0].grants.total }
    let before = granted()
    let more = scene.read {
      $0.attributes.valid.formUnion([.grant, .blocks])
      $0.attributes.mode = 64 << 20
    }
    let value: ObjectAttributes? = more?.value()
    #expect(value?.valid.contains(.grant) == true && value?.grant == 8_437_760)
    #expect(granted() == before + 8_437_760)
    let used = scene.read {
      $0.opcode = .ostWrite
      $0.attributes.valid.formUnion([.grant, .blocks])
      $0.attributes.miscellaneous = 4096
      $0.ranges[0].flags = .fromGrant
      $0.data = [UInt8](repeating: 7, count: 4096)
    }
    #expect(used?.status == 0)
    #expect(granted() == before + 8_437_760 - 4096 - 4096 - 24 * 1024)
    var shrink = ObjectAttributes()
    shrink.grant = 1 << 20
    shrink.valid = .grant
    let answer = scene.ask(.ostSetInfo, [Array("grant_shrink".utf8) + [0], shrink.encoded])
    #expect(answer?.status == 0)
    #expect(granted() == before + 8_437_760 - 8192 - 24 * 1024 - (1 << 20))
    scene.caller.use { core in
      core.connections.close(
        scene.handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
    scene.world.world.run(3) { scene.caller.state(scene.handle) == .closed }
    #expect(granted() == 8_437_760)
  }
}
