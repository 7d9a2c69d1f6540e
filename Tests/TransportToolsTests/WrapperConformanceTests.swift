// Property: a wrapper that does nothing bad keeps the transport's contract, alone and composed.
// Method: the conformance suite on the emulated fabric under capture over an empty fault plan.
import EmulatedTransport
import RDMATransport
import Testing
import TransportConformance
import TransportTools

private typealias Wrapped = Capturing<FaultInjecting<EmulatedTransport>>
private typealias WrappedSuite = TransportConformance.Suite<Wrapped>

private func backend() -> Backend<Wrapped> {
  let fabric = uniqueFabric()
  let address = { (side: Backend<Wrapped>.Side) in
    switch side {
    case .server: 10 << 24 | 1 as UInt32
    case .client: 10 << 24 | 2 as UInt32
    }
  }
  return Backend(
    name: "wrapped", silentAddress: 10 << 24 | 99, address: address,
    make: { side in
      Capturing(
        FaultInjecting(
          try openFabric(fabric, address(side)), plan: FaultPlan(seed: 1, rules: [])),
        now: { 0 }, sink: { _ in })
    })
}

@Suite struct WrapperConformanceTests {
  /// All but the count of allocations: the wrappers are for looking and for breaking, and do allocate.
  private static let names = WrappedSuite.cases.map(\.name).filter {
    $0 != "hot path: nothing is allocated"
  }

  @Test(arguments: names)
  func keepsTheContract(name: String) {
    switch WrappedSuite(backend()).run(name) {
    case .passed: break
    case .failed(let reason): Issue.record("\(name): \(reason)")
    case .skipped(let reason): #expect(reason == "no inline sends", "\(name): \(reason)")
    }
  }
}
