// Property: the rules of spec 10 §10, 8.5 and 8.7, about requests on a tag that is in use and about requests whose
// replies are kept; and how long replies are kept (§9.3).
// Method: a server whose kept replies the test sets, and requests with tags in chosen orders; statuses by hand.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Structures
import Testing

@testable import Connections

struct ReplySlotTests {
  /// A mounted client, its export at the metadata target, and requests that are sent one by one.
  private final class Bench {
    let world = World()
    let server = Server()
    let client = Client()

    /// - Parameter hasIncreasingXIDs: what the server takes the client for.
    init(hasIncreasingXIDs: Bool = true) throws {
      try world.add(server)
      try world.add(client, limits: World.limits(cookie: 0x5000_0000))
      client.connectAll()
      world.run(5) { self.client.states.allSatisfy { $0 == .full } }
      let export = export
      server.use { core in
        let slot = export.raw.slot
        #expect(core.connections.exports.cells[slot].hasIncreasingXIDs)
        if !hasIncreasingXIDs {
          core.connections.exports.cells[slot].granted.flags2.remove(.increasingXID)
        }
      }
    }

    var export: ExportHandle {
      server.use { core in
        core.connections.export(ofClient: self.client.mount, atTarget: self.server.targets[1])
          ?? .none
      }
    }

    func begin(tag: UInt16, number: UInt32) throws -> RequestHandle {
      let handle = client.use { core in
        var draft = core.connections.draft(on: client.imports[1], .mdsStatfs)
        draft.tag = tag
        return try? core.connections.begin(
          draft, on: client.imports[1], buffers: BufferLengths(), options: .noResend, tag: number,
          rpc: &core.rpc, turn: &core.turn)
      }
      return try #require(handle)
    }

    func send(_ handle: RequestHandle) {
      client.use {
        $0.connections.submit(handle, rpc: &$0.rpc, lnet: &$0.lnet, turn: &$0.turn)
      }
    }

    func status(_ number: UInt32) -> Int32? {
      world.run(1) { self.client.ends[number] != nil }
      return client.ends[number]?.first?.status
    }

    /// The XID of the next request that the client begins.
    func nextXID() throws -> UInt64 {
      send(try begin(tag: 0, number: 100))
      #expect(status(100) == 0)
      return try #require(server.served.last).xid + 128
    }

    func keep(_ reply: SavedReply) {
      let export = export
      server.use { $0.connections.restoreReply(reply, of: export) }
    }

    var keptCount: Int {
      let export = export
      return server.use { $0.connections.savedReplyCount(of: export) }
    }
  }

  @Test("8.5: an older request on a tag that a later one has had")
  func busyTag() throws {
    let bench = try Bench()
    let next = try bench.nextXID()
    bench.keep(SavedReply(xid: next + 64, tag: 3))
    bench.send(try bench.begin(tag: 3, number: 1))
    #expect(bench.status(1) == WireErrno.eproto.status)
    // Another tag, and a younger request on the same.
    bench.keep(SavedReply(xid: next + 5 * 128 + 64, tag: 4, place: 1))
    for (tag, number) in [(UInt16(5), UInt32(2)), (3, 3)] {
      bench.send(try bench.begin(tag: tag, number: number))
      #expect(bench.status(number) == 0)
    }
    #expect(bench.server.served.count == 3)
  }

  @Test(
    "8.5, 5: of requests in progress on one tag, the younger is waited for",
    arguments: [false, true])
  func twoInProgress(isOlderFirst: Bool) throws {
    let bench = try Bench()
    bench.server.isSilent = true
    let older = try bench.begin(tag: 7, number: 1)
    let younger = try bench.begin(tag: 7, number: 2)
    bench.send(isOlderFirst ? older : younger)
    bench.world.run(0.1)
    bench.send(isOlderFirst ? younger : older)
    bench.world.run(0.1)
    // The first has had its turn already when the other comes.
    #expect(bench.server.served.count == (isOlderFirst ? 2 : 1))
    bench.server.answerKept()
    #expect(bench.status(1) == (isOlderFirst ? 0 : WireErrno.eproto.status))
    #expect(bench.status(2) == 0)
  }

  @Test("12 §6.4: where XIDs do not grow with a tag's requests, a lower one says nothing")
  func withoutIncreasingXIDs() throws {
    let bench = try Bench(hasIncreasingXIDs: false)
    let next = try bench.nextXID()
    bench.keep(SavedReply(xid: next + 10 * 128, tag: 3))
    bench.send(try bench.begin(tag: 3, number: 1))
    #expect(bench.status(1) == 0)
    bench.server.isSilent = true
    let older = try bench.begin(tag: 7, number: 2)
    let younger = try bench.begin(tag: 7, number: 3)
    bench.send(younger)
    bench.world.run(0.1)
    bench.send(older)
    bench.world.run(0.1)
    #expect(bench.server.served.count == 4)
    bench.server.answerKept()
    #expect(bench.status(2) == 0 && bench.status(3) == 0)
  }

  @Test(
    "12 §6.4: which requests end the older replies of their tag",
    arguments: [
      (true, RPCFlags(), true), (true, .resent, true), (true, .replay, false),
      (false, RPCFlags(), true), (false, .resent, false), (false, .replay, false),
    ])
  func olderReplies(hasIncreasingXIDs: Bool, flags: RPCFlags, endsOlder: Bool) throws {
    let bench = try Bench(hasIncreasingXIDs: hasIncreasingXIDs)
    let next = try bench.nextXID()
    bench.keep(SavedReply(xid: next + 10 * 128, tag: 3))
    bench.keep(SavedReply(xid: next + 11 * 128, tag: 4, place: 1))
    bench.server.isSilent = true
    bench.send(try bench.begin(tag: 0, number: 1))
    bench.world.run(0.1)
    let first = try #require(bench.server.kept.first)
    let export = bench.export
    bench.server.use { core in
      var request = core.rpc.received(first)
      request.body.tag = 3
      request.body.flags = flags
      // A later request: it has the lower XID where they do not grow.
      if hasIncreasingXIDs { request.xid = next + 12 * 128 }
      guard let place = core.connections.reserveReply(to: request, of: export) else { return }
      core.connections.saveReply(place, transno: 1)
    }
    #expect(bench.keptCount == (endsOlder ? 2 : 3))
  }

  @Test(
    "12 §6.3: without MULTIMODRPCS one reply is kept and one to a close; more at an object target",
    arguments: [(false, 1, 2), (true, 1, 5), (false, 2, 5)])
  func singleSlot(hasSlots: Bool, target: Int, kept: Int) throws {
    let bench = try Bench()
    let last: Opcode = .mdsReintegrate
    let name = bench.server.targets[target]
    let count = bench.server.use { core -> Int in
      guard
        let export = core.connections.export(ofClient: bench.client.mount, atTarget: name)
      else { return 0 }
      let slot = export.raw.slot
      if !hasSlots { core.connections.exports.cells[slot].granted.flags.remove(.multipleModifying) }
      for (number, opcode) in [last, .mdsClose, last, .mdsClose, last].enumerated() {
        let reply = SavedReply(xid: UInt64(1000 + number), opcode: opcode)
        guard let handle = core.connections.reserveReply(reply, of: export) else { continue }
        core.connections.saveReply(handle, transno: UInt64(number + 1))
      }
      for xid in [UInt64(1003), 1004] {
        let found = core.connections.findReply(xid, export: slot)
        #expect(found != nil)
      }
      return core.connections.savedReplyCount(of: export)
    }
    #expect(count == kept)
  }

  @Test("8.7: a reply is kept, and the request does not say that it comes again")
  func notResent() throws {
    let bench = try Bench()
    let next = try bench.nextXID()
    bench.keep(SavedReply(xid: next))
    bench.send(try bench.begin(tag: 0, number: 1))
    #expect(bench.status(1) == WireErrno.enotconn.status)
    #expect(bench.server.served.count == 1)
    let found = bench.server.use { $0.connections.counters.repliesFound }
    #expect(found == 0)
  }

  @Test("§9.3: what the client says it has is kept no longer; a departure ends all")
  func release() throws {
    let bench = try Bench()
    let next = try bench.nextXID()
    for (place, xid) in [next - 2, next - 1, next + 64, next + 100 * 128].enumerated() {
      bench.keep(SavedReply(xid: xid, place: UInt16(place)))
    }
    #expect(bench.keptCount == 4)
    // `pb_last_xid` is one less than the request's own XID.
    bench.send(try bench.begin(tag: 0, number: 1))
    #expect(bench.status(1) == 0)
    #expect(bench.keptCount == 2)
    bench.send(try bench.begin(tag: 0, number: 2))
    #expect(bench.status(2) == 0)
    #expect(bench.keptCount == 1)
    let export = bench.export
    bench.server.use { $0.connections.evict(export, rpc: &$0.rpc, turn: &$0.turn) }
    let left = bench.server.use { $0.connections.savedReplies.count }
    #expect(left == 0)
  }

  @Test("places of one client end, and then the oldest goes")
  func limit() throws {
    let bench = try Bench()
    let export = bench.export
    let next = try bench.nextXID()
    for number in 0..<(SavedReply.placeCount + 10) {
      bench.server.use { core in
        var body = RPCBody(request: .mdsStatfs)
        body.flags = .resent
        let xid = next + UInt64(number) * 128
        let handle = core.connections.reserveReply(SavedReply(xid: xid), of: export)
        #expect(core.connections.savedReply(to: body, xid: xid, of: export) == nil)
        if let handle { core.connections.saveReply(handle, transno: UInt64(number)) }
        let saved = core.connections.savedReply(to: body, xid: xid, of: export)
        #expect(saved?.transno == UInt64(number))
      }
    }
    #expect(bench.keptCount == SavedReply.placeCount)
    let oldest = bench.server.use { core in
      var body = RPCBody(request: .mdsStatfs)
      body.flags = .resent
      return core.connections.savedReply(to: body, xid: next + 9 * 128, of: export)
    }
    #expect(oldest == nil)
  }
}
