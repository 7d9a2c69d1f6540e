// Property: a node ends although callers hold its memory: they may use it as before, it is counted, and the log says so.
// Method: a node whose buffer and exposure are kept, stopped with little patience; a second life under the same NID.
import EmulatedTransport
import LustreWire
import RDMATransport
import Testing

@testable import Verbena

@Suite struct HeldBufferTests {
  private let fabric = "held-\(UInt64.random(in: 0 ... .max))"
  private static let nid = NID.o2ib(10 << 24 | 1)

  private func start() async throws -> Node {
    var configuration = NodeConfiguration(nids: [Self.nid])
    configuration.bulkByteCount = 1 << 20
    configuration.lentMemoryPatience = .milliseconds(20)
    let fabric = fabric
    return try await Node.start(configuration) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [Self.nid.address])
    }
  }

  @Test func whatIsHeldForEverEndsNoNode() async throws {
    let first = try await start()
    var buffer = try await first.allocate(byteCount: 5000)
    buffer.store([UInt8](repeating: 7, count: 5000))
    let exposure = try await first.expose(
      try await first.allocate(byteCount: 64), portal: Portal(rawValue: 40), matchBits: 1)
    await first.stop()
    #expect(first.unreturnedBufferCount == 2)

    // Its name and place are free again, and its memory is its holder's.
    let second = try await start()
    var other = try await second.allocate(byteCount: 5000)
    other.store([UInt8](repeating: 9, count: 5000))
    #expect(buffer.prefix(5000).allSatisfy { $0 == 7 })
    buffer.store([1, 2, 3])
    #expect(buffer.prefix(4) == [1, 2, 3, 7])
    let late = await first.put(
      buffer, to: TransferTarget(nid: Self.nid, portal: Portal(rawValue: 40), matchBits: 1))
    #expect { try late.result.get() } throws: { ($0 as? NodeError)?.code == .stopped }
    #expect(late.takeBuffer().prefix(2) == [1, 2])
    var bare = await exposure.withdraw()
    bare.store([4])
    #expect(bare.prefix(1) == [4])

    drop(other)
    await second.stop()
    #expect(second.unreturnedBufferCount == 0)
  }

  private func drop(_ buffer: consuming BulkBuffer) {}

  @Test func theLogSaysHowMany() {
    #expect(NodeLog.unreturned(3).contains("3 of its buffers are still held"))
  }
}
