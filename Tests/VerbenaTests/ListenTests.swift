// Property: a node that cannot listen ends with its transport's own explanation, and names the NID.
// Method: a node of an address that its transport does not have.
import EmulatedTransport
import LustreWire
import RDMATransport
import Testing

@testable import Verbena

@Suite struct ListenTests {
  @Test func theTransportExplains() async throws {
    let fabric = "listen-\(UInt64.random(in: 0 ... .max))"
    let nid = NID.o2ib(10 << 24 | 1)
    let error = await #expect(throws: NodeError.self) {
      _ = try await Node.start(NodeConfiguration(nids: [nid])) { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [nid.address + 1])
      }
    }
    #expect(error?.code == .transport)
    #expect(error?.errno == 99)
    #expect(
      error?.description
        == "listen 10.0.0.1@o2ib: 10.0.0.1:987 is at none of the addresses that the transport was opened with "
        + "(EADDRNOTAVAIL)")
  }
}
