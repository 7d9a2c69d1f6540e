// Property: telling a node of a peer in advance leaves nothing waiting for ever, whatever is under way to its NIDs.
// Method: a second NID is given to a peer while it is itself being discovered, by hand; what goes out is answered, and
// what was parked, or asked for, must end.
import LustreWire
import RDMATransport
import Testing

@testable import LNet

@Suite struct AddPeerTests {
  private let primary = NID.o2ib(0x0A0A_0011)
  private let second = NID.o2ib(0x0A0A_0012)
  private let node = TestNode([us], pingsBeforeSending: true)

  private func send(to target: NID, tag: UInt64) throws {
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk([1]), threshold: 1, tag: tag))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: target), portal: .ostRequest, matchBits: 7),
      turn: &node.turn)
  }

  /// Answers what LNet itself asks until it asks no more; gives the rest.
  private func answerAll(_ nids: [NID]) -> [LNDMessage] {
    var others: [LNDMessage] = []
    while let message = node.takeMessage() {
      switch message.header.body {
      case .get(let get):
        let info = PingInfo(nids: nids, sequence: 2)
        var raw = [UInt8](repeating: 0, count: info.byteCount)
        do {
          var span = raw.mutableSpan
          var bytes = span.mutableBytes
          info.encode(into: &bytes)
        }
        node.finish(message)
        node.receive(
          .reply(from: message.peer, to: us, handle: get.returnHandle, length: raw.count), raw)
      case .put(let put) where put.portal == .reserved:
        node.finish(message)
        node.receive(.ack(from: message.peer, to: us, handle: put.acknowledgeHandle, length: 48))
      default:
        node.finish(message)
        others.append(message)
      }
    }
    return others
  }

  private func add(isConfigured: Bool) throws {
    let others = [second]
    try node.lnet.addPeer(
      primary: primary, others: others.span, isConfigured: isConfigured, turn: &node.turn)
  }

  @Test(arguments: [false, true], [false, true])
  func whatWasParkedGoesOn(isConfigured: Bool, isKnown: Bool) throws {
    if isKnown {
      try send(to: primary, tag: 1)
      #expect(answerAll([primary]).count == 1)
      #expect(node.peer(primary)?.state == .upToDate)
    }
    try send(to: second, tag: 2)
    #expect(node.peer(second)?.state == .pinging)
    #expect(node.lnet.parkedMessageCount == 1)
    try add(isConfigured: isConfigured)
    #expect(answerAll([primary, second]).count == 1)
    #expect(node.lnet.parkedMessageCount == 0)
    #expect(node.peer(second)?.primary == primary)
    // And later ones too.
    try send(to: second, tag: 3)
    #expect(answerAll([primary, second]).count == 1)
    #expect(node.lnet.messageCount == 0)
  }

  @Test(arguments: [false, true])
  func whoAskedForADiscoveryIsTold(isConfigured: Bool) throws {
    try node.lnet.discover(second, tag: 5, turn: &node.turn)
    try add(isConfigured: isConfigured)
    _ = answerAll([primary, second])
    let told = node.takeEvents().filter { $0.kind == .discovered }
    #expect(told.map(\.tag) == [5])
    #expect(told.first?.status == 0 && told.first?.initiator == primary)
  }

  @Test func aPingUnderWayToThePeerItselfIsNotDisturbed() throws {
    try send(to: primary, tag: 1)
    #expect(node.peer(primary)?.state == .pinging)
    try add(isConfigured: false)
    #expect(answerAll([primary, second]).count == 1)
    #expect(node.peer(second)?.state == .upToDate)
    #expect(node.peer(primary)?.interfaceCount == 2)
  }
}
