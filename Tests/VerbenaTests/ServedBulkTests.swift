// Property: a target's handlers get the data that clients write and give what they read, over RDMA or with the messages;
// what does not come has no answer, and a handler that keeps its memory for ever ends no node's end.
// Method: a node with an object target of the test's own, and a client that writes and reads its objects.
import EmulatedTransport
import LustreWire
import RDMATransport
import Synchronization
import Testing

@testable import Verbena

@Suite struct ServedBulkTests {
  private let fabric = "served-bulk-\(UInt64.random(in: 0 ... .max))"
  private static let nid = NID.o2ib(10 << 24 | 1)

  /// The bytes of the one object there is.
  private final class Shelf: Sendable {
    let bytes = Mutex<[UInt8]>([])

    func write(_ data: [UInt8], at offset: Int) {
      bytes.withLock { bytes in
        if bytes.count < offset + data.count {
          bytes += Array(repeating: 0, count: offset + data.count - bytes.count)
        }
        bytes.replaceSubrange(offset..<offset + data.count, with: data)
      }
    }

    func read(_ count: Int, at offset: Int) -> [UInt8] {
      bytes.withLock { Array($0.dropFirst(offset).prefix(count)) }
    }
  }

  private func target(_ shelf: Shelf) throws -> ServedTarget {
    var target = try ServedTarget("own-OST0000")
    target.handle(.ostWrite) { request in
      let ranges = try request.ranges()
      let count = ranges.reduce(0) { $0 + Int($1.length) }
      let transfer = await request.receive(into: try await request.allocate(byteCount: count))
      _ = try transfer.result.get()
      shelf.write(transfer.buffer.prefix(count), at: Int(ranges[0].offset))
      let attributes: ObjectAttributes = try request.value()
      return TargetReply(
        buffers: [attributes.wireBytes, [UInt8](repeating: 0, count: 4 * ranges.count)])
    }
    target.handle(.ostRead) { request in
      let ranges = try request.ranges()
      let data = shelf.read(Int(ranges[0].length), at: Int(ranges[0].offset))
      var buffer = try await request.allocate(byteCount: max(1, data.count))
      buffer.store(data)
      let attributes: ObjectAttributes = try request.value()
      if !data.isEmpty {
        let transfer = await request.send(buffer, byteCount: data.count)
        _ = try transfer.result.get()
      }
      var answer = attributes
      answer.valid.remove(.checksum)
      return TargetReply(status: Int32(data.count), buffers: [answer.wireBytes])
    }
    return target
  }

  private func start(_ nid: NID, _ targets: [ServedTarget] = []) async throws -> Node {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 8 << 20
    configuration.lentMemoryPatience = .milliseconds(20)
    configuration.enableConnections(
      imports: 4, clients: targets.isEmpty ? 0 : 8, timing: .fast)
    let fabric = fabric
    return try await Node.start(configuration, targets: targets) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  private func connect(_ client: Node) async throws -> Import {
    let uuid = try #require(ObdUUID("own-OST0000_UUID"))
    return try await client.connect(to: uuid, at: [Self.nid])
  }

  /// From the middle of a page on; what little there is goes with the messages.
  @Test(arguments: [600_000, 700])
  func dataComesAndGoes(byteCount: Int) async throws {
    let shelf = Shelf()
    let server = try await start(Self.nid, [target(shelf)])
    let client = try await start(.o2ib(10 << 24 | 2))
    let objects = try await connect(client).objects()
    let data = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    var buffer = try await client.allocate(byteCount: byteCount)
    buffer.store(data)
    let written = await objects.write(buffer, to: .echo(1), at: 5000)
    #expect(try written.result.get() == byteCount)
    #expect(shelf.read(byteCount, at: 5000) == data)
    let read = await objects.read(
      into: try await client.allocate(byteCount: byteCount + 100), from: .echo(1), at: 5000)
    #expect(try read.result.get() == byteCount)
    #expect(read.buffer.prefix(byteCount) == data)
    drop(written)
    drop(read)
    await client.stop()
    await server.stop()
    #expect(server.unreturnedBufferCount == 0)
  }

  private func drop(_ transfer: consuming Transfer) {}

  @Test func memoryThatIsKeptEndsNoNode() async throws {
    let (waits, end) = AsyncStream.makeStream(of: Void.self)
    var target = try ServedTarget("own-OST0000")
    let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self)
    target.handle(.ostSync) { request in
      let buffer = try await request.allocate(byteCount: 8192)
      arrived.yield()
      // It minds no cancellation.
      await Task { for await _ in waits {} }.value
      let transfer = await request.send(buffer)
      _ = try transfer.result.get()
      return TargetReply()
    }
    let server = try await start(Self.nid, [target])
    let client = try await start(.o2ib(10 << 24 | 2))
    let connection = try await connect(client)
    let request = Task { try await connection.request(.ostSync) }
    for await _ in arrivals { break }
    await server.stop()
    #expect(server.unreturnedBufferCount == 1)
    end.finish()
    await client.stop()
    await #expect(throws: NodeError.self) { _ = try await request.value }
  }

  /// One transfer of a request at a time, by its own node's memory.
  @Test func whatCannotBeMovedIsRefused() async throws {
    let client = try await start(.o2ib(10 << 24 | 2))
    var target = try ServedTarget("own-OST0000")
    target.handle(.ostSync) { request in
      let foreign = await request.receive(into: try await client.allocate(byteCount: 64))
      guard case .failure(let error) = foreign.result else { return TargetReply(status: -1) }
      return TargetReply(status: -error.errno)
    }
    let server = try await start(Self.nid, [target])
    let connection = try await connect(client)
    #expect(try await connection.request(.ostSync).status == -22)
    await client.stop()
    await server.stop()
  }
}
