// Failed sends are blamed and sent again as spec 01 §10.2 says, class by class.
// Method: a table by hand, one row an outcome; the fake driver fails the first send.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct ResendTests {
  /// Spec 01 §10.2: what each class does to health, and what must be there for a resend.
  struct Row: Sendable {
    var outcome: SendOutcome
    var weakensOwn: Bool
    var weakensPeer: Bool
    var resendsByOwn: Bool
    var resendsByPeer: Bool
  }

  static let table: [Row] = [
    Row(
      outcome: .localInterrupted, weakensOwn: true, weakensPeer: false, resendsByOwn: true,
      resendsByPeer: false),
    Row(
      outcome: .localDropped, weakensOwn: true, weakensPeer: false, resendsByOwn: true,
      resendsByPeer: false),
    Row(
      outcome: .localAborted, weakensOwn: true, weakensPeer: false, resendsByOwn: true,
      resendsByPeer: false),
    Row(
      outcome: .localNoRoute, weakensOwn: true, weakensPeer: false, resendsByOwn: true,
      resendsByPeer: false),
    Row(
      outcome: .localTimeout, weakensOwn: true, weakensPeer: false, resendsByOwn: true,
      resendsByPeer: false),
    Row(
      outcome: .localError, weakensOwn: true, weakensPeer: false, resendsByOwn: false,
      resendsByPeer: false),
    Row(
      outcome: .remoteDropped, weakensOwn: false, weakensPeer: true, resendsByOwn: false,
      resendsByPeer: true),
    Row(
      outcome: .remoteError, weakensOwn: false, weakensPeer: true, resendsByOwn: false,
      resendsByPeer: false),
    Row(
      outcome: .remoteTimeout, weakensOwn: false, weakensPeer: true, resendsByOwn: false,
      resendsByPeer: false),
    Row(
      outcome: .networkTimeout, weakensOwn: true, weakensPeer: true, resendsByOwn: false,
      resendsByPeer: false),
  ]

  private static let secondPeer = NID.o2ib(0x0A0A_0002)
  private static let secondOwn = NID.o2ib(0x0A0A_0006)

  private func node(ownNIDs: Int, peerNIDs: Int) throws -> TestNode {
    let node = TestNode(ownNIDs == 1 ? [us] : [us, Self.secondOwn])
    let others = peerNIDs == 1 ? [] : [Self.secondPeer]
    try node.lnet.addPeer(primary: real, others: others.span, turn: &node.turn)
    return node
  }

  private func send(_ node: TestNode, by interface: UInt8? = nil) throws -> LNDMessage {
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(pattern(64)), threshold: 1))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7,
        interface: interface), turn: &node.turn)
    return try #require(node.takeOutbox().only)
  }

  @Test(arguments: table)
  func aFailureIsBlamedAndTheMessageSentAgain(row: Row) throws {
    let node = try node(ownNIDs: 2, peerNIDs: 2)
    let first = try send(node)
    node.finish(first, row.outcome)
    let again = node.takeOutbox()
    #expect((again.count == 1) == (row.resendsByOwn || row.resendsByPeer))
    if let message = again.first {
      // A resend over another NID of the peer may leave by any interface of ours.
      #expect(row.resendsByPeer || message.interface != first.interface)
      #expect((message.peer != first.peer) == row.resendsByPeer)
      // The header names the new way (spec 01 §3.5).
      #expect(message.header.destination.nid == message.peer)
      #expect(message.header.source.nid == node.nids[Int(message.interface)])
      #expect(node.takeEvents().isEmpty)
      node.finish(message)
      #expect(node.takeEvents().map(\.status) == [0])
    } else {
      let event = try #require(node.takeEvents().only)
      #expect(event.kind == .send && event.status < 0 && event.isUnlinked)
    }
    let own = node.health(ofInterface: Int(first.interface))
    #expect((own < 1000) == row.weakensOwn)
    let place = first.peer == real ? 0 : 1
    let health = node.interface(ofPeer: real, at: place)?.health
    #expect((health == 900) == row.weakensPeer)
  }

  /// Spec 04 C 10: a peer with one NID is neither blamed nor sent to again.
  @Test(arguments: table)
  func aPeerWithOneNIDIsNotBlamed(row: Row) throws {
    let node = try node(ownNIDs: 1, peerNIDs: 1)
    node.finish(try send(node), row.outcome)
    #expect(node.takeOutbox().isEmpty)
    #expect(node.takeEvents().map(\.kind) == [.send])
    #expect(node.interface(ofPeer: real, at: 0)?.health == 1000)
  }

  /// Our own interfaces get their health back by what they send and receive, a step at a time.
  @Test func anOwnInterfaceThatWorksGetsItsHealthBack() throws {
    let node = try node(ownNIDs: 1, peerNIDs: 1)
    for _ in 0..<3 { node.finish(try send(node), .localError) }
    #expect(node.health(ofInterface: 0) == 700)
    node.finish(try send(node))
    #expect(node.health(ofInterface: 0) == 800)
    node.receive(.put(from: real, to: us, length: 0))
    #expect(node.health(ofInterface: 0) == 900)
    for _ in 0..<3 { node.receive(.put(from: real, to: us, length: 0)) }
    #expect(node.health(ofInterface: 0) == 1000)
  }

  @Test func noMoreThanRetryCountResends() throws {
    let node = try node(ownNIDs: 1, peerNIDs: 2)
    var message = try send(node)
    for _ in 0..<2 {
      node.finish(message, .remoteDropped)
      message = try #require(node.takeOutbox().only)
    }
    node.finish(message, .remoteDropped)
    #expect(node.takeOutbox().isEmpty && node.counters.resends == 2)
    #expect(try #require(node.takeEvents().only).status == -113)
  }

  @Test func noResendAfterTheDeadline() throws {
    let node = try node(ownNIDs: 1, peerNIDs: 2)
    let message = try send(node)
    node.turn.now = 50 * second
    node.finish(message, .remoteDropped)
    #expect(node.takeOutbox().isEmpty)
    #expect(node.takeEvents().map(\.kind) == [.send])
  }

  /// Spec 01 §11: with a given source interface there is no other way.
  @Test func aPrescribedWayIsNeverChanged() throws {
    let node = try node(ownNIDs: 2, peerNIDs: 2)
    let message = try send(node, by: 1)
    #expect(message.interface == 1 && message.peer == real)
    node.finish(message, .remoteDropped)
    #expect(node.takeOutbox().isEmpty)
    #expect(node.takeEvents().map(\.status) == [-113])
  }

  @Test func anUnlinkedDescriptorIsNotSentAgain() throws {
    let node = try node(ownNIDs: 1, peerNIDs: 2)
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(pattern(64)), threshold: 1))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7),
      turn: &node.turn)
    try node.lnet.unlink(source, turn: &node.turn)
    node.finish(try #require(node.takeOutbox().only), .remoteDropped)
    #expect(node.takeOutbox().isEmpty)
    #expect(node.takeEvents().map(\.status) == [-110])
  }
}
