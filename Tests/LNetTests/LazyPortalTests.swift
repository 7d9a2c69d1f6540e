// A PUT without a buffer waits on a lazy portal, in order, bounded, and is answered exactly once (spec
// 01 §4.1, 02 §6.2).
// Method: messages fed in before their buffers; answers and order of delivery compared.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct LazyPortalTests {
  private let node = TestNode(
    [us],
    limits: smallLimits {
      $0.heldMessages = 8
      $0.messagesInPlace = 4
    })
  private let portal = Portal.ostRequest

  init() { node.lnet.setLazy(portal, true, turn: &node.turn) }

  private func arrive(_ bits: UInt64, length: Int = 16, kind: LNDEvent.Kind = .immediate)
    -> ReceptionAnswer
  {
    node.receive(
      .put(
        from: real, to: us, portal: portal.rawValue, matchBits: bits, length: length),
      kind == .putRequest ? [] : pattern(length, seed: Int(bits)), kind: kind)
  }

  private func isHeld(_ answer: ReceptionAnswer) -> Bool {
    if case .held = answer { return true }
    return false
  }

  private func service(threshold: Int32 = -1, memory: BufferRef) throws -> DescriptorHandle {
    try node.lnet.expose(
      MatchEntry(portal: portal, matchBits: 0, ignoreBits: .max),
      MemoryDescriptor(memory: memory, options: [.put], threshold: threshold),
      turn: &node.turn)
  }

  @Test func theyWaitAndLandInOrder() throws {
    for bits in 1...5 as ClosedRange<UInt64> { #expect(isHeld(arrive(bits))) }
    #expect(node.lnet.heldMessageCount == 5 && node.takeEvents().isEmpty)
    _ = try service(threshold: 3, memory: node.bulk(count: 4096))
    #expect(node.takeEvents().map(\.matchBits) == [1, 2, 3])
    #expect(node.lateAnswers.count == 3 && node.lnet.heldMessageCount == 2)
    _ = try service(memory: node.bulk(count: 4096))
    #expect(node.takeEvents().map(\.matchBits) == [4, 5])
    #expect(node.lateAnswers.count == 5 && node.waiting.isEmpty)
  }

  @Test func onlyWhatMatchesLeaves() throws {
    for bits in 1...4 as ClosedRange<UInt64> { _ = arrive(bits) }
    _ = try node.lnet.expose(
      MatchEntry(portal: portal, matchBits: 3),
      MemoryDescriptor(memory: node.bulk(count: 64), options: [.put]), turn: &node.turn)
    #expect(node.takeEvents().map(\.matchBits) == [3])
    _ = try node.lnet.expose(
      MatchEntry(portal: portal, matchBits: 4),
      MemoryDescriptor(memory: node.bulk(count: 64), options: [.put]), turn: &node.turn)
    #expect(node.takeEvents().map(\.matchBits) == [4])
    _ = arrive(9)
    _ = try service(memory: node.bulk(count: 4096))
    #expect(node.takeEvents().map(\.matchBits) == [1, 2, 9])
  }

  @Test func aPutRequestWaitsForItsSink() throws {
    #expect(isHeld(arrive(1, length: 8192, kind: .putRequest)))
    let memory = node.bulk(count: 16384)
    _ = try service(memory: memory)
    node.collect()
    guard case .acceptPut(let sink, let ticket) = try #require(node.lateAnswers.only).answer
    else {
      Issue.record("the late answer to a PUT_REQ is its sink")
      return
    }
    #expect(sink == memory.part(offset: 0, length: 8192))
    #expect(node.takeEvents().isEmpty)
    node.putDone(ticket, status: 8192, from: real)
    #expect(node.takeEvents().map(\.movedLength) == [8192])
  }

  @Test func tooManyAreDroppedAndCounted() {
    for bits in 1...8 as ClosedRange<UInt64> { #expect(isHeld(arrive(bits))) }
    guard case .consumed = arrive(9) else {
      Issue.record("the ninth of eight waits")
      return
    }
    guard case .refusePut(0) = arrive(10, length: 8192, kind: .putRequest) else {
      Issue.record("the tenth of eight waits")
      return
    }
    #expect(node.counters.droppedHeldLimit == 2 && node.counters.held == 8)
    #expect(node.lnet.log.first?.kind == .heldLimit)
  }

  @Test func aPortalThatIsNoLongerLazyLetsGo() {
    for bits in 1...3 as ClosedRange<UInt64> { _ = arrive(bits) }
    node.lnet.setLazy(portal, false, turn: &node.turn)
    node.collect()
    #expect(node.lateAnswers.count == 3 && node.lnet.heldMessageCount == 0)
    #expect(node.counters.droppedNoMatch == 3)
    #expect(!isHeld(arrive(4)))
  }

  /// Spec 01 §4.1: GETs are never held.
  @Test func getsAreNeverHeld() {
    let answer = node.receive(
      .get(from: real, to: us, portal: portal.rawValue, sink: 8192), kind: .getRequest)
    guard case .refuseGet(-61) = answer else {
      Issue.record("a GET without a match is refused, not held: \(answer)")
      return
    }
  }

  // In place: the descriptor has no memory.

  private func inPlace() throws {
    _ = try node.lnet.expose(
      MatchEntry(portal: portal, matchBits: 0, ignoreBits: .max),
      MemoryDescriptor(memory: .none, options: [.put, .maxSize], maxSize: 4096),
      turn: &node.turn)
  }

  @Test func aRequestIsReadWhereItWasReceived() throws {
    try inPlace()
    #expect(isHeld(arrive(1)))
    let event = try #require(node.takeEvents().only)
    #expect(node.bytes(event.payload) == pattern(16, seed: 1) && event.delivery != .none)
    #expect(node.lateAnswers.isEmpty && node.lnet.messagesInPlaceCount == 1)
    node.lnet.release(event.delivery, turn: &node.turn)
    node.collect()
    #expect(node.lateAnswers.count == 1 && node.lnet.messagesInPlaceCount == 0)
  }

  @Test func aLongRequestIsFetchedIntoBulkMemory() throws {
    try inPlace()
    let before = node.turn.memory.bulk.freePieceCount
    guard case .acceptPut(let sink, let ticket) = arrive(1, length: 4000, kind: .putRequest)
    else {
      Issue.record("a PUT_REQ for a descriptor without memory gets a run of bulk memory")
      return
    }
    #expect(sink.isBulk && sink.length == 4000)
    node.write(pattern(4000), to: sink)
    node.putDone(ticket, status: 4000, from: real)
    let event = try #require(node.takeEvents().only)
    #expect(node.bytes(event.payload) == pattern(4000))
    node.lnet.release(event.delivery, turn: &node.turn)
    #expect(node.turn.memory.bulk.freePieceCount == before)
    #expect(node.lnet.messagesInPlaceCount == 0)
  }

  @Test func aFailedFetchGivesItsMemoryBack() throws {
    try inPlace()
    let before = node.turn.memory.bulk.freePieceCount
    guard case .acceptPut(_, let ticket) = arrive(1, length: 4000, kind: .putRequest) else {
      Issue.record("not accepted")
      return
    }
    node.putDone(ticket, status: -5, from: real)
    let event = try #require(node.takeEvents().only)
    #expect(event.status == -5 && event.delivery == .none)
    #expect(node.turn.memory.bulk.freePieceCount == before)
    #expect(node.lnet.messagesInPlaceCount == 0)
  }

  /// What is read in place is bounded; more waits on the portal, and lands when one is released.
  @Test func readingInPlaceIsBounded() throws {
    try inPlace()
    for bits in 1...6 as ClosedRange<UInt64> { #expect(isHeld(arrive(bits))) }
    let events = node.takeEvents()
    #expect(events.map(\.matchBits) == [1, 2, 3, 4] && node.lnet.heldMessageCount == 2)
    node.lnet.release(events[1].delivery, turn: &node.turn)
    let next = node.takeEvents()
    #expect(next.map(\.matchBits) == [5] && node.lnet.heldMessageCount == 1)
    for event in [events[0], events[2], events[3]] + next {
      node.lnet.release(event.delivery, turn: &node.turn)
    }
    let last = try #require(node.takeEvents().only)
    node.lnet.release(last.delivery, turn: &node.turn)
    node.collect()
    #expect(node.lateAnswers.count == 6 && node.waiting.isEmpty)
  }

  /// The bound is the node's, not the portal's: a place that is free goes to whoever waits, in turn.
  @Test func aPlaceGoesToAnotherPortal() throws {
    try inPlace()
    node.lnet.setLazy(.mdsRequest, true, turn: &node.turn)
    _ = try node.lnet.expose(
      MatchEntry(portal: .mdsRequest, matchBits: 0, ignoreBits: .max),
      MemoryDescriptor(memory: .none, options: [.put]), turn: &node.turn)
    for bits in 1...5 as ClosedRange<UInt64> { _ = arrive(bits) }
    for bits in 11...12 as ClosedRange<UInt64> {
      node.receive(
        .put(
          from: real, to: us, portal: Portal.mdsRequest.rawValue, matchBits: bits, length: 4),
        [1, 2, 3, 4])
    }
    let events = node.takeEvents()
    #expect(events.map(\.matchBits) == [1, 2, 3, 4] && node.lnet.heldMessageCount == 3)
    var order: [UInt64] = []
    for event in events {
      node.lnet.release(event.delivery, turn: &node.turn)
      order += node.takeEvents().map(\.matchBits)
    }
    #expect(order == [11, 12, 5] && node.lnet.heldMessageCount == 0)
  }

  /// A transfer that fails leaves its place, too.
  @Test func aFailedFetchLeavesItsPlaceToWhoWaits() throws {
    try inPlace()
    guard case .acceptPut(_, let ticket) = arrive(1, length: 4000, kind: .putRequest) else {
      Issue.record("not accepted")
      return
    }
    for bits in 2...5 as ClosedRange<UInt64> { _ = arrive(bits) }
    #expect(node.takeEvents().map(\.matchBits) == [2, 3, 4])
    node.putDone(ticket, status: -5, from: real)
    #expect(node.takeEvents().map(\.matchBits) == [1, 5] && node.lnet.heldMessageCount == 0)
  }

  @Test func releasingTwiceTraps() async {
    await #expect(processExitsWith: .failure) {
      let node = TestNode([us])
      _ = try node.lnet.expose(
        MatchEntry(portal: .ostRequest, matchBits: 7),
        MemoryDescriptor(memory: .none, options: [.put]), turn: &node.turn)
      node.receive(.put(from: real, to: us, portal: 28, length: 4), [1, 2, 3, 4])
      let event = node.takeEvents()[0]
      node.lnet.release(event.delivery, turn: &node.turn)
      node.lnet.release(event.delivery, turn: &node.turn)
    }
  }
}
