// Scenarios are data: they survive their text form, and failing ones are made small.
// Method: random scenarios are printed and read back; a planted property is shrunk to its core.
import Simulation
import Testing

@Suite struct ScenarioTests {
  @Test(arguments: 0..<50 as Range<UInt64>)
  func theLineSaysEverything(seed: UInt64) throws {
    let scenario = Scenario.random(seed: seed)
    #expect(scenario.isLegal)
    let line = scenario.description
    #expect(!line.contains("\n"))
    #expect(try #require(Scenario(line: line)) == scenario)
  }

  @Test func badLinesAreRefused() {
    let good = Scenario.random(seed: 1).description
    #expect(Scenario(line: good) != nil)
    #expect(Scenario(line: "") == nil)
    #expect(Scenario(line: good + " more=1") == nil)
    #expect(Scenario(line: good.replacing("seed=1", with: "seed=x")) == nil)
    #expect(
      Scenario(line: "seed=1 nodes=2 credits=8 conns=1 rails=1 tight=0 net=1,2 ops= faults=") == nil
    )
  }

  @Test func theSameSeedDrawsTheSame() {
    #expect(Scenario.random(seed: 9) == Scenario.random(seed: 9))
    #expect(Scenario.random(seed: 9) != Scenario.random(seed: 10))
  }

  /// A planted bug: large PUTs are wrong once a link was cut.
  @Test func aFailureIsMadeSmall() throws {
    let runner = PropertyRunner(
      draw: { Scenario.random(seed: $0) }, shrink: { $0.smaller },
      problem: { scenario in
        let isHit =
          scenario.operations.contains { $0.kind == .put && $0.byteCount > 3976 }
          && scenario.faults.contains { $0.kind == .cut }
        return isHit ? "a large PUT and a cut" : nil
      })
    let failure = try #require(runner.run(seeds: 1...100 as ClosedRange<UInt64>))
    #expect(failure.smallest.operations.count == 1)
    #expect(failure.smallest.faults.count == 1)
    #expect(failure.smallest.model == NetworkModel())
    #expect(failure.description.contains("replay: seed=\(failure.seed) "))
    #expect(runner.run(seeds: [] as [UInt64]) == nil)
  }
}
