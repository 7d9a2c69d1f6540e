internal import LustreWire
internal import O2IBLND
package import RDMATransport
internal import Verbena

/// Two nodes in one process, each with an address of its own, on one fabric or one device: what one does must not be
/// the other's matter, neither its messages and memory nor its end.
package enum NodePairRun {
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  private static let patience = Duration.seconds(30)
  private static let portal = Portal(rawValue: 40)
  /// Small enough for a message, and one that moves by RDMA.
  private static let byteCounts = [512, 1 << 20]

  /// Throws what went wrong.
  ///
  /// - Parameters:
  ///   - addresses: of the two nodes, on o2ib.
  ///   - make: makes the transport of an address.
  ///   - say: told what has been done.
  package static func run<Transport: RDMATransport & SendableMetatype & ~Copyable>(
    _ addresses: (UInt32, UInt32),
    make: @escaping @Sendable (UInt32) throws(TransportError) -> Transport,
    say: (String) -> Void
  ) async throws {
    let a = try await start(addresses.0, make)
    let b = try await start(addresses.1, make)
    try await exchange(a, b)
    say("both ways")

    let events = a.events()
    await b.stop()
    for await event in events where event.kind == .disconnected && event.peer == b.nids[0] { break }
    say("one stopped")

    // The other goes on: it takes a new node at the old address for what it is.
    let next = try await start(addresses.1, make)
    async let forth: Void = move(a, next, matchBits: 3)
    async let back: Void = move(next, a, matchBits: 4)
    _ = try await (forth, back)
    say("again, at the same time")
    await a.stop()
    _ = try await next.state()
    await next.stop()
  }

  private static func start<Transport: RDMATransport & SendableMetatype & ~Copyable>(
    _ address: UInt32, _ make: @escaping @Sendable (UInt32) throws(TransportError) -> Transport
  ) async throws -> Node {
    let nid = NID(net: try NetID(text: "o2ib"), address: address)
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 8 << 20
    configuration.driverLimits.connections = 16
    return try await Node.start(configuration) { () throws(TransportError) in try make(address) }
  }

  private static func exchange(_ a: Node, _ b: Node) async throws {
    for (from, to) in [(a, b), (b, a)] {
      let reply = try await from.ping(to.nids[0], timeout: patience)
      try check(reply.nids == to.nids, "\(from.nids[0]) was answered by \(reply.nids)")
    }
    try await move(a, b, matchBits: 1)
    try await move(b, a, matchBits: 2)
  }

  /// Bytes from one node into the other's memory, and back into other memory of the first.
  private static func move(_ from: Node, _ to: Node, matchBits: UInt64) async throws {
    for byteCount in byteCounts {
      let exposure = try await to.expose(
        try await to.allocate(byteCount: byteCount), portal: portal, matchBits: matchBits)
      var source = try await from.allocate(byteCount: byteCount)
      let seed = UInt8(truncatingIfNeeded: matchBits)
      fill(&source, seed)
      let target = TransferTarget(nid: to.nids[0], portal: portal, matchBits: matchBits)
      var put = await from.put(source, to: target, timeout: patience)
      try check(try put.result.get() == byteCount, "PUT of \(byteCount) bytes was cut")
      fill(&put.buffer, seed &+ 1)
      let get = await from.get(into: put.buffer, from: target, timeout: patience)
      try check(try get.result.get() == byteCount, "GET of \(byteCount) bytes was cut")
      try check(isFilled(get.buffer, seed), "GET of \(byteCount) bytes brought others")
      let sink = await exposure.withdraw()
      try check(isFilled(sink, seed), "PUT of \(byteCount) bytes left others")
    }
  }

  private static func byte(_ index: Int, _ seed: UInt8) -> UInt8 {
    UInt8(truncatingIfNeeded: index &* 31 &+ index >> 8) &+ seed
  }

  private static func fill(_ buffer: inout BulkBuffer, _ seed: UInt8) {
    var bytes = buffer.mutableBytes
    for index in 0..<bytes.byteCount {
      bytes.storeBytes(of: byte(index, seed), toByteOffset: index, as: UInt8.self)
    }
  }

  private static func isFilled(_ buffer: borrowing BulkBuffer, _ seed: UInt8) -> Bool {
    let bytes = buffer.bytes
    for index in 0..<bytes.byteCount {
      // SAFETY: the index lies within the span.
      let found = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
      if found != byte(index, seed) { return false }
    }
    return true
  }

  private static func check(_ isRight: Bool, _ text: String) throws(Failure) {
    if !isRight { throw Failure(description: text) }
  }
}
