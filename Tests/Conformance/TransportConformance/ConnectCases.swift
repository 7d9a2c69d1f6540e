internal import RDMATransport

/// How connections come about, and how they do not.
extension Suite where T: ~Copyable {
  static var connectCases: [Case] {
    [
      Case("connect: private data is padded as on the wire", privateDataIsPadded),
      Case("connect: private data of full length", privateDataOfFullLength),
      Case("connect: more than 56 bytes are refused", tooMuchPrivateData),
      Case("connect: the steps are timed", stepsAreTimed),
      Case("reject: reason and data arrive", rejectArrives),
      Case("reject: after the queue pair was made", rejectPrepared),
      Case("connect: nobody listens", nobodyListens),
      Case("connect: no answer", noAnswer),
      Case("connect: nobody at the address", nobodyAtTheAddress),
      Case("listen: the port is taken", portIsTaken),
      Case("connect: destroyed half-way", destroyedHalfWay),
      Case("connect: the same transports again and again", againAndAgain),
      Case("connect: many at a time", manyAtATime),
    ]
  }

  static func privateDataIsPadded(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.clientData = [1, 2, 3]
    plan.serverData = [4, 5, 6, 7, 8]
    let connection = try pair.connect(plan)
    guard let request = pair.server.requests.first else { throw Stop.failure("no request") }
    let seen = Endpoint<T>.bytes(request.privateData)
    try expectEqual(seen, [1, 2, 3] + Array(repeating: 0, count: 53), "the request's data")
    try expectEqual(request.source.ipv4, pair.client.address, "the requester's address")
    let reply = pair.client.establishedData(connection.clientOwner) ?? PrivateData()
    try expectEqual(
      Endpoint<T>.bytes(reply), [4, 5, 6, 7, 8] + Array(repeating: 0, count: 191),
      "the reply's data")
    let own = pair.server.establishedData(connection.serverOwner)
    try expectEqual(own?.count, 0, "the passive side's data")
    try pair.destroy(connection)
  }

  static func privateDataOfFullLength(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.clientData = pattern(56, seed: 1)
    plan.serverData = pattern(196, seed: 2)
    let connection = try pair.connect(plan)
    let request = pair.server.requests.first?.privateData ?? PrivateData()
    try expectEqual(Endpoint<T>.bytes(request), plan.clientData, "the request's data")
    let reply = pair.client.establishedData(connection.clientOwner) ?? PrivateData()
    try expectEqual(Endpoint<T>.bytes(reply), plan.serverData, "the reply's data")
    try pair.destroy(connection)
  }

  static func tooMuchPrivateData(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.clientData = pattern(57, seed: 1)
    let (owner, _) = try pair.prepare(plan)
    pair.client.execute(.connect(owner: owner, parameters: plan.parameters(plan.clientData)))
    try pair.wait(for: "the failure") { $0.client.failure(owner) != nil }
    try expectEqual(pair.client.failure(owner)?.step, .connect, "the step")
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released") { $0.client.isReleased(owner) }
  }

  static func stepsAreTimed(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let connection = try pair.connect()
    let ready = pair.client.events(of: connection.clientOwner).first
    let established = pair.client.events(of: connection.clientOwner).last
    try expect((ready?.timing.createQueuePair ?? 0) > 0, "no time of the queue pair")
    try expect((established?.timing.exchange ?? 0) > 0, "no time of the exchange")
    try pair.destroy(connection)
  }

  static func rejectArrives(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let (owner, _, request) = try pair.request(Pair<T>.Plan())
    let data = pattern(24, seed: 3)
    pair.server.execute(.reject(request: request, privateData: privateData(data)))
    try pair.wait(for: "the failure") { $0.client.failure(owner) != nil }
    guard let failure = pair.client.failure(owner) else { return }
    try expectEqual(failure.step, .connect, "the step")
    try expectEqual(failure.rejectReason, ConnectFailure.reasonConsumer, "the reason")
    try expectEqual(
      Endpoint<T>.bytes(failure.privateData), data + Array(repeating: 0, count: 124),
      "the reject's data")
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released") { $0.client.isReleased(owner) }
    // An answer to a request that is gone is a race, not a mistake.
    pair.server.execute(.reject(request: request, privateData: PrivateData()))
    let connection = try pair.connect()
    try pair.destroy(connection)
  }

  static func rejectPrepared(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let plan = Pair<T>.Plan()
    let (owner, _, request) = try pair.request(plan)
    let serverOwner = pair.newOwner()
    pair.server.execute(
      .prepareReply(owner: serverOwner, request: request, attributes: plan.server))
    try pair.wait(for: "the server's queue pair") { $0.server.ready(serverOwner) != nil }
    guard let ready = pair.server.ready(serverOwner) else { return }
    let ids = pair.newIDs(3)
    try pair.server.postReceives(ready.pair, ids: ids)
    let data = pattern(148, seed: 5)
    pair.server.execute(
      .rejectPrepared(owner: serverOwner, privateData: privateData(data)))
    try pair.wait(for: "the failure") { $0.client.failure(owner) != nil }
    let failure = pair.client.failure(owner)
    try expectEqual(failure?.rejectReason, ConnectFailure.reasonConsumer, "the reason")
    try expectEqual(
      Endpoint<T>.bytes(failure?.privateData ?? PrivateData()), data, "the reject's data")
    pair.server.execute(.destroy(owner: serverOwner))
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released on both sides") {
      $0.server.isReleased(serverOwner) && $0.client.isReleased(owner)
    }
    try expectEqual(
      pair.server.completions.map(\.id), Array(ids), "the receives before released")
    try expect(pair.server.completions.allSatisfy { $0.status == .flushed }, "not all flushed")
  }

  static func nobodyListens(_ pair: inout Pair<T>) throws {
    let plan = Pair<T>.Plan()
    let (owner, _) = try pair.prepare(plan)
    pair.client.execute(.connect(owner: owner, parameters: plan.parameters(plan.clientData)))
    try pair.wait(for: "the failure") { $0.client.failure(owner) != nil }
    let failure = pair.client.failure(owner)
    try expectEqual(failure?.step, .connect, "the step")
    try expectEqual(failure?.rejectReason, ConnectFailure.reasonInvalidServiceID, "the reason")
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released") { $0.client.isReleased(owner) }
  }

  static func noAnswer(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.timeoutMilliseconds = 300
    let (owner, _, request) = try pair.request(plan)
    try pair.wait(for: "our own deadline") { $0.client.failure(owner) != nil }
    try expectEqual(pair.client.failure(owner)?.step, .connect, "the step")
    try expectEqual(pair.client.failure(owner)?.errno, 110, "ETIMEDOUT")
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released") { $0.client.isReleased(owner) }
    // The server answers too late: whatever it is told, its side ends.
    let late = pair.newOwner()
    plan.timeoutMilliseconds = 2000
    pair.server.execute(.prepareReply(owner: late, request: request, attributes: plan.server))
    pair.server.execute(.accept(owner: late, parameters: plan.parameters(plan.serverData)))
    try pair.wait(for: "the end of the late answer") {
      $0.server.failure(late) != nil || $0.server.isDisconnected(late)
    }
    pair.server.execute(.destroy(owner: late))
    try pair.wait(for: "released") { $0.server.isReleased(late) }
  }

  static func nobodyAtTheAddress(_ pair: inout Pair<T>) throws {
    guard let silent = pair.silentAddress else {
      throw Stop.skip("the fabric has no address where nobody answers")
    }
    let owner = pair.newOwner()
    var route = pair.route(to: SocketAddress(ipv4: silent, port: pair.port))
    route.resolveTimeoutMilliseconds = 500
    let plan = Pair<T>.Plan()
    pair.client.execute(.prepare(owner: owner, route: route, attributes: plan.client))
    try pair.wait(for: "the failure") { $0.client.failure(owner) != nil }
    let step = pair.client.failure(owner)?.step
    try expect(step == .resolveAddress || step == .resolveRoute, "the step is \(step as Any)")
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released") { $0.client.isReleased(owner) }
  }

  static func portIsTaken(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let address = SocketAddress(ipv4: pair.server.address, port: pair.port)
    pair.server.execute(.listen(owner: 2, address: address, backlog: 0))
    try pair.wait(for: "the refusal") { $0.server.listenErrno(2) != nil }
    try expectEqual(pair.server.listenErrno(2), 98, "EADDRINUSE")
    pair.server.execute(.destroy(owner: 2))
    try pair.wait(for: "released") { $0.server.isReleased(2) }
    // Once the first is gone, the port is free.
    let first = Pair<T>.listener
    pair.server.execute(.destroy(owner: first))
    try pair.wait(for: "released") { $0.server.isReleased(first) }
    pair.server.execute(.listen(owner: 3, address: address, backlog: 0))
    try pair.wait(for: "listening again") { $0.server.isListening(3) }
    let connection = try pair.connect()
    try pair.destroy(connection)
  }

  static func destroyedHalfWay(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let plan = Pair<T>.Plan()
    let early = pair.newOwner()
    let route = pair.route()
    pair.client.execute(
      .prepare(owner: early, route: route, attributes: plan.client), .destroy(owner: early))
    try pair.wait(for: "released") { $0.client.isReleased(early) }
    let (owner, _, request) = try pair.request(plan)
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released") { $0.client.isReleased(owner) }
    pair.server.execute(.reject(request: request, privateData: PrivateData()))
    pair.settle(milliseconds: 100)
    for gone in [early, owner] {
      guard case .released? = pair.client.events(of: gone).last?.kind else {
        throw Stop.failure("an event after released: \(pair.client.events(of: gone))")
      }
    }
    let connection = try pair.connect()
    try pair.destroy(connection)
  }

  static func againAndAgain(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 2
    for round in 0..<12 {
      let connection = try pair.connect(plan)
      let id = pair.newIDs(1).lowerBound
      let request = pair.send(connection.client, id, count: 100 + round)
      try expectEqual(pair.client.post([request]), .posted, "post")
      try pair.wait(for: "the message of round \(round)") {
        $0.server.completion(connection.serverReceives.lowerBound) != nil
          && $0.client.completion(id) != nil
      }
      try pair.destroy(connection)
      try expectEqual(
        pair.server.completions(of: connection.server).map(\.status), [.success, .flushed],
        "the receives of round \(round)")
      pair.server.completions = []
      pair.client.completions = []
    }
  }

  static func manyAtATime(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let count = 48
    let plan = Pair<T>.Plan()
    let route = pair.route()
    let owners = (0..<count).map { _ in pair.newOwner() }
    for owner in owners {
      pair.client.execute(.prepare(owner: owner, route: route, attributes: plan.client))
    }
    try pair.wait(for: "all queue pairs") { pair in
      owners.allSatisfy { pair.client.ready($0) != nil }
    }
    for owner in owners {
      pair.client.execute(.connect(owner: owner, parameters: plan.parameters([UInt8(1)])))
    }
    try pair.wait(for: "all requests") { $0.server.requests.count == count }
    let replies = pair.server.requests.map { (pair.newOwner(), $0.handle) }
    for (owner, handle) in replies {
      pair.server.execute(
        .prepareReply(owner: owner, request: handle, attributes: plan.server),
        .accept(owner: owner, parameters: plan.parameters([UInt8(2)])))
    }
    try pair.wait(for: "all established") { pair in
      owners.allSatisfy { pair.client.isEstablished($0) }
        && replies.allSatisfy { pair.server.isEstablished($0.0) }
    }
    let handles = owners.compactMap { pair.client.ready($0)?.pair }
    try expectEqual(Set(handles).count, count, "different queue pairs")
    for owner in owners { pair.client.execute(.destroy(owner: owner)) }
    for (owner, _) in replies { pair.server.execute(.destroy(owner: owner)) }
    try pair.wait(for: "all released") { pair in
      owners.allSatisfy { pair.client.isReleased($0) }
        && replies.allSatisfy { pair.server.isReleased($0.0) }
    }
  }
}
