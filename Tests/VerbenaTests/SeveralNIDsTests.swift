// Property: a target that may be at several nodes is found at the one that has it, past one that is not there and one
// that has another target; where none has it, an impatient caller hears so at once.
// Method: two nodes with a target each and a client, on real loops over the emulated fabric.
import EmulatedTransport
import LustreWire
import RDMATransport
import Testing

@testable import Verbena

@Suite struct SeveralNIDsTests {
  private let fabric = "several-\(UInt64.random(in: 0 ... .max))"
  private static let nobody = NID.o2ib(10 << 24 | 77)

  private func start(_ host: UInt32, _ target: String? = nil) async throws -> Node {
    let nid = NID.o2ib(10 << 24 | host)
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 1 << 20
    configuration.enableConnections(imports: 4, clients: target == nil ? 0 : 8, timing: .fast)
    let fabric = fabric
    return try await Node.start(
      configuration, targets: try target.map { [try ServedTarget($0)] } ?? [],
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
      })
  }

  @Test func theNodeThatHasTheTargetIsFound() async throws {
    let (one, other) = (try await start(1, "own-OST0001"), try await start(2, "own-OST0000"))
    let client = try await start(9)
    let nids = [Self.nobody, one.nids[0], other.nids[0]]
    let found = try await client.connect(
      to: try #require(ObdUUID("own-OST0000_UUID")), at: nids, timeout: .seconds(3600),
      isPatient: false)
    #expect(try await found.view()?.connections.current?.nid == other.nids[0])
    await found.disconnect()
    // Nobody waits for the deadline.
    await #expect {
      _ = try await client.connect(
        to: try #require(ObdUUID("own-OST0007_UUID")), at: nids, timeout: .seconds(3600),
        isPatient: false)
    } throws: { error in
      let error = error as? NodeError
      return error?.errno == 19 && error?.peer.map(nids.dropFirst().contains) == true
    }
    await client.stop()
    await one.stop()
    await other.stop()
  }

  @Test(arguments: [0, 9])
  func aTargetHasOneToEight(count: Int) async throws {
    let client = try await start(9)
    await #expect {
      _ = try await client.connect(
        to: try #require(ObdUUID("MGS")), at: Array(repeating: Self.nobody, count: count))
    } throws: { ($0 as? NodeError)?.code == .configuration }
    await client.stop()
  }
}
