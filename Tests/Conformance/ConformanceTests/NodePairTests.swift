// Property: two nodes in one process do not disturb each other, be it by their messages or by their ends.
// Method: the run that a guest makes on one verbs device, here on one emulated fabric.
import EmulatedTransport
import NodeConformance
import RDMATransport
import Testing

@Suite struct NodePairTests {
  @Test(.timeLimit(.minutes(2)))
  func twoNodesInOneProcess() async throws {
    let fabric = "nodes-\(UInt64.random(in: 0 ... .max))"
    try await NodePairRun.run((10 << 24 | 1, 10 << 24 | 2)) { (address) throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [address])
    } say: { _ in
    }
  }
}
