internal import CLinuxShims
package import RDMATransport

/// Queue pairs until there are no more, twice: what the refusal says, and whether all of them come back.
package enum LimitRun {
  /// - Parameter say: told *all* with their number while the most are there, *none* when none is left, and *again*
  ///   with the number of the second time.
  package static func run<T: RDMATransport & SendableMetatype & ~Copyable>(
    _ backend: Backend<T>, say: (String) -> Void
  ) throws {
    var endpoint = try Endpoint(backend.make(.client), address: backend.address(.client))
    let route = ConnectRoute(
      source: SocketAddress(ipv4: endpoint.address, port: 0),
      destination: SocketAddress(ipv4: backend.address(.server), port: 7000))
    let first = try fill(&endpoint, base: 1 << 32, route)
    say("all \(first)")
    try empty(&endpoint, base: 1 << 32, count: first + 1)
    say("none")
    let second = try fill(&endpoint, base: 2 << 32, route)
    say("again \(second)")
    try empty(&endpoint, base: 2 << 32, count: second + 1)
    try expectEqual(second, first, "queue pairs of the second time")
  }

  /// Makes queue pairs, one after the other, until one is refused; how many there are.
  private static func fill<T: RDMATransport & ~Copyable>(
    _ endpoint: inout Endpoint<T>, base: CMOwner, _ route: ConnectRoute
  ) throws -> Int {
    let attributes = QueuePairAttributes(sendCapacity: 4, receiveCapacity: 4)
    var count = 0
    while true {
      let owner = base + CMOwner(count)
      endpoint.execute(.prepare(owner: owner, route: route, attributes: attributes))
      try wait(&endpoint, seconds: 30, for: "queue pair \(count)") { !$0.events.isEmpty }
      if let failure = endpoint.failure(owner) {
        try expectEqual(failure.step, .createQueuePair, "the step of the refusal")
        // No place of ours is left, or the device's own have run out.
        try expect(failure.errno == 28 || failure.errno == 12, "its errno: \(failure.errno)")
        endpoint.events.removeAll()
        return count
      }
      try expect(endpoint.ready(owner) != nil, "an event: \(endpoint.events)")
      endpoint.events.removeAll()
      count += 1
    }
  }

  private static func empty<T: RDMATransport & ~Copyable>(
    _ endpoint: inout Endpoint<T>, base: CMOwner, count: Int
  ) throws {
    for index in 0..<count { endpoint.execute(.destroy(owner: base + CMOwner(index))) }
    try wait(&endpoint, seconds: 120, for: "all released") { $0.events.count == count }
    try expect(
      endpoint.events.allSatisfy { if case .released = $0.kind { true } else { false } },
      "an event that is not released")
    endpoint.events.removeAll()
  }
}
