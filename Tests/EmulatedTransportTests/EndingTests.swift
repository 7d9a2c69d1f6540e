// Property: however a connection ends, every posted request completes once, *released* comes last, nothing is lost.
// Method: ends by either side, by both, and by the death of a node; counts of completions, slots and memory.
import EmulatedTransport
import RDMATransport
import Testing

@Suite struct EndingTests {
  @Test func aDisconnectFlushesBothSidesAndIsAnswered() throws {
    let pair = try Pair(fabric: uniqueFabric())
    pair.a.send(pair.qa, 0, id: 1)
    pair.a.execute(.disconnect(owner: 1))
    settle(pair.a, pair.b) {
      pair.a.completions.count == 5 && pair.b.completions.count == 4
        && pair.a.events.count == 1 && pair.b.events.count == 1
    }
    // What was sent before the end arrived before it.
    #expect(pair.b.completions.map(\.status) == [.success, .flushed, .flushed, .flushed])
    #expect(isDisconnected(pair.a.events[0].kind) && isDisconnected(pair.b.events[0].kind))
    // In ERROR, posts are taken and flushed.
    pair.b.receive(pair.qb, 0, id: 70)
    pair.b.send(pair.qb, 0, id: 71)
    settle(pair.b) { pair.b.completions.count == 6 }
    #expect(Set(pair.b.completions[4...].map(\.id)) == [70, 71])
    #expect(pair.b.completions[4...].allSatisfy { $0.status == .flushed })
    pair.a.execute(.destroy(owner: 1))
    pair.b.execute(.destroy(owner: 2))
    settle(pair.a, pair.b) { pair.a.events.count == 2 && pair.b.events.count == 2 }
    #expect(isReleased(pair.a.events[1].kind) && isReleased(pair.b.events[1].kind))
  }

  @Test func bothMayEndAtOnce() throws {
    let pair = try Pair(fabric: uniqueFabric())
    pair.a.execute(.disconnect(owner: 1))
    pair.b.execute(.disconnect(owner: 2))
    for _ in 0..<500 { pair.a.turn(); pair.b.turn() }
    #expect(pair.a.events.map { isDisconnected($0.kind) } == [true])
    #expect(pair.b.events.map { isDisconnected($0.kind) } == [true])
  }

  @Test func releasedComesAfterEveryCompletion() throws {
    let pair = try Pair(fabric: uniqueFabric())
    pair.a.send(pair.qa, 0, id: 1)
    pair.a.execute(.destroy(owner: 1))
    // One completion a turn: the event must not overtake.
    while pair.a.take(1, where: isReleased) == nil {
      #expect(pair.a.completions.count <= 5)
      pair.a.turn(room: 1)
    }
    #expect(pair.a.completions.count == 5)
  }

  @Test(arguments: [false, true])
  func aNodeThatVanishesDisconnectsItsPeers(hasUnreadMessage: Bool) throws {
    let fabric = uniqueFabric()
    var dying: Pair? = try Pair(fabric: fabric)
    let b = try #require(dying).b
    if hasUnreadMessage { dying?.a.send(try #require(dying).qa, 0, id: 1) }
    dying = nil
    settle(b) { b.completions.count == 4 && !b.events.isEmpty }
    // What it sent before it died still counts.
    let first: CompletionStatus = hasUnreadMessage ? .success : .flushed
    #expect(b.completions.map(\.status) == [first, .flushed, .flushed, .flushed])
    #expect(isDisconnected(b.events[0].kind))
    b.execute(.destroy(owner: 2))
    #expect(settle(b) { b.take(2, where: isReleased) != nil })
    // Its address can be taken, and reached, again.
    let successor = try Endpoint(fabric, 1)
    successor.execute(
      .prepare(
        owner: 1, route: ConnectRoute(source: successor.at(0), destination: b.at(987)),
        attributes: QueuePairAttributes(sendCapacity: 1, receiveCapacity: 1)))
    #expect(settle(successor, b) { successor.take(1, where: isReady) != nil })
  }

  /// The caller has not looked at its sockets since the address changed hands.
  @Test func whoCallsReachesTheNewHolderOfAnAddress() throws {
    let fabric = uniqueFabric()
    let attributes = QueuePairAttributes(sendCapacity: 1, receiveCapacity: 1)
    let caller = try Endpoint(fabric, 1)
    let route = ConnectRoute(
      source: caller.at(0), destination: SocketAddress(ipv4: 10 << 24 | 2, port: 987))
    func listening() throws -> Endpoint {
      let holder = try Endpoint(fabric, 2)
      holder.execute(.listen(owner: 9, address: route.destination, backlog: 0))
      return holder
    }
    do {
      let first = try listening()
      caller.execute(.prepare(owner: 1, route: route, attributes: attributes))
      #expect(settle(caller, first) { caller.take(1, where: isReady) != nil })
    }
    let second = try listening()
    caller.execute(.prepare(owner: 2, route: route, attributes: attributes))
    #expect(settle(caller, second) { caller.take(2, where: isReady) != nil })
    caller.execute(
      .connect(owner: 2, parameters: ConnectionParameters(privateData: PrivateData())))
    #expect(settle(caller, second) { second.take(9, where: isRequest) != nil })
  }

  @Test func connectsDoNotWearOutSlotsOrMemory() throws {
    var pair = try Pair(fabric: uniqueFabric(), receives: 4)
    let attributes = QueuePairAttributes(sendCapacity: 8, receiveCapacity: 8)
    var slots: Set<Int> = [pair.qa.handle.slot]
    for round in 0..<300 {
      let old: CMOwner = round == 0 ? 1 : 1000 + UInt64(round)
      let oldPassive: CMOwner = round == 0 ? 2 : 2000 + UInt64(round)
      pair.a.execute(.destroy(owner: old))
      pair.b.execute(.destroy(owner: oldPassive))
      var isReleasedTwice = (false, false)
      settle(pair.a, pair.b) {
        isReleasedTwice.0 = isReleasedTwice.0 || pair.a.take(old, where: isReleased) != nil
        isReleasedTwice.1 =
          isReleasedTwice.1 || pair.b.take(oldPassive, where: isReleased) != nil
        return isReleasedTwice.0 && isReleasedTwice.1
      }
      pair.a.completions.removeAll()
      pair.b.completions.removeAll()
      try pair.connect(
        activeOwner: 1001 + UInt64(round), passiveOwner: 2001 + UInt64(round), receives: 4,
        attributes: attributes,
        parameters: ConnectionParameters(privateData: PrivateData()))
      slots.insert(pair.qa.handle.slot)
    }
    #expect(slots.count <= 3)
  }

  @Test func aSleeperIsWokenByAMessageAndByAHangUp() throws {
    var pair: Pair? = try Pair(fabric: uniqueFabric())
    let b = try #require(pair).b
    for _ in 0..<200 { pair?.a.turn(); b.turn() }
    while !b.transport.arm() { b.turn() }
    #expect(!isReadable(b.transport.wakeDescriptor))
    pair?.a.send(try #require(pair).qa, 0, id: 1)
    #expect(isReadable(b.transport.wakeDescriptor))
    settle(b) { b.completions.count == 1 }
    while !b.transport.arm() { b.turn() }
    #expect(!isReadable(b.transport.wakeDescriptor))
    pair = nil
    #expect(isReadable(b.transport.wakeDescriptor))
    // Something is there to poll at once.
    #expect(settle(b) { b.completions.count == 4 })
  }
}
