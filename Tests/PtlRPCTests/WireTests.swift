// Property: OBD_PING and its reply are byte for byte those that real nodes exchanged (spec 10 §16.4), and a
// CONNECT's reply lies at offset 0 (§6.3).
// Method: two whole nodes; the numbers of the capture are given, the messages are read from their memory.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct WireTests {
  private let request = bytes(
    """
    0000  01 00 00 00 00 00 00 00 d3 0b d0 0b e0 00 00 00
    0010  00 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00
    0020  b8 00 00 00 00 00 00 00 e9 34 48 5e 7e e3 64 b0
    0030  67 12 00 00 03 00 01 00 90 01 00 00 db 06 00 00
    0040  7f 24 00 60 2e b0 06 00 00 00 00 00 00 00 00 00
    0060  00 02 00 00 00 00 00 00 02 00 00 00 0b 00 00 00
    00a0  80 24 00 60 2e b0 06 00 00 00 00 00 00 00 00 00
    """, count: 224)
  private let reply = bytes(
    """
    0000  01 00 00 00 00 00 00 00 d3 0b d0 0b 00 00 00 00
    0020  b8 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    0030  69 12 00 00 03 00 00 00 90 01 00 00 00 00 00 00
    0050  18 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00
    0060  00 00 00 00 00 00 00 00 00 00 00 00 05 00 00 00
    0070  01 00 00 00 b0 1b 01 00 00 8e d5 9b 00 00 00 00
    """, count: 224)

  @Test func pingAndReplyAreThoseOfTheCapture() throws {
    let world = World()
    let server = TestServer()
    server.handler = { handle, _, core in
      var fields = ReplyFields()
      fields.lastCommitted = 0x1_0000_0018
      fields.lockLimit = 72624
      fields.lockVolume = 0x9BD5_8E00
      core.rpc.reply(handle, fields, turn: &core.turn)
    }
    let client = TestClient()
    try world.addBare(server)
    // The first request of a service is told 10 s, later ones what the first one took (§16.1).
    try world.addBare(
      client, limits: World.bareLimits { $0.rpc.firstXID = 0x0006_B02E_6000_2480 - 128 })
    var draft = RequestDraft.ping()
    draft.processID = 1755
    let first = try world.use(1) { core in
      try core.send(draft, over: route(to: 0, connection: 2))
    }
    world.run(5) { !client.events.isEmpty }
    #expect(
      try world.use(1) { try $0.rpc.reply(to: first, turn: &$0.turn).body.timeout } == 10)
    world.use(1) { $0.rpc.release(first, turn: &$0.turn) }

    // The estimate of 10 s asks for 17 s (§16.1); the capture's 11 s come from an estimate of 5.
    draft.timeout = 11
    let second = try world.use(1) { core in
      try core.send(draft, over: route(to: 0, connection: 2))
    }
    let sent = world.use(1) { core in core.contents(core.rpc.message(of: second)) }
    #expect(sent == request)
    world.run(5) { client.events.count == 2 }
    let answer = try world.use(1) { core in
      core.contents(try core.rpc.reply(to: second, turn: &core.turn).bytes)
    }
    #expect(answer == reply)
    #expect(server.arrived.map(\.xid) == [0x0006_B02E_6000_2400, 0x0006_B02E_6000_2480])
  }

  @Test func theReplyToAConnectLiesAtOffset0() throws {
    let world = World()
    let server = TestServer()
    server.handler = { handle, _, core in
      var fields = ReplyFields()
      fields.handle = Cookie(rawValue: 77)
      core.rpc.reply(handle, fields, turn: &core.turn)
    }
    let client = TestClient()
    try world.addBare(server)
    try world.addBare(client)
    var draft = RequestDraft.ping()
    draft.opcode = .mgsConnect
    draft.timeout = 5
    var way = route(to: 0)
    way.headerFlags = []
    let handle = try world.use(1) { core in
      try core.send(draft, BufferLengths(39, 39, 8, 192, 0), over: way)
    }
    world.run(5) { !client.events.isEmpty }
    let reply = try world.use(1) { try $0.rpc.reply(to: handle, turn: &$0.turn) }
    #expect(reply.bytes.offset == 0)
    #expect(reply.body.handle == Cookie(rawValue: 77))
    let body = try #require(server.arrived.first).body
    #expect(body.lastXID == 0)
    #expect(body.matchBits == 0)
    #expect(server.arrived.first?.message.byteCount == 520)
    #expect(server.arrived.first?.message.header.flags == [])
  }
}
