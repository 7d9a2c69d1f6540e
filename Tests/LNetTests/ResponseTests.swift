// A response counts only if its handle is ours, alive, expects one, and comes from who was asked (spec
// 01 §3.4, §4.4).
// Method: responses with one fault each, fed in while a PUT and a GET wait; then the right ones.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct ResponseTests {
  private let node = TestNode([us])

  /// A PUT that waits for its ACK; its wire handle.
  private func pendingPut(_ target: NID = real) throws -> WireHandle {
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(pattern(64)), threshold: 2))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: target), portal: .ostBulk, matchBits: 7,
        wantsAcknowledge: true), turn: &node.turn)
    let message = try #require(node.takeOutbox().only)
    node.finish(message)
    #expect(node.takeEvents().map(\.kind) == [.send])
    guard case .put(let put) = message.header.body else { throw LNetError.unknownHandle }
    return put.acknowledgeHandle
  }

  private func pendingGet(
    length: Int = 64, options: DescriptorOptions = []
  ) throws -> (handle: WireHandle, sink: BufferRef) {
    let sink = node.bulk(count: length)
    let descriptor = try node.lnet.bind(
      MemoryDescriptor(memory: sink, options: options, threshold: 2))
    try node.lnet.get(
      GetRequest(
        descriptor: descriptor, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7,
        mayBeShort: true), turn: &node.turn)
    let message = try #require(node.takeOutbox().only)
    node.finish(message)
    #expect(node.takeEvents().map(\.kind) == [.send])
    guard case .get(let get) = message.header.body else { throw LNetError.unknownHandle }
    return (get.returnHandle, sink)
  }

  @Test func anAckOfAnEarlierLifeIsIgnored() throws {
    var handle = try pendingPut()
    handle.interfaceCookie += 1
    node.receive(.ack(from: real, to: us, handle: handle, length: 64))
    #expect(node.takeEvents().isEmpty && node.counters.droppedUnknownHandle == 1)
  }

  @Test func anAckOfAnUnknownObjectIsIgnored() throws {
    let handle = try pendingPut()
    for change in [1, 1 << 20, UInt64.max / 2] {
      var wrong = handle
      wrong.objectCookie &+= change
      node.receive(.ack(from: real, to: us, handle: wrong, length: 64))
    }
    node.receive(.ack(from: real, to: us, handle: .none, length: 64))
    #expect(node.takeEvents().isEmpty && node.counters.droppedUnknownHandle == 4)
    node.receive(.ack(from: real, to: us, handle: handle, length: 64))
    #expect(node.takeEvents().map(\.kind) == [.acknowledge])
    // Object ids are never used twice: the same ACK again names nothing.
    node.receive(.ack(from: real, to: us, handle: handle, length: 64))
    #expect(node.takeEvents().isEmpty && node.counters.droppedUnknownHandle == 5)
  }

  @Test func aReplyDoesNotAnswerAPut() throws {
    let handle = try pendingPut()
    node.receive(.reply(from: real, to: us, handle: handle, length: 8), pattern(8))
    #expect(node.takeEvents().isEmpty && node.counters.droppedUnexpectedResponse == 1)
  }

  @Test func onlyWhoWasAskedMayAnswer() throws {
    let (handle, sink) = try pendingGet()
    let stranger = NID.o2ib(0x0A0A_0066)
    node.receive(.reply(from: stranger, to: us, handle: handle, length: 8), pattern(8))
    #expect(node.takeEvents().isEmpty && node.counters.droppedUnexpectedResponse == 1)
    #expect(node.bytes(sink) == [UInt8](repeating: 0, count: 64))
    #expect(node.lnet.log.first?.kind == .unexpectedResponse)
    // Another NID of the same node may.
    let other = NID.o2ib(0x0A0A_0002)
    let others = [other]
    try node.lnet.addPeer(primary: real, others: others.span, turn: &node.turn)
    node.receive(.reply(from: other, to: us, handle: handle, length: 8), pattern(8))
    #expect(node.takeEvents().map(\.kind) == [.reply])
  }

  @Test func aHandleOfAnExposedDescriptorIsNoneForResponses() throws {
    let exposed = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7),
      MemoryDescriptor(memory: node.bulk(count: 64), options: .put), turn: &node.turn)
    let handle = WireHandle(
      interfaceCookie: 0x1877_F0A1_B2C3_D4E5, objectCookie: exposed.raw)
    node.receive(.reply(from: real, to: us, handle: handle, length: 8), pattern(8))
    node.receive(.ack(from: real, to: us, handle: handle, length: 8))
    #expect(node.takeEvents().isEmpty && node.counters.droppedUnknownHandle == 2)
  }

  @Test(arguments: [65, 4000])
  func aReplyLongerThanItsSinkIsDroppedWithoutTruncate(length: Int) throws {
    let (handle, sink) = try pendingGet()
    let isLong = length > 3976
    node.receive(
      .reply(from: real, to: us, handle: handle, length: length), isLong ? [] : pattern(length),
      kind: isLong ? .putRequest : .immediate)
    #expect(node.takeEvents().isEmpty && node.counters.droppedTooLong == 1)
    #expect(node.bytes(sink) == [UInt8](repeating: 0, count: 64))
  }

  @Test func withTruncateAReplyIsCutOff() throws {
    let (handle, sink) = try pendingGet(options: .truncate)
    node.receive(.reply(from: real, to: us, handle: handle, length: 100), pattern(100))
    let event = try #require(node.takeEvents().only)
    #expect(event.movedLength == 64 && event.requestedLength == 100 && event.status == 0)
    #expect(node.bytes(sink) == Array(pattern(100).prefix(64)))
  }

  /// SEND may come after ACK or REPLY (spec 01 §4.4); the last event says so.
  @Test func theSendMayEndAfterTheAck() throws {
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(pattern(64)), threshold: 2))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7,
        wantsAcknowledge: true), turn: &node.turn)
    let message = try #require(node.takeOutbox().only)
    guard case .put(let put) = message.header.body else { return }
    node.receive(.ack(from: real, to: us, handle: put.acknowledgeHandle, length: 60))
    node.finish(message)
    let events = node.takeEvents()
    #expect(events.map(\.kind) == [.acknowledge, .send])
    #expect(events.map(\.isUnlinked) == [false, true] && events[0].movedLength == 60)
  }

  /// Spec 01 §10.1: no ACK in the transaction timeout unlinks the descriptor with -ETIMEDOUT, and the
  /// peer's NID loses health even when it is the only one.
  @Test func withoutAResponseTheOperationTimesOut() throws {
    _ = try pendingPut()
    node.advance(to: 49 * second)
    #expect(node.takeEvents().isEmpty)
    node.advance(to: 50 * second + 2_000_000)
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .unlink && event.status == -110 && event.isUnlinked)
    #expect(node.interface(ofPeer: real, at: 0)?.health == 900)
    #expect(node.lnet.descriptorCount <= 1)
  }

  @Test func responsesTimeOutEachAtItsOwnTime() throws {
    for index in 0..<5 {
      node.advance(to: UInt64(index) * 10 * second)
      _ = try pendingPut(.o2ib(UInt32(0x0A0A_0100 + index)))
    }
    for index in 0..<5 {
      node.advance(to: UInt64(50 + index * 10) * second - 2_000_000)
      #expect(node.takeEvents().isEmpty)
      node.advance(to: UInt64(50 + index * 10) * second + 2_000_000)
      #expect(node.takeEvents().map(\.status) == [-110])
      // Recovery pings of the NID that lost health.
      for message in node.takeOutbox() { node.finish(message) }
    }
  }

  /// Spec 01 §4.5: what is under way when its descriptor is unlinked ends with -ETIMEDOUT.
  @Test func unlinkingInFlightEndsWithTimedOut() throws {
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(pattern(64)), threshold: 2))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7,
        wantsAcknowledge: true), turn: &node.turn)
    try node.lnet.unlink(source, turn: &node.turn)
    #expect(node.takeEvents().isEmpty && node.isLive(source))
    let message = try #require(node.takeOutbox().only)
    node.finish(message)
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .send && event.status == -110 && event.isUnlinked)
    #expect(!node.isLive(source))
  }

  @Test(arguments: [DescriptorOptions.put, [.put, .truncate]])
  func unlinkingWhilePeersWriteEndsWithTimedOut(options: DescriptorOptions) throws {
    let exposed = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7),
      MemoryDescriptor(memory: node.bulk(count: 8192), options: options), turn: &node.turn)
    guard
      case .acceptPut(_, let ticket) = node.receive(
        .put(from: real, to: us, length: 8192, ack: peerHandle), kind: .putRequest)
    else {
      Issue.record("not accepted")
      return
    }
    try node.lnet.unlink(exposed, turn: &node.turn)
    #expect(node.takeEvents().isEmpty && node.lnet.entryCount == 0)
    // The memory is the wire's until the transfer has ended.
    node.putDone(ticket, status: 8192, from: real)
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .put && event.status == -110 && event.isUnlinked)
    // What is reported as failed is not acknowledged.
    #expect(node.takeOutbox().isEmpty)
  }
}
