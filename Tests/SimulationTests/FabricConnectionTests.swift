// The simulated connection manager keeps the transport's contract.
// Method: two endpoints driven by hand in virtual time, one case for each way a connect can go.
import RDMATransport
import Simulation
import Testing

@Suite struct FabricConnectionTests {
  let attributes = QueuePairAttributes(sendCapacity: 8, receiveCapacity: 8)

  @Test func privateDataIsPaddedAsTheKernelPadsIt() throws {
    let pair = try Pair()
    _ = pair.connect()
    var seen: [Int] = []
    for event in pair.b.events {
      if case .connectRequest(_, let source, let data) = event.kind {
        #expect(source == SocketAddress(ipv4: pair.a.address, port: 1023))
        seen.append(data.count)
      }
    }
    for event in pair.a.events {
      if case .established(let data) = event.kind { seen.append(data.count) }
    }
    for event in pair.b.events {
      if case .established(let data) = event.kind { seen.append(data.count) }
    }
    #expect(seen == [56, 196, 0])
  }

  @Test func aRejectCarriesItsDataPadded() throws {
    let pair = try Pair()
    pair.prepare(attributes)
    pair.a.run(.connect(owner: 1, parameters: Pair.parameters()))
    pair.settle()
    let request = try #require(pair.b.request())
    pair.b.run(.reject(request: request, privateData: PrivateData([7, 8].span.bytes)))
    pair.settle()
    let failure = try #require(pair.a.failure(of: 1))
    #expect(failure.rejectReason == ConnectFailure.reasonConsumer)
    #expect(failure.privateData.count == 148)
    #expect(failure.errno == 111)
    pair.a.run(.destroy(owner: 1))
    pair.settle()
    #expect(pair.a.events.last?.kind.number == 7)
  }

  @Test func rejectingAfterPreparationLeavesOnlyDestroy() throws {
    let pair = try Pair()
    pair.prepare(attributes)
    pair.a.run(.connect(owner: 1, parameters: Pair.parameters()))
    pair.settle()
    let request = try #require(pair.b.request())
    pair.b.run(.prepareReply(owner: 2, request: request, attributes: attributes))
    pair.b.poll()
    let queuePair = try #require(pair.b.queuePair(of: 2))
    _ = pair.b.receive(on: queuePair, id: 5)
    pair.b.run(.rejectPrepared(owner: 2, privateData: PrivateData()), .destroy(owner: 2))
    pair.settle()
    #expect(pair.a.failure(of: 1)?.rejectReason == ConnectFailure.reasonConsumer)
    #expect(pair.b.completions.map(\.status) == [.flushed])
    #expect(pair.b.has(2, 7))
  }

  @Test func nobodyListens() throws {
    let pair = try Pair()
    pair.b.run(.destroy(owner: 9))
    pair.prepare(attributes)
    pair.a.run(.connect(owner: 1, parameters: Pair.parameters()))
    pair.settle()
    #expect(pair.a.failure(of: 1)?.rejectReason == ConnectFailure.reasonInvalidServiceID)
  }

  @Test func anUnknownAddressDoesNotResolve() throws {
    let pair = try Pair()
    let route = ConnectRoute(
      source: SocketAddress(ipv4: pair.a.address, port: 0),
      destination: SocketAddress(ipv4: 0x0A00_0063, port: 987), resolveTimeoutMilliseconds: 50)
    pair.a.run(.prepare(owner: 1, route: route, attributes: attributes))
    pair.settle()
    #expect(pair.a.failure(of: 1)?.step == .resolveAddress)
  }

  @Test func aSilentListenerEndsInTheDeadline() throws {
    let pair = try Pair()
    pair.prepare(attributes)
    pair.a.run(.connect(owner: 1, parameters: Pair.parameters(timeoutMilliseconds: 900)))
    pair.settle(nanoseconds: 2_000_000_000)
    let failure = try #require(pair.a.failure(of: 1))
    #expect(failure.step == .connect)
    #expect(failure.errno == 110)
    let request = try #require(pair.b.request())
    pair.b.run(.prepareReply(owner: 2, request: request, attributes: attributes))
    pair.b.poll()
    pair.b.run(.accept(owner: 2, parameters: Pair.parameters()))
    pair.settle()
    #expect(pair.b.failure(of: 2) != nil)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func lostMessagesOnlyDelay(seed: UInt64) throws {
    var model = NetworkModel()
    model.connectDropPerMille = 300
    let pair = try Pair(model: model, seed: seed)
    pair.prepare(attributes)
    pair.a.run(.connect(owner: 1, parameters: Pair.parameters(timeoutMilliseconds: 30_000)))
    pair.settle(nanoseconds: 10_000_000_000)
    let request = try #require(pair.b.request())
    pair.b.run(.prepareReply(owner: 2, request: request, attributes: attributes))
    pair.b.poll()
    pair.b.run(.accept(owner: 2, parameters: Pair.parameters(timeoutMilliseconds: 30_000)))
    pair.settle(nanoseconds: 20_000_000_000)
    #expect(pair.a.has(1, 4))
    #expect(pair.b.has(2, 4))
  }

  @Test func disconnectReachesBothEndsAndFlushes() throws {
    let pair = try Pair()
    _ = pair.connect(receives: 3)
    pair.a.run(.disconnect(owner: 1))
    pair.settle()
    #expect(pair.a.has(1, 6))
    #expect(pair.b.has(2, 6))
    #expect(pair.a.completions.map(\.status) == [.flushed, .flushed, .flushed])
    #expect(pair.b.completions.map(\.status) == [.flushed, .flushed, .flushed])
    pair.a.run(.destroy(owner: 1))
    pair.b.run(.destroy(owner: 2))
    pair.settle()
    #expect(pair.a.events.last?.kind.number == 7)
    #expect(pair.b.events.last?.kind.number == 7)
  }

  @Test func aDeadTransportIsHeardOf() throws {
    let fabric = SimulatedFabric(seed: 3)
    let a = try Endpoint(fabric, address: 1, access: .localWrite)
    let attributes = attributes
    func connectAndDie() throws {
      let b = try Endpoint(fabric, address: 2, access: .localWrite)
      b.run(.listen(owner: 9, address: SocketAddress(ipv4: 2, port: 987), backlog: 0))
      let route = ConnectRoute(
        source: SocketAddress(ipv4: 1, port: 0), destination: SocketAddress(ipv4: 2, port: 987))
      a.run(.prepare(owner: 1, route: route, attributes: attributes))
      fabric.advance(to: fabric.now + 1_000_000)
      a.run(.connect(owner: 1, parameters: Pair.parameters()))
      fabric.advance(to: fabric.now + 1_000_000)
      b.poll()
      let request = try #require(b.request())
      b.run(
        .prepareReply(owner: 2, request: request, attributes: attributes),
        .accept(owner: 2, parameters: Pair.parameters()))
      fabric.advance(to: fabric.now + 1_000_000)
      a.poll()
      #expect(a.has(1, 4))
    }
    try connectAndDie()
    fabric.advance(to: fabric.now + 1_000_000)
    a.poll()
    #expect(a.has(1, 6))
  }

  @Test func aRemovedDeviceEndsEverything() throws {
    let pair = try Pair()
    _ = pair.connect(receives: 2)
    pair.a.transport.host.removeDevice()
    pair.settle()
    #expect(pair.a.has(0, 8))
    #expect(pair.a.has(1, 6))
    #expect(pair.a.completions.map(\.status) == [.flushed, .flushed])
    #expect(!pair.b.has(2, 6))
    pair.a.run(.destroy(owner: 1))
    pair.settle()
    #expect(pair.a.has(1, 7))
  }
}
