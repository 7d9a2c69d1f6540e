// Every check of spec 01 §3.5 has its result: the connection closes, or the message is dropped and counted.
// Method: headers with one fault each, fed in; answer and counters compared with the table of the section.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct HeaderCheckTests {
  private let second = NID.o2ib(0x0A0A_0006)
  private let foreign = NID.tcp(0x0A14_0005)
  private let node: TestNode

  init() { node = TestNode([us, second]) }

  /// A header's bytes with some of them replaced.
  private func bytes(
    _ header: LNetHeader, _ change: (inout [UInt8]) -> Void = { _ in }
  ) -> [UInt8] {
    var raw = [UInt8](repeating: 0, count: 72)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      header.encode(into: &bytes)
    }
    change(&raw)
    return raw
  }

  private func isViolation(_ answer: ReceptionAnswer) -> Bool {
    if case .protocolError = answer { return true }
    return false
  }

  private func isConsumed(_ answer: ReceptionAnswer) -> Bool {
    if case .consumed = answer { return true }
    return false
  }

  @Test(arguments: [4, 5, 255, UInt32.max])
  func unknownTypesCloseTheConnection(type: UInt32) {
    let raw = bytes(.put(from: real, to: us, length: 0)) {
      for index in 0..<4 { $0[24 + index] = UInt8(truncatingIfNeeded: type >> UInt32(8 * index)) }
    }
    #expect(isViolation(node.receive(bytes: raw, from: real)))
    #expect(node.counters.protocolErrors == 1)
    #expect(node.lnet.log.first?.kind == .protocolError)
  }

  @Test func anAckOrGetWithPayloadClosesTheConnection() {
    for header: LNetHeader in [
      .ack(from: real, to: us, handle: peerHandle, length: 1),
      .get(from: real, to: us, sink: 8),
    ] {
      #expect(isViolation(node.receive(bytes: bytes(header) { $0[28] = 1 } + [0], from: real)))
    }
  }

  /// Spec 02 §6.3, §6.4: PUT_REQ carries a PUT or REPLY, GET_REQ a GET; on portal 0 too.
  @Test func aHeaderOfAnotherMessageTypeClosesTheConnection() throws {
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7),
      MemoryDescriptor(memory: node.bulk(count: 64), options: [.put, .get, .truncate]),
      turn: &node.turn)
    let rows: [(LNDEvent.Kind, LNetHeader)] = [
      (.getRequest, .put(from: real, to: us, length: 8)),
      (
        .getRequest,
        .put(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, length: 8)
      ),
      (.getRequest, .reply(from: real, to: us, handle: peerHandle, length: 8)),
      (.getRequest, .ack(from: real, to: us, handle: peerHandle, length: 8)),
      (.putRequest, .get(from: real, to: us, sink: 8)),
      (.putRequest, .ack(from: real, to: us, handle: peerHandle, length: 8)),
    ]
    for (count, row) in rows.enumerated() {
      #expect(isViolation(node.receive(row.1, kind: row.0)), "\(row)")
      #expect(node.counters.protocolErrors == UInt64(count + 1))
    }
    #expect(node.takeEvents().isEmpty && node.takeOutbox().isEmpty)
  }

  @Test func morePayloadThanOneMiBClosesTheConnection() {
    for header: LNetHeader in [
      .put(from: real, to: us, length: 0x100001),
      .reply(from: real, to: us, handle: peerHandle, length: 0x100001),
    ] {
      #expect(isViolation(node.receive(bytes: bytes(header), kind: .putRequest, from: real)))
    }
  }

  @Test func anotherHostOfOurNetClosesTheConnection() {
    #expect(isViolation(node.receive(.put(from: real, to: .o2ib(0x0A0A_0099), length: 0))))
  }

  @Test func anotherOfOurOwnNIDsClosesTheConnection() {
    #expect(isViolation(node.receive(.put(from: real, to: second, length: 0), interface: 0)))
    #expect(isConsumed(node.receive(.put(from: real, to: second, length: 0), interface: 1)))
  }

  @Test func anRDMAGetForAnotherNodeClosesTheConnection() {
    #expect(
      isViolation(node.receive(.get(from: real, to: foreign, sink: 8192), kind: .getRequest)))
  }

  @Test func aForeignNetIsDroppedSilently() {
    #expect(isConsumed(node.receive(.put(from: real, to: foreign, length: 0))))
    let answer = node.receive(
      .put(from: real, to: foreign, length: 8192), kind: .putRequest)
    guard case .refusePut(0) = answer else {
      Issue.record("a PUT_REQ that is dropped is answered by PUT_NAK with status 0: \(answer)")
      return
    }
    #expect(node.counters.droppedForeignNetwork == 2)
  }

  @Test func aTruncatedHeaderClosesTheConnection() {
    for count in 0..<72 {
      let raw = Array(bytes(.put(from: real, to: us, length: 0)).prefix(count))
      #expect(isViolation(node.receive(bytes: raw, from: real)))
    }
  }

  /// Spec 02 §6.1: the message fails, the connection stays.
  @Test func lessPayloadThanDeclaredIsDropped() {
    let header = LNetHeader.put(from: real, to: us, length: 100)
    #expect(isConsumed(node.receive(header, pattern(99))))
    #expect(node.counters.droppedShortPayload == 1)
  }

  /// A node speaks for itself, or routes from another network.
  @Test func aSourceThatIsNotTheSenderIsDropped() {
    #expect(isConsumed(node.receive(.put(from: .o2ib(77), to: us, length: 0), from: real)))
    #expect(isConsumed(node.receive(.put(from: .any, to: us, length: 0), from: real)))
    #expect(node.counters.droppedForeignSource == 2)
    #expect(node.lnet.log.first?.kind == .foreignSource && node.lnet.log.first?.nid == real)
  }

  /// Spec 01 §8: behind a router responses go to whom the request came from.
  @Test func aRoutedRequestIsAnsweredThroughItsRouter() throws {
    node.receive(
      .get(
        from: foreign, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 272),
      from: real)
    let reply = try #require(node.takeOutbox().only)
    #expect(reply.peer == real && reply.header.destination.nid == foreign)
    #expect(reply.header.source.nid == us)
  }

  @Test func nothingBadLeavesAnythingBehind() {
    let pieces = node.turn.memory.messages.freePieceCount
    unknownTypesCloseTheConnection(type: 77)
    aForeignNetIsDroppedSilently()
    lessPayloadThanDeclaredIsDropped()
    #expect(node.turn.memory.messages.freePieceCount == pieces)
    #expect(node.lnet.messageCount == 0 && node.lnet.operationCount == 0)
    #expect(node.takeEvents().isEmpty && node.takeOutbox().isEmpty)
  }
}
