// Property: a target's handlers get what clients ask and clients get what they answer; who comes beyond the limit comes
// again, what takes too long or has no handler is refused by the errno, and a client that leaves ends its handlers.
// Method: a node with a target of the test's own and a client, on real loops over the emulated fabric.
import EmulatedTransport
import LustreWire
import RDMATransport
import Synchronization
import Testing

@testable import Verbena

@Suite struct ServedTargetTests {
  private let fabric = "served-\(UInt64.random(in: 0 ... .max))"
  private static let nid = NID.o2ib(10 << 24 | 1)

  private func start(_ nid: NID, _ targets: [ServedTarget] = []) async throws -> Node {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 1 << 20
    configuration.enableConnections(
      imports: 4, clients: targets.isEmpty ? 0 : 8, timing: .fast)
    let fabric = fabric
    return try await Node.start(configuration, targets: targets) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  /// Lets a client ask the target, and ends both.
  private func with(
    _ target: ServedTarget, _ body: (Import) async throws -> Void
  ) async throws {
    let server = try await start(Self.nid, [target])
    let client = try await start(.o2ib(10 << 24 | 2))
    let uuid = try #require(ObdUUID("\(target.name)_UUID"))
    let connection = try await client.connect(to: uuid, at: [Self.nid])
    try await body(connection)
    await client.stop()
    await server.stop()
  }

  /// Handlers wait here until they are let go, or cancelled.
  private final class Gate: Sendable {
    let (waits, source) = AsyncStream.makeStream(of: Void.self)
    let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
    let ends = Mutex(0)

    func pass() async {
      arrived.yield()
      for await _ in waits { break }
      ends.withLock { $0 += 1 }
    }
  }

  @Test func handlersAnswer() async throws {
    var target = try ServedTarget("own-OST0003")
    target.handle(.ostGetAttributes) { (wish: ObjectAttributes, request) in
      var answer = wish
      answer.size = UInt64(request.buffers.count)
      return answer
    }
    target.handle(.ostSync) { request in
      TargetReply(status: 7, buffers: [Array(request.buffers.joined()), [], [1, 2, 3]])
    }
    target.handle(.ostPunch) { _ in throw TargetRefusal(errno: 28) }
    try await with(target) { connection in
      try await connection.ping()
      var wish = ObjectAttributes()
      wish.object = .echo(9)
      let found = try await connection.request(
        .ostGetAttributes, buffers: [wish.wireBytes, [1]])
      let value: ObjectAttributes = try found.value()
      #expect(value.object == .echo(9) && value.size == 2)
      // Too short for its structure.
      #expect(try await connection.request(.ostGetAttributes, buffers: [[1]]).status == -71)
      let sync = try await connection.request(.ostSync, buffers: [[5, 6], [7]])
      #expect(sync.status == 7)
      #expect(sync.buffers == [[5, 6, 7], [], [1, 2, 3]])
      #expect(try await connection.request(.ostPunch).status == -28)
      #expect(try await connection.request(.ostDestroy).status == -95)
    }
  }

  @Test func moreThanTheLimitComesAgain() async throws {
    let gate = Gate()
    var target = try ServedTarget("own-OST0000")
    target.handlerCountMax = 1
    target.handle(.ostSync) { _ in
      await gate.pass()
      return TargetReply()
    }
    let last = target
    try await with(last) { connection in
      async let first = connection.request(.ostSync)
      for await _ in gate.arrivals { break }
      // The second is turned away until the first is done: then its client's next try comes through.
      async let second = connection.request(.ostSync)
      // The node itself goes on.
      try await connection.ping()
      gate.source.yield()
      let one = try await first.status
      gate.source.yield()
      let other = try await second.status
      #expect(one == 0 && other == 0)
    }
    #expect(gate.ends.withLock { $0 } == 2)
  }

  @Test func whatTakesTooLongIsEnded() async throws {
    let gate = Gate()
    var target = try ServedTarget("own-OST0000")
    target.timeout = .milliseconds(20)
    target.handle(.ostSync) { _ in
      await gate.pass()
      return TargetReply()
    }
    try await with(target) { connection in
      let status = try await connection.request(.ostSync).status
      #expect(status == -110)
    }
    #expect(gate.ends.withLock { $0 } == 1)
  }

  @Test func aClientThatLeavesEndsItsHandlers() async throws {
    let gate = Gate()
    let (ends, ended) = AsyncStream.makeStream(of: Bool.self)
    var target = try ServedTarget("own-MDT0000")
    target.handle(.mdsStatfs) { _ in
      await gate.pass()
      ended.yield(Task.isCancelled)
      return TargetReply()
    }
    try await with(target) { connection in
      let request = Task { try await connection.request(.mdsStatfs) }
      for await _ in gate.arrivals { break }
      await connection.disconnect()
      var wasCancelled: Bool?
      for await isCancelled in ends {
        wasCancelled = isCancelled
        break
      }
      #expect(wasCancelled == true)
      await #expect(throws: NodeError.self) { _ = try await request.value }
    }
  }

  @Test func whatCannotBeServedIsRefused() async throws {
    for name in ["own", "own-OST", "own-XYZ0000", "own-OST00zz"] {
      #expect(throws: NodeError.self) { _ = try ServedTarget(name) }
    }
    let target = try ServedTarget("own-OST0000")
    await #expect { _ = try await start(Self.nid, [target, target]) } throws: {
      ($0 as? NodeError)?.code == .configuration
    }
    var configuration = NodeConfiguration(nids: [Self.nid])
    configuration.enableConnections(imports: 1)
    let fabric = fabric
    let lacking = configuration
    await #expect {
      _ = try await Node.start(lacking, targets: [target]) { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [Self.nid.address])
      }
    } throws: {
      ($0 as? NodeError)?.code == .configuration
    }
  }
}
