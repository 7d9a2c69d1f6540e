// Property: replies are taken as spec 10 §5.1, §6.3 and §12 say: type, then status; too long ones lead to a
// resend; late and doubled ones change nothing.
// Method: a server that answers by tables, or sends replies by LNet alone.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct ReplyTests {
  private func pair() throws -> (World, TestServer, TestClient) {
    let world = World()
    let server = TestServer()
    let client = TestClient()
    try world.addBare(server)
    try world.addBare(client)
    return (world, server, client)
  }

  /// spec 10 §5.1: the error path keeps type 4713 for these.
  static let keptAsReply: [Int32] = [28, 13, 1, 2, 115, 122, 30]

  @Test(arguments: keptAsReply + [107, 19, 71, 22, 95, 11, 5, 110, 12])
  func refusals(errno: Int32) throws {
    let (world, server, client) = try pair()
    server.handler = { handle, _, core in
      core.rpc.refuse(handle, WireErrno(rawValue: errno), turn: &core.turn)
    }
    let handle = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    #expect(client.events.map(\.status) == [-errno])
    let body = try world.use(1) { try $0.rpc.reply(to: handle, turn: &$0.turn).body }
    #expect(body.type == (Self.keptAsReply.contains(errno) ? .reply : .error))
    #expect(body.timeout == 10)
  }

  @Test func aRefusalWithoutAnExportGivesNoEstimate() throws {
    let (world, server, client) = try pair()
    server.admission = { handle, _, core in
      core.rpc.refuse(handle, .enotconn, withholdsEstimate: true, turn: &core.turn)
      return false
    }
    let handle = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    #expect(client.events.map(\.status) == [-107])
    #expect(
      try world.use(1) { try $0.rpc.reply(to: handle, turn: &$0.turn).body.timeout } == 0)
    #expect(world.use(0) { $0.rpc.counters.errorRepliesSent } == 1)
  }

  /// Type, status as sent, status as told.
  @Test(
    arguments: [
      (RPCType.error, 0, -22), (.error, 5, -22), (.error, -107, -107), (.reply, 300, 300),
      (.reply, -2, -2),
    ] as [(RPCType, Int32, Int32)])
  func typeThenStatus(type: RPCType, sent: Int32, told: Int32) throws {
    let (world, server, client) = try pair()
    server.admission = { _, _, _ in false }
    _ = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    let xid = try #require(server.arrived.first).xid
    let bytes = message(RPCBody(type, to: .ping, status: sent), flags: [])
    try world.use(0) {
      try $0.sendRaw(bytes, to: 1, portal: .mgcReply, matchBits: xid, offset: 224)
    }
    world.run(1)
    #expect(client.events.map(\.kind) == [.replied])
    #expect(client.events.map(\.status) == [told])
  }

  @Test func aReplyTooManyIsDropped() throws {
    let (world, server, client) = try pair()
    let handle = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    #expect(client.events.count == 1)
    let xid = try #require(server.arrived.first).xid
    let bytes = message(RPCBody(.error, to: .ping, status: -95), flags: [])
    try world.use(0) {
      try $0.sendRaw(bytes, to: 1, portal: .mgcReply, matchBits: xid, offset: 224)
    }
    world.run(1)
    #expect(client.events.count == 1)
    #expect(try world.use(1) { try $0.rpc.reply(to: handle, turn: &$0.turn).body.status } == 0)
  }

  @Test func nonsenseFails() throws {
    let (world, server, client) = try pair()
    server.admission = { _, _, _ in false }
    _ = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    let xid = try #require(server.arrived.first).xid
    try world.use(0) {
      try $0.sendRaw([1, 2, 3], to: 1, portal: .mgcReply, matchBits: xid, offset: 224)
    }
    world.run(1)
    #expect(client.events.map(\.kind) == [.failed])
    #expect(client.events.map(\.status) == [-71])
  }

  /// Reply bytes beyond what was asked for: within a message, and by RDMA.
  @Test(arguments: [4600, 60_000])
  func aReplyThatIsTooLongComesAgain(length: Int) throws {
    let (world, server, client) = try pair()
    server.handler = { handle, _, core in
      let buffers = BufferLengths(length)
      do throws(RPCError) {
        let reply = try core.rpc.beginReply(handle, buffers: buffers, turn: &core.turn)
        core.fill(
          buffers.place(of: 1, in: reply), (0..<length).map { UInt8(truncatingIfNeeded: $0) })
        core.rpc.reply(handle, ReplyFields(), turn: &core.turn)
      } catch { Issue.record("no memory for a reply") }
    }
    let handle = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(2)
    #expect(client.events.map(\.kind) == [.replied])
    try #require(server.arrived.map(\.body.flags.rawValue) == [0x200, 0x202])
    #expect(server.arrived[0].xid == server.arrived[1].xid)
    // New match bits, so that the old attempt's reply cannot land (§9.2).
    #expect(server.arrived[0].body.matchBits != server.arrived[1].body.matchBits)
    let content = try world.use(1) { core in
      let reply = try core.rpc.reply(to: handle, turn: &core.turn)
      return Array(core.contents(reply.bytes).dropFirst(224).prefix(length))
    }
    #expect(content == (0..<length).map { UInt8(truncatingIfNeeded: $0) })
    world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
    world.run(1)
    #expect(world.stop() == [])
  }

  @Test func oneThatMayNotBeSentAgainFails() throws {
    let (world, server, client) = try pair()
    server.handler = { handle, _, core in
      _ = try? core.rpc.beginReply(handle, buffers: BufferLengths(5000), turn: &core.turn)
      core.rpc.reply(handle, ReplyFields(), turn: &core.turn)
    }
    var draft = RequestDraft.ping()
    draft.isResendable = false
    _ = try world.use(1) { try $0.send(draft, over: route(to: 0)) }
    world.run(2)
    #expect(client.events.map(\.kind) == [.failed])
    #expect(client.events.map(\.status) == [-75])
    #expect(server.arrived.count == 1)
  }
}
