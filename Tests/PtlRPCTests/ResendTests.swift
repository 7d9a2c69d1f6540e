// Property: XIDs, match bits and flags of first sendings and resends are those of spec 10 §9.2, and `pb_last_xid`
// is that of §9.3.
// Method: a server that lets requests go unanswered, so that they time out; what arrived there is compared with
// a table by hand.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@Suite struct ResendTests {
  private func pair() throws -> (World, TestServer, TestClient) {
    let world = World()
    let server = TestServer()
    server.admission = { handle, _, core in
      core.rpc.drop(handle, turn: &core.turn)
      return false
    }
    let client = TestClient()
    try world.addBare(server)
    try world.addBare(client)
    return (world, server, client)
  }

  /// What is negotiated, how it is sent again; in units of the XID step: the second XID, and both match bits
  /// (nil: 0).
  struct Row: Sendable {
    var hasReplyMatchBits: Bool
    var hasBulkMatchBits: Bool
    var resending: Resending
    var secondXID: UInt64
    var matchBits: [UInt64?]
  }

  static let rows: [Row] = [
    Row(
      hasReplyMatchBits: true, hasBulkMatchBits: true, resending: .sameXID, secondXID: 0,
      matchBits: [0, 1]),
    Row(
      hasReplyMatchBits: true, hasBulkMatchBits: false, resending: .sameXID, secondXID: 1,
      matchBits: [0, 1]),
    Row(
      hasReplyMatchBits: false, hasBulkMatchBits: true, resending: .sameXID, secondXID: 0,
      matchBits: [nil, nil]),
    Row(
      hasReplyMatchBits: true, hasBulkMatchBits: true, resending: .freshXID, secondXID: 1,
      matchBits: [0, 1]),
    Row(
      hasReplyMatchBits: false, hasBulkMatchBits: true, resending: .freshXID, secondXID: 1,
      matchBits: [nil, nil]),
  ]

  @Test(arguments: rows)
  func numbers(_ row: Row) throws {
    let (world, server, client) = try pair()
    var way = route(to: 0)
    way.hasReplyMatchBits = row.hasReplyMatchBits
    way.hasBulkMatchBits = row.hasBulkMatchBits
    let handle = try world.use(1) { try $0.send(.ping(), over: way) }
    world.run(11.2)
    #expect(client.events.map(\.kind) == [.timedOut])
    way.connectionCount = 2
    server.hasReplyMatchBits = row.hasReplyMatchBits
    server.admission = nil
    world.use(1) { $0.rpc.resend(handle, over: way, row.resending) }
    world.run(1)
    #expect(client.events.map(\.kind) == [.timedOut, .replied])
    try #require(server.arrived.count == 2)
    let first = server.arrived[0]
    let second = server.arrived[1]
    #expect(first.xid % 128 == 0)
    #expect(second.xid == first.xid + 128 * row.secondXID)
    for (request, bits) in zip([first, second], row.matchBits) {
      #expect(request.body.matchBits == bits.map { first.xid + 128 * $0 } ?? 0)
    }
    #expect(first.body.flags == .hasUserIDs)
    #expect(second.body.flags == [.hasUserIDs, .resent])
    #expect(second.body.connectionCount == 2)
    world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
    world.run(1)
    #expect(world.stop() == [])
  }

  /// While one request is unanswered, all later ones say that those before it are (§9.3).
  @Test func lastXIDIsThatBeforeTheOldestWithoutReply() throws {
    let (world, server, client) = try pair()
    client.releasesAtOnce = true
    let old = try world.use(1) { try $0.send(.ping(tag: 1), over: route(to: 0)) }
    world.run(0.5)
    server.admission = nil
    for _ in 0..<3 {
      _ = try world.use(1) { try $0.send(.ping(tag: 2), over: route(to: 0)) }
      world.run(0.5)
    }
    let oldest = server.arrived[0].xid
    #expect(server.arrived.map(\.body.lastXID) == Array(repeating: oldest - 1, count: 4))
    #expect(client.events.count == 3)
    world.use(1) { core in
      core.rpc.abandon(old, turn: &core.turn)
      core.rpc.release(old, turn: &core.turn)
    }
    _ = try world.use(1) { try $0.send(.ping(tag: 3), over: route(to: 0)) }
    world.run(1)
    let last = try #require(server.arrived.last)
    #expect(last.body.lastXID == last.xid - 1)
    #expect(world.leaks() == [])
  }

  @Test func lastXIDNeverGoesBack() throws {
    let (world, server, _) = try pair()
    server.admission = nil
    let first = try world.use(1) { core in
      try core.rpc.begin(.ping(), buffers: BufferLengths(), turn: &core.turn)
    }
    let second = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    world.use(1) { $0.rpc.send(first, over: route(to: 0)) }
    world.run(1)
    let third = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(1)
    let said = server.arrived.map(\.body.lastXID)
    #expect(said == said.sorted())
    #expect(said[2] == server.arrived[2].xid - 1)
    world.use(1) { core in
      for handle in [first, second, third] { core.rpc.release(handle, turn: &core.turn) }
    }
    world.run(1)
    #expect(world.leaks() == [])
  }

  @Test func theOnesWithoutReplyAreListedByXID() throws {
    let (world, server, _) = try pair()
    var handles: [RequestHandle] = []
    for _ in 0..<4 { handles.append(try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }) }
    world.run(0.5)
    server.admission = nil
    handles.append(try world.use(1) { try $0.send(.ping(), over: route(to: 0)) })
    world.run(12)
    // With a new XID it is the newest.
    world.use(1) { core in
      core.rpc.resend(handles[1], over: route(to: 0), .freshXID)
      var listed: [RequestHandle] = []
      while let next = core.rpc.unreplied(ofImport: 0, after: listed.last) { listed.append(next) }
      #expect(listed == [handles[0], handles[2], handles[3], handles[1]])
    }
  }

  @Test func aRequestOfADeadNodeFailsOrTimesOut() throws {
    let (world, _, client) = try pair()
    world.run(1)
    world.kill(0)
    let handle = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.run(12)
    #expect(client.events.count == 1)
    #expect(client.events.first?.kind != .replied)
    world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
    world.run(120)
    #expect(world.leaks() == [])
  }

  @Test func whatIsReleasedUnansweredLeavesNothing() throws {
    let (world, _, client) = try pair()
    let handle = try world.use(1) { try $0.send(.ping(), over: route(to: 0)) }
    world.use(1) { $0.rpc.release(handle, turn: &$0.turn) }
    let draft = try world.use(1) { core in
      try core.rpc.begin(.ping(), buffers: BufferLengths(), turn: &core.turn)
    }
    world.use(1) { $0.rpc.release(draft, turn: &$0.turn) }
    world.run(1)
    #expect(client.events == [])
    #expect(world.stop() == [])
  }
}
