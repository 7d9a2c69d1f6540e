// A scenario is a run: the same line gives the same events at the same times, in every process.
// Method: trace hashes of runs are compared, within a process and with a child process, whose hash tables
// are seeded otherwise.
import Simulation
import Testing

@Suite struct ReplayTests {
  @Test func theSameScenarioIsTheSameRun() throws {
    for seed in [3, 8] as [UInt64] {
      let scenario = Scenario.random(seed: seed, operations: 20)
      let first = Simulator(scenario).run()
      let line = scenario.description
      let second = Simulator(try #require(Scenario(line: line))).run()
      #expect(first == second)
      #expect(first.trace.count > 100)
    }
  }

  @Test func anotherSeedIsAnotherRun() {
    var scenario = Scenario.calm(seed: 1, operations: 8)
    let first = Simulator(scenario).run()
    scenario.seed = 2
    #expect(Simulator(scenario).run().trace != first.trace)
  }

  @Test func anotherProcessIsTheSameRun() async {
    let expected = Simulator(.random(seed: 8, operations: 20)).run().trace.value
    await #expect(processExitsWith: .success) { [expected = expected as UInt64] in
      #expect(Simulator(.random(seed: 8, operations: 20)).run().trace.value == expected)
    }
  }
}
