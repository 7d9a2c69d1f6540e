// Property: the simulated fabric keeps the transport's contract, as every backend does.
// Method: the conformance suite, one case a test; polling moves the virtual time on.
import RDMATransport
import Simulation
import Testing
import TransportConformance

/// The simulated transport for a driver that waits in real time: a poll carries out what is due by the real
/// clock, and nobody sleeps while something is still to come.
private struct SelfDrivingTransport: RDMATransport, ~Copyable {
  private var transport: SimulatedTransport
  private let fabric: SimulatedFabric
  private let start = (real: ContinuousClock.now, virtual: UInt64(1_000_000_000))

  init(_ fabric: SimulatedFabric, address: UInt32) {
    self.fabric = fabric
    transport = fabric.openTransport(addresses: [address])
  }

  var capabilities: TransportCapabilities { transport.capabilities }

  mutating func allocate(byteCount: Int, access: MemoryAccess) throws(TransportError)
    -> MemoryRegion
  {
    try transport.allocate(byteCount: byteCount, access: access)
  }

  mutating func release(_ region: MemoryRegion) { transport.release(region) }
  mutating func keepMemory() { transport.keepMemory() }

  mutating func execute(_ commands: Span<CMCommand>) { transport.execute(commands) }

  mutating func post(receives: Span<ReceiveRequest>) -> PostResult {
    transport.post(receives: receives)
  }

  mutating func post(sends: Span<SendRequest>) -> PostResult { transport.post(sends: sends) }

  mutating func poll(completions: inout OutputSpan<WorkCompletion>) {
    let elapsed = (ContinuousClock.now - start.real).components
    let nanoseconds = elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000
    fabric.advance(to: start.virtual + UInt64(nanoseconds))
    transport.poll(completions: &completions)
  }

  mutating func poll(events: inout OutputSpan<CMEvent>) { transport.poll(events: &events) }

  var wakeDescriptor: Int32 { transport.wakeDescriptor }

  mutating func arm() -> Bool { transport.arm() && fabric.nextTime == nil }

  mutating func nextDeadline() -> UInt64? { nil }
}

private typealias SimulatedSuite = TransportConformance.Suite<SelfDrivingTransport>

private func backend() -> Backend<SelfDrivingTransport> {
  var model = NetworkModel()
  // Acknowledgements come before the driver looks again, and a receiver that is not ready is asked
  // again seldom enough for a test to keep it waiting.
  model.latency = 100
  model.jitter = 0
  model.receiverNotReadyTimer = 20_000_000
  let fabric = SimulatedFabric(seed: 1, model: model)
  return Backend(
    name: "simulated", silentAddress: 99,
    address: { $0 == .server ? 1 : 2 },
    make: { SelfDrivingTransport(fabric, address: $0 == .server ? 1 : 2) })
}

@Suite struct SimulatedConformanceTests {
  /// A simulator may allocate on its hot path; it is the one promise that it does not make.
  static let names = SimulatedSuite.cases.map(\.name).filter { !$0.hasPrefix("hot path:") }

  @Test(arguments: names)
  func keepsTheContract(name: String) {
    switch SimulatedSuite(backend()).run(name) {
    case .passed: break
    case .failed(let reason), .skipped(let reason): Issue.record("\(name): \(reason)")
    }
  }
}
