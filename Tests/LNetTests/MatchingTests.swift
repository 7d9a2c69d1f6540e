// A message lands where spec 01 §4.3 says: each step of the search has a test that names it.
// Method: entries and descriptors set up by hand, headers fed in; which tag hears of it is compared.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct MatchingTests {
  private let node = TestNode([us])

  @discardableResult
  private func expose(
    _ tag: UInt64, bits: UInt64 = 7, ignore: UInt64 = 0, nid: NID = .any,
    pid: UInt32 = LNetLimits.anyPID, position: MatchEntry.Position = .after, length: Int = 100,
    options: DescriptorOptions = [.put], threshold: Int32 = -1, maxSize: UInt32 = 0,
    portal: UInt32 = 8
  ) throws -> DescriptorHandle {
    try node.lnet.expose(
      MatchEntry(
        portal: Portal(rawValue: portal), matchBits: bits, ignoreBits: ignore, nid: nid, pid: pid,
        position: position),
      MemoryDescriptor(
        memory: node.bulk(count: length), options: options, threshold: threshold,
        maxSize: maxSize, tag: tag), turn: &node.turn)
  }

  /// Which descriptor a PUT lands in; nil for none.
  private func land(
    bits: UInt64 = 7, from source: NID = real, length: Int = 10, portal: UInt32 = 8,
    offset: UInt32 = 0
  ) -> UInt64? {
    node.receive(
      .put(
        from: source, to: us, portal: portal, matchBits: bits, offset: offset, length: length),
      pattern(length))
    return node.takeEvents().only?.tag
  }

  @Test func step1AnExhaustedDescriptorIsSkipped() throws {
    try expose(1, threshold: 1)
    try expose(2, threshold: 2)
    #expect([land(), land(), land(), land()] == [1, 2, 2, nil])
    #expect(node.counters.droppedNoMatch == 1)
  }

  @Test func step1MaxSizeNeedsThatMuchRoom() throws {
    try expose(1, length: 100, options: [.put, .maxSize], maxSize: 40)
    try expose(2)
    // After two messages of 31 bytes 38 are left: fewer than max_size.
    #expect([land(length: 31), land(length: 31), land(length: 1)] == [1, 1, 2])
  }

  @Test func step2TheOperationMustBeAllowed() throws {
    try expose(1, options: [.get])
    try expose(2, options: [.put])
    #expect(land() == 2)
    node.receive(.get(from: real, to: us, sink: 100))
    let reply = try #require(node.takeOutbox().only)
    node.finish(reply)
    #expect(node.takeEvents().only?.tag == 1)
  }

  @Test func step3BitsMustMatchButForIgnoredOnes() throws {
    try expose(1, bits: 0xF0, ignore: 0x0F)
    try expose(2, bits: 0x77)
    #expect(land(bits: 0xFA) == 1 && land(bits: 0xF0) == 1)
    #expect(land(bits: 0x77) == 2 && land(bits: 0x78) == nil && land(bits: 0x1F0) == nil)
  }

  @Test func step4ThePIDMustMatch() throws {
    try expose(1, pid: 99)
    try expose(2, pid: 12345)
    #expect(land() == 2)
  }

  @Test func step5TheNIDMustBeTheSenders() throws {
    try expose(1, nid: .o2ib(1))
    try expose(2, nid: real)
    #expect(land() == 2)
    #expect(land(from: .o2ib(2)) == nil)
  }

  /// The initiator is the primary NID of the sender; another NID of the same peer is accepted.
  @Test func step5AnyNIDOfTheSamePeerWillDo() throws {
    let second = NID.o2ib(0x0A0A_0002)
    let others = [second]
    try node.lnet.addPeer(primary: real, others: others.span, turn: &node.turn)
    try expose(1, bits: 1, nid: real)
    try expose(2, bits: 2, nid: second)
    #expect(land(bits: 1, from: second) == 1)
    #expect(land(bits: 2, from: real) == 2)
    node.receive(.put(from: second, to: us, matchBits: 1, length: 4), [1, 2, 3, 4])
    let event = try #require(node.takeEvents().only)
    #expect(event.initiator == real && event.source == second)
    // A NID of another peer is no match.
    #expect(land(bits: 1, from: .o2ib(9)) == nil)
  }

  @Test func step6RoomIsMaxSizeOrTheRest() throws {
    try expose(1, bits: 1, length: 100, options: [.put, .truncate])
    node.receive(.put(from: real, to: us, matchBits: 1, length: 70), pattern(70))
    node.receive(.put(from: real, to: us, matchBits: 1, length: 70), pattern(70))
    #expect(node.takeEvents().map(\.movedLength) == [70, 30])
    try expose(2, bits: 2, length: 100, options: [.put, .truncate, .maxSize], maxSize: 20)
    node.receive(.put(from: real, to: us, matchBits: 2, length: 70), pattern(70))
    #expect(node.takeEvents().map(\.movedLength) == [20])
  }

  /// The search stops at the first that fits but is too short; a later one with room gets nothing.
  @Test func step6TooLongStopsTheSearch() throws {
    try expose(1, length: 10)
    try expose(2, length: 100)
    #expect(land(length: 50) == nil)
    #expect(node.counters.droppedTooLong == 1)
  }

  @Test func step7LocalOffsetsAdvance() throws {
    try expose(1)
    for length in [10, 20, 30] {
      node.receive(.put(from: real, to: us, length: length), pattern(length))
    }
    #expect(node.takeEvents().map(\.offset) == [0, 10, 30])
  }

  @Test func entriesWithIgnoreBitsComeFirst() throws {
    try expose(1, bits: 7)
    try expose(2, bits: 0, ignore: .max)
    #expect(land() == 2)
  }

  @Test func listOrderIsBeforeAndAfter() throws {
    try expose(1, threshold: 1)
    try expose(2, position: .before, threshold: 1)
    try expose(3, threshold: 1)
    #expect([land(), land(), land()] == [2, 1, 3])
    try expose(11, bits: 0, ignore: .max, threshold: 1)
    try expose(12, bits: 0, ignore: .max, position: .before, threshold: 1)
    #expect([land(), land()] == [12, 11])
  }

  @Test func portalsAreApart() throws {
    try expose(1, portal: 8)
    try expose(2, portal: 26)
    #expect(land(portal: 26) == 2 && land(portal: 8) == 1 && land(portal: 9) == nil)
  }

  /// Spec 01 §4.1: an index of 64 or more is dropped.
  @Test(arguments: [64, 65, 1000, UInt32.max])
  func portalsBeyondTheTableAreDropped(portal: UInt32) throws {
    #expect(land(portal: portal) == nil)
    node.receive(.get(from: real, to: us, portal: portal, sink: 8))
    #expect(node.counters.droppedBadPortal == 2 && node.takeOutbox().isEmpty)
  }

  @Test func anEntryMayOutliveItsDescriptor() throws {
    let entry = try node.lnet.attach(
      MatchEntry(portal: .ostBulk, matchBits: 7, unlinksWithDescriptor: false))
    for tag in 1...3 as ClosedRange<UInt64> {
      _ = try node.lnet.attach(
        MemoryDescriptor(memory: node.bulk(count: 10), options: .put, threshold: 1, tag: tag),
        to: entry, turn: &node.turn)
      #expect(throws: LNetError.occupied) {
        try node.lnet.attach(
          MemoryDescriptor(memory: .none, options: .put), to: entry, turn: &node.turn)
      }
      #expect(land() == tag)
      #expect(node.lnet.entryCount == 1 && node.lnet.descriptorCount == 0)
    }
    try node.lnet.unlink(entry, turn: &node.turn)
    #expect(node.lnet.entryCount == 0)
  }

  @Test func aRetainedDescriptorStaysUntilItIsUnlinked() throws {
    let descriptor = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7),
      MemoryDescriptor(
        memory: node.bulk(count: 10), options: .put, threshold: 1, unlinksWhenExhausted: false,
        tag: 1), turn: &node.turn)
    #expect(land() == 1 && land() == nil)
    #expect(node.lnet.descriptorCount == 1)
    try node.lnet.unlink(descriptor, turn: &node.turn)
    let event = try #require(node.takeEvents().only)
    #expect(event.kind == .unlink && event.status == 0 && event.isUnlinked)
    #expect(node.lnet.descriptorCount == 0 && node.lnet.entryCount == 0)
    #expect(throws: LNetError.unknownHandle) {
      try node.lnet.unlink(descriptor, turn: &node.turn)
    }
  }
}
