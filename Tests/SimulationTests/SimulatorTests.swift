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

  /// Scenarios that were once judged wrongly, or that once failed, as their failures printed them.
  @Test(arguments: [
    // At rest but for LNet's ping of a rail that had been unwell.
    "seed=10762 nodes=4 credits=8 conns=2 rails=2 tight=0 net=49899,94657,20698,1240025,2512751,0,250000000,0,"
      + "0,70000000,32,640000,115 ops=736:ping:2:0:0,1568:discover:3:1:0,2420:get:2:1:4095,"
      + "4378:stray:1:3:4096,6538:discover:3:0:0,7403:get:0:1:3977 faults=",
    // A refusal's credit went out with a message before it.
    "seed=4 nodes=2 credits=8 conns=1 rails=1 tight=0 net=2000,1000,12500,50000,20000,0,250000000,0,0,70000000,"
      + "0,640000,0 ops=0:get:0:1:5680,0:stray:0:1:5333 faults=",
  ])
  func whatOnceFailedPasses(line: String) throws {
    #expect(Simulator(try #require(Scenario(line: line))).run().violations == [])
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
