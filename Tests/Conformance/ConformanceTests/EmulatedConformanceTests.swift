// Property: the emulated fabric keeps the transport's contract, as every backend does.
// Method: the conformance suite, one case a test, on two nodes of a fabric of its own.
import EmulatedTransport
import Glibc
import RDMATransport
import Testing
import TransportConformance

private typealias EmulatedSuite = TransportConformance.Suite<EmulatedTransport>

private func backend() -> Backend<EmulatedTransport> {
  let fabric = "conformance-\(getpid())-\(UInt32.random(in: 0 ..< .max))"
  return Backend(
    name: "emulated", silentAddress: 10 << 24 | 99,
    address: { side in
      switch side {
      case .server: 10 << 24 | 1
      case .client: 10 << 24 | 2
      }
    },
    make: { side in
      try EmulatedTransport.open(
        fabric: fabric, addresses: [side == .server ? 10 << 24 | 1 : 10 << 24 | 2],
        limits: FabricLimits(memoryByteCountMax: 64 << 20))
    })
}

@Suite struct EmulatedConformanceTests {
  @Test(arguments: EmulatedSuite.cases.map(\.name))
  func keepsTheContract(name: String) {
    switch EmulatedSuite(backend()).run(name) {
    case .passed: break
    case .failed(let reason): Issue.record("\(name): \(reason)")
    case .skipped(let reason):
      // What the fabric cannot do must be what its capabilities say.
      let expected = ["no inline sends", "a sanitizer has its own allocator"]
      #expect(expected.contains(reason), "\(name) was skipped: \(reason)")
    }
  }
}
