// Pings are answered in every form, and ours end exactly once with what came (spec 01 §6; 04 F 8).
// Method: a node asked by hand with every sink length; a node that asks, over a fabric and by hand.
import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@Suite struct PingTests {
  private func nids(_ count: Int) -> [NID] {
    (0..<count).map { .o2ib(UInt32(0x0A0A_0005 + $0)) }
  }

  private func info(_ bytes: [UInt8]) throws -> PingInfo {
    try PingInfo(decoding: bytes.span.bytes)
  }

  @Test(arguments: [1, 2, 15])
  func theAnswerListsAllNIDs(count: Int) throws {
    let node = TestNode(nids(count))
    node.receive(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 272))
    let reply = try #require(node.takeOutbox().only)
    let info = try info(node.bytes(reply.payload))
    #expect(info.entries.map(\.nid) == [.loopback] + nids(count) && info.sequence == 1)
    #expect(info.primaryNID == us && info.pid == 12345 && info.features == .default)
    // In place: the driver has its headroom.
    #expect(Int(reply.payload.offset) == lndHeadroomByteCount && !reply.payload.isBulk)
    let pieces = node.turn.memory.messages.freePieceCount
    node.finish(reply)
    #expect(node.turn.memory.messages.freePieceCount == pieces + 1)
    #expect(node.takeEvents().isEmpty)
  }

  @Test(arguments: [0, 1, 15, 16, 17, 47, 48, 49])
  func theAnswerIsCutOffAtTheSinkLength(sink: UInt32) throws {
    let node = TestNode([us])
    node.receive(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: sink))
    let reply = try #require(node.takeOutbox().only)
    #expect(reply.header.payloadLength == min(48, sink) && reply.payload.length == min(48, sink))
    node.finish(reply)
    #expect(node.turn.memory.messages.freePieceCount == 256)
  }

  @Test(arguments: [0, 16, 48, 49, UInt32.max])
  func theAnswerBeginsAtTheOffset(offset: UInt32) throws {
    let node = TestNode([us])
    node.receive(
      .get(
        from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, offset: offset,
        sink: 272))
    let reply = try #require(node.takeOutbox().only)
    #expect(reply.header.payloadLength == 48 - min(48, offset))
  }

  @Test func aPingByRDMAIsServed() throws {
    let node = TestNode([us])
    let answer = node.receive(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 48),
      kind: .getRequest)
    guard case .serveGet(let source, let ticket) = answer else {
      Issue.record("a GET_REQ for the ping info is served: \(answer)")
      return
    }
    #expect(try info(node.bytes(source)).primaryNID == us)
    node.lnet.getServed(
      LNDEvent(kind: .getServed, peer: real, status: 48, ticket: ticket), turn: &node.turn)
    #expect(node.turn.memory.messages.freePieceCount == 256 && node.lnet.operationCount == 0)
  }

  @Test func otherMatchBitsOnPortal0AreDropped() {
    let node = TestNode([us])
    node.receive(.get(from: real, to: us, portal: 0, matchBits: 1, sink: 272))
    node.receive(.put(from: real, to: us, portal: 0, matchBits: 1, length: 0, ack: peerHandle))
    #expect(node.takeOutbox().isEmpty && node.counters.droppedNoMatch == 2)
  }

  @Test func withoutMemoryAPingIsDroppedAndCounted() {
    let node = TestNode([us], messagePieces: 2)
    let piece = node.piece([])
    node.receive(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 272))
    #expect(node.takeOutbox().isEmpty && node.counters.droppedNoMemory == 1)
    node.turn.memory.release(piece)
  }

  /// Statuses are told; spec 01 §7.7.
  @Test func anInterfaceThatIsDownIsSaidToBe() throws {
    let node = TestNode(nids(2))
    node.lnet.setStatus(ofInterface: 1, .down, turn: &node.turn)
    node.receive(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 272))
    let info = try info(node.bytes(try #require(node.takeOutbox().only).payload))
    #expect(info.entries.map(\.status).dropFirst() == [.up, .down] && info.sequence == 2)
  }

  // Our own pings.

  @Test func aPingBringsThePingInfo() throws {
    let a = TestNode([us])
    let b = TestNode([real, .o2ib(0x0A0A_0002)], cookie: 2)
    let fabric = TinyFabric([a, b])
    try a.lnet.ping(real, timeout: second, tag: 42, turn: &a.turn)
    let ping = try #require(a.firstOut)
    guard case .get(let get) = ping.header.body else { return }
    #expect(get.sinkLength == 3960 && get.portal == .reserved && get.sourceOffset == 0)
    fabric.run()
    let event = try #require(a.takeEvents().only)
    #expect(event.kind == .pinged && event.status == 0 && event.tag == 42 && event.source == real)
    let bytes = try #require(a.pingInfo(event.ping))
    #expect(try info(a.bytes(bytes)).entries.map(\.nid) == [.loopback, real, .o2ib(0x0A0A_0002)])
    // A ping is no discovery, and triggers none (spec 01 §7.1).
    #expect(fabric.wire.count == 2 && a.peer(real)?.state == .undiscovered)
    a.lnet.release(event.ping, turn: &a.turn)
    #expect(a.lnet.pingCount == 0 && a.turn.memory.messages.freePieceCount == 256)
    #expect(a.turn.timers.armedCount <= 1)
  }

  @Test func aPingThatIsNotAnsweredEndsInItsTime() throws {
    let node = TestNode([us])
    try node.lnet.ping(real, timeout: second, tag: 1, turn: &node.turn)
    let message = try #require(node.takeOutbox().only)
    node.finish(message)
    node.advance(to: second - 2_000_000)
    #expect(node.takeEvents().isEmpty)
    node.advance(to: second + 2_000_000)
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .pinged && event.status == -110)
    #expect(node.lnet.pingCount == 0 && node.lnet.descriptorCount == 0)
    #expect(node.turn.memory.messages.freePieceCount == 256)
    // The answer that comes after all names nothing.
    guard case .get(let get) = message.header.body else { return }
    node.receive(.reply(from: real, to: us, handle: get.returnHandle, length: 4), [1, 2, 3, 4])
    #expect(node.takeEvents().isEmpty && node.counters.droppedUnknownHandle == 1)
  }

  /// The caller hears in time; the memory waits for the driver.
  @Test func aPingThatTheDriverKeepsEndsInItsTimeToo() throws {
    let node = TestNode([us])
    try node.lnet.ping(real, timeout: second, tag: 1, turn: &node.turn)
    let message = try #require(node.takeOutbox().only)
    node.advance(to: 2 * second)
    #expect(node.takeEvents().map(\.status) == [-110])
    #expect(node.lnet.pingCount == 1 && node.turn.memory.messages.freePieceCount == 255)
    node.finish(message, .networkTimeout)
    #expect(node.takeEvents().isEmpty)
    #expect(node.lnet.pingCount == 0 && node.turn.memory.messages.freePieceCount == 256)
  }

  @Test func aPingThatCannotBeSentSaysWhy() throws {
    let node = TestNode([us])
    try node.lnet.ping(real, timeout: second, tag: 1, turn: &node.turn)
    node.finish(try #require(node.takeOutbox().only), .remoteDropped, status: -111)
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .pinged && event.status == -111)
    #expect(node.lnet.pingCount == 0 && node.turn.memory.messages.freePieceCount == 256)
    #expect(throws: LNetError.noRoute) {
      try node.lnet.ping(.tcp(1), timeout: second, tag: 2, turn: &node.turn)
    }
  }

  @Test func aPingThatIsGivenUpSaysNothing() throws {
    let node = TestNode([us])
    let ping = try node.lnet.ping(real, timeout: second, tag: 1, turn: &node.turn)
    node.lnet.release(ping, turn: &node.turn)
    node.finish(try #require(node.takeOutbox().only))
    node.advance(to: 60 * second)
    #expect(node.takeEvents().isEmpty && node.lnet.pingCount == 0)
    #expect(node.turn.memory.messages.freePieceCount == 256)
  }

  @Test func pingsAreBoundedByTheirTable() throws {
    let node = TestNode([us], limits: smallLimits { $0.pings = 4 })
    for tag in 0..<4 as Range<UInt64> {
      try node.lnet.ping(real, timeout: second, tag: tag, turn: &node.turn)
    }
    #expect(throws: LNetError.busy) {
      try node.lnet.ping(real, timeout: second, tag: 9, turn: &node.turn)
    }
    #expect(node.turn.memory.messages.freePieceCount == 252)
  }
}
