// A peer is discovered before the first message to it, as spec 01 §7.1 and §7.2 say; wire orders of
// captures hold.
// Method: nodes over a fabric in the test, kinds of messages in order compared; answers spoilt by hand.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct DiscoveryTests {
  /// What a message is, in the words of spec 04 D.
  private func name(_ message: LNDMessage) -> String {
    switch message.header.body {
    case .put(let put): put.portal == .reserved ? "push" : "PUT"
    case .get(let get): get.portal == .reserved ? "ping" : "GET"
    case .ack: "ACK"
    case .reply: "REPLY"
    case .hello: "HELLO"
    }
  }

  private func names(_ fabric: TinyFabric) -> [String] {
    fabric.wire.map { ($0.header.source.nid == us ? "us " : "real ") + name($0) }
  }

  private func expose(_ node: TestNode, bits: UInt64 = 7) throws {
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostRequest, matchBits: bits),
      MemoryDescriptor(memory: node.bulk(count: 4096), options: [.put]), turn: &node.turn)
  }

  private func send(
    _ node: TestNode, to target: NID, bits: UInt64 = 7, tag: UInt64 = 0
  ) throws {
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(pattern(64)), threshold: 1, tag: tag))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: target), portal: .ostRequest,
        matchBits: bits), turn: &node.turn)
  }

  /// Spec 01 §7.1 [wire]: before the first RPC GET → REPLY, push + ACK, push + ACK, and the server never asks.
  @Test func twoDefaultNodesPushBothWaysBeforeTheFirstMessage() throws {
    let a = TestNode([us], pingsBeforeSending: true)
    let b = TestNode([real], pingsBeforeSending: true, cookie: 2)
    let fabric = TinyFabric([a, b])
    try expose(a)
    try expose(b)
    try send(a, to: real)
    fabric.run()
    try send(b, to: us)
    fabric.run()
    let order = names(fabric)
    #expect(
      order.filter { !$0.hasPrefix("real push") && $0 != "us ACK" }
        == ["us ping", "real REPLY", "us push", "real ACK", "us PUT", "real PUT"])
    #expect(order.filter { $0 == "real push" }.count == 1)
    #expect(order.filter { $0 == "us ACK" }.count == 1)
    #expect(!order.contains("real ping"))
    for (node, peer) in [(a, real), (b, us)] {
      #expect(node.peer(peer)?.state == .upToDate && node.peer(peer)?.isMultiRail == true)
      #expect(node.takeEvents().map(\.kind).sorted() == [.put, .send])
      #expect(node.lnet.pingCount == 0 && node.lnet.parkedMessageCount == 0)
    }
    #expect(
      a.transitions(ofPeer: real).map(\.new).prefix(4)
        == [.undiscovered, .pinging, .pushing, .upToDate])
    // Once up to date, nothing more is asked.
    let count = fabric.wire.count
    try send(a, to: real)
    fabric.run()
    #expect(fabric.wire.count == count + 1)
  }

  /// Spec 04 D: what we advertise decides; the peer is a default node.
  @Test(arguments: [0x1E, 0x0E, 0x06] as [UInt32], [0x1E, 0x0E] as [UInt32])
  func eachPairOfFeaturesIsServed(ours: UInt32, theirs: UInt32) throws {
    let a = TestNode(
      [us], pingsBeforeSending: true, features: PingFeatures(rawValue: ours))
    let b = TestNode(
      [real], pingsBeforeSending: true, features: PingFeatures(rawValue: theirs), cookie: 2)
    let fabric = TinyFabric([a, b])
    try expose(a)
    try expose(b)
    try send(a, to: real)
    fabric.run()
    try send(b, to: us)
    fabric.run()
    let pushes = ours == 0x1E && theirs == 0x1E
    #expect(names(fabric).contains("us push") == pushes)
    #expect(names(fabric).contains("real push") == pushes)
    // Without a push the other side asks once itself (spec 01 §7.1).
    #expect(names(fabric).filter { $0 == "real ping" }.count == (pushes ? 0 : 1))
    for (node, peer) in [(a, real), (b, us)] {
      #expect(node.peer(peer)?.state == .upToDate)
      #expect(node.peer(peer)?.isMultiRail == pushes)
      #expect(node.peer(peer)?.isWithoutDiscovery == !pushes)
      #expect(node.takeEvents().filter { $0.kind == .put }.count == 1)
    }
  }

  @Test func messagesWaitInOrder() throws {
    let a = TestNode([us], pingsBeforeSending: true)
    let b = TestNode([real], cookie: 2)
    let fabric = TinyFabric([a, b])
    b.lnet.setLazy(.ostRequest, true, turn: &b.turn)
    for bits in 1...20 as ClosedRange<UInt64> { try send(a, to: real, bits: bits) }
    #expect(a.lnet.parkedMessageCount == 20)
    fabric.run()
    let order = fabric.wire.compactMap { message -> UInt64? in
      guard case .put(let put) = message.header.body, put.portal != .reserved else { return nil }
      return put.matchBits
    }
    #expect(order == Array(1...20) && a.lnet.parkedMessageCount == 0)
    // One ping for all of them.
    #expect(names(fabric).filter { $0 == "us ping" }.count == 1)
  }

  @Test func responsesAndPortal0NeverWait() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    node.receive(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 272))
    try expose(node)
    node.receive(
      .put(from: real, to: us, portal: 28, matchBits: 7, length: 3, ack: peerHandle), [1, 2, 3])
    #expect(node.takeOutbox().map(name) == ["REPLY", "ACK"])
  }

  @Test func aPeerThatIsConfiguredIsSentToAtOnce() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    try node.lnet.addPeer(primary: real, turn: &node.turn)
    try send(node, to: real)
    #expect(node.takeOutbox().map(name) == ["PUT"])
    #expect(node.peer(real)?.isConfigured == true)
  }

  /// Spec 01 §7.2, 2: parked messages end with the error.
  @Test func whenThePingFailsWhatWaitsFails() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    for tag in 1...3 as ClosedRange<UInt64> { try send(node, to: real, tag: tag) }
    node.finish(try #require(node.takeOutbox().only), .remoteDropped, status: -111)
    let events = node.takeEvents()
    #expect(events.map(\.tag) == [1, 2, 3] && events.allSatisfy { $0.status == -111 })
    #expect(events.allSatisfy { $0.kind == .send && $0.isUnlinked })
    #expect(
      node.peer(real)?.state == .undiscovered && node.lnet.log.first?.kind == .discoveryFailed)
    // The next message begins anew.
    try send(node, to: real)
    #expect(node.takeOutbox().map(name) == ["ping"])
  }

  @Test func whenThePingIsNotAnsweredWhatWaitsTimesOut() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    try send(node, to: real, tag: 1)
    node.finish(try #require(node.takeOutbox().only))
    node.advance(to: 51 * second)
    #expect(node.takeEvents().map(\.status) == [-110])
    #expect(node.lnet.parkedMessageCount == 0 && node.lnet.messageCount <= 1)
  }

  /// Answers a ping or push that lies in the outbox.
  private func answer(_ node: TestNode, _ info: [UInt8]) throws {
    let ping = try #require(node.takeOutbox().only)
    guard case .get(let get) = ping.header.body else {
      Issue.record("not a ping: \(ping)")
      return
    }
    node.finish(ping)
    node.receive(
      .reply(from: ping.peer, to: us, handle: get.returnHandle, length: info.count), info)
  }

  private func encode(_ info: PingInfo) -> [UInt8] {
    var raw = [UInt8](repeating: 0, count: info.byteCount)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      info.encode(into: &bytes)
    }
    return raw
  }

  /// Spec 01 §7.2, 2: a corrupt reply is asked for again; not for ever.
  @Test func aCorruptReplyIsAskedForAgain() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    try send(node, to: real, tag: 1)
    try answer(node, [1, 2, 3])
    try answer(node, [UInt8](repeating: 0xFF, count: 48))
    #expect(node.takeEvents().isEmpty && node.counters.badPingInfos == 2)
    try answer(node, [])
    #expect(node.takeEvents().map(\.status) == [-71] && node.takeOutbox().isEmpty)
    // A good one on the second try.
    try send(node, to: real, tag: 2)
    try answer(node, [1, 2, 3])
    try answer(node, encode(PingInfo(nids: [real], sequence: 1, features: [.interfaceStatus])))
    #expect(node.takeOutbox().map(name) == ["PUT"])
  }

  /// Spec 01 §6.5: a truncated reply is asked for with a bigger buffer.
  @Test func aTruncatedReplyIsAskedForWithMoreRoom() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    try send(node, to: real)
    let nids = (0..<20).map { NID.o2ib(UInt32(0x0A0A_0001 + 256 * $0)) }
    let whole = encode(PingInfo(nids: nids, sequence: 3))
    try answer(node, Array(whole.prefix(272)))
    guard case .get(let get) = try #require(node.firstOut).header.body else {
      Issue.record("not asked again")
      return
    }
    #expect(get.sinkLength == 3960)
    try answer(node, whole)
    #expect(node.peer(real)?.interfaceCount == 20)
  }

  /// Spec 01 §6.2: the receiver swaps when the magic is swapped.
  @Test func aPingInfoInTheOtherByteOrderIsUnderstood() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    try send(node, to: real)
    let info = encode(PingInfo(nids: [real, .o2ib(0x0A0A_0002)], sequence: 3))
    var swapped: [UInt8] = []
    func swap(_ range: Range<Int>) { swapped += info[range].reversed() }
    for offset in stride(from: 0, to: 16, by: 4) { swap(offset..<offset + 4) }
    for offset in stride(from: 16, to: info.count, by: 16) {
      swap(offset..<offset + 8)
      swap(offset + 8..<offset + 12)
      swap(offset + 12..<offset + 16)
    }
    try answer(node, swapped)
    #expect(node.peer(real)?.interfaceCount == 2 && node.peer(real)?.isMultiRail == true)
  }

  @Test func discoveryOnDemandEndsWithAnEvent() throws {
    let a = TestNode([us], pingsBeforeSending: true)
    let b = TestNode([real], cookie: 2)
    let fabric = TinyFabric([a, b])
    try a.lnet.discover(real, tag: 5, turn: &a.turn)
    try a.lnet.discover(real, tag: 6, turn: &a.turn)
    fabric.run()
    let events = a.takeEvents()
    #expect(events.map(\.kind) == [.discovered, .discovered] && events.map(\.tag) == [5, 6])
    #expect(events.allSatisfy { $0.status == 0 && $0.initiator == real })
    // Again, though it is up to date: it is asked anew, and needs no push.
    let count = fabric.wire.count
    try a.lnet.discover(real, tag: 7, turn: &a.turn)
    fabric.run()
    #expect(a.takeEvents().map(\.tag) == [7] && fabric.wire.count == count + 2)
    #expect(throws: LNetError.noRoute) { try a.lnet.discover(.tcp(9), tag: 8, turn: &a.turn) }
  }

  /// A message that waits and whose descriptor is unlinked ends at once.
  @Test func unlinkingWhileParkedEndsAtOnce() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    try send(node, to: real, tag: 1)
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk([1]), threshold: 1, tag: 2))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostRequest, matchBits: 7),
      turn: &node.turn)
    try send(node, to: real, tag: 3)
    try node.lnet.unlink(source, turn: &node.turn)
    let event = try #require(node.takeEvents().only)
    #expect(event.tag == 2 && event.status == -110 && event.isUnlinked)
    try answer(node, encode(PingInfo(nids: [real], sequence: 1, features: [.interfaceStatus])))
    #expect(node.takeOutbox().map(name) == ["PUT", "PUT"] && node.lnet.parkedMessageCount == 0)
  }

  /// Parked messages are bounded, for all peers together.
  @Test func parkingIsBounded() throws {
    let node = TestNode(
      [us], pingsBeforeSending: true, limits: smallLimits { $0.parkedMessages = 4 })
    for index in 0..<4 as Range<UInt32> { try send(node, to: .o2ib(100 + index % 2)) }
    let source = try node.lnet.bind(MemoryDescriptor(memory: node.bulk([1]), threshold: 1))
    #expect(throws: LNetError.busy) {
      try node.lnet.put(
        PutRequest(
          descriptor: source, target: ProcessID(nid: .o2ib(100)), portal: .ostRequest,
          matchBits: 7), turn: &node.turn)
    }
    // A refusal has done nothing: the descriptor is as it was.
    try node.lnet.unlink(source, turn: &node.turn)
    #expect(node.takeEvents().map(\.kind) == [.unlink])
  }
}
