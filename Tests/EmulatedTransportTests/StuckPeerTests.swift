// Property: a peer that never stops writing to a queue pair does not keep it from ending for ever, and what it may
// be writing to is not used again as long as it may go on.
// Method: the word by which a peer says that it is writing is set by hand, as a frozen peer leaves it.
import EmulatedTransport
import RDMATransport
import Testing

@Suite struct StuckPeerTests {
  /// Says for the peer of a queue pair whether it is writing. The node's first region begins behind
  /// its queue pairs.
  private func setBusy(_ node: Endpoint, _ queuePair: QueuePairHandle, _ value: UInt32) {
    let queuePairs = UInt(node.memory.address) - 128 * 16384
    let word = queuePairs + UInt(queuePair.handle.slot) * 128 + 64
    UnsafeMutablePointer<UInt32>(bitPattern: word)?.pointee = value
  }

  @Test func aPeerThatNeverStopsWritingIsHungUp() throws {
    let limits = FabricLimits(memoryByteCountMax: 64 << 20, peerWriteNanosecondsMax: 0)
    let pair = try Pair(fabric: uniqueFabric(), limits: limits)
    let attributes = QueuePairAttributes(sendCapacity: 1, receiveCapacity: 1)
    let route = ConnectRoute(source: pair.a.at(0), destination: pair.b.at(Pair.port))
    pair.a.execute(.prepare(owner: 5, route: route, attributes: attributes))
    #expect(settle(pair.a) { pair.a.take(5, where: isReady) != nil })
    setBusy(pair.b, pair.qb, 1)
    pair.b.execute(.destroy(owner: 2))
    // The peer learns of it as of a death: what else it had on the link fails.
    #expect(settle(pair.a, pair.b) { pair.a.take(5, where: isFailed) != nil })
    // It has noticed, so it is out.
    #expect(settle(pair.b) { pair.b.take(2, where: isReleased) != nil })
    #expect(pair.b.completions.map(\.status) == [.flushed, .flushed, .flushed, .flushed])
    #expect(pair.b.transport.counters.peerViolationCount == 1)
    // A new connection gets a new link.
    pair.b.completions.removeAll()
    var again = pair
    try again.connect(
      activeOwner: 3, passiveOwner: 4, receives: 1, attributes: attributes,
      parameters: ConnectionParameters(privateData: PrivateData()))
    again.a.send(again.qa, 0, id: 7)
    #expect(settle(again.a, again.b) { again.b.takeCompletion(100)?.status == .success })
  }

  /// The link is gone, and the frozen peer has not noticed.
  private func hungUpOn(thaw: UInt64) throws -> Pair {
    let limits = FabricLimits(
      memoryByteCountMax: 64 << 20, peerWriteNanosecondsMax: 0, peerThawNanosecondsMax: thaw)
    let pair = try Pair(fabric: uniqueFabric(), limits: limits)
    setBusy(pair.b, pair.qb, 1)
    pair.b.execute(.destroy(owner: 2))
    #expect(settle(pair.b) { pair.b.transport.counters.peerViolationCount == 1 })
    return pair
  }

  @Test func whatAFrozenPeerWritesToStaysUnused() throws {
    let pair = try hungUpOn(thaw: .max / 2)
    for _ in 0..<300 { pair.b.turn() }
    #expect(pair.b.completions.isEmpty && pair.b.take(2, where: isReleased) == nil)
    // It thaws and finishes.
    setBusy(pair.b, pair.qb, 0)
    #expect(settle(pair.b) { pair.b.take(2, where: isReleased) != nil })
    #expect(pair.b.completions.map(\.status) == [.flushed, .flushed, .flushed, .flushed])
  }

  @Test func aDeadPeerWritesNoMore() throws {
    var pair: Pair? = try hungUpOn(thaw: .max / 2)
    guard let node = pair?.b else { return }
    pair = nil
    #expect(settle(node) { node.take(2, where: isReleased) != nil })
    #expect(node.completions.map(\.status) == [.flushed, .flushed, .flushed, .flushed])
  }

  @Test func aPeerThatNeitherThawsNorDiesIsNotWaitedForForEver() throws {
    let pair = try hungUpOn(thaw: 0)
    #expect(settle(pair.b) { pair.b.take(2, where: isReleased) != nil })
  }

  @Test func aPeerThatIsWritingHasTime() throws {
    let limits = FabricLimits(memoryByteCountMax: 64 << 20, peerWriteNanosecondsMax: .max / 2)
    let pair = try Pair(fabric: uniqueFabric(), limits: limits)
    setBusy(pair.b, pair.qb, 1)
    pair.b.execute(.destroy(owner: 2))
    for _ in 0..<300 { pair.b.turn() }
    #expect(pair.b.completions.isEmpty && pair.b.take(2, where: isReleased) == nil)
    setBusy(pair.b, pair.qb, 0)
    #expect(settle(pair.b) { pair.b.take(2, where: isReleased) != nil })
    #expect(pair.b.transport.counters.peerViolationCount == 0)
  }
}
