// Property: every connect ends as real rdma_cm's would: established, refused with its reason, or failed in time.
// Method: two nodes driven in turn; each case checks the events, their order and their private data.
import EmulatedTransport
import RDMATransport
import Testing

private func data(_ bytes: [UInt8]) -> PrivateData { PrivateData(bytes.span.bytes) }

private func read(_ privateData: PrivateData) -> [UInt8] {
  let bytes = privateData.bytes
  return (0..<bytes.byteCount).map { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
}

private let attributes = QueuePairAttributes(sendCapacity: 4, receiveCapacity: 4)

@Suite struct ConnectTests {
  /// A prepared connection of owner 1 at `a` towards `b`'s port 987.
  private func prepared(_ a: Endpoint, _ b: Endpoint, port: UInt16 = 987) -> Bool {
    a.execute(
      .prepare(
        owner: 1, route: ConnectRoute(source: a.at(0), destination: b.at(port)),
        attributes: attributes))
    return settle(a, b) { a.take(1, where: isReady) != nil }
  }

  private func request(_ a: Endpoint, _ b: Endpoint, _ privateData: PrivateData = PrivateData())
    throws -> (handle: ConnectRequestHandle, privateData: PrivateData, source: SocketAddress)
  {
    a.execute(
      .connect(
        owner: 1, parameters: ConnectionParameters(privateData: privateData)))
    var event: CMEvent?
    settle(a, b) {
      event = b.take(9, where: isRequest)
      return event != nil
    }
    guard case .connectRequest(let handle, let source, let received)? = event?.kind else {
      throw TransportError(call: "test", errno: 0, explanation: "no request came")
    }
    return (handle, received, source)
  }

  private func failure(_ node: Endpoint, _ other: Endpoint, owner: CMOwner = 1) throws
    -> ConnectFailure
  {
    var event: CMEvent?
    settle(node, other) {
      event = node.take(owner, where: isFailed)
      return event != nil
    }
    guard case .failed(let failure)? = event?.kind else {
      throw TransportError(call: "test", errno: 0, explanation: "it did not fail")
    }
    return failure
  }

  @Test func privateDataIsPaddedAsByTheConnectionManager() throws {
    let fabric = uniqueFabric()
    let a = try Endpoint(fabric, 1)
    let b = try Endpoint(fabric, 2)
    b.execute(.listen(owner: 9, address: b.at(987), backlog: 0))
    #expect(prepared(a, b))
    let request = try request(a, b, data([1, 2, 3]))
    #expect(read(request.privateData) == [1, 2, 3] + [UInt8](repeating: 0, count: 53))
    #expect(request.source.ipv4 == a.address && request.source.port >= 49152)
    b.execute(.prepareReply(owner: 2, request: request.handle, attributes: attributes))
    settle(a, b) { b.take(2, where: isReady) != nil }
    b.execute(
      .accept(owner: 2, parameters: ConnectionParameters(privateData: data([7, 8]))))
    var event: CMEvent?
    settle(a, b) {
      event = a.take(1, where: isEstablished)
      return event != nil
    }
    guard case .established(let reply)? = event?.kind else { return }
    #expect(read(reply) == [7, 8] + [UInt8](repeating: 0, count: 194))
  }

  @Test func aRejectCarriesItsDataAndReason() throws {
    let fabric = uniqueFabric()
    let a = try Endpoint(fabric, 1)
    let b = try Endpoint(fabric, 2)
    b.execute(.listen(owner: 9, address: b.at(987), backlog: 0))
    #expect(prepared(a, b))
    b.execute(.reject(request: try request(a, b).handle, privateData: data([3])))
    let first = try failure(a, b)
    #expect(first.step == .connect && first.rejectReason == 28)
    #expect(read(first.privateData) == [3] + [UInt8](repeating: 0, count: 147))
    a.execute(.destroy(owner: 1))
    settle(a, b) { a.take(1, where: isReleased) != nil }
    // After the queue pair was made, too.
    #expect(prepared(a, b))
    b.execute(
      .prepareReply(owner: 2, request: try request(a, b).handle, attributes: attributes))
    settle(a, b) { b.take(2, where: isReady) != nil }
    b.execute(.rejectPrepared(owner: 2, privateData: data([4])))
    let second = try failure(a, b)
    #expect(second.rejectReason == 28 && read(second.privateData)[0] == 4)
    b.execute(.destroy(owner: 2))
    settle(a, b) { b.take(2, where: isReleased) != nil }
  }

  @Test func nobodyThere() throws {
    let fabric = uniqueFabric()
    let a = try Endpoint(fabric, 1)
    let b = try Endpoint(fabric, 2)
    #expect(prepared(a, b, port: 988))
    a.execute(.connect(owner: 1, parameters: ConnectionParameters(privateData: PrivateData())))
    #expect(try failure(a, b).rejectReason == ConnectFailure.reasonInvalidServiceID)
    let nowhere = SocketAddress(ipv4: 10 << 24 | 99, port: 987)
    a.execute(
      .prepare(
        owner: 5, route: ConnectRoute(source: a.at(0), destination: nowhere),
        attributes: attributes))
    let failure = try failure(a, b, owner: 5)
    #expect(failure.step == .resolveAddress && failure.errno == 113)
    a.execute(
      .prepare(
        owner: 6, route: ConnectRoute(source: b.at(0), destination: b.at(987)),
        attributes: attributes))
    #expect(try self.failure(a, b, owner: 6).step == .bind)
  }

  @Test func aPeerThatSaysNothingIsGivenUp() throws {
    let fabric = uniqueFabric()
    let a = try Endpoint(fabric, 1)
    let b = try Endpoint(fabric, 2)
    b.execute(.listen(owner: 9, address: b.at(987), backlog: 0))
    #expect(prepared(a, b))
    a.execute(
      .connect(
        owner: 1,
        parameters: ConnectionParameters(timeoutMilliseconds: 20, privateData: PrivateData())))
    var handle: ConnectRequestHandle?
    settle(a, b) {
      if case .connectRequest(let found, _, _)? = b.take(9, where: isRequest)?.kind {
        handle = found
      }
      return handle != nil
    }
    let failure = try failure(a, b)
    #expect(failure.step == .connect && failure.errno == 110)
    // The request was withdrawn: to take it on fails, too.
    settle(a, b) { b.transport.nextDeadline() == nil }
    for _ in 0..<200 { a.turn(); b.turn() }
    b.execute(
      .prepareReply(owner: 2, request: try #require(handle), attributes: attributes))
    #expect(try self.failure(b, a, owner: 2).step == .accept)
  }

  @Test func anUnansweredLinkIsGivenUp() throws {
    let fabric = uniqueFabric()
    let a = try Endpoint(fabric, 1)
    let b = try Endpoint(fabric, 2)
    a.execute(
      .prepare(
        owner: 1,
        route: ConnectRoute(
          source: a.at(0), destination: b.at(987), resolveTimeoutMilliseconds: 20),
        attributes: attributes))
    // `b` has no turn.
    let failure = try failure(a, a)
    #expect(failure.step == .resolveAddress && failure.errno == 110)
  }

  @Test func requestsThatWaitAreBounded() throws {
    let fabric = uniqueFabric()
    let a = try Endpoint(fabric, 1)
    let b = try Endpoint(
      fabric, 2, limits: FabricLimits(memoryByteCountMax: 1 << 20, pendingRequestCountMax: 3))
    b.execute(.listen(owner: 9, address: b.at(987), backlog: 0))
    for owner in 1...5 as ClosedRange<UInt64> {
      a.execute(
        .prepare(
          owner: owner, route: ConnectRoute(source: a.at(0), destination: b.at(987)),
          attributes: attributes))
      settle(a, b) { a.take(owner, where: isReady) != nil }
      a.execute(
        .connect(owner: owner, parameters: ConnectionParameters(privateData: PrivateData())))
    }
    settle(a, b) { a.events.filter { isFailed($0.kind) }.count == 2 }
    #expect(b.events.filter { isRequest($0.kind) }.count == 3)
    #expect(b.transport.counters.refusedRequestCount == 2)
  }

  @Test func listenersAreUniqueAndOfThisNode() throws {
    let a = try Endpoint(uniqueFabric(), 1)
    a.execute(.listen(owner: 1, address: a.at(987), backlog: 0))
    a.execute(.listen(owner: 2, address: a.at(987), backlog: 0))
    a.execute(
      .listen(owner: 3, address: SocketAddress(ipv4: 1, port: 987), backlog: 0))
    a.execute(.destroy(owner: 1))
    a.execute(.listen(owner: 4, address: a.at(987), backlog: 0))
    a.turn()
    let kinds = a.events.map { "\($0.owner) \($0.kind)" }
    #expect(
      kinds == [
        "1 listening", "2 listenFailed(errno: 98)", "3 listenFailed(errno: 99)", "1 released",
        "4 listening",
      ])
  }

  @Test func aNodeConnectsToItself() throws {
    let a = try Endpoint(uniqueFabric(), 1)
    a.execute(.listen(owner: 9, address: a.at(987), backlog: 0))
    a.execute(
      .prepare(
        owner: 1, route: ConnectRoute(source: a.at(0), destination: a.at(987)),
        attributes: attributes))
    #expect(settle(a) { a.take(1, where: isReady) != nil })
    a.execute(
      .connect(owner: 1, parameters: ConnectionParameters(privateData: PrivateData())))
    var handle: ConnectRequestHandle?
    settle(a) {
      if case .connectRequest(let found, _, _)? = a.take(9, where: isRequest)?.kind {
        handle = found
      }
      return handle != nil
    }
    a.execute(.prepareReply(owner: 2, request: try #require(handle), attributes: attributes))
    a.execute(
      .accept(owner: 2, parameters: ConnectionParameters(privateData: PrivateData())))
    #expect(
      settle(a) { a.events.filter { isEstablished($0.kind) }.count == 2 })
  }
}
