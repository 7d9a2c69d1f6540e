// What a node sends to itself is delivered without a driver, with the same events (spec 01 §1.1: 0@lo).
// Method: one node; PUT, GET and ping to 0@lo and to its own NID; nothing may reach the outbox.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct LoopbackTests {
  private let node = TestNode([us], pingsBeforeSending: true)

  @Test(arguments: [NID.loopback, us], [10, 65536])
  func aPutIsDelivered(target: NID, count: Int) throws {
    let sink = node.bulk(count: count)
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7, nid: target),
      MemoryDescriptor(memory: sink, options: .put, threshold: 1, tag: 1), turn: &node.turn)
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(pattern(count)), threshold: 2, tag: 2))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: target), portal: .ostBulk, matchBits: 7,
        wantsAcknowledge: true), turn: &node.turn)
    #expect(node.bytes(sink) == pattern(count))
    let events = node.takeEvents()
    #expect(events.map(\.kind).sorted() == [.put, .acknowledge, .send])
    #expect(events.first { $0.kind == .put }?.source == .loopback)
    #expect(events.filter(\.isUnlinked).map(\.tag).sorted() == [1, 2])
    #expect(node.takeOutbox().isEmpty && node.lnet.messageCount == 0)
  }

  @Test(arguments: [NID.loopback, us], [10, 65536])
  func aGetIsServed(target: NID, count: Int) throws {
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7),
      MemoryDescriptor(memory: node.bulk(pattern(count)), options: .get, threshold: 1),
      turn: &node.turn)
    let sink = node.bulk(count: count)
    let descriptor = try node.lnet.bind(MemoryDescriptor(memory: sink, threshold: 2))
    try node.lnet.get(
      GetRequest(
        descriptor: descriptor, target: ProcessID(nid: target), portal: .ostBulk, matchBits: 7),
      turn: &node.turn)
    #expect(node.bytes(sink) == pattern(count))
    #expect(node.takeEvents().map(\.kind).sorted() == [.get, .reply, .send])
    #expect(node.takeOutbox().isEmpty && node.lnet.messageCount == 0)
  }

  @Test func aHeldPutEndsWhenItLands() throws {
    node.lnet.setLazy(.ostRequest, true, turn: &node.turn)
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.piece(pattern(50)), threshold: 1, tag: 2))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: .loopback), portal: .ostRequest, matchBits: 7),
      turn: &node.turn)
    #expect(node.takeEvents().isEmpty)
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostRequest, matchBits: 0, ignoreBits: .max),
      MemoryDescriptor(memory: .none, options: .put, tag: 1), turn: &node.turn)
    let put = try #require(node.takeEvents().only)
    #expect(node.bytes(put.payload) == pattern(50))
    node.lnet.release(put.delivery, turn: &node.turn)
    let send = try #require(node.takeEvents().only)
    #expect(send.kind == .send && send.tag == 2 && send.isUnlinked)
  }

  @Test(arguments: [NID.loopback, us])
  func aPingIsAnswered(target: NID) throws {
    try node.lnet.ping(target, timeout: second, tag: 3, turn: &node.turn)
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .pinged && event.status == 0 && event.movedLength == 48)
    node.lnet.release(event.ping, turn: &node.turn)
    #expect(node.lnet.pingCount == 0 && node.turn.memory.messages.freePieceCount == 256)
  }
}
