internal import RDMATransport

/// How queue pairs and transports end.
extension Suite where T: ~Copyable {
  static var errorCases: [Case] {
    [
      Case("error: a receive that is too short", receiveTooShort),
      Case("error: the rest is flushed in order", flushedInOrder),
      Case("error: what is posted later is flushed too", postedLater),
      Case("post: on no queue pair", onNoQueuePair),
    ]
  }

  static var lifeCases: [Case] {
    [
      Case("disconnect: seen by the other side", disconnectIsSeen),
      Case("disconnect: both at once", bothDisconnect),
      Case("destroy: released comes last", releasedComesLast),
      Case("destroy: with sends that nobody receives", sendsThatNobodyReceives),
      Case("destroy: the handle is stale", handleIsStale),
      Case("death: the other side is told", deathIsTold),
    ]
  }

  static func receiveTooShort(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let connection = try pair.connect()
    let ids = pair.newIDs(2)
    try pair.server.postReceives(connection.server, ids: ids, length: 100)
    let requests = [
      pair.send(connection.client, 1, count: 101), pair.send(connection.client, 2, count: 8),
    ]
    try expectEqual(pair.client.post(requests), .posted, "post")
    try pair.wait(for: "the errors of both sides") {
      $0.client.completions.count == 2 && $0.server.completions.count == 2
    }
    // Adapters answer with an invalid request, soft-RoCE with an operation that failed; and it reports the
    // receive as an error of the queue pair.
    let statuses = pair.client.completions.map(\.status)
    try expect(
      statuses == [.remoteInvalidRequest, .flushed]
        || statuses == [.remoteOperationError, .flushed], "status of the sends: \(statuses)")
    let receives = pair.server.completions.map(\.status)
    try expect(
      receives == [.localLengthError, .flushed] || receives == [.localQueuePairError, .flushed],
      "status of the receives: \(receives)")
    try pair.destroy(connection)
  }

  static func flushedInOrder(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 4
    let connection = try pair.connect(plan)
    let requests =
      [
        pair.send(connection.client, 1, count: 8, signaled: false),
        pair.write(connection.client, 2, count: 8, key: 0x7777_7777, signaled: false),
      ]
      + (3..<9).map {
        pair.send(connection.client, UInt64($0), count: 8, signaled: $0 % 2 == 0)
      }
    try expectEqual(pair.client.post(requests), .posted, "post")
    try pair.wait(for: "the error and all that follows, and the receives") {
      $0.client.completions.count == 7 + 4
    }
    let sends = pair.client.completions.filter { $0.id < 100 }
    try expectEqual(sends.map(\.id), Array(2..<9), "order: an error is completed even unsignaled")
    try expectEqual(
      sends.map(\.status), [.remoteAccessError] + Array(repeating: .flushed, count: 6), "status")
    let receives = pair.client.completions.filter { $0.id >= 100 }
    try expectEqual(receives.map(\.id), Array(connection.clientReceives), "order of the receives")
    try expect(receives.allSatisfy { $0.status == .flushed }, "\(receives)")
    // The first message came through before the error.
    let receive = connection.serverReceives.lowerBound
    try pair.wait(for: "the first message") { $0.server.completion(receive) != nil }
    try expectEqual(pair.server.completion(receive)?.status, .success, "the first message")
    try pair.destroy(connection)
  }

  static func postedLater(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let connection = try pair.connect()
    pair.client.execute(.disconnect(owner: connection.clientOwner))
    try pair.wait(for: "disconnected") {
      $0.client.isDisconnected(connection.clientOwner)
        && $0.server.isDisconnected(connection.serverOwner)
    }
    let ids = pair.newIDs(2)
    try pair.client.postReceives(connection.client, ids: ids)
    try expectEqual(
      pair.client.post([pair.send(connection.client, 1, count: 8, signaled: false)]), .posted,
      "post")
    try pair.wait(for: "three flushed requests") { $0.client.completions.count == 3 }
    try expect(pair.client.completions.allSatisfy { $0.status == .flushed }, "not all flushed")
    try pair.destroy(connection)
  }

  static func onNoQueuePair(_ pair: inout Pair<T>) throws {
    let requests = [pair.send(.none, 1, count: 8)]
    guard case .stopped(0, queueFull: false, let errno) = pair.client.post(requests) else {
      throw Stop.failure("a send on no queue pair was accepted")
    }
    try expect(errno > 0, "no errno")
    let receives = [
      ReceiveRequest(queuePair: .none, segment: pair.client.segment(0, 8), id: 1)
    ]
    guard case .stopped(0, queueFull: false, _) = pair.client.post(receives) else {
      throw Stop.failure("a receive on no queue pair was accepted")
    }
  }

  static func disconnectIsSeen(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 4
    let connection = try pair.connect(plan)
    pair.client.execute(.disconnect(owner: connection.clientOwner))
    try pair.wait(for: "disconnected on both sides, and all flushed") {
      $0.client.isDisconnected(connection.clientOwner)
        && $0.server.isDisconnected(connection.serverOwner)
        && $0.client.completions.count == 4 && $0.server.completions.count == 4
    }
    try expectEqual(
      pair.client.completions.map(\.id), Array(connection.clientReceives), "the client's")
    try expectEqual(
      pair.server.completions.map(\.id), Array(connection.serverReceives), "the server's")
    try expect(
      (pair.client.completions + pair.server.completions).allSatisfy { $0.status == .flushed },
      "not all flushed")
    try pair.destroy(connection)
  }

  static func bothDisconnect(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let connection = try pair.connect()
    pair.client.execute(.disconnect(owner: connection.clientOwner))
    pair.server.execute(.disconnect(owner: connection.serverOwner))
    try pair.wait(for: "disconnected on both sides") {
      $0.client.isDisconnected(connection.clientOwner)
        && $0.server.isDisconnected(connection.serverOwner)
    }
    pair.settle(milliseconds: 50)
    for events in [
      pair.client.events(of: connection.clientOwner),
      pair.server.events(of: connection.serverOwner),
    ] {
      let count = events.count { if case .disconnected = $0.kind { true } else { false } }
      try expectEqual(count, 1, "disconnected events")
    }
    try pair.destroy(connection)
  }

  static func releasedComesLast(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 6
    let connection = try pair.connect(plan)
    let requests = (0..<5).map {
      pair.send(connection.client, UInt64($0), count: 64, signaled: false)
    }
    try expectEqual(pair.client.post(requests), .posted, "post")
    try pair.wait(for: "the messages") { $0.server.completions.count == 5 }
    pair.client.execute(.destroy(owner: connection.clientOwner))
    try pair.wait(for: "released") { $0.client.isReleased(connection.clientOwner) }
    let receives = pair.client.completions.filter { $0.operation == .receive }
    try expectEqual(
      receives.map(\.id), Array(connection.clientReceives), "the receives before released")
    let count = pair.client.completions.count
    try pair.wait(for: "the server's disconnected") {
      $0.server.isDisconnected(connection.serverOwner)
    }
    pair.server.execute(.destroy(owner: connection.serverOwner))
    try pair.wait(for: "the server's released") {
      $0.server.isReleased(connection.serverOwner)
    }
    try expectEqual(
      pair.server.completions.map(\.id), Array(connection.serverReceives), "the server's receives")
    pair.settle(milliseconds: 50)
    try expectEqual(pair.client.completions.count, count, "completions after released")
    guard case .released? = pair.client.events(of: connection.clientOwner).last?.kind else {
      throw Stop.failure("an event after released")
    }
  }

  static func sendsThatNobodyReceives(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receiverNotReadyRetryCount = 7
    let connection = try pair.connect(plan)
    let requests = (0..<5).map {
      pair.send(connection.client, UInt64($0), count: 64, signaled: $0 == 2)
    }
    try expectEqual(pair.client.post(requests), .posted, "post")
    pair.client.execute(.destroy(owner: connection.clientOwner))
    try pair.wait(for: "released") { $0.client.isReleased(connection.clientOwner) }
    try expectEqual(pair.client.completions.map(\.id), Array(0..<5), "the sends before released")
    try expect(pair.client.completions.allSatisfy { $0.status == .flushed }, "not all flushed")
  }

  static func handleIsStale(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let old = try pair.connect()
    try pair.destroy(old)
    var plan = Pair<T>.Plan()
    plan.receives = 1
    let next = try pair.connect(plan)
    try expect(next.client != old.client, "the handle is the same as that of the earlier life")
    guard
      case .stopped(1, queueFull: false, let errno) = pair.client.post([
        pair.send(next.client, 1, count: 8), pair.send(old.client, 2, count: 8),
      ])
    else { throw Stop.failure("a send on a stale handle was accepted") }
    try expect(errno > 0, "no errno")
    try pair.wait(for: "the first send") { $0.client.completion(1) != nil }
    try pair.destroy(next)
  }

  static func deathIsTold(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 3
    let connection = try pair.connect(plan)
    pair.server.die()
    try pair.wait(for: "disconnected, and all flushed") {
      $0.client.isDisconnected(connection.clientOwner) && $0.client.completions.count == 3
    }
    try expect(pair.client.completions.allSatisfy { $0.status == .flushed }, "not all flushed")
    try expectEqual(
      pair.client.post([pair.send(connection.client, 1, count: 8)]), .posted, "a late send")
    try pair.wait(for: "its error") { $0.client.completion(1) != nil }
    try expectEqual(pair.client.completion(1)?.status, .flushed, "the late send")
    pair.client.execute(.destroy(owner: connection.clientOwner))
    try pair.wait(for: "released") { $0.client.isReleased(connection.clientOwner) }
  }
}
