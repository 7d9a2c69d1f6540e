internal import CAllocationCounter
internal import RDMATransport

/// The message path allocates nothing: neither posting, nor polling, nor arming.
extension Suite where T: ~Copyable {
  static var allocationCases: [Case] {
    [Case("hot path: nothing is allocated", nothingIsAllocated)]
  }

  static func nothingIsAllocated(_ pair: inout Pair<T>) throws {
    let control = callocation_counter_read()
    let array = Array(repeating: pair.port, count: Int(pair.port))
    guard !callocation_counter_is_off() else {
      throw Stop.skip("a sanitizer has its own allocator")
    }
    try expect(
      callocation_counter_read() > control && array.count > 0, "the counter does not count")
    try pair.listen()
    let connection = try pair.connect()
    // SAFETY: the buffer outlives its uses in this function, and each use says how much of it is filled.
    let buffer = UnsafeMutableBufferPointer<WorkCompletion>.allocate(capacity: 16)
    defer { unsafe buffer.deallocate() }
    var total: UInt = 0
    for round in 0..<64 {
      let receive: InlineArray<1, ReceiveRequest> = [
        ReceiveRequest(queuePair: connection.server, segment: pair.server.segment(0, 64), id: 1)
      ]
      let send: InlineArray<1, SendRequest> = [
        pair.send(connection.client, 2, count: 64, signaled: round % 4 == 3)
      ]
      total += unsafe count(&pair.server, buffer) { transport, _ in
        _ = transport.post(receives: receive.span)
      }
      total += unsafe count(&pair.client, buffer) { transport, _ in
        _ = transport.post(sends: send.span)
      }
      try unsafe takeOne(&pair.server, buffer, adding: &total)
      if round % 4 == 3 { try unsafe takeOne(&pair.client, buffer, adding: &total) }
      // What is made once, at the first use, is no cost of a message.
      if round == 3 { total = 0 }
    }
    try expectEqual(total, 0, "allocations in 60 messages")
    try pair.destroy(connection)
  }

  /// How often the transport allocates in one call.
  private static func count(
    _ endpoint: inout Endpoint<T>, _ buffer: UnsafeMutableBufferPointer<WorkCompletion>,
    _ body: (inout T, inout OutputSpan<WorkCompletion>) -> Void
  ) -> UInt {
    guard var transport = endpoint.transport.take() else { return 0 }
    // SAFETY: as in the case above; completions need no destruction.
    var output = unsafe OutputSpan(buffer: buffer, initializedCount: 0)
    let before = callocation_counter_read()
    body(&transport, &output)
    let after = callocation_counter_read()
    for index in 0..<output.count { endpoint.completions.append(output.span[index]) }
    output.removeAll()
    _ = unsafe output.finalize(for: buffer)
    endpoint.transport = consume transport
    return UInt(after - before)
  }

  /// Polls and arms one side until one completion is there.
  private static func takeOne(
    _ endpoint: inout Endpoint<T>, _ buffer: UnsafeMutableBufferPointer<WorkCompletion>,
    adding total: inout UInt
  ) throws {
    endpoint.completions = []
    for _ in 0..<10_000_000 {
      total += unsafe count(&endpoint, buffer) { $0.poll(completions: &$1) }
      if !endpoint.completions.isEmpty { return }
      total += unsafe count(&endpoint, buffer) { transport, _ in _ = transport.arm() }
    }
    throw Stop.failure("the message never came")
  }
}
