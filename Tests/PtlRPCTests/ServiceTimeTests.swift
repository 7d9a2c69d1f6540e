// Property: a service learns from its answers how long it takes, but not from requests that were sent again
// (spec 12 §2.2).
// Method: a message sent by LNet alone, answered after virtual seconds; the service's estimate is read.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct ServiceTimeTests {
  @Test(arguments: [([], 7), (.resent, 10), (.replay, 10)] as [(RPCFlags, UInt32)])
  func whatIsSentAgainSaysNothing(_ flags: RPCFlags, estimate: UInt32) throws {
    let world = World()
    let server = TestServer()
    nonisolated(unsafe) var active: ServerRequestHandle?
    server.handler = { handle, _, _ in active = handle }
    try world.addBare(server)
    try world.addBare(TestClient())
    var body = RPCBody(request: .ping)
    body.timeout = 30
    body.flags = flags
    // Before anything was measured, a service says 10 s.
    try world.use(1) { core in
      try core.sendRaw(message(body), to: 0, portal: .mgsRequest, matchBits: 0x8000)
    }
    world.run(7.5)
    let request = try #require(active)
    world.use(0) { core in core.rpc.reply(request, ReplyFields(), turn: &core.turn) }
    world.run(1)
    #expect(world.use(0) { $0.rpc.estimate(ofService: 0) } == estimate)
  }
}
