// On a machine without an RDMA device the transport says what is missing; with one it opens.
// Method: the real calls, whatever machine this is.
import RDMATransport
import Testing

@testable import VerbsTransport

@Suite struct VerbsTransportTests {
  @Test func aMachineWithoutDevicesSaysSo() throws {
    guard try VerbsTransport.devices().isEmpty else { return }
    let error = #expect(throws: TransportError.self) {
      _ = try VerbsTransport(VerbsTransport.Configuration(address: 0x7F00_0001))
    }
    let explanation = error?.explanation ?? ""
    #expect(explanation.contains("no RDMA device") || explanation.contains("no verbs backend"))
  }

  @Test func everyDeviceIsDescribedOrSaysWhyNot() throws {
    for device in try VerbsTransport.devices() where device.problem == nil {
      #expect(!device.ports.isEmpty)
      #expect(device.queuePairCountMax > 0)
      for port in device.ports { #expect([256, 512, 1024, 2048, 4096].contains(port.activeMTU)) }
    }
  }
}
