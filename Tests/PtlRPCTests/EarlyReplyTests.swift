// Property: a request that takes long is prolonged by early replies as in spec 10 §16.6, and only by sound ones.
// Method: a handler that answers when the test says; virtual seconds are counted.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct EarlyReplyTests {
  private func slowPair() throws -> (World, TestServer, TestClient, () -> ServerRequestHandle?) {
    let world = World()
    let server = TestServer()
    nonisolated(unsafe) var last: ServerRequestHandle?
    server.handler = { handle, _, _ in last = handle }
    let client = TestClient()
    try world.addBare(server)
    try world.addBare(client)
    return (world, server, client, { last })
  }

  @Test func aHandlerThatTakes25SecondsIsWaitedFor() throws {
    let (world, server, client, last) = try slowPair()
    var draft = RequestDraft.ping()
    draft.timeout = 12
    let handle = try world.use(1) { try $0.send(draft, over: route(to: 0)) }
    world.run(1)
    #expect(server.executed.count == 1)
    world.run(5.9)
    #expect(world.use(0) { $0.rpc.counters.earlyRepliesSent } == 0)
    world.run(0.2)
    // 7 s after the arrival: the deadline of 12 s less the margin of 5.
    #expect(world.use(0) { $0.rpc.counters.earlyRepliesSent } == 1)
    #expect(world.use(1) { $0.rpc.counters.earlyRepliesReceived } == 1)
    world.run(18)
    #expect(client.events == [])
    let request = try #require(last())
    let waited = world.use(0) { core in
      let received = core.rpc.received(request)
      return received.deadline - received.arrivalTime
    }
    // 7 s had passed, and 30 s more are asked for.
    #expect(waited == 37 * second)
    world.use(0) { $0.rpc.reply(request, ReplyFields(), turn: &$0.turn) }
    world.run(1)
    #expect(client.ends.map(\.kind) == [.replied])
    let body = try world.use(1) { try $0.rpc.reply(to: handle, turn: &$0.turn).body }
    #expect(body.serviceTime == 25)
    #expect(body.timeout == 37)
    // Later requests expect what the server said: 37 + 9 + 5.
    let next = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    #expect(server.arrived.last?.body.timeout == 51)
    world.use(1) { core in
      core.rpc.release(handle, turn: &core.turn)
      core.rpc.release(next, turn: &core.turn)
    }
  }

  /// What waits for others to recover says nothing of how long the service takes (spec 12 §2.5).
  @Test(arguments: [(false, 37), (true, 10)] as [(Bool, UInt32)])
  func inRecoveryNothingIsLearnt(isRecovering: Bool, estimate: UInt32) throws {
    let (world, server, _, last) = try slowPair()
    server.isRecovering = isRecovering
    var draft = RequestDraft.ping()
    draft.timeout = 12
    let handle = try world.use(1) { try $0.send(draft, over: route(to: 0)) }
    world.run(8)
    #expect(world.use(0) { $0.rpc.counters.earlyRepliesSent } == 1)
    #expect(world.use(0) { $0.rpc.estimate(ofService: 0) } == estimate)
    let request = try #require(last())
    world.use(0) { $0.rpc.reply(request, ReplyFields(), turn: &$0.turn) }
    world.run(1)
    world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
  }

  @Test func withoutAdaptiveTimeoutsThereAreNone() throws {
    let (world, _, client, _) = try slowPair()
    var way = route(to: 0)
    way.headerFlags = []
    var draft = RequestDraft.ping()
    draft.timeout = 12
    _ = try world.use(1) { try $0.send(draft, over: way) }
    world.run(11.9)
    #expect(client.events == [])
    world.run(0.2)
    #expect(client.events.map(\.kind) == [.timedOut])
    #expect(world.use(0) { $0.rpc.counters.earlyRepliesSent } == 0)
  }

  /// An early reply as spec 10 §8.3 has it: its sum given or wrong.
  private func earlyReply(_ type: RPCType, timeout: UInt32, checksum: UInt32?) -> [UInt8] {
    var body = RPCBody(type, to: .ping)
    body.timeout = timeout
    body.serviceTime = 1
    let plain = message(body, flags: [])
    return message(body, flags: [], checksum: checksum ?? crc(plain[40...]))
  }

  private func crc(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var sum: UInt32 = .max
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
    return sum
  }

  @Test(
    arguments: [
      (.reply, nil, true, 60), (.reply, 5, false, 11), (.request, nil, false, 11),
    ] as [(RPCType, UInt32?, Bool, Double)])
  func onlyASoundOneCounts(
    _ type: RPCType, checksum: UInt32?, isSound: Bool, seconds: Double
  ) throws {
    let (world, server, client, _) = try slowPair()
    server.admission = { _, _, _ in false }
    _ = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    let xid = try #require(server.arrived.first).xid
    let bytes = earlyReply(type, timeout: 55, checksum: checksum)
    try world.use(0) {
      try $0.sendRaw(bytes, to: 1, portal: .mgcReply, matchBits: xid)
    }
    // The latency is 5 s at least, once an early reply has told of it (spec 12 §2.4).
    world.run(seconds - 1.1)
    #expect(client.events == [])
    world.run(0.3)
    #expect(client.events.map(\.kind) == [.timedOut])
    let counters = world.use(1) { $0.rpc.counters }
    #expect(counters.earlyRepliesReceived == (isSound ? 1 : 0))
    #expect(counters.earlyRepliesDiscarded == (isSound ? 0 : 1))
  }
}
