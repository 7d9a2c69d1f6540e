// PtlRPC on real loops: OBD_PINGs between two nodes on the emulated fabric, many at a time.
// Method: the programs of the benchmark, a few thousand round trips; the count and the status are compared.
import BenchKit
import EmulatedTransport
import LustreWire
import PtlRPC
import RDMATransport
import Testing

@testable import Verbena

@Suite struct RPCTests {
  private func configuration(_ nid: NID) -> NodeConfiguration {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 4 << 20
    configuration.driverLimits.connections = 16
    configuration.rpc = RPCConfiguration(unixSeconds: 1_790_000_000)
    return configuration
  }

  @Test func pingsAreAnsweredOverRealLoops() async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let ours = try #require(NID("10.0.0.1@o2ib"))
    let theirs = try #require(NID("10.0.0.2@o2ib"))
    let desk = BenchDesk()
    let server = try await Node.start(
      configuration(theirs), program: { RPCPingServer() },
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [theirs.address])
      })
    let client = try await Node.start(
      configuration(ours),
      program: {
        RPCPingClient(desk: desk, target: theirs, inFlight: 8, warmupCount: 100, count: 2000)
      },
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [ours.address])
      })
    let outcome = await desk.outcome()
    #expect(outcome.count == 2000)
    #expect(outcome.status == 0)
    await client.stop()
    await server.stop()
  }
}
