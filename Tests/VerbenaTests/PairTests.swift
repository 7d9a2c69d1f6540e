// Two nodes on the emulated fabric: pings, transfers, exposure, refusals, an orderly end.
// Method: the public API as a user calls it, both nodes in this process.
import EmulatedTransport
import LNet
import LustreWire
import RDMATransport
import Testing

@testable import Verbena

@Suite(.serialized) struct PairTests {
  /// Starts two nodes on a fabric of their own, and stops them.
  private func withPair(
    _ body: (Node, Node) async throws -> Void
  ) async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let a = try await Self.node("10.0.0.1@o2ib", on: fabric)
    let b = try await Self.node("10.0.0.2@o2ib", on: fabric)
    do {
      try await body(a, b)
    } catch {
      await a.stop()
      await b.stop()
      throw error
    }
    await a.stop()
    await b.stop()
  }

  static func node(_ texts: String..., on fabric: String) async throws -> Node {
    let nids = try texts.map { try #require(NID($0)) }
    var configuration = NodeConfiguration(nids: nids)
    configuration.bulkByteCount = 16 << 20
    configuration.driverLimits.connections = 16
    return try await Node.start(configuration) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: nids.map(\.address))
    }
  }

  @Test func pingsBothWays() async throws {
    try await withPair { a, b in
      let reply = try await a.ping(b.nids[0], timeout: .seconds(60))
      #expect(reply.nids == b.nids)
      let back = try await b.ping(a.nids[0], timeout: .seconds(60))
      #expect(back.nids == a.nids)
      #expect(back.features == .default)
    }
  }

  @Test func pingOfNobodySaysSo() async throws {
    try await withPair { a, _ in
      let nobody = try #require(NID("10.0.0.9@o2ib"))
      await #expect(throws: NodeError.self) { try await a.ping(nobody, timeout: .seconds(60)) }
    }
  }

  /// Spec 02 §4, 7: connections come and go; a subscriber hears of both, in order, and of the end.
  @Test func tellsWhatHappens() async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let a = try await Self.node("10.0.0.1@o2ib", on: fabric)
    let b = try await Self.node("10.0.0.2@o2ib", on: fabric)
    let events = a.events()
    _ = try await a.ping(b.nids[0], timeout: .seconds(60))
    await b.stop()
    await a.stop()
    var kinds: [NodeEvent.Kind] = []
    for await event in events where event.peer == b.nids[0] {
      kinds.append(event.kind)
      #expect(!event.explanation.isEmpty && event.lostCount == 0)
    }
    #expect(kinds.first == .connected)
    #expect(kinds.contains(.disconnected))
    for await _ in a.events() { Issue.record("a stopped node has no events") }
  }

  @Test func discovers() async throws {
    try await withPair { a, b in
      let peer = try await a.discover(b.nids[0], timeout: .seconds(60))
      #expect(peer.primaryNID == b.nids[0])
      #expect(peer.isMultiRail)
    }
  }

  @Test func bothNIDsOfANodeAreReached() async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let a = try await Self.node("10.0.0.1@o2ib", on: fabric)
    let b = try await Self.node("10.0.0.2@o2ib", "10.0.0.3@o2ib", on: fabric)
    for nid in b.nids {
      let reply = try await a.ping(nid, timeout: .seconds(60))
      #expect(reply.nids == b.nids)
    }
    #expect(b.nids.count == 2)
    let peer = try await a.discover(b.nids[1], timeout: .seconds(60))
    #expect(peer.primaryNID == b.nids[0])
    // In one order, whichever was asked first.
    #expect(peer.interfaces.map(\.nid) == b.nids)
    let back = try await b.ping(a.nids[0], timeout: .seconds(60))
    #expect(back.nids == a.nids)
    await b.stop()
    await a.stop()
  }

  @Test func aPeersNIDsStandInOneOrder() async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let texts = ["10.0.0.2@o2ib", "10.0.0.9@o2ib", "10.0.0.3@o2ib"]
    let b = try await Self.node(texts[0], texts[1], texts[2], on: fabric)
    for (index, asked) in b.nids.enumerated() {
      let a = try await Self.node("10.0.1.\(index)@o2ib", on: fabric)
      let peer = try await a.discover(asked, timeout: .seconds(60))
      #expect(peer.interfaces.map(\.nid) == [b.nids[0], b.nids[2], b.nids[1]])
      await a.stop()
    }
    await b.stop()
  }

  @Test(arguments: [1, 64, 3976, 3977, 8192, 1_048_576])
  func putsAndGets(byteCount: Int) async throws {
    try await withPair { a, b in
      var sink = try await b.allocate(byteCount: byteCount)
      fill(&sink, seed: 0)
      let exposure = try await b.expose(sink, portal: Portal(rawValue: 40), matchBits: 7)
      var source = try await a.allocate(byteCount: byteCount)
      fill(&source, seed: 5)
      let target = TransferTarget(nid: b.nids[0], portal: Portal(rawValue: 40), matchBits: 7)
      var put = await a.put(source, to: target, timeout: .seconds(60))
      #expect(try put.result.get() == byteCount)
      fill(&put.buffer, seed: 9)
      let get = await a.get(into: put.buffer, from: target, timeout: .seconds(60))
      #expect(try get.result.get() == byteCount)
      #expect(checksum(get.buffer) == expected(byteCount, seed: 5))
      let back = await exposure.withdraw()
      #expect(checksum(back) == expected(byteCount, seed: 5))
    }
  }

  @Test func putThatNobodyTakesTimesOut() async throws {
    try await withPair { a, b in
      let source = try await a.allocate(byteCount: 8192)
      let target = TransferTarget(nid: b.nids[0], portal: Portal(rawValue: 41), matchBits: 1)
      let put = await a.put(source, to: target, timeout: .milliseconds(300))
      #expect(throws: NodeError.self) { try put.result.get() }
      // The memory came back all the same, and the node is well.
      _ = try await a.ping(b.nids[0], timeout: .seconds(60))
    }
  }

  @Test func stopsWhileMemoryIsOutAndStartsAgain() async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let a = try await Self.node("10.0.0.1@o2ib", on: fabric)
    let b = try await Self.node("10.0.0.2@o2ib", on: fabric)
    let buffer = try await a.allocate(byteCount: 8192)
    let exposure = try await a.expose(
      try await a.allocate(byteCount: 4096), portal: Portal(rawValue: 42), matchBits: 1)
    async let stopped: Void = a.stop()
    // Calls that come while it stops end, and give their memory back.
    var last = await a.put(
      buffer, to: TransferTarget(nid: b.nids[0], portal: Portal(rawValue: 42), matchBits: 1),
      timeout: .seconds(60))
    while (try? last.result.get()) != nil {
      last = await a.put(
        last.buffer,
        to: TransferTarget(nid: b.nids[0], portal: Portal(rawValue: 42), matchBits: 1),
        timeout: .seconds(60))
    }
    _ = consume last
    _ = await exposure.withdraw()
    await stopped
    await #expect(throws: NodeError.self) { _ = try await a.allocate(byteCount: 1) }
    // The address is free at once.
    let again = try await Self.node("10.0.0.1@o2ib", on: fabric)
    _ = try await again.ping(b.nids[0], timeout: .seconds(60))
    await again.stop()
    await b.stop()
  }

  private func byte(_ index: Int, _ seed: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: index &* 31 &+ index >> 8 &+ seed)
  }

  private func fill(_ buffer: inout BulkBuffer, seed: Int) {
    var bytes = buffer.mutableBytes
    for index in 0..<bytes.byteCount {
      bytes.storeBytes(of: byte(index, seed), toByteOffset: index, as: UInt8.self)
    }
  }

  private func checksum(_ buffer: borrowing BulkBuffer) -> UInt64 {
    let bytes = buffer.bytes
    var sum: UInt64 = 1
    for index in 0..<bytes.byteCount {
      sum = sum &* 31 &+ UInt64(unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
    }
    return sum
  }

  private func expected(_ byteCount: Int, seed: Int) -> UInt64 {
    (0..<byteCount).reduce(1) { $0 &* 31 &+ UInt64(byte($1, seed)) }
  }
}
