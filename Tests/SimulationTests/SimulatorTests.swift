// The real cores, two to four nodes in virtual time, keep their promises under every scenario.
// Method: scenarios drawn from seeds; independent checkers of wire, memory, operations and leaks.
import Foundation
import Simulation
import Testing

@Suite struct SimulatorTests {
  /// How many seeds each property is tried on; more where there is time.
  static let seedCount = UInt64(ProcessInfo.processInfo.environment["VERBENA_SEEDS"] ?? "") ?? 20

  private func runner(_ draw: @escaping (UInt64) -> Scenario) -> PropertyRunner<Scenario> {
    PropertyRunner(
      draw: draw, shrink: { $0.smaller },
      problem: { scenario in
        let violations = Simulator(scenario).run().violations
        return violations.isEmpty ? nil : violations.joined(separator: "\n")
      })
  }

  @Test func calmRunsSucceedInEverything() {
    let failure = runner { Scenario.calm(seed: $0) }.run(seeds: 1...Self.seedCount)
    #expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
  }

  @Test func faultsHurtNobodyForGood() {
    let failure = runner { Scenario.random(seed: $0) }.run(seeds: 1...Self.seedCount)
    #expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
  }
}
