// Several NIDs become one node, move, and go, as its lists say (spec 01 §7.2, 3; §7.4; §11).
// Method: ping infos pushed in by hand; what is known of the peers afterwards compared.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct PeerMergeTests {
  private let second = NID.o2ib(0x0A0A_0002)
  private let third = NID.o2ib(0x0A0A_0003)
  private let node = TestNode([us, .o2ib(0x0A0A_0006)])

  private func push(
    _ nids: [NID], sequence: UInt32, from source: NID? = nil, features: PingFeatures = .default,
    down: Set<NID> = []
  ) {
    var info = PingInfo(nids: nids, sequence: sequence, features: features)
    for index in info.entries.indices where down.contains(info.entries[index].nid) {
      info.entries[index].status = .down
    }
    var raw = [UInt8](repeating: 0, count: info.byteCount)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      info.encode(into: &bytes)
    }
    node.receive(
      .put(
        from: source ?? nids[0], to: us, portal: 0, matchBits: LNetLimits.pingMatchBits,
        length: raw.count), raw)
    settlePushes()
  }

  /// Our own pushes are acknowledged.
  private func settlePushes() {
    for message in node.takeOutbox() {
      node.finish(message)
      guard case .put(let put) = message.header.body, put.portal == .reserved else { continue }
      node.receive(
        .ack(from: message.peer, to: us, handle: put.acknowledgeHandle, length: 64))
    }
  }

  private func nids(of nid: NID) -> [NID] {
    (0..<8).compactMap { node.interface(ofPeer: nid, at: $0)?.nid }
  }

  private func put(to target: NID, by interface: UInt8? = nil) throws -> LNDMessage {
    let source = try node.lnet.bind(MemoryDescriptor(memory: node.bulk([1]), threshold: 1))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: target), portal: .ostRequest, matchBits: 7,
        interface: interface), turn: &node.turn)
    return try #require(node.takeOutbox().only)
  }

  @Test func nidsAreAddedAndDeleted() {
    push([real, second], sequence: 2)
    #expect(nids(of: second) == [real, second])
    push([real, third], sequence: 3)
    #expect(nids(of: real) == [real, third] && node.peer(second) == nil)
    #expect(node.lnet.peerCount == 1 && node.lnet.peerInterfaceCount == 2)
  }

  @Test func thePrimaryIsTheFirstOfTheList() {
    push([real, second], sequence: 2)
    push([second, real], sequence: 3, from: real)
    #expect(node.peer(real)?.primary == second)
  }

  /// Two NIDs that were taken for two nodes turn out to be one.
  @Test func twoPeersBecomeOne() throws {
    node.receive(.put(from: real, to: us, length: 0))
    node.receive(.put(from: second, to: us, length: 0))
    #expect(node.lnet.peerCount == 2)
    push([real, second], sequence: 2)
    #expect(node.lnet.peerCount == 1 && nids(of: real) == [real, second])
    #expect(node.lnet.log.first?.kind == .interfaceMoved)
  }

  /// A node that says for itself what it has is not robbed by another's list.
  @Test func aNIDThatItsNodeHasClaimedStaysThere() {
    push([second, third], sequence: 2)
    push([real, second, third], sequence: 2)
    #expect(nids(of: second) == [second, third] && nids(of: real) == [real])
    push([.o2ib(77)], sequence: 2)
    push([real, .o2ib(77)], sequence: 3)
    #expect(nids(of: .o2ib(77)) == [.o2ib(77)])
  }

  @Test func ourOwnNIDsAndLoopbackAreNobodyElses() {
    push([real, us, .loopback, .o2ib(0x0A0A_0006), .any], sequence: 2)
    #expect(nids(of: real) == [real])
  }

  @Test func aConfiguredPeerKeepsItsNIDs() throws {
    let others = [second]
    try node.lnet.addPeer(primary: real, others: others.span, turn: &node.turn)
    push([third, real], sequence: 2, from: real)
    #expect(nids(of: real) == [real, second] && node.peer(real)?.primary == real)
    #expect(node.peer(third) == nil)
  }

  /// Spec 01 §7.2, 3: a NID that goes down loses health, and is up again when it is said to be.
  @Test func statusesAreTakenOver() {
    push([real, second], sequence: 2)
    push([real, second], sequence: 3, down: [second])
    #expect(node.interface(ofPeer: real, at: 1)?.isUp == false)
    #expect(node.interface(ofPeer: real, at: 1)?.health == 900)
    push([real, second], sequence: 4, down: [second])
    #expect(node.interface(ofPeer: real, at: 1)?.health == 900)
    push([real, second], sequence: 5)
    #expect(node.interface(ofPeer: real, at: 1)?.isUp == true)
  }

  /// Spec 01 §7.4: a node that had several rails and no longer discovers is reduced to the NID that answered.
  @Test func aNodeThatStopsDiscoveringHasOneRail() throws {
    push([real, second], sequence: 2)
    try node.lnet.discover(real, tag: 1, turn: &node.turn)
    let ping = try #require(node.takeOutbox().only)
    node.finish(ping)
    guard case .get(let get) = ping.header.body else { return }
    let info = PingInfo(
      nids: [real, second], sequence: 3,
      features: [.interfaceStatus, .routingDisabled, .multiRail])
    var raw = [UInt8](repeating: 0, count: info.byteCount)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      info.encode(into: &bytes)
    }
    node.receive(.reply(from: real, to: us, handle: get.returnHandle, length: raw.count), raw)
    let peer = node.peer(real)
    #expect(peer?.isMultiRail == false && peer?.isWithoutDiscovery == true)
    #expect(nids(of: real) == [real] && peer?.state == .upToDate)
    #expect(node.takeOutbox().isEmpty)
  }

  // Path selection, spec 01 §11.

  @Test func aPeerWithOneRailIsAlwaysSentFromTheSameInterface() throws {
    let ways = try (0..<6).map { _ in try put(to: real) }
    #expect(Set(ways.map(\.interface)).count == 1 && ways.allSatisfy { $0.peer == real })
  }

  @Test func aPeerWithSeveralRailsIsSentToByAllOfThem() throws {
    push([real, second], sequence: 2)
    let ways = try (0..<8).map { _ in try put(to: real) }
    #expect(Set(ways.map(\.peer)) == [real, second])
    #expect(Set(ways.map(\.interface)) == [0, 1])
    for way in ways {
      #expect(way.header.destination.nid == way.peer)
      #expect(way.header.source.nid == node.nids[Int(way.interface)])
    }
  }

  @Test func theBusyRailIsAvoided() throws {
    push([real, second], sequence: 2)
    var ways: [LNDMessage] = []
    for _ in 0..<4 { ways.append(try put(to: real)) }
    for way in ways where way.peer == second { node.finish(way) }
    #expect(try put(to: real).peer == second && put(to: real).peer == second)
  }

  @Test func theIllRailIsAvoided() throws {
    push([real, second], sequence: 2)
    node.finish(try put(to: real, by: 0), .remoteDropped)
    #expect(node.interface(ofPeer: real, at: 0)?.health == 900)
    for _ in 0..<4 { #expect(try put(to: real).peer == second) }
  }

  /// NIDs on networks where we have no interface are known but not used.
  @Test func aNIDThatWeCannotReachIsNotChosen() throws {
    push([real, .tcp(0x0A14_0001)], sequence: 2)
    for _ in 0..<4 { #expect(try put(to: .tcp(0x0A14_0001)).peer == real) }
    let source = try node.lnet.bind(MemoryDescriptor(memory: node.bulk([1]), threshold: 1))
    #expect(throws: LNetError.noRoute) {
      try node.lnet.put(
        PutRequest(
          descriptor: source, target: ProcessID(nid: .tcp(99)), portal: .ostRequest,
          matchBits: 7), turn: &node.turn)
    }
  }

  /// Spec 04 C 1 and §11: responses go back the way the request came, whatever the health.
  @Test func responsesTakeTheWayOfTheRequest() throws {
    push([real, second], sequence: 2)
    for interface in [0, 1] as [UInt8] {
      for source in [real, second] {
        node.receive(
          .get(
            from: source, to: node.nids[Int(interface)], portal: 0,
            matchBits: LNetLimits.pingMatchBits, sink: 272), interface: interface)
        let reply = try #require(node.takeOutbox().only)
        #expect(reply.peer == source && reply.interface == interface)
        #expect(reply.header.source.nid == node.nids[Int(interface)])
        #expect(reply.header.destination.nid == source)
      }
    }
  }

  @Test func thePeerTableIsBoundedAndTheUnknownMakeRoom() {
    let node = TestNode([us], limits: smallLimits { $0.peers = 8 })
    for index in 0..<100 as Range<UInt32> {
      node.receive(
        .get(
          from: .o2ib(1000 + index), to: us, portal: 0, matchBits: LNetLimits.pingMatchBits,
          sink: 272))
      for message in node.takeOutbox() { node.finish(message) }
    }
    #expect(node.counters.pingsAnswered == 100 && node.lnet.peerCount == 8)
    #expect(node.counters.peersRefused == 0)
  }
}
