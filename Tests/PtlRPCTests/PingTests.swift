// Property: a request, its execution and its reply between two nodes; the bytes are those of spec 10 §16.4.
// Method: two whole nodes on the simulated fabric, a server that answers and a client that notes.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct PingTests {
  @Test func aPingIsAnswered() throws {
    let world = World()
    let server = TestServer()
    let client = TestClient()
    try world.addBare(server)
    try world.addBare(client)
    let handle = try world.use(1) { core in try core.send(.ping(tag: 42), over: route(to: 0)) }
    world.run(5) { !client.events.isEmpty }
    #expect(client.events == [RPCEvent(.replied, handle.raw, status: 0, tag: 42)])
    let reply = try world.use(1) { core in try core.rpc.reply(to: handle, turn: &core.turn) }
    #expect(reply.body.type == .reply)
    #expect(reply.body.opcode == .ping)
    #expect(reply.body.serviceTime == 1)
    #expect(reply.bytes.offset == 224)
    #expect(server.executed.count == 1)
    world.use(1) { core in core.rpc.release(handle, turn: &core.turn) }
    world.run(1)
    #expect(world.leaks().isEmpty)
    #expect(world.stop() == [])
  }
}
