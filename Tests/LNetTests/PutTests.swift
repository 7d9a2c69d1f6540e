// A PUT lands once, whole or cut off as its descriptor says, and each side hears of it once (spec 01 §4.4).
// Method: two nodes over a fabric in the test; events and bytes compared with what the section says.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct PutTests {
  private let a = TestNode([us])
  private let b = TestNode([real], cookie: 2)
  private var fabric: TinyFabric

  init() { fabric = TinyFabric([a, b]) }

  private func send(
    _ bytes: [UInt8], from memory: BufferRef? = nil, ack: Bool = false, offset: UInt32 = 0
  ) throws -> DescriptorHandle {
    let source = try a.lnet.bind(
      MemoryDescriptor(memory: memory ?? a.bulk(bytes), threshold: ack ? 2 : 1, tag: 11))
    try a.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 77,
        offset: offset, headerData: 0xABCD, wantsAcknowledge: ack), turn: &a.turn)
    return source
  }

  private func expose(
    _ memory: BufferRef, _ options: DescriptorOptions = [.put], threshold: Int32 = 1
  ) throws -> DescriptorHandle {
    try b.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 77),
      MemoryDescriptor(memory: memory, options: options, threshold: threshold, tag: 22),
      turn: &b.turn)
  }

  @Test(arguments: [1, 64, 3976, 3977, 65536, 1 << 20])
  func bytesArriveAndBothSidesHear(count: Int) throws {
    let bytes = pattern(count)
    let sink = b.bulk(count: count)
    let descriptor = try expose(sink)
    let source = try send(bytes, ack: true)
    fabric.run()
    #expect(b.bytes(sink) == bytes)

    let put = try #require(b.takeEvents().only)
    #expect(put.kind == .put && put.status == 0 && put.isUnlinked && put.tag == 22)
    #expect(put.descriptor == descriptor && put.matchBits == 77 && put.headerData == 0xABCD)
    #expect(put.requestedLength == UInt32(count) && put.movedLength == UInt32(count))
    #expect(put.initiator == us && put.source == us && put.initiatorPID == 12345)

    let events = a.takeEvents()
    #expect(events.map(\.kind).sorted() == [.acknowledge, .send])
    #expect(events.allSatisfy { $0.status == 0 && $0.descriptor == source && $0.tag == 11 })
    #expect(events.map(\.isUnlinked) == [false, true])
    #expect(events.first { $0.kind == .acknowledge }?.movedLength == UInt32(count))
    #expect(a.lnet.descriptorCount == 0 && a.lnet.messageCount == 0)
    #expect(b.lnet.descriptorCount == 0 && b.lnet.entryCount == 0 && b.lnet.messageCount == 0)
  }

  @Test func aMessagePieceIsSentInPlace() throws {
    let sink = b.bulk(count: 100)
    _ = try expose(sink)
    let piece = a.piece(pattern(100))
    _ = try send([], from: piece)
    let message = try #require(a.firstOut)
    #expect(message.payload == piece)
    fabric.run()
    #expect(b.bytes(sink) == pattern(100))
  }

  /// The header of a PUT from message memory stands in the headroom: a second one must wait for it.
  @Test func aMessagePieceIsSentOnceAtATime() throws {
    let source = try a.lnet.bind(MemoryDescriptor(memory: a.piece(pattern(100)), tag: 3))
    let request = PutRequest(
      descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 77)
    try a.lnet.put(request, turn: &a.turn)
    #expect(throws: LNetError.busy) { try a.lnet.put(request, turn: &a.turn) }
    #expect(throws: LNetError.busy) {
      try a.lnet.get(
        GetRequest(
          descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 77),
        turn: &a.turn)
    }
    a.finish(try #require(a.takeOutbox().only))
    try a.lnet.put(request, turn: &a.turn)
    #expect(a.takeOutbox().count == 1)
    // Bulk memory has no headroom: any number at a time.
    let bulk = try a.lnet.bind(MemoryDescriptor(memory: a.bulk(pattern(100)), tag: 4))
    for _ in 0..<3 {
      try a.lnet.put(
        PutRequest(
          descriptor: bulk, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 77),
        turn: &a.turn)
    }
    #expect(a.takeOutbox().count == 3)
  }

  @Test func anEmptyPutIsAMessageToo() throws {
    let sink = b.bulk(count: 8)
    _ = try expose(sink)
    _ = try send([], ack: true)
    fabric.run()
    #expect(try #require(b.takeEvents().only).movedLength == 0)
    #expect(a.takeEvents().map(\.kind).sorted() == [.acknowledge, .send])
  }

  @Test(arguments: [200, 8192])
  func withoutTruncateTooLongIsDropped(count: Int) throws {
    _ = try expose(b.bulk(count: 100))
    _ = try send(pattern(count), ack: true)
    fabric.run()
    #expect(b.takeEvents().isEmpty && b.lnet.counters.droppedTooLong == 1)
    // No ACK on a drop: only the end of the send is heard of.
    #expect(a.takeEvents().map(\.kind) == [.send])
  }

  @Test(arguments: [200, 8192])
  func withTruncateTheAcknowledgeSaysWhatWasDeposited(count: Int) throws {
    let sink = b.bulk(count: 100)
    _ = try expose(sink, [.put, .truncate])
    _ = try send(pattern(count), ack: true)
    fabric.run()
    let put = try #require(b.takeEvents().only)
    #expect(put.requestedLength == UInt32(count) && put.movedLength == 100 && put.status == 0)
    #expect(b.bytes(sink) == Array(pattern(count).prefix(100)))
    #expect(a.takeEvents().first { $0.kind == .acknowledge }?.movedLength == 100)
  }

  @Test(arguments: [64, 8192])
  func noAcknowledgeWhenTheDescriptorForbidsIt(count: Int) throws {
    _ = try expose(b.bulk(count: count), [.put, .acknowledgeDisabled])
    _ = try send(pattern(count), ack: true)
    fabric.run()
    #expect(b.takeEvents().count == 1)
    #expect(a.takeEvents().map(\.kind) == [.send])
  }

  @Test func noAcknowledgeWhenNoneIsWanted() throws {
    _ = try expose(b.bulk(count: 64))
    _ = try send(pattern(64))
    fabric.run()
    #expect(fabric.wire.count == 1)
    #expect(try #require(a.takeEvents().only).isUnlinked)
  }

  @Test func noAcknowledgeWhenTheDataFailed() throws {
    _ = try expose(b.bulk(count: 8192))
    fabric.fate = { _ in .dataFails }
    _ = try send(pattern(8192), ack: true)
    fabric.run()
    let put = try #require(b.takeEvents().only)
    #expect(put.kind == .put && put.status == -5 && put.isUnlinked && put.movedLength == 0)
    let send = try #require(a.takeEvents().only)
    // The ACK will not come; the descriptor does not wait for it.
    #expect(send.kind == .send && send.status == -5 && send.isUnlinked)
    #expect(fabric.wire.count == 1)
  }

  @Test func theOffsetIsThePeersOrTheDescriptorsOwn() throws {
    let sink = b.bulk(count: 300)
    _ = try expose(sink, [.put, .remoteOffset], threshold: 2)
    _ = try send([1, 2, 3], offset: 200)
    _ = try send([4, 5], offset: 7)
    fabric.run()
    #expect(b.takeEvents().map(\.offset) == [200, 7])
    #expect(b.bytes(sink)[200..<203] == [1, 2, 3] && b.bytes(sink)[7..<9] == [4, 5])

    let local = b.bulk(count: 300)
    _ = try expose(local, [.put], threshold: 2)
    _ = try send([1, 2, 3], offset: 200)
    _ = try send([4, 5], offset: 7)
    fabric.run()
    #expect(b.takeEvents().map(\.offset) == [0, 3])
    #expect(b.bytes(local).prefix(5) == [1, 2, 3, 4, 5])
  }

  @Test func anOffsetBeyondTheEndReachesNothing() throws {
    let sink = b.bulk(count: 10)
    _ = try expose(sink, [.put, .remoteOffset, .truncate], threshold: 1)
    _ = try send(pattern(20), ack: true, offset: 4_000_000_000)
    fabric.run()
    #expect(try #require(b.takeEvents().only).movedLength == 0)
    #expect(b.bytes(sink) == [UInt8](repeating: 0, count: 10))
    #expect(a.takeEvents().first { $0.kind == .acknowledge }?.movedLength == 0)
  }

  /// A peer may ask with PUT_REQ for what lands in message memory, which no peer may write: it goes through
  /// bulk memory and is copied.
  @Test func aLongPutNeverReachesMessageMemoryDirectly() throws {
    let piece = b.piece([UInt8](repeating: 0, count: 3000))
    _ = try expose(piece, [.put, .truncate])
    let before = b.turn.memory.bulk.freePieceCount
    _ = try send(pattern(8192), ack: true)
    fabric.run()
    #expect(try #require(b.takeEvents().only).movedLength == 3000)
    #expect(b.bytes(piece) == Array(pattern(8192).prefix(3000)))
    #expect(b.turn.memory.bulk.freePieceCount == before)
  }
}

extension Array {
  /// The element of an array of one.
  var only: Element? { count == 1 ? self[0] : nil }
}

extension LNetEvent.Kind: Comparable {
  package static func < (a: LNetEvent.Kind, b: LNetEvent.Kind) -> Bool {
    // In tests: responses before sends.
    func order(_ kind: LNetEvent.Kind) -> UInt8 { kind == .send ? 100 : kind.rawValue }
    return order(a) < order(b)
  }
}
