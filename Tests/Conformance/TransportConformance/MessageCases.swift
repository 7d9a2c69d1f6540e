internal import RDMATransport

/// Sends and receives: sizes, order, signalling, inline data, full queues, receivers that are not ready.
extension Suite where T: ~Copyable {
  static var messageCases: [Case] {
    [
      Case("send: every size arrives whole", everySizeArrives),
      Case("send: messages arrive in order", inOrder),
      Case("send: two segments are gathered", twoSegments),
      Case("send: no completion without signal", noCompletionWithoutSignal),
      Case("send: inline data is taken at the post", inlineDataIsTaken),
      Case("send: a full queue is said and kept", fullQueue),
      Case("send: not before established", notBeforeEstablished),
      Case("receive: a full queue is said", fullReceiveQueue),
      Case("send: waits for a receive", waitsForAReceive),
      Case("send: gives up without a receive", givesUpWithoutAReceive),
      Case("send: both directions at once", bothDirections),
      Case("send: the first message may overtake established", firstMessage),
    ]
  }

  static func everySizeArrives(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    let sizes = [0, 1, 47, 48, 120, 1023, 1024, 1025, 4095, 4096]
    plan.receives = sizes.count
    let connection = try pair.connect(plan)
    for (index, size) in sizes.enumerated() {
      let bytes = pattern(size, seed: index)
      pair.client.write(bytes, to: pair.client.messages, at: 0)
      let id = pair.newIDs(1).lowerBound
      let receive = connection.serverReceives.lowerBound + UInt64(index)
      var request = pair.send(connection.client, id, count: size)
      if size == 0 { request.segmentCount = 0 }
      try expectEqual(pair.client.post([request]), .posted, "posting \(size) bytes")
      try pair.wait(for: "both completions of \(size) bytes") {
        $0.server.completion(receive) != nil && $0.client.completion(id) != nil
      }
      let received = pair.server.completion(receive)
      try expectEqual(received?.status, .success, "status of the receive of \(size) bytes")
      try expectEqual(received?.byteCount, UInt32(size), "bytes received")
      try expectEqual(received?.operation, .receive, "operation of the receive")
      try expectEqual(received?.queuePair, connection.server, "queue pair of the receive")
      let sent = pair.client.completion(id)
      try expectEqual(sent?.status, .success, "status of the send")
      try expectEqual(sent?.operation, .send, "operation of the send")
      try expectEqual(sent?.queuePair, connection.client, "queue pair of the send")
      let got = pair.server.read(
        size, from: pair.server.messages, at: Endpoint<T>.place(of: receive))
      try expect(got == bytes, "\(size) bytes arrived changed")
    }
    try pair.destroy(connection)
  }

  static func inOrder(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 16
    let connection = try pair.connect(plan)
    let total = 200
    var sent = 0
    var seen = 0
    var receives = Array(connection.serverReceives)
    while seen < total {
      while sent < total, sent - seen < 12 {
        // Four kinds of size, so that single- and many-packet messages mix.
        let size = [8, 600, 4096, 1500][sent % 4]
        let offset = (sent % 16) * 4096
        pair.client.write(pattern(size, seed: sent), to: pair.client.messages, at: offset)
        let request = pair.send(connection.client, UInt64(sent), offset: offset, count: size)
        try expectEqual(pair.client.post([request]), .posted, "posting message \(sent)")
        sent += 1
      }
      try pair.wait(for: "message \(seen)") { $0.server.completions.count > seen }
      let completion = pair.server.completions[seen]
      try expectEqual(completion.id, receives[seen], "the receive of message \(seen)")
      let size = [8, 600, 4096, 1500][seen % 4]
      let got = pair.server.read(
        Int(completion.byteCount), from: pair.server.messages,
        at: Endpoint<T>.place(of: completion.id))
      try expect(got == pattern(size, seed: seen), "message \(seen) arrived changed")
      seen += 1
      let id = pair.newIDs(1)
      receives.append(id.lowerBound)
      try pair.server.postReceives(connection.server, ids: id)
    }
    try pair.wait(for: "all sends") { $0.client.completions.count == total }
    try expectEqual(
      pair.client.completions.map(\.id), (0..<total).map { UInt64($0) }, "order of the sends")
    try pair.destroy(connection)
  }

  static func twoSegments(_ pair: inout Pair<T>) throws {
    guard pair.client.capabilities.sendSegmentsMax >= 2 else {
      throw Stop.skip("one segment in a send")
    }
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 1
    let connection = try pair.connect(plan)
    let first = pattern(120, seed: 1)
    let second = pattern(3000, seed: 2)
    pair.client.write(first, to: pair.client.messages, at: 0)
    pair.client.write(second, to: pair.client.messages, at: 8192)
    let request = SendRequest(
      queuePair: connection.client, operation: .send, id: 7,
      segment: pair.client.segment(0, 120), second: pair.client.segment(8192, 3000))
    try expectEqual(pair.client.post([request]), .posted, "post")
    let receive = connection.serverReceives.lowerBound
    try pair.wait(for: "the message") { $0.server.completion(receive) != nil }
    try expectEqual(pair.server.completion(receive)?.byteCount, 3120, "bytes received")
    let got = pair.server.read(
      3120, from: pair.server.messages, at: Endpoint<T>.place(of: receive))
    try expect(got == first + second, "the message arrived changed")
    try pair.destroy(connection)
  }

  static func noCompletionWithoutSignal(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 8
    let connection = try pair.connect(plan)
    let requests = (0..<4).map {
      pair.send(connection.client, UInt64($0), count: 64, signaled: $0 == 3)
    }
    try expectEqual(pair.client.post(requests), .posted, "post")
    try pair.wait(for: "four messages and a completion") {
      $0.server.completions.count == 4 && $0.client.completion(3) != nil
    }
    pair.settle(milliseconds: 20)
    try expectEqual(pair.client.completions.map(\.id), [3], "completions of the sends")
    // What has no completion of its own gives its place in the queue back all the same.
    let rest = (4..<8).map {
      pair.send(connection.client, UInt64($0), count: 64, signaled: $0 == 7)
    }
    try expectEqual(pair.client.post(rest), .posted, "post")
    try pair.wait(for: "eight messages") {
      $0.server.completions.count == 8 && $0.client.completion(7) != nil
    }
    try pair.destroy(connection)
    let unsignaled = pair.client.completions.filter { $0.id < 7 && $0.id != 3 }
    try expect(unsignaled.isEmpty, "unsignaled sends completed: \(unsignaled)")
  }

  static func inlineDataIsTaken(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.client.inlineByteCount = 64
    plan.receives = 2
    let connection = try pair.connect(plan)
    let granted = Int(connection.clientGranted.inlineByteCount)
    guard granted > 0 else {
      try pair.destroy(connection)
      throw Stop.skip("no inline sends")
    }
    let bytes = pattern(granted, seed: 9)
    pair.client.write(bytes, to: pair.client.messages, at: 0)
    var request = pair.send(connection.client, 1, count: granted)
    request.isInline = true
    try expectEqual(pair.client.post([request]), .posted, "post")
    pair.client.write(pattern(granted, seed: 10), to: pair.client.messages, at: 0)
    let receive = connection.serverReceives.lowerBound
    try pair.wait(for: "the message") {
      $0.server.completion(receive) != nil && $0.client.completion(1) != nil
    }
    let got = pair.server.read(
      granted, from: pair.server.messages, at: Endpoint<T>.place(of: receive))
    try expect(got == bytes, "the bytes of after the post were sent")
    var tooLong = pair.send(connection.client, 2, count: granted + 1)
    tooLong.isInline = true
    guard case .stopped(0, queueFull: false, _) = pair.client.post([tooLong]) else {
      throw Stop.failure("more than the granted inline bytes were accepted")
    }
    try pair.destroy(connection)
  }

  static func fullQueue(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.client.sendCapacity = 4
    plan.receiverNotReadyRetryCount = 7
    let connection = try pair.connect(plan)
    let capacity = Int(connection.clientGranted.sendCapacity)
    let requests = (0..<capacity + 2).map { pair.send(connection.client, UInt64($0), count: 8) }
    guard case .stopped(let accepted, queueFull: true, _) = pair.client.post(requests) else {
      throw Stop.failure("more was accepted than the queue holds")
    }
    try expectEqual(accepted, capacity, "accepted")
    try pair.server.postReceives(connection.server, ids: pair.newIDs(capacity + 2))
    try pair.wait(for: "a free place") { $0.client.completions.count == capacity }
    try expectEqual(pair.client.post(Array(requests[capacity...])), .posted, "the rest")
    try pair.wait(for: "the rest") { $0.client.completions.count == capacity + 2 }
    try expect(pair.client.completions.allSatisfy { $0.status == .success }, "not all arrived")
    try pair.destroy(connection)
  }

  static func fullReceiveQueue(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.client.receiveCapacity = 4
    let (owner, handle) = try pair.prepare(plan)
    let capacity = Int(pair.client.ready(owner)?.granted.receiveCapacity ?? 0)
    let requests = (0..<capacity + 2).map {
      ReceiveRequest(queuePair: handle, segment: pair.client.segment(0, 64), id: UInt64($0))
    }
    guard case .stopped(let accepted, queueFull: true, _) = pair.client.post(requests) else {
      throw Stop.failure("more was accepted than the queue holds")
    }
    try expectEqual(accepted, capacity, "accepted")
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released") { $0.client.isReleased(owner) }
    try expectEqual(pair.client.completions.count, capacity, "flushed receives")
  }

  static func notBeforeEstablished(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let (owner, handle) = try pair.prepare(Pair<T>.Plan())
    guard
      case .stopped(0, queueFull: false, let errno) = pair.client.post([
        pair.send(handle, 1, count: 8)
      ])
    else { throw Stop.failure("a send was accepted before established") }
    try expect(errno > 0, "no errno")
    pair.client.execute(.destroy(owner: owner))
    try pair.wait(for: "released") { $0.client.isReleased(owner) }
    try expect(pair.client.completions.isEmpty, "a refused send completed")
  }

  static func waitsForAReceive(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let connection = try pair.connect()
    try expectEqual(
      pair.client.post([pair.send(connection.client, 1, count: 100)]), .posted, "post")
    pair.settle(milliseconds: 30)
    try expect(pair.client.completions.isEmpty, "the send completed without a receive")
    let ids = pair.newIDs(1)
    try pair.server.postReceives(connection.server, ids: ids)
    try pair.wait(for: "the message") {
      $0.server.completion(ids.lowerBound) != nil && $0.client.completion(1) != nil
    }
    try expectEqual(pair.client.completion(1)?.status, .success, "status of the send")
    try pair.destroy(connection)
  }

  static func givesUpWithoutAReceive(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receiverNotReadyRetryCount = 1
    let connection = try pair.connect(plan)
    let requests = [
      pair.send(connection.client, 1, count: 100), pair.send(connection.client, 2, count: 100),
    ]
    try expectEqual(pair.client.post(requests), .posted, "post")
    try pair.wait(for: "both errors") { $0.client.completions.count == 2 }
    try expectEqual(
      pair.client.completions.map(\.status), [.receiverNotReadyRetryExceeded, .flushed],
      "status of the sends")
    try pair.destroy(connection)
  }

  static func bothDirections(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 16
    let connection = try pair.connect(plan)
    for id in 0..<16 {
      let toServer = pair.send(connection.client, UInt64(id), count: 512)
      let toClient = SendRequest(
        queuePair: connection.server, operation: .send, id: UInt64(id),
        segment: pair.server.segment(0, 700))
      try expectEqual(pair.client.post([toServer]), .posted, "client's post \(id)")
      try expectEqual(pair.server.post([toClient]), .posted, "server's post \(id)")
    }
    try pair.wait(for: "all messages") {
      $0.client.completions.count == 32 && $0.server.completions.count == 32
    }
    let got = pair.client.completions.filter { $0.operation == .receive }
    try expectEqual(got.map(\.id), Array(connection.clientReceives), "the client's receives")
    try expect(got.allSatisfy { $0.byteCount == 700 && $0.status == .success }, "\(got)")
    try pair.destroy(connection)
  }

  static func firstMessage(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let plan = Pair<T>.Plan()
    let (clientOwner, clientPair, request) = try pair.request(plan)
    let serverOwner = pair.newOwner()
    pair.server.execute(
      .prepareReply(owner: serverOwner, request: request, attributes: plan.server))
    try pair.wait(for: "the server's queue pair") { $0.server.ready(serverOwner) != nil }
    guard let serverPair = pair.server.ready(serverOwner)?.pair else { return }
    let ids = pair.newIDs(1)
    try pair.server.postReceives(serverPair, ids: ids)
    pair.server.execute(
      .accept(owner: serverOwner, parameters: plan.parameters(plan.serverData)))
    // The server is polled for completions only after the client has sent: then both must come, in any order.
    try pair.wait(for: "the client's established") { $0.client.isEstablished(clientOwner) }
    try expectEqual(pair.client.post([pair.send(clientPair, 1, count: 9)]), .posted, "post")
    try pair.wait(for: "established and the message") {
      $0.server.isEstablished(serverOwner) && $0.server.completion(ids.lowerBound) != nil
    }
    let established = pair.server.events(of: serverOwner).filter {
      if case .established = $0.kind { true } else { false }
    }
    try expectEqual(established.count, 1, "established events")
    pair.client.execute(.destroy(owner: clientOwner))
    pair.server.execute(.destroy(owner: serverOwner))
    try pair.wait(for: "released") {
      $0.client.isReleased(clientOwner) && $0.server.isReleased(serverOwner)
    }
  }
}
