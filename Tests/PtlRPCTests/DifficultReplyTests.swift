// Property: a difficult reply (spec 10 §8.4) asks for LNet's ACK, and its handler is told once whether it came.
// Method: a server whose reply wants one; the client lives, or is dead by then.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct DifficultReplyTests {
  private func pair() throws -> (World, TestServer, TestClient) {
    let world = World()
    let server = TestServer()
    server.handler = { handle, _, core in
      var fields = ReplyFields()
      fields.wantsAcknowledge = true
      core.rpc.reply(handle, fields, turn: &core.turn)
    }
    let client = TestClient()
    try world.addBare(server)
    try world.addBare(client)
    return (world, server, client)
  }

  @Test func itIsAcknowledged() throws {
    let (world, server, client) = try pair()
    let handle = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(2)
    #expect(client.events.map(\.kind) == [.replied])
    #expect(server.events.map(\.kind) == [.acknowledged])
    #expect(server.events.map(\.status) == [0])
    world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
    world.run(1)
    #expect(world.stop() == [])
  }

  @Test func aDeadClientIsNotWaitedForTooLong() throws {
    let (world, server, _) = try pair()
    nonisolated(unsafe) var late: ServerRequestHandle?
    let difficult = server.handler
    server.handler = { handle, _, _ in late = handle }
    _ = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    world.kill(1)
    let handle = try #require(late)
    world.use(0) { core in difficult(handle, core.rpc.received(handle), &core) }
    world.run(200)
    #expect(server.events.map(\.kind) == [.acknowledged])
    #expect(server.events.allSatisfy { $0.status < 0 })
    #expect(world.leaks() == [])
  }

  @Test func whatIsDurableWaitsNoLonger() throws {
    let (world, server, _) = try pair()
    let difficult = server.handler
    server.handler = { handle, request, core in
      difficult(handle, request, &core)
      core.rpc.forgetAcknowledge(handle)
    }
    _ = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(2)
    #expect(world.use(0) { $0.rpc.serverRequestCount } == 0)
  }
}
