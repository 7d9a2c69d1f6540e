// Property: a node with several addresses is reached at each, connects from each, and takes all of them or none.
// Method: two nodes driven in turn, one of them with two addresses and a listener at each of these.
import EmulatedTransport
import Glibc
import RDMATransport
import Testing

@Suite struct AddressTests {
  private let second: UInt32 = 10 << 24 | 3
  private let attributes = QueuePairAttributes(sendCapacity: 4, receiveCapacity: 4)

  /// Asks for a connection; tells the sockets between which the other node sees it, by its listener.
  private func request(
    _ owner: CMOwner, _ a: Endpoint, _ b: Endpoint, route: ConnectRoute
  ) -> (listener: CMOwner, source: SocketAddress)? {
    a.execute(.prepare(owner: owner, route: route, attributes: attributes))
    guard settle(a, b, until: { a.take(owner, where: isReady) != nil }) else { return nil }
    a.execute(
      .connect(owner: owner, parameters: ConnectionParameters(privateData: PrivateData())))
    guard settle(a, b, until: { b.events.contains { isRequest($0.kind) } }) else { return nil }
    let event = b.events.removeFirst()
    guard case .connectRequest(_, let source, _) = event.kind else { return nil }
    return (event.owner, source)
  }

  @Test func aListenerGetsTheRequestsForItsAddress() throws {
    let fabric = uniqueFabric()
    let a = try Endpoint(fabric, 1)
    let b = try Endpoint(fabric, 2, others: [3])
    let addresses = [b.address, second]
    b.execute(.listen(owner: 8, address: b.at(987), backlog: 0))
    b.execute(
      .listen(owner: 9, address: SocketAddress(ipv4: second, port: 987), backlog: 0))
    b.turn()
    #expect(b.events.count == 2 && !b.events.contains { isFailed($0.kind) })
    b.events.removeAll()
    // To the second first: the link that it makes must not become that of the other.
    for (round, index) in [1, 0, 1].enumerated() {
      let owner = CMOwner(20 + round)
      let route = ConnectRoute(
        source: a.at(0), destination: SocketAddress(ipv4: addresses[index], port: 987))
      let seen = request(owner, a, b, route: route)
      #expect(seen?.listener == CMOwner(8 + index) && seen?.source.ipv4 == a.address)
      a.execute(.destroy(owner: owner))
      #expect(settle(a, b) { a.take(owner, where: isReleased) != nil })
    }
  }

  @Test func aRequestComesFromTheAddressThatItsRouteNames() throws {
    let fabric = uniqueFabric()
    let a = try Endpoint(fabric, 1)
    let b = try Endpoint(fabric, 2, others: [3])
    a.execute(.listen(owner: 9, address: a.at(987), backlog: 0))
    a.turn()
    a.events.removeAll()
    for (index, source) in [second, b.address, 0].enumerated() {
      let route = ConnectRoute(
        source: SocketAddress(ipv4: source, port: 0), destination: a.at(987))
      let seen = request(CMOwner(20 + index), b, a, route: route)
      #expect(seen?.source.ipv4 == (source == 0 ? b.address : source))
    }
    let foreign = ConnectRoute(source: a.at(0), destination: a.at(987))
    b.execute(.prepare(owner: 30, route: foreign, attributes: attributes))
    #expect(settle(b) { b.take(30, where: isFailed) != nil })
  }

  @Test func aPortIsTakenOnceAtEachAddress() throws {
    let b = try Endpoint(uniqueFabric(), 2, others: [3])
    let wanted = [b.address, b.address, 0, second, second].enumerated()
    for (index, address) in wanted {
      b.execute(
        .listen(
          owner: CMOwner(index), address: SocketAddress(ipv4: address, port: 987), backlog: 0))
    }
    b.turn()
    let errors = b.events.map { event in
      if case .listenFailed(let errno) = event.kind { errno } else { 0 as Int32 }
    }
    #expect(errors == [0, EADDRINUSE, EADDRINUSE, 0, EADDRINUSE])
  }

  @Test func aNodeTakesAllItsAddressesOrNone() throws {
    let fabric = uniqueFabric()
    let holder = try Endpoint(fabric, 3)
    #expect(throws: TransportError.self) { _ = try Endpoint(fabric, 2, others: [3]) }
    // What it took before it failed is free again.
    _ = try Endpoint(fabric, 2)
    #expect(holder.address == second)
  }
}
