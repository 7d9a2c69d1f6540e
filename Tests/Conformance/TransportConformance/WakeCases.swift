internal import CLinuxShims
internal import RDMATransport

/// Sleeping: what is there before or after `arm` is never slept over.
extension Suite where T: ~Copyable {
  static var wakeCases: [Case] {
    [
      Case("arm: wakes for every message", wakesForEveryMessage),
      Case("arm: wakes for an event", wakesForAnEvent),
      Case("arm: refuses while there is work", refusesWhileThereIsWork),
    ]
  }

  /// Sleeps on one side until it has something, without any other bound than the patience of a test.
  private static func sleep(_ endpoint: inout Endpoint<T>, _ what: String) throws {
    guard endpoint.transport?.arm() == true else { return }
    let epoll = clinux_epoll()
    defer { clinux_close(epoll) }
    guard let descriptor = endpoint.transport?.wakeDescriptor else { return }
    clinux_epoll_add(epoll, descriptor)
    let woken = clinux_epoll_sleep(epoll, Int64(Pair<T>.patience))
    try expect(woken > 0, "slept over \(what)")
  }

  static func wakesForEveryMessage(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 2
    let connection = try pair.connect(plan)
    for round in 0..<100 {
      let request = pair.send(connection.client, UInt64(round), count: 32)
      // In every second round the message is on its way before the server arms.
      if round % 2 == 0 { try armBoth(&pair) }
      try expectEqual(pair.client.post([request]), .posted, "post")
      while pair.server.completions.count <= round {
        if !pair.server.pump() { try sleep(&pair.server, "message \(round)") }
      }
      while pair.client.completions.count <= round {
        if !pair.client.pump() { try sleep(&pair.client, "the send of round \(round)") }
      }
      try pair.server.postReceives(connection.server, ids: pair.newIDs(1))
    }
    try pair.destroy(connection)
  }

  private static func armBoth(_ pair: inout Pair<T>) throws {
    while pair.server.transport?.arm() == false { _ = pair.server.pump() }
    while pair.client.transport?.arm() == false { _ = pair.client.pump() }
  }

  static func wakesForAnEvent(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let connection = try pair.connect()
    try armBoth(&pair)
    pair.client.execute(.disconnect(owner: connection.clientOwner))
    while !pair.server.isDisconnected(connection.serverOwner) {
      if !pair.server.pump() { try sleep(&pair.server, "the disconnect") }
    }
    while !pair.client.isDisconnected(connection.clientOwner) {
      if !pair.client.pump() { try sleep(&pair.client, "the answer to the disconnect") }
    }
    try pair.destroy(connection)
  }

  static func refusesWhileThereIsWork(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 3
    let connection = try pair.connect(plan)
    try armBoth(&pair)
    let requests = (0..<3).map { pair.send(connection.client, UInt64($0), count: 32) }
    try expectEqual(pair.client.post(requests), .posted, "post")
    // Wait on the client alone until all three are acknowledged: then they lie at the server.
    while pair.client.completions.count < 3 {
      if !pair.client.pump() { try sleep(&pair.client, "the sends") }
    }
    try expectEqual(pair.server.transport?.arm(), false, "arm with three messages to poll")
    _ = pair.server.pump()
    try expectEqual(
      pair.server.completions.map(\.id), Array(connection.serverReceives), "in order")
    try pair.destroy(connection)
  }
}
