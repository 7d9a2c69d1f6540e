// The example of the room's page does what the page says.
// Method: the example itself, and a replay of its line.
import Simulation
import Testing

@Suite struct DocumentationTests {
  @Test func thePagesExample() throws {
    let scenario = Scenario.random(seed: 8)
    let report = Simulator(scenario).run()
    #expect(report.violations == [])
    let replayed = try #require(Scenario(line: "\(scenario)"))
    #expect(Simulator(replayed).run() == report)
  }
}
