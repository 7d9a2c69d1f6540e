// Pushes are accepted, acknowledged with what was taken, believed when they are sound; ours follow
// changes (spec 01 §7.3).
// Method: pushes fed in by hand, good and bad; two nodes over a fabric for our own.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct PushTests {
  private let other = NID.o2ib(0x0A0A_0002)
  private let node = TestNode([us], pingsBeforeSending: true)

  private func encode(_ info: PingInfo) -> [UInt8] {
    var raw = [UInt8](repeating: 0, count: info.byteCount)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      info.encode(into: &bytes)
    }
    return raw
  }

  @discardableResult
  private func push(
    _ bytes: [UInt8], ack: WireHandle = peerHandle, kind: LNDEvent.Kind = .immediate,
    length: Int? = nil
  ) -> ReceptionAnswer {
    node.receive(
      .put(
        from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits,
        length: length ?? bytes.count, ack: ack), kind == .immediate ? bytes : [], kind: kind)
  }

  private var acks: [UInt32] {
    node.takeOutbox().compactMap {
      guard case .ack(let ack) = $0.header.body else { return nil }
      return ack.depositedBytes
    }
  }

  /// Spec 04 C 2: the ACK says how much was taken, whatever the push says.
  @Test func everyPushIsAcknowledged() {
    let good = encode(PingInfo(nids: [real], sequence: 2))
    let bad: [[UInt8]] = [
      [], [1], Array(good.prefix(31)), [UInt8](repeating: 0, count: 48),
      encode(PingInfo(nids: [real], sequence: 2, features: [.interfaceStatus, .routingDisabled])),
    ]
    push(good)
    #expect(acks == [48])
    for bytes in bad {
      push(bytes)
      #expect(acks == [UInt32(bytes.count)])
    }
    #expect(node.counters.droppedBadPush == 5 && node.counters.pushesReceived == 6)
    #expect(node.lnet.log.first?.kind == .badPush)
  }

  @Test func noAckWhenNoneIsWanted() {
    push([1, 2, 3], ack: .none)
    #expect(acks.isEmpty)
  }

  @Test func aLongPushIsFetchedAndCutOff() throws {
    let bulk = node.turn.memory.bulk.freePieceCount
    let nids = (0..<199).map { NID.o2ib(UInt32(0x0A0A_0001 + 256 * $0)) }
    var bytes = encode(PingInfo(nids: nids, sequence: 2))
    bytes += [UInt8](repeating: 0, count: 5000 - bytes.count)
    guard case .acceptPut(let sink, let ticket) = push(bytes, kind: .putRequest) else {
      Issue.record("a push by PUT_REQ is accepted")
      return
    }
    #expect(sink.length == 4096)
    node.write(Array(bytes.prefix(4096)), to: sink)
    node.putDone(ticket, status: 4096, from: real)
    #expect(acks == [4096] && node.turn.memory.bulk.freePieceCount == bulk)
    // 199 NIDs fit into 4096 bytes, but a node may have no more than the limit.
    #expect(node.peer(real)?.interfaceCount == 32)
  }

  @Test func aPushWhoseDataFailsIsNotAcknowledged() {
    let bulk = node.turn.memory.bulk.freePieceCount
    guard
      case .acceptPut(_, let ticket) = push(
        [UInt8](repeating: 0, count: 4000), kind: .putRequest)
    else {
      Issue.record("a push by PUT_REQ is accepted")
      return
    }
    node.putDone(ticket, status: -5, from: real)
    #expect(acks.isEmpty && node.turn.memory.bulk.freePieceCount == bulk)
  }

  @Test func aPushIsAsGoodAsAPing() {
    push(encode(PingInfo(nids: [real, other], sequence: 2)))
    let peer = node.peer(other)
    #expect(peer?.primary == real && peer?.interfaceCount == 2 && peer?.isMultiRail == true)
    // Our own list goes back (spec 01 §7.2, 4), and that is all.
    #expect(node.takeOutbox().map { $0.header.body.type } == [0, 1])
    #expect(peer?.state == .pushing)
  }

  @Test func withoutDiscoveryAPushIsAcknowledgedAndIgnored() {
    let node = TestNode([us], features: [.interfaceStatus, .routingDisabled, .multiRail])
    node.receive(
      .put(
        from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, length: 64,
        ack: peerHandle), encode(PingInfo(nids: [real, other], sequence: 2)))
    #expect(node.takeOutbox().map { $0.header.body.type } == [0])
    #expect(node.peer(real)?.interfaceCount == 1 && node.peer(other) == nil)
  }

  /// Spec 01 §7.6: an older list than the one we have is not believed; a ping tells.
  @Test func anOlderPushIsNotBelieved() throws {
    push(encode(PingInfo(nids: [real, other], sequence: 5)))
    for message in node.takeOutbox() {
      node.finish(message)
      guard case .put(let put) = message.header.body else { continue }
      node.receive(
        .ack(from: real, to: us, handle: put.acknowledgeHandle, length: 48))
    }
    #expect(node.peer(real)?.state == .upToDate)
    push(encode(PingInfo(nids: [real], sequence: 4)))
    #expect(node.counters.droppedStalePush == 1 && node.peer(real)?.interfaceCount == 2)
    #expect(node.takeOutbox().map { $0.header.body.type } == [0, 2])
    #expect(node.peer(real)?.state == .pinging)
  }

  /// Spec 01 §6.2 [wire]: entry 0 may say "up" instead of a number; then nothing is ordered by it.
  @Test func aListWithoutASequenceIsBelieved() {
    push(encode(PingInfo(nids: [real, other], sequence: 5)))
    push(encode(PingInfo(nids: [real], sequence: InterfaceStatus.up.rawValue)))
    #expect(node.peer(real)?.interfaceCount == 1 && node.counters.droppedStalePush == 0)
  }

  /// Spec 01 §7.3: without the ACK the push times out and everything parked fails with it.
  @Test func withoutAnAckWhatWaitsFails() throws {
    push(encode(PingInfo(nids: [real], sequence: 2)))
    _ = acks
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk([1]), threshold: 1, tag: 9))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostRequest, matchBits: 7),
      turn: &node.turn)
    node.advance(to: 60 * second)
    // The driver still has the push; it ends when the driver lets go.
    #expect(node.takeEvents().isEmpty)
  }

  @Test func aPushThatFailsFailsWhatWaits() throws {
    push(encode(PingInfo(nids: [real], sequence: 2)))
    let messages = node.takeOutbox()
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk([1]), threshold: 1, tag: 9))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostRequest, matchBits: 7),
      turn: &node.turn)
    for message in messages { node.finish(message) }
    node.advance(to: 51 * second)
    let event = try #require(node.takeEvents().only)
    #expect(event.tag == 9 && event.status == -110)
    #expect(node.peer(real)?.state == .undiscovered)
    #expect(node.transitions(ofPeer: real).last?.trigger == .pushFailed)
  }

  /// Spec 01 §7.3: pushes are also sent later, when the list changes.
  @Test func aChangeOfOurListIsPushedToAllThatHaveIt() throws {
    let a = TestNode([us, .o2ib(0x0A0A_0006)], pingsBeforeSending: true)
    let b = TestNode([real], cookie: 2)
    let c = TestNode([.o2ib(0x0A0A_0003)], cookie: 3)
    let fabric = TinyFabric([a, b, c])
    for nid in [real, NID.o2ib(0x0A0A_0003)] {
      try a.lnet.discover(nid, tag: 1, turn: &a.turn)
    }
    fabric.run()
    #expect(b.peer(us)?.interfaceCount == 2 && c.peer(us)?.interfaceCount == 2)
    a.lnet.setStatus(ofInterface: 1, .down, turn: &a.turn)
    fabric.advance(to: second / 2)
    for node in [b, c] {
      let views = (0..<2).compactMap { node.interface(ofPeer: us, at: $0) }
      #expect(views.first { $0.nid == us }?.isUp == true)
      #expect(views.first { $0.nid != us }?.isUp == false)
      #expect(node.counters.pushesReceived == 2)
    }
    #expect(a.peer(real)?.state == .upToDate)
  }
}
