// The real cores, two to four nodes in virtual time, keep their promises under every scenario.
// Method: scenarios drawn from seeds; independent checkers of wire, memory, operations and leaks.
import Simulation
import Testing

@Suite struct SimulatorTests {
  /// What all runs of a test came to.
  final class Reports {
    var operations = 0
    var succeeded = 0
    var void = 0

    func add(_ report: Simulator.Report) {
      operations += report.operationCount
      succeeded += report.succeededCount
      void += report.voidCount
    }
  }

  let reports = Reports()

  private func runner(
    _ name: String, _ draw: @escaping (UInt64) -> Scenario
  ) -> PropertyRunner<Scenario> {
    PropertyRunner(
      draw: draw, shrink: { $0.smaller },
      problem: { [reports] scenario in
        let report = Simulator(scenario).run()
        reports.add(report)
        let violations = report.violations
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
    // The faults bite: some operations fail, some die with their node, and most succeed.
    #expect(reports.succeeded * 2 > reports.operations)
    #expect(reports.void > 0)
    #expect(reports.succeeded + reports.void < reports.operations)
  }
}
