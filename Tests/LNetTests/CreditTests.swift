// Property: the driver never has more PUTs and GETs than an interface's `credits`, nor more for one NID than
// `peer_credits`; those that wait go in order, responses do not wait, and every message ends once (spec 01 §9).
// Method: a node driven by hand, and seeded random sends, ends, unlinks and time, counted from outside.
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import LNet

@Suite struct CreditTests {
  private static let others = (1...4).map { NID.o2ib(0x0A0A_0100 + $0) }

  /// Sends from a descriptor of its own.
  @discardableResult
  private func put(_ node: TestNode, to nid: NID, tag: UInt64 = 0) throws -> DescriptorHandle {
    let memory = node.bulk([1])
    let descriptor = try node.lnet.bind(
      MemoryDescriptor(memory: memory, threshold: 1, tag: tag))
    try node.lnet.put(
      PutRequest(
        descriptor: descriptor, target: ProcessID(nid: nid), portal: Portal(rawValue: 8),
        matchBits: tag), turn: &node.turn)
    return descriptor
  }

  private func tags(_ messages: [LNDMessage]) -> [UInt64] {
    messages.map { if case .put(let put) = $0.header.body { put.matchBits } else { .max } }
  }

  @Test func aPeerHasItsShareAndTheRestFollowsInOrder() throws {
    let node = TestNode([us], credits: 10, peerCredits: 2)
    for tag in 0..<5 as Range<UInt64> { try put(node, to: real, tag: tag) }
    // Another peer is not held up by it.
    try put(node, to: Self.others[0], tag: 10)
    var out = node.takeOutbox()
    #expect(tags(out) == [0, 1, 10])
    #expect(node.counters.creditWaits == 3)
    node.finish(out[1])
    #expect(tags(node.takeOutbox()) == [2])
    node.finish(out[2])
    #expect(node.takeOutbox().isEmpty)
    node.finish(out[0], .remoteError)
    out = node.takeOutbox()
    #expect(tags(out) == [3])
  }

  @Test func allPeersTogetherHaveTheInterfacesCredits() throws {
    let node = TestNode([us], credits: 3, peerCredits: 2)
    for tag in 0..<4 as Range<UInt64> {
      try put(node, to: Self.others[Int(tag)], tag: tag)
      try put(node, to: Self.others[Int(tag)], tag: tag + 10)
    }
    let out = node.takeOutbox()
    #expect(tags(out) == [0, 10, 1])
    for message in out { node.finish(message) }
    #expect(tags(node.takeOutbox()) == [11, 2, 12])
  }

  @Test func responsesDoNotWait() throws {
    let node = TestNode([us], credits: 1, peerCredits: 1)
    try put(node, to: real)
    let memory = node.bulk([1, 2, 3])
    _ = try node.lnet.expose(
      MatchEntry(portal: Portal(rawValue: 8), matchBits: 7),
      MemoryDescriptor(memory: memory, options: [.get], unlinksWhenExhausted: false),
      turn: &node.turn)
    #expect(node.takeOutbox().count == 1)
    node.receive(.get(from: real, to: us, sink: 3))
    let out = node.takeOutbox()
    #expect(out.count == 1)
    if case .reply = out.first?.header.body {} else { Issue.record("\(out)") }
  }

  @Test func whatWaitsAndIsUnlinkedEndsAtOnce() throws {
    let node = TestNode([us], credits: 1, peerCredits: 1)
    try put(node, to: real, tag: 1)
    let second = try put(node, to: real, tag: 2)
    let third = try put(node, to: Self.others[0], tag: 3)
    try put(node, to: Self.others[0], tag: 4)
    let out = node.takeOutbox()
    #expect(tags(out) == [1])
    for handle in [second, third] { try node.lnet.unlink(handle, turn: &node.turn) }
    let ends = node.takeEvents()
    #expect(ends.map(\.tag) == [2, 3])
    #expect(ends.allSatisfy { $0.isUnlinked && $0.status != 0 })
    // The credits that the third one held of its peer are free for the fourth.
    node.finish(out[0])
    node.advance(to: 2_000_000)
    #expect(tags(node.takeOutbox()) == [4])
  }

  @Test func whatWaitsBeyondItsDeadlineIsNotSent() throws {
    let node = TestNode([us], credits: 8, peerCredits: 1)
    try put(node, to: real, tag: 1)
    try put(node, to: real, tag: 2)
    let out = node.takeOutbox()
    node.advance(to: 60_000_000_000)
    try put(node, to: real, tag: 3)
    node.finish(out[0])
    #expect(tags(node.takeOutbox()) == [3])
    let ends = node.takeEvents()
    #expect(ends.map(\.tag) == [1, 2])
    #expect(ends.last?.status == Errno.timedOut)
  }

  @Test func pingsOfANIDThatIsStuckTimeOut() throws {
    let node = TestNode([us], credits: 8, peerCredits: 1)
    try put(node, to: real, tag: 1)
    let out = node.takeOutbox()
    try node.lnet.ping(real, timeout: 1_000_000_000, tag: 9, turn: &node.turn)
    #expect(node.takeOutbox().isEmpty)
    node.advance(to: 2_000_000_000)
    #expect(node.takeEvents().map(\.kind) == [.pinged])
    node.finish(out[0])
    #expect(node.takeOutbox().isEmpty)
    #expect(node.lnet.pingCount == 0)
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func theLimitsHoldWhateverHappens(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let credits = Int.random(in: 1...6, using: &random)
    let peerCredits = Int.random(in: 1...4, using: &random)
    let node = TestNode([us], credits: credits, peerCredits: peerCredits)
    var flying: [LNDMessage] = []
    var live: [DescriptorHandle] = []
    var (began, ended) = (0, 0)
    func check() {
      flying += node.takeOutbox()
      ended += node.takeEvents().filter { $0.kind == .send }.count
      #expect(flying.count <= credits, "seed \(seed)")
      for nid in Self.others {
        #expect(flying.filter { $0.peer == nid }.count <= peerCredits, "seed \(seed)")
      }
    }
    for _ in 0..<300 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5 where began - ended < 40:
        let nid = Self.others[Int.random(in: 0..<4, using: &random)]
        live.append(try put(node, to: nid, tag: UInt64(began)))
        began += 1
      case 5..<8 where !flying.isEmpty:
        let message = flying.remove(at: Int.random(in: 0..<flying.count, using: &random))
        node.finish(message, Bool.random(using: &random) ? .success : .remoteError)
      case 8 where !live.isEmpty:
        let index = Int.random(in: 0..<live.count, using: &random)
        try? node.lnet.unlink(live.remove(at: index), turn: &node.turn)
      case 9: node.advance(to: node.turn.now + 20_000_000_000)
      default: break
      }
      check()
    }
    // Nothing is left over once the driver ends what it has and the work that was postponed is done.
    repeat {
      if !flying.isEmpty { node.finish(flying.removeFirst()) }
      node.advance(to: node.turn.now + 2_000_000)
      check()
    } while !flying.isEmpty
    #expect(ended == began, "seed \(seed)")
  }
}
