// A NID with less than full health is pinged until messages from it have brought it back (spec 01 §10.3).
// Method: a node in virtual time, with answers that come or do not; times and numbers of pings compared.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct RecoveryTests {
  private let node = TestNode([us])

  init() throws {
    let others = [NID.o2ib(0x0A0A_0002)]
    try node.lnet.addPeer(primary: real, others: others.span, turn: &node.turn)
  }

  private var health: Int? { node.interface(ofPeer: real, at: 0)?.health }

  /// Fails messages to `real` until its health has gone by so many steps.
  private func weaken(by steps: Int) throws {
    while let health, health > 1000 - steps * 100 {
      let source = try node.lnet.bind(MemoryDescriptor(memory: node.bulk([1]), threshold: 1))
      try node.lnet.put(
        PutRequest(
          descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7,
          interface: 0), turn: &node.turn)
      node.finish(try #require(node.takeOutbox().only), .remoteDropped)
    }
    _ = node.takeEvents()
  }

  private func answer(_ ping: LNDMessage) {
    guard case .get(let get) = ping.header.body else { return }
    node.finish(ping)
    node.receive(
      .reply(from: ping.peer, to: us, handle: get.returnHandle, length: 4), [1, 2, 3, 4])
  }

  /// Spec 01 §10.3 [wire]: ten pings for ten steps, no doubling while they succeed.
  @Test func eachAnswerGivesAStepBack() throws {
    try weaken(by: 10)
    #expect(health == 0)
    var pings = 0
    var time: UInt64 = 0
    while health != 1000, time < 100 * second {
      time += second / 2
      node.advance(to: time)
      for message in node.takeOutbox() {
        #expect(message.peer == real && message.header.body.type == 2)
        guard case .get(let get) = message.header.body else { continue }
        #expect(get.sinkLength == 272)
        pings += 1
        answer(message)
      }
    }
    #expect(pings == 10 && health == 1000 && time <= 12 * second)
    node.advance(to: time + 100 * second)
    #expect(node.takeOutbox().isEmpty && node.takeEvents().isEmpty)
    #expect(node.turn.timers.armedCount == 0)
  }

  @Test func theyBackOffWhileTheyFail() throws {
    try weaken(by: 1)
    var times: [UInt64] = []
    var time: UInt64 = 0
    while time < 4000 * second {
      time += second / 2
      node.advance(to: time)
      for message in node.takeOutbox() {
        times.append(time / second)
        node.finish(message, .networkTimeout)
      }
    }
    let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
    #expect(Array(gaps.prefix(12)) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900])
    // Recovery pings are never sent another way.
    #expect(node.counters.resends == 0)
  }

  @Test func anyMessageGivesHealthBack() throws {
    try weaken(by: 2)
    node.receive(.put(from: real, to: us, length: 0))
    #expect(health == 900)
    node.receive(.put(from: real, to: us, length: 0))
    #expect(health == 1000)
    node.advance(to: 10 * second)
    #expect(node.takeOutbox().isEmpty)
  }

  /// Spec 01 §10.4: down is only noted; any message sets it up again, and sends go on.
  @Test func aPeerThatIsDownIsStillSentTo() throws {
    node.lnet.peerDown(LNDEvent(kind: .peerDown, peer: real), turn: &node.turn)
    #expect(node.interface(ofPeer: real, at: 0)?.isUp == false)
    let source = try node.lnet.bind(MemoryDescriptor(memory: node.bulk([1]), threshold: 1))
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7,
        interface: 0), turn: &node.turn)
    #expect(node.takeOutbox().count == 1)
    node.receive(.put(from: real, to: us, length: 0))
    #expect(node.interface(ofPeer: real, at: 0)?.isUp == true)
  }
}
