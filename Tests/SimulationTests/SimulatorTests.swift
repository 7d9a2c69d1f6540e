// The real cores, two to four nodes in virtual time, keep their promises under every scenario.
// Method: scenarios drawn from seeds; independent checkers of wire, memory, operations and leaks.
import Simulation
import Testing

@Suite struct SimulatorTests {
  private func runner(
    _ name: String, _ draw: @escaping (UInt64) -> Scenario
  ) -> PropertyRunner<Scenario> {
    PropertyRunner(
      draw: draw, shrink: { $0.smaller },
      problem: { scenario in
        let violations = Simulator(scenario).run().violations
        return violations.isEmpty ? nil : violations.joined(separator: "\n")
      }, announce: Seeds.announce(name))
  }

  @Test func calmRunsSucceedInEverything() {
    let failure = runner("calm") { Scenario.calm(seed: $0) }
      .run(seeds: Seeds.range(default: 10))
    #expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
  }

  @Test func faultsHurtNobodyForGood() {
    let failure = runner("faults") { Scenario.random(seed: $0) }
      .run(seeds: Seeds.range(default: 15))
    #expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
  }
}
