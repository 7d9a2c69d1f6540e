// A GET brings exactly the bytes that matched, as a message or by RDMA, and each side hears of it (spec
// 01 §4.4, 02 §6.4).
// Method: two nodes over a fabric in the test; events and bytes compared with what the sections say.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct GetTests {
  private let a = TestNode([us])
  private let b = TestNode([real], cookie: 2)
  private let fabric: TinyFabric

  init() { fabric = TinyFabric([a, b]) }

  private func get(
    into sink: BufferRef, offset: UInt32 = 0, mayBeShort: Bool = false,
    options: DescriptorOptions = []
  ) throws -> DescriptorHandle {
    let descriptor = try a.lnet.bind(
      MemoryDescriptor(memory: sink, options: options, threshold: 2, tag: 5))
    try a.lnet.get(
      GetRequest(
        descriptor: descriptor, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 9,
        offset: offset, mayBeShort: mayBeShort), turn: &a.turn)
    return descriptor
  }

  private func expose(_ bytes: [UInt8], _ options: DescriptorOptions = [.get]) throws {
    _ = try b.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 9),
      MemoryDescriptor(memory: b.bulk(bytes), options: options, threshold: 1, tag: 6),
      turn: &b.turn)
  }

  @Test(arguments: [1, 272, 3976, 3977, 1 << 20])
  func theBytesComeAndBothSidesHear(count: Int) throws {
    try expose(pattern(count))
    let sink = a.bulk(count: count)
    let descriptor = try get(into: sink)
    fabric.run()
    #expect(a.bytes(sink) == pattern(count))
    // Above what one message carries, GET_REQ with a sink and no REPLY on the wire.
    #expect(fabric.wire.map { $0.header.body.type } == (count > 3976 ? [2] : [2, 3]))
    #expect((fabric.wire[0].sink == sink) == (count > 3976))
    let events = a.takeEvents()
    #expect(events.map(\.kind).sorted() == [.reply, .send])
    #expect(events.allSatisfy { $0.status == 0 && $0.descriptor == descriptor && $0.tag == 5 })
    #expect(events.map(\.isUnlinked) == [false, true])
    #expect(events.first { $0.kind == .reply }?.movedLength == UInt32(count))
    let got = try #require(b.takeEvents().only)
    #expect(got.kind == .get && got.status == 0 && got.isUnlinked && got.tag == 6)
    #expect(got.requestedLength == UInt32(count) && got.movedLength == UInt32(count))
    #expect(got.initiator == us && got.matchBits == 9)
    #expect(a.lnet.messageCount == 0 && b.lnet.messageCount == 0 && b.lnet.operationCount == 0)
  }

  @Test func aLongGetOfUnknownLengthComesAsAMessage() throws {
    try expose(pattern(5000), [.get, .truncate])
    _ = try get(into: a.bulk(count: 8192), mayBeShort: true)
    fabric.run()
    // The REPLY of 5000 bytes is itself carried in a PUT_REQ (spec 02 §6.1).
    #expect(fabric.wire.map { $0.header.body.type } == [2, 3] && fabric.wire[0].sink == .none)
  }

  @Test func aShortAnswerIsReportedWithItsLength() throws {
    try expose(pattern(5000), [.get, .truncate])
    let sink = a.bulk(count: 8192)
    _ = try get(into: sink, mayBeShort: true)
    // sink_length 8192 > 5000: with TRUNCATE the target sends what it has.
    fabric.run()
    let reply = try #require(a.takeEvents().first { $0.kind == .reply })
    #expect(reply.movedLength == 5000 && reply.status == 0)
    #expect(Array(a.bytes(sink).prefix(5000)) == pattern(5000))
  }

  @Test func theTargetHearsHowMuchWasWritten() throws {
    try expose(pattern(5000), [.get, .truncate])
    _ = try get(into: a.bulk(count: 8192))
    fabric.run()
    let got = try #require(b.takeEvents().only)
    #expect(got.kind == .get && got.requestedLength == 8192 && got.movedLength == 5000)
  }

  @Test func aPeerHasOnlySoManyRepliesUnderWay() throws {
    let node = TestNode([real], limits: smallLimits { $0.responsesPerPeer = 2 })
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 9),
      MemoryDescriptor(memory: node.bulk(pattern(64)), options: [.get, .remoteOffset], tag: 6),
      turn: &node.turn)
    for _ in 0..<3 { node.receive(.get(from: us, to: real, matchBits: 9, sink: 64)) }
    let replies = node.takeOutbox()
    #expect(replies.count == 2 && node.counters.responsesRefused == 1)
    replies.forEach { node.finish($0) }
    node.receive(.get(from: us, to: real, matchBits: 9, sink: 64))
    #expect(node.takeOutbox().count == 1)
  }

  @Test func withoutTruncateAGetOfMoreThanThereIsIsDropped() throws {
    try expose(pattern(100))
    _ = try get(into: a.bulk(count: 200))
    fabric.run()
    #expect(b.counters.droppedTooLong == 1 && b.takeEvents().isEmpty)
    // GETs are never refused by message: silence until the time is over.
    #expect(a.takeEvents().map(\.kind) == [.send])
  }

  @Test func aGetThatMatchesNothingIsSilentAsAMessage() throws {
    let descriptor = try get(into: a.bulk(count: 200))
    fabric.run()
    #expect(b.counters.droppedNoMatch == 1)
    #expect(a.takeEvents().map(\.kind) == [.send])
    fabric.advance(to: 51 * second, step: second)
    let end = try #require(a.takeEvents().only)
    #expect(end.kind == .unlink && end.status == -110 && end.isUnlinked)
    #expect(end.descriptor == descriptor && a.counters.responseTimeouts == 1)
  }

  /// Spec 02 §6.4: no match is answered with GET_DONE(-ENODATA).
  @Test func aGetThatMatchesNothingIsRefusedByRDMA() throws {
    _ = try get(into: a.bulk(count: 8192))
    fabric.run()
    let events = a.takeEvents()
    #expect(events.map(\.kind) == [.reply, .send])
    #expect(events.map(\.status) == [-61, 0] && events[1].isUnlinked)
  }

  /// A GET that was refused and whose send fails then takes no other GET's answer away.
  @Test func aRefusedGetWhoseSendFailsIsCountedOnce() throws {
    let others = [NID.o2ib(0x0A0A_0002)]
    try a.lnet.addPeer(primary: real, others: others.span, turn: &a.turn)
    let sink = try a.lnet.bind(
      MemoryDescriptor(memory: a.bulk(count: 8192), threshold: 4, tag: 5))
    for _ in 0..<2 {
      try a.lnet.get(
        GetRequest(
          descriptor: sink, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 9),
        turn: &a.turn)
    }
    let gets = a.takeOutbox()
    #expect(gets.count == 2)
    func done(_ get: LNDMessage, _ status: Int32) {
      a.lnet.getReply(
        LNDEvent(kind: .getReply, peer: get.peer, status: status, message: get.id), turn: &a.turn)
    }
    done(gets[0], -5)
    a.finish(gets[0], .remoteDropped, status: -5)
    // Its consumer has had its answer: it is not sent another way either.
    #expect(a.takeOutbox().isEmpty && a.counters.resends == 0)
    #expect(a.takeEvents().map(\.status) == [-5, -5] && a.isLive(sink))
    done(gets[1], 8192)
    a.finish(gets[1])
    let events = a.takeEvents()
    #expect(events.map(\.kind) == [.reply, .send] && events.map(\.status) == [0, 0])
    #expect(events[0].movedLength == 8192 && events[1].isUnlinked)
    #expect(a.counters.droppedUnknownHandle == 0)
  }

  @Test func aFailedWriteIsAnErrorOnBothSides() throws {
    try expose(pattern(8192))
    fabric.fate = { _ in .dataFails }
    _ = try get(into: a.bulk(count: 8192))
    fabric.run()
    #expect(a.takeEvents().map(\.status) == [-5, 0])
    let got = try #require(b.takeEvents().only)
    #expect(got.kind == .get && got.status == -5 && got.movedLength == 0 && got.isUnlinked)
  }

  @Test func theOffsetIsHonouredWhenThePeerManagesIt() throws {
    try expose(pattern(1000), [.get, .remoteOffset])
    let sink = a.bulk(count: 100)
    _ = try get(into: sink, offset: 300)
    fabric.run()
    #expect(a.bytes(sink) == Array(pattern(1000)[300..<400]))
    #expect(try #require(b.takeEvents().only).offset == 300)
  }

  /// The memory is free at the event GET, and not before (spec 01 §4.4).
  @Test func theTargetHearsWhenTheReplyHasBeenSent() throws {
    try expose(pattern(64))
    b.receive(.get(from: us, to: real, matchBits: 9, sink: 64))
    #expect(b.takeEvents().isEmpty)
    let reply = try #require(b.takeOutbox().only)
    b.finish(reply)
    #expect(b.takeEvents().map(\.kind) == [.get])
  }
}
