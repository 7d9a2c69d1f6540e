// The checkers see: every bug that is planted in the wire or in the driver's rules is reported.
// Method: calm scenarios, which pass, are run again with one bug each.
import LustreWire
import NodeCore
import O2IBLND
import Simulation
import Testing

@Suite struct PlantedBugTests {
  /// Traffic that uses every row of the credit table more often than there are credits: PUTs and GETs by RDMA,
  /// dropped ones, and a one-way stream that only NOOPs can pay for.
  static let heavy: Scenario = {
    var scenario = Scenario(seed: 7)
    for index in 0..<90 {
      let kinds: [Scenario.Operation.Kind] = [.put, .get, .stray]
      scenario.operations.append(
        Scenario.Operation(
          time: UInt64(index) * 100, kind: kinds[index % 3], from: 0, to: 1, byteCount: 5000))
    }
    for index in 0..<60 {
      scenario.operations.append(
        Scenario.Operation(
          time: 10_000 + UInt64(index), kind: .stray, from: 0, to: 1, byteCount: 100))
    }
    return scenario
  }()

  @Test func theHeavyTrafficPassesUnbent() {
    #expect(Simulator(Self.heavy).run().violations == [])
  }

  @Test(arguments: Sabotage.Kind.allCases)
  func sabotageOfTheWireIsFound(kind: Sabotage.Kind) {
    var strikes = 0
    for (seed, skip) in [(1, 0), (2, 3), (3, 11)] as [(UInt64, Int)] {
      let simulator = Simulator(
        .calm(seed: seed, operations: 24), sabotage: Sabotage(kind, skip: skip))
      let report = simulator.run()
      guard simulator.fabric.sabotage.kind == nil else { continue }
      strikes += 1
      #expect(!report.violations.isEmpty, "seed \(seed), skip \(skip)")
    }
    #expect(strikes >= 2)
  }

  /// Each row of the credit table that gives something back, bent so that it forgets to.
  @Test(arguments: RepostCause.allCases.filter { CreditTable()[$0] != .nothing })
  func aForgottenCreditIsFound(cause: RepostCause) {
    let report = Simulator(
      Self.heavy, prepare: { $0.lnd.tables.credits[cause] = .nothing }
    ).run()
    #expect(!report.violations.isEmpty)
  }

  /// Rules bent the other way trip the driver's own checks or ours, whichever is first: in a child process.
  @Test(arguments: [0, 1, 2, 3])
  func tooGenerousARuleIsFound(bend: Int) async {
    await #expect(processExitsWith: bend == 0 ? .success : .failure) {
      [bend = bend as Int] in
      let report = Simulator(
        Self.heavy,
        prepare: { core in
          switch bend {
          case 1: core.lnd.tables.credits[RepostCause.noopReceived] = .owe
          case 2: core.lnd.tables.credits[RepostCause.putAcknowledged] = .owe
          case 3: core.lnd.tables.credits[O2IBMessageType.immediate] = .none
          default: break
          }
        }
      ).run()
      precondition(report.violations.isEmpty)
    }
  }
}
