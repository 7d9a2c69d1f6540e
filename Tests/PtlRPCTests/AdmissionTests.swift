// Property: peers' requests are admitted, queued and dropped as spec 10 §10 (5 to 7) says, and bytes that take
// long give their sender its credit back.
// Method: a service that executes one request at a time, and handlers that the test finishes.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct AdmissionTests {
  private final class Bench {
    let world = World()
    let server = TestServer()
    let client = TestClient()
    var active: [ServerRequestHandle] = []

    init(activeCountMax: Int = 128) throws {
      server.services = [
        ServiceDescription(
          .mgsRequest, .mgcReply, requestByteCountMax: 8192, activeCountMax: activeCountMax)
      ]
      try world.addBare(server)
      try world.addBare(client)
      server.handler = { [unowned self] handle, _, _ in self.active.append(handle) }
    }

    func send(
      _ opcode: Opcode, timeout: UInt32? = nil, tag: UInt16 = 0
    ) throws -> RequestHandle {
      var draft = RequestDraft.ping()
      draft.opcode = opcode
      draft.timeout = timeout
      draft.tag = tag
      return try world.use(1) { try $0.send(draft, over: route(to: 0)) }
    }

    func answerFirst() {
      let handle = active.removeFirst()
      world.use(0) { $0.rpc.reply(handle, ReplyFields(), turn: &$0.turn) }
    }
  }

  /// A tag is used again when its older request was given up; tag 0 is everybody's (spec 12 §6.4).
  @Test(arguments: [(0, false), (5, true)] as [(UInt16, Bool)])
  func theYoungestOfATagCounts(tag: UInt16, isObsolete: Bool) throws {
    let bench = try Bench()
    bench.server.hasIncreasingXIDs = true
    let handles = [
      try bench.send(.mgsTargetRegister, tag: tag), try bench.send(.mgsTargetRegister, tag: tag),
    ]
    bench.world.run(1)
    let seen = bench.world.use(0) { core in
      bench.active.map { core.rpc.isObsolete($0) }
    }
    #expect(seen == [isObsolete, false])
    bench.answerFirst()
    bench.answerFirst()
    bench.world.run(1)
    bench.world.use(1) { core in
      for handle in handles { core.rpc.release(handle, turn: &core.turn) }
    }
  }

  @Test func aResendOfOneInProgressTakesItOver() throws {
    let bench = try Bench()
    let handle = try bench.send(.mgsTargetRegister, timeout: 8)
    var way = route(to: 0)
    way.latency = 0
    bench.world.run(1)
    bench.world.use(1) { core in
      core.rpc.abandon(handle, turn: &core.turn)
      core.rpc.resend(handle, over: way)
    }
    bench.world.run(1)
    #expect(bench.server.arrived.count == 2)
    #expect(bench.server.executed.count == 1)
    #expect(bench.world.use(0) { $0.rpc.counters.duplicatesInProgress } == 1)
    // The one answer goes to the match bits of the second sending.
    bench.answerFirst()
    bench.world.run(1)
    #expect(bench.client.events.map(\.kind) == [.replied])
    bench.world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
    bench.world.run(1)
    #expect(bench.world.stop() == [])
  }

  @Test func aResendOfAnAnsweredOneIsANewRequest() throws {
    let bench = try Bench()
    let handle = try bench.send(.mgsTargetRegister)
    bench.world.run(1)
    bench.world.use(1) { $0.rpc.abandon(handle, turn: &$0.turn) }
    bench.answerFirst()
    bench.world.run(1)
    bench.world.use(1) { $0.rpc.resend(handle, over: route(to: 0)) }
    bench.world.run(1)
    #expect(bench.server.executed.count == 2)
    bench.answerFirst()
    bench.world.run(1)
    #expect(bench.client.events.map(\.kind) == [.replied])
  }

  @Test func cancelsAreNeverTakenForDuplicates() throws {
    let bench = try Bench()
    let handle = try bench.send(.ldlmCancel)
    bench.world.run(1)
    bench.world.use(1) { core in
      core.rpc.abandon(handle, turn: &core.turn)
      core.rpc.resend(handle, over: route(to: 0))
    }
    bench.world.run(1)
    #expect(bench.server.executed.count == 2)
  }

  @Test func urgentOnesWaitForNoTurn() throws {
    let bench = try Bench(activeCountMax: 1)
    for opcode in [Opcode.mgsTargetRegister, .mgsConfigRead, .mgsSetInfo, .ping] {
      _ = try bench.send(opcode)
      bench.world.run(0.01)
    }
    #expect(bench.active.count == 2)
    for _ in 0..<4 {
      bench.answerFirst()
      bench.world.run(0.01)
    }
    let xids = bench.server.arrived.map(\.xid)
    #expect(bench.server.executed == [xids[0], xids[3], xids[1], xids[2]])
    #expect(bench.client.events.count == 4)
  }

  @Test func whatIsPastItsDeadlineIsDroppedButCancelsAreNot() throws {
    let bench = try Bench(activeCountMax: 1)
    _ = try bench.send(.mgsTargetRegister, timeout: 30)
    bench.world.run(0.1)
    // Without early replies: the client's own flag decides.
    var draft = RequestDraft.ping()
    draft.opcode = .mgsConfigRead
    draft.timeout = 3
    var way = route(to: 0)
    way.headerFlags = .checksumIncompatible18
    for opcode in [Opcode.mgsConfigRead, .ldlmCancel] {
      draft.opcode = opcode
      _ = try bench.world.use(1) { try $0.send(draft, over: way) }
    }
    bench.world.run(101)
    #expect(bench.active.count == 1)
    bench.answerFirst()
    bench.world.run(1)
    #expect(bench.world.use(0) { $0.rpc.counters.requestsExpired } == 1)
    #expect(bench.server.executed.count == 2)
    #expect(bench.server.executed.last == bench.server.arrived.last?.xid)
  }

  @Test func longOnesDoNotKeepTheirSendersCredits() throws {
    let bench = try Bench()
    // More than a connection has credits for (8), and half of the places for copies.
    var handles: [RequestHandle] = []
    for _ in 0..<16 { handles.append(try bench.send(.mgsTargetRegister)) }
    bench.world.run(1)
    #expect(bench.active.count == 16)
    #expect(bench.world.use(0) { $0.lnet.messagesInPlaceCount } == 0)
    #expect(bench.world.use(0) { $0.rpc.counters.requestsCopied } == 16)
    // Their bytes are still what was sent.
    for handle in bench.active {
      let isSound = bench.world.use(0) { core in
        let received = core.rpc.received(handle)
        return core.contents(received.bytes).prefix(12)
          == [1, 0, 0, 0, 0, 0, 0, 0, 0xD3, 0x0B, 0xD0, 0x0B]
      }
      #expect(isSound)
    }
    while !bench.active.isEmpty { bench.answerFirst() }
    bench.world.run(1)
    #expect(bench.client.events.count == 16)
    for handle in handles {
      bench.world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
    }
    bench.world.run(1)
    #expect(bench.world.stop() == [])
  }

  @Test func moreThanTheTablesHoldWaitAtTheirSender() throws {
    let bench = try Bench()
    // 32 copies and 32 in place; with the rest LNet's portal and the credits wait.
    var handles: [RequestHandle] = []
    for _ in 0..<64 { handles.append(try bench.send(.mgsTargetRegister)) }
    let third = TestClient()
    try bench.world.addBare(third)
    for _ in 0..<30 {
      _ = try bench.world.use(2) { try $0.send(.ping(), over: route(to: 0)) }
    }
    bench.world.run(3)
    #expect(bench.active.count < 94)
    #expect(bench.world.use(0) { $0.rpc.counters.requestsWithoutSlot } == 0)
    var rounds = 0
    while bench.client.events.count + third.events.count < 94, rounds < 200 {
      while !bench.active.isEmpty { bench.answerFirst() }
      bench.world.run(0.1)
      rounds += 1
    }
    #expect(bench.client.events.allSatisfy { $0.kind == .replied })
    #expect(third.events.count == 30)
    #expect(bench.server.executed.count == 94)
  }
}
