internal import RDMATransport

/// RDMA WRITE and READ: what they do, and what keys and rights forbid.
extension Suite where T: ~Copyable {
  static var memoryCases: [Case] {
    [
      Case("memory: aligned, zeroed, and given back", memoryIsAlignedAndZeroed),
      Case("write: visible before the send behind it", writeIsVisibleBeforeTheSend),
      Case("write: with a wrong key", wrongKey),
      Case("write: out of bounds", outOfBounds),
      Case("write: into memory without the right", withoutTheRight),
      Case("write: into memory that was released", releasedMemory),
      Case("send: with a wrong local key", wrongLocalKey),
      Case("read: with responder resources", readWorks),
      Case("read: without responder resources", readIsRefused),
    ]
  }

  static func memoryIsAlignedAndZeroed(_ pair: inout Pair<T>) throws {
    guard let region = try pair.client.transport?.allocate(byteCount: 5000, access: .localWrite)
    else { return }
    try expect(region.byteCount >= 5000, "\(region.byteCount) bytes")
    try expectEqual(region.byteCount % 4096, 0, "whole pages")
    try expectEqual(region.address % 4096, 0, "alignment")
    try expectEqual(region.remoteKey, 0, "remote key of local memory")
    let bytes = pair.client.read(region.byteCount, from: region, at: 0)
    try expect(bytes.allSatisfy { $0 == 0 }, "not zeroed")
    pair.client.transport?.release(region)
    guard
      let next = try pair.client.transport?.allocate(
        byteCount: 5000, access: [.localWrite, .remoteWrite])
    else { return }
    let again = pair.client.read(next.byteCount, from: next, at: 0)
    try expect(again.allSatisfy { $0 == 0 }, "not zeroed the second time")
  }

  static func writeIsVisibleBeforeTheSend(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 16
    let connection = try pair.connect(plan)
    for (round, size) in [1, 4096, 65_536, 262_144].enumerated() {
      let bytes = pattern(size, seed: round)
      pair.client.write(bytes, to: pair.client.messages, at: 0)
      let requests = [
        pair.write(
          connection.client, 1, count: size, remoteOffset: 3 + 1000 * round, signaled: false),
        pair.send(connection.client, UInt64(100 + round), count: 60),
      ]
      try expectEqual(pair.client.post(requests), .posted, "post")
      let receive = connection.serverReceives.lowerBound + UInt64(round)
      try pair.wait(for: "the message behind \(size) bytes") {
        $0.server.completion(receive) != nil
      }
      let got = pair.server.read(size, from: pair.server.bulk, at: 3 + 1000 * round)
      try expect(got == bytes, "\(size) bytes were not all there")
      try pair.wait(for: "the send") { $0.client.completion(UInt64(100 + round)) != nil }
    }
    let written = pair.write(connection.client, 55, count: 100)
    try expectEqual(pair.client.post([written]), .posted, "post")
    try pair.wait(for: "the write's completion") { $0.client.completion(55) != nil }
    try expectEqual(pair.client.completion(55)?.operation, .rdmaWrite, "its operation")
    try pair.destroy(connection)
  }

  /// A write that the server's memory must refuse, and a send behind it.
  private static func refused(
    _ pair: inout Pair<T>, _ request: (borrowing Pair<T>, QueuePairHandle) -> SendRequest
  ) throws {
    var plan = Pair<T>.Plan()
    plan.receives = 2
    let connection = try pair.connect(plan)
    let requests = [
      request(pair, connection.client),
      pair.send(connection.client, 2, count: 8, signaled: false),
      pair.send(connection.client, 3, count: 8),
    ]
    try expectEqual(pair.client.post(requests), .posted, "post")
    try pair.wait(for: "the error and the flushed sends") {
      $0.client.completions(of: connection.client).filter { $0.operation != .receive }.count == 3
    }
    let sends = pair.client.completions(of: connection.client).filter { $0.operation != .receive }
    try expectEqual(
      sends.map(\.status), [.remoteAccessError, .flushed, .flushed], "status of the sends")
    try expectEqual(sends.map(\.id), [1, 2, 3], "order of the sends")
    try pair.destroy(connection)
    let receives = pair.server.completions(of: connection.server)
    try expectEqual(
      receives.map(\.status), [.flushed, .flushed], "the receives of the server")
    pair.client.completions = []
    pair.server.completions = []
  }

  static func wrongKey(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let key = pair.server.bulk.remoteKey &+ 0x10_00
    try refused(&pair) { $0.write($1, 1, count: 100, key: key) }
  }

  static func outOfBounds(_ pair: inout Pair<T>) throws {
    try pair.listen()
    let end = pair.server.bulk.byteCount
    try refused(&pair) { $0.write($1, 1, count: 100, remoteOffset: end - 99) }
    try refused(&pair) { $0.write($1, 1, count: 100, remoteOffset: -1) }
    try refused(&pair) { $0.write($1, 1, count: 100, remoteOffset: -$0.bulkAddress) }
  }

  static func withoutTheRight(_ pair: inout Pair<T>) throws {
    try pair.listen()
    // The message memory has no remote key; its local one is the best guess that a peer can make.
    let messages = pair.server.messages
    try refused(&pair) {
      var request = $0.write($1, 1, count: 100, key: messages.localKey)
      request.remoteAddress = messages.address
      return request
    }
  }

  static func releasedMemory(_ pair: inout Pair<T>) throws {
    try pair.listen()
    guard
      let region = try pair.server.transport?.allocate(
        byteCount: 8192, access: [.localWrite, .remoteWrite])
    else { return }
    pair.server.transport?.release(region)
    try refused(&pair) {
      var request = $0.write($1, 1, count: 100, key: region.remoteKey)
      request.remoteAddress = region.address
      return request
    }
  }

  static func wrongLocalKey(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.receives = 2
    let connection = try pair.connect(plan)
    var request = pair.send(connection.client, 1, count: 100)
    request.segments.0.localKey &+= 0x10_00
    try expectEqual(
      pair.client.post([request, pair.send(connection.client, 2, count: 8)]), .posted, "post")
    try pair.wait(for: "both errors") {
      $0.client.completion(1) != nil && $0.client.completion(2) != nil
    }
    // Verbs says a protection error; soft-RoCE reports any failed gather as the queue pair's.
    let status = pair.client.completion(1)?.status
    try expect(
      status == .localProtectionError || status == .localQueuePairError,
      "status of the first: \(status as Any)")
    try expectEqual(pair.client.completion(2)?.status, .flushed, "status of the second")
    try pair.destroy(connection)
  }

  static func readWorks(_ pair: inout Pair<T>) throws {
    guard pair.client.capabilities.supportsRDMARead else { throw Stop.skip("no RDMA READ") }
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.client.initiatorDepth = 1
    plan.server.responderResources = 1
    let connection = try pair.connect(plan)
    let bytes = pattern(10_000, seed: 4)
    pair.server.write(bytes, to: pair.server.bulk, at: 128)
    let request = SendRequest(
      queuePair: connection.client, operation: .rdmaRead, id: 1,
      segment: pair.client.segment(0, 10_000), remoteAddress: pair.server.bulk.address + 128,
      remoteKey: pair.server.bulk.remoteKey)
    try expectEqual(pair.client.post([request]), .posted, "post")
    try pair.wait(for: "the data") { $0.client.completion(1) != nil }
    try expectEqual(pair.client.completion(1)?.status, .success, "status")
    try expectEqual(pair.client.completion(1)?.operation, .rdmaRead, "operation")
    let got = pair.client.read(10_000, from: pair.client.messages, at: 0)
    try expect(got == bytes, "the data arrived changed")
    try pair.destroy(connection)
  }

  static func readIsRefused(_ pair: inout Pair<T>) throws {
    try pair.listen()
    var plan = Pair<T>.Plan()
    plan.client.initiatorDepth = 1
    let connection = try pair.connect(plan)
    let secret = pattern(100, seed: 4)
    pair.server.write(secret, to: pair.server.bulk, at: 0)
    let request = SendRequest(
      queuePair: connection.client, operation: .rdmaRead, id: 1,
      segment: pair.client.segment(0, 100), remoteAddress: pair.server.bulk.address,
      remoteKey: pair.server.bulk.remoteKey)
    // The exchange leaves no READ in flight, so the queue pair cannot take one.
    guard case .stopped(0, queueFull: false, let errno) = pair.client.post([request]) else {
      throw Stop.failure("a READ was accepted that the peer does not allow")
    }
    try expect(errno > 0, "no errno")
    let got = pair.client.read(100, from: pair.client.messages, at: 0)
    try expect(got != secret, "the data came all the same")
    try pair.destroy(connection)
  }
}

extension Pair where T: ~Copyable {
  /// The address of the server's bulk memory, as an offset.
  var bulkAddress: Int { Int(server.bulk.address) }
}
