// A peer that loses the NID that was asked is asked at another, and nothing waits for ever (spec 01 §7.2, §7.3).
// Method: lists pushed in by hand while a ping or push is under way; what goes out and what becomes of parked
// messages compared.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct LostInterfaceTests {
  private let victim = NID.o2ib(0x0A0A_0002)
  private let hostile = NID.o2ib(0x0A0A_0066)
  private let node = TestNode([us], pingsBeforeSending: true)

  private func list(_ nids: [NID], sequence: UInt32) -> [UInt8] {
    let info = PingInfo(nids: nids, sequence: sequence)
    var raw = [UInt8](repeating: 0, count: info.byteCount)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      info.encode(into: &bytes)
    }
    return raw
  }

  private func push(_ nids: [NID], sequence: UInt32 = 2, from source: NID) {
    let raw = list(nids, sequence: sequence)
    node.receive(
      .put(
        from: source, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits,
        length: raw.count), raw)
  }

  private func send(to target: NID, tag: UInt64 = 1) throws {
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk([1]), threshold: 1, tag: tag))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: target), portal: .ostRequest, matchBits: 7),
      turn: &node.turn)
  }

  /// Finishes a ping or push of ours and answers it.
  private func answer(_ message: LNDMessage, _ nids: [NID] = [], sequence: UInt32 = 2) {
    node.finish(message)
    switch message.header.body {
    case .put(let put):
      node.receive(.ack(from: message.peer, to: us, handle: put.acknowledgeHandle, length: 48))
    case .get(let get):
      let raw = list(nids, sequence: sequence)
      node.receive(
        .reply(from: message.peer, to: us, handle: get.returnHandle, length: raw.count), raw)
    default: Issue.record("neither a ping nor a push: \(message)")
    }
  }

  /// One push that names somebody else, and not its sender, does not cut the other one off.
  @Test func aPushThatNamesAnotherDoesNotCutItOff() throws {
    push([victim], from: hostile)
    let ours = try #require(node.takeOutbox().only)
    #expect(ours.peer == victim && node.peer(victim)?.state == .pushing)
    try send(to: victim)
    answer(ours)
    #expect(node.peer(victim)?.state == .upToDate)
    #expect(node.takeOutbox().map(\.peer) == [victim])
    #expect(node.lnet.parkedMessageCount == 0)
  }

  @Test func aPeerBeingPingedIsAskedAtItsOtherNID() throws {
    try send(to: real)
    let ping = try #require(node.takeOutbox().only)
    #expect(ping.peer == real)
    push([victim], from: real)
    #expect(node.takeOutbox().isEmpty && node.peer(real) == nil)
    // Whatever the NID says that was asked, it does not speak for the peer any more.
    answer(ping, [real])
    let again = try #require(node.takeOutbox().only)
    #expect(again.peer == victim && again.header.body.type == 2)
    #expect(node.transitions(ofPeer: victim).last?.trigger == .interfaceGone)
    answer(again, [victim])
    answer(try #require(node.takeOutbox().only))
    #expect(node.takeOutbox().map(\.peer) == [victim])
    #expect(node.peer(victim)?.state == .upToDate && node.lnet.parkedMessageCount == 0)
  }

  @Test func aPeerBeingPushedToGetsThePushAtItsOtherNID() throws {
    push([real, victim], from: real)
    let ours = try #require(node.takeOutbox().only)
    try send(to: victim)
    push([victim], sequence: 3, from: victim)
    #expect(ours.peer == real && node.peer(real) == nil)
    answer(ours)
    let again = try #require(node.takeOutbox().only)
    #expect(again.peer == victim && node.peer(victim)?.state == .pushing)
    answer(again)
    #expect(node.takeOutbox().map(\.peer) == [victim])
    #expect(node.peer(victim)?.state == .upToDate && node.lnet.parkedMessageCount == 0)
  }

  /// A peer whose list changes faster than it answers is given up, and what waits fails.
  @Test func itIsNotAskedForEver() throws {
    try send(to: real, tag: 9)
    var current = real
    for turn in 1...3 as ClosedRange<UInt32> {
      let ping = try #require(node.takeOutbox().only)
      #expect(ping.peer == current)
      let next = NID.o2ib(0x0A0A_0100 + turn)
      push([next], sequence: 1 + turn, from: current)
      answer(ping, [current])
      current = next
    }
    #expect(node.takeOutbox().isEmpty && node.peer(current)?.state == .undiscovered)
    #expect(node.takeEvents().map(\.status) == [-113] && node.lnet.parkedMessageCount == 0)
  }

  /// The answer to a ping of a peer that another has swallowed is nobody's.
  @Test func anAnswerForASwallowedPeerIsIgnored() throws {
    try send(to: victim)
    let ping = try #require(node.takeOutbox().only)
    push([real, victim], from: real)
    let ours = try #require(node.takeOutbox().only)
    node.finish(ping, .remoteDropped, status: -111)
    #expect(node.peer(victim)?.state == .pushing && node.takeEvents().isEmpty)
    answer(ours)
    #expect(node.takeOutbox().count == 1 && node.lnet.parkedMessageCount == 0)
    #expect(node.peer(victim)?.primary == real && node.peer(victim)?.state == .upToDate)
  }

  /// Who asked for a discovery is told, though the NID that was named is gone by then.
  @Test func aDiscoveryOfALostNIDIsAnswered() throws {
    try node.lnet.discover(real, tag: 5, turn: &node.turn)
    let ping = try #require(node.takeOutbox().only)
    push([victim], from: real)
    answer(ping, [real])
    answer(try #require(node.takeOutbox().only), [victim])
    answer(try #require(node.takeOutbox().only))
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .discovered && event.status == 0 && event.tag == 5)
    #expect(event.source == real && event.initiator == victim)
  }

  @Test func aDiscoveryOfASwallowedPeerIsAnswered() throws {
    try node.lnet.discover(victim, tag: 5, turn: &node.turn)
    _ = node.takeOutbox()
    push([real, victim], from: real)
    push([real], sequence: 3, from: real)
    #expect(node.takeEvents().isEmpty && node.peer(victim) == nil)
    answer(try #require(node.takeOutbox().only))
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .discovered && event.tag == 5 && event.initiator == real)
  }

  @Test func aDiscoveryOfAPeerThatIsConfiguredMeanwhileIsAnswered() throws {
    try node.lnet.discover(real, tag: 5, turn: &node.turn)
    try node.lnet.addPeer(primary: real, turn: &node.turn)
    #expect(node.takeEvents().map(\.tag) == [5])
  }

  /// No event is lost when the queue is full: it comes when there is room, and no slot is lost.
  @Test func discoveriesThatEndWithoutRoomAreToldLater() throws {
    let node = TestNode(
      [us], pingsBeforeSending: true,
      limits: smallLimits {
        $0.events = 128
        $0.discoveries = 100
      })
    for tag in 1...100 as ClosedRange<UInt64> {
      try node.lnet.discover(real, tag: tag, turn: &node.turn)
    }
    #expect(throws: LNetError.busy) {
      try node.lnet.discover(real, tag: 101, turn: &node.turn)
    }
    node.finish(try #require(node.takeOutbox().only), .remoteDropped, status: -111)
    // The queue keeps its reserve.
    let first = node.takeEvents()
    #expect(first.count == 65)
    // Meanwhile the peer is asked anew: those that have ended keep how they ended.
    try node.lnet.discover(real, tag: 200, turn: &node.turn)
    node.expire()
    let events = first + node.takeEvents()
    #expect(events.map(\.tag) == Array(1...100) && events.allSatisfy { $0.status == -111 })
    for tag in 300..<399 as Range<UInt64> {
      try node.lnet.discover(real, tag: tag, turn: &node.turn)
    }
  }
}
