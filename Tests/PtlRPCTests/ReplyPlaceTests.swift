// Property: a reply goes to the request's own match bits, or to those that its client has negotiated for replies, but a
// CONNECT's never to the latter; a request that is longer than its service takes is dropped (spec 10 §2.2, §6.3).
// Method: messages sent by LNet alone to a server; a place where replies with any match bits land.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
import Testing

@Suite struct ReplyPlaceTests {
  /// Takes every reply, and notes its match bits.
  private final class Listener: TestClient {
    var landed: [UInt64] = []

    override func started(_ core: inout NodeCore) {
      guard let memory = core.turn.memory.bulk.allocateRun(byteCount: 4096) else {
        preconditionFailure("no memory for replies")
      }
      do {
        _ = try core.lnet.expose(
          MatchEntry(portal: .mgcReply, matchBits: 0, ignoreBits: .max),
          MemoryDescriptor(memory: memory, options: [.put, .remoteOffset, .truncate], tag: 9),
          turn: &core.turn)
      } catch { preconditionFailure("no place for replies: \(error)") }
    }

    override func received(_ event: LNetEvent, _ core: inout NodeCore) {
      if event.kind == .put { landed.append(event.matchBits) }
    }
  }

  private static let xid: UInt64 = 0x8000

  @Test(
    arguments: [
      (.ping, true, 99), (.ping, false, xid), (.mgsConnect, true, xid), (.mgsConnect, false, xid),
    ] as [(Opcode, Bool, UInt64)])
  func whereRepliesGo(_ opcode: Opcode, isNegotiated: Bool, to place: UInt64) throws {
    let world = World()
    let server = TestServer()
    server.hasReplyMatchBits = isNegotiated
    let listener = Listener()
    try world.addBare(server)
    try world.addBare(listener)
    var body = RPCBody(request: opcode)
    body.timeout = 11
    body.matchBits = 99
    try world.use(1) { core in
      try core.sendRaw(message(body), to: 0, portal: .mgsRequest, matchBits: Self.xid)
    }
    world.run(1)
    #expect(listener.landed == [place])
  }

  @Test(arguments: [(0, 1), (33, 0)] as [(Int, Int)])
  func whatIsLongerThanTheServiceTakes(extra: Int, executedCount: Int) throws {
    let world = World()
    let server = TestServer()
    server.services = [ServiceDescription(.mgsRequest, .mgcReply, requestByteCountMax: 256)]
    try world.addBare(server)
    try world.addBare(TestClient())
    var body = RPCBody(request: .ping)
    body.timeout = 11
    let bytes = message(body) + [UInt8](repeating: 0, count: extra)
    try world.use(1) { core in
      try core.sendRaw(bytes, to: 0, portal: .mgsRequest, matchBits: Self.xid)
    }
    world.run(1)
    #expect(server.executed.count == executedCount)
    #expect(world.use(0) { $0.rpc.counters.requestsMalformed } == UInt64(1 - executedCount))
  }
}
