// No sender, honest or not, fills the table of peers for good: who is idle makes room, and nobody else.
// Method: more senders than the table has places; who is still known and who gets in compared.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct EvictionTests {
  private static let places: UInt32 = 16
  private let node = TestNode(
    [us], pingsBeforeSending: true, limits: smallLimits { $0.peers = Int(places) })

  /// A push from a node; ours is acknowledged, so that the node is up to date.
  private func push(_ nids: [NID], from peer: NID? = nil, acknowledges: Bool = true) {
    let info = PingInfo(nids: nids, sequence: 2)
    var raw = [UInt8](repeating: 0, count: info.byteCount)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      info.encode(into: &bytes)
    }
    node.receive(
      .put(
        from: nids[0], to: us, portal: 0, matchBits: LNetLimits.pingMatchBits,
        length: raw.count, ack: peerHandle), raw, from: peer ?? nids[0])
    for message in node.takeOutbox() {
      if message.header.body.type == 1 && !acknowledges { continue }
      node.finish(message)
      guard case .put(let put) = message.header.body else { continue }
      node.receive(.ack(from: message.peer, to: us, handle: put.acknowledgeHandle, length: 48))
    }
  }

  private func nid(_ index: UInt32) -> NID { .o2ib(0x0A0A_0100 + index) }

  /// Pushes through a router from a network where we have no interface are acknowledged, and no more.
  @Test func pushesFromANetworkThatWeCannotReachAreNotKept() {
    for index in 0..<3 * Self.places {
      push([.tcp(0x0A14_0100 + index), .tcp(0x0A14_1100 + index)], from: real)
      let peer = node.peer(.tcp(0x0A14_0100 + index))
      #expect(peer?.transitionCount == 1 && peer?.interfaceCount == 1)
    }
    #expect(node.counters.pushesReceived == 48 && node.counters.pushesSent == 0)
    node.receive(.put(from: real, to: us, length: 0))
    #expect(node.peer(real) != nil && node.counters.peersRefused == 0)
  }

  @Test func idlePeersThatAreUpToDateMakeRoom() throws {
    for index in 0..<Self.places { push([nid(index), nid(1000 + index)]) }
    #expect(node.lnet.peerCount == 16 && node.peer(nid(0))?.state == .upToDate)
    for index in Self.places..<2 * Self.places {
      push([nid(index)])
      #expect(node.peer(nid(index))?.state == .upToDate)
    }
    #expect(node.lnet.peerCount == 16 && node.counters.peersRefused == 0)
    // With a peer go all of its NIDs.
    #expect(node.lnet.peerInterfaceCount == 16)
  }

  @Test func whoIsOnlyANIDGoesFirst() {
    for index in 0..<Self.places - 1 { push([nid(index)]) }
    node.receive(.put(from: nid(500), to: us, length: 0))
    push([nid(600)])
    #expect(node.peer(nid(500)) == nil)
    for index in 0..<Self.places - 1 { #expect(node.peer(nid(index)) != nil) }
  }

  @Test func whoIsBusyOrConfiguredStays() throws {
    try node.lnet.addPeer(primary: nid(0), turn: &node.turn)
    push([nid(1), nid(1001)])
    push([nid(2)], acknowledges: false)
    // A message is under way to the second NID of a peer.
    let source = try node.lnet.bind(MemoryDescriptor(memory: node.bulk([1]), threshold: 1))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: nid(1001)), portal: .ostRequest,
        matchBits: 7, interface: 0), turn: &node.turn)
    #expect(node.takeOutbox().count == 1)
    for index in 3..<4 * Self.places { push([nid(index)]) }
    for index in 0..<3 as Range<UInt32> { #expect(node.peer(nid(index)) != nil) }
    #expect(node.peer(nid(2))?.state == .pushing && node.counters.peersRefused == 0)
  }

  @Test func whenAllAreBusyTheNextIsRefused() {
    for index in 0..<Self.places { push([nid(index)], acknowledges: false) }
    push([nid(100)])
    #expect(node.peer(nid(100)) == nil && node.counters.peersRefused == 1)
  }
}
