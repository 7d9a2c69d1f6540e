// Property: what a node tells one peer through the connection manager arrives in the order in which it was asked to,
// however many messages wait for room. Method: more ends than the ring has cells, then a new request.
import EmulatedTransport
import RDMATransport
import Testing

@Suite struct MessageOrderTests {
  private static let attributes = QueuePairAttributes(sendCapacity: 2, receiveCapacity: 2)
  private static let parameters = ConnectionParameters(privateData: PrivateData())

  @Test func aRequestDoesNotOvertakeTheEndsBeforeIt() throws {
    // A ring holds 15 messages.
    let count = 40
    var pair = try Pair(fabric: uniqueFabric(), receives: 0, attributes: Self.attributes)
    for owner in 10..<CMOwner(10 + count) {
      try pair.connect(
        activeOwner: owner, passiveOwner: 1000 + owner, receives: 0, attributes: Self.attributes,
        parameters: Self.parameters)
    }
    pair.b.events.removeAll()
    for owner in 10..<CMOwner(10 + count) { pair.a.execute(.disconnect(owner: owner)) }
    // Now there is room again, and most of the ends still wait.
    pair.b.turn()
    pair.a.execute(
      .prepare(
        owner: 5, route: ConnectRoute(source: pair.a.at(0), destination: pair.b.at(Pair.port)),
        attributes: Self.attributes))
    pair.a.execute(.connect(owner: 5, parameters: Self.parameters))
    #expect(settle(pair.a, pair.b) { pair.b.events.contains { isRequest($0.kind) } })
    let request = pair.b.events.firstIndex { isRequest($0.kind) }
    #expect(request == count)
    #expect(pair.b.events.prefix(count).allSatisfy { isDisconnected($0.kind) })
  }
}
