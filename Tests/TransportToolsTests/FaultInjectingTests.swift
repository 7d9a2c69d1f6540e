// Property: each fault of a plan does what it says, where it says, and leaves the transport's contract whole.
// Method: one connection over the emulated fabric, one side wrapped; plans of one rule, and random ones by seed.
import EmulatedTransport
import RDMATransport
import Testing
import TransportTools

private typealias Faulty = FaultInjecting<EmulatedTransport>

private func pair(_ rules: [FaultPlan.Rule], seed: UInt64 = 1) throws
  -> Conversation<Faulty, EmulatedTransport>
{
  let fabric = uniqueFabric()
  let transport = FaultInjecting(
    try openFabric(fabric, 1), plan: FaultPlan(seed: seed, rules: rules))
  return Conversation(
    try Node(transport, address: 1), try Node(try openFabric(fabric, 2), address: 2))
}

@Suite struct FaultInjectingTests {
  @Test func aDroppedConnectIsSilence() throws {
    var both = try pair([FaultPlan.Rule(.drop(.connect))])
    #expect(both.request(turns: 500) == nil)
    let faultCount = both.a.transport.faultCount
    #expect(faultCount == 1)
    both.a.execute(.destroy(owner: 1))
    #expect(both.settle { both.a.names(of: 1).last == "released" })
    #expect(both.a.completions.map(\.id) == (100..<108).map { $0 })
  }

  @Test func aSendFailsInItsPlaceAndItsConnectionWithIt() throws {
    var both = try pair([FaultPlan.Rule(.failSend(.remoteAccessError), skip: 2)])
    try both.connect()
    for id in 0..<5 as Range<UInt64> { both.a.send(both.qa, id: id, [UInt8(id)]) }
    both.settle { both.a.completions.count == 13 && both.b.completions.count == 8 }
    let sends = both.a.completions.filter { $0.id < 100 }
    #expect(sends.map(\.id) == [0, 1, 2, 3, 4])
    #expect(
      sends.map(\.status) == [.success, .success, .remoteAccessError, .flushed, .flushed])
    #expect(both.b.completions.filter { $0.status == .success }.count == 2)
    both.settle { both.b.names(of: 2).contains("disconnected") }
    both.a.execute(.destroy(owner: 1))
    #expect(both.settle { both.a.names(of: 1).last == "released" })
  }

  @Test func aDeathIsFlushesAndADisconnect() throws {
    var both = try pair([FaultPlan.Rule(.die, skip: 1)])
    try both.connect()
    for id in 0..<3 as Range<UInt64> { both.a.send(both.qa, id: id, [1]) }
    both.settle {
      both.a.completions.count == 11 && both.a.names(of: 1).contains("disconnected")
    }
    let sends = both.a.completions.filter { $0.id < 100 }
    #expect(sends.map(\.status) == [.success, .retryExceeded, .flushed])
  }

  @Test func withheldReceivesMakeThePeerWait() throws {
    var both = try pair([FaultPlan.Rule(.withholdReceive(polls: 200))])
    try both.connect()
    both.b.send(both.qb, id: 1, [7])
    both.settle { both.b.completions.contains { $0.id == 1 } }
    #expect(both.b.completions.map(\.status) == [.success])
    #expect(both.b.transport.counters.receiverNotReadyCount == 1)
  }

  @Test func aPartitionHoldsEverythingAndLosesNothing() throws {
    var both = try pair([FaultPlan.Rule(.partition(polls: 300), skip: 1)])
    try both.connect()
    for id in 0..<4 as Range<UInt64> { both.a.send(both.qa, id: id, [UInt8(id)]) }
    both.b.send(both.qb, id: 50, [1])
    for _ in 0..<200 {
      both.a.turn()
      both.b.turn()
    }
    #expect(both.a.completions.isEmpty)
    #expect(both.b.completions.filter { $0.operation == .receive }.count == 1)
    let isIdle = both.a.transport.arm()
    #expect(!isIdle)
    both.settle { both.a.completions.count == 5 && both.b.completions.count == 5 }
    #expect(both.a.completions.allSatisfy { $0.status == .success })
    #expect(both.a.completions.filter { $0.id < 100 }.map(\.id) == [0, 1, 2, 3])
  }

  @Test func lateEventsStayInOrder() throws {
    var both = try pair([
      FaultPlan.Rule(.delay(.established, polls: 50)),
      FaultPlan.Rule(.delayCompletion(polls: 80), skip: 1),
    ])
    try both.connect()
    for id in 0..<4 as Range<UInt64> { both.a.send(both.qa, id: id, [1]) }
    both.a.execute(.destroy(owner: 1))
    both.settle { both.a.names(of: 1).contains("released") }
    #expect(both.a.names(of: 1) == ["ready", "established", "released"])
    #expect(both.a.completions.filter { $0.id < 100 }.map(\.id) == [0, 1, 2, 3])
    #expect(both.a.completions.count == 12)
  }

  /// Whatever goes wrong: every request completes once, sends in order, *released* comes, after all of them.
  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func randomPlansKeepTheContract(seed: UInt64) throws {
    let rules = [
      FaultPlan.Rule(.delayCompletion(polls: 7), count: 5, oneIn: 4),
      FaultPlan.Rule(.withholdReceive(polls: 20), count: 3, oneIn: 6),
      FaultPlan.Rule(.partition(polls: 30), count: 2, oneIn: 8),
      FaultPlan.Rule(.failSend(.remoteOperationError), count: 1, oneIn: 12),
      FaultPlan.Rule(.die, count: 1, oneIn: 15),
      FaultPlan.Rule(.drop(.disconnected), count: 1, oneIn: 2),
    ]
    var both = try pair(rules, seed: seed)
    try both.connect()
    var posted = 0
    for id in 0..<8 as Range<UInt64> {
      if both.a.send(both.qa, id: id, [UInt8(id)]) == .posted { posted += 1 }
      both.b.send(both.qb, id: id, [UInt8(id)])
      both.a.turn()
      both.b.turn()
    }
    for _ in 0..<100 {
      both.a.turn()
      both.b.turn()
    }
    both.a.execute(.destroy(owner: 1))
    #expect(both.settle { both.a.names(of: 1).last == "released" })
    #expect(both.a.completions.count == posted + 8)
    let sends = both.a.completions.filter { $0.id < 100 }.map(\.id)
    #expect(sends == sends.sorted() && Set(sends).count == posted)
    both.b.execute(.destroy(owner: 2))
    #expect(both.settle { both.b.names(of: 2).last == "released" })
  }
}
