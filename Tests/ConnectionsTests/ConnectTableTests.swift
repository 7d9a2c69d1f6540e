// Property: a server answers every CONNECT as spec 11 §5 says, row by row and in that order.
// Method: connects written by hand; then every row is bent, left out or swapped with its successor.
import Testing

@testable import Connections

struct ConnectTableTests {
  @Test(arguments: connectRows.indices)
  func everyRow(_ index: Int) {
    #expect(mismatch(connectRows[index], ConnectTable()) == nil)
  }

  @Test func everyRowOfTheTableIsDriven() {
    let refusing = Set(connectRows.map(\.row))
    for row in UInt8(1)...32 {
      // These rows decide how a granted connect goes on, and have rows of the test by name.
      if [10, 12, 13, 15, 17, 20, 21, 22, 24, 29, 30].contains(row) {
        #expect(connectRows.contains { $0.name.hasPrefix("\(row)") || $0.name.contains(" \(row)") })
      } else {
        #expect(refusing.contains(row), "row \(row)")
      }
    }
  }

  @Test func everyBentStepIsCaught() {
    for index in 0..<32 {
      for wrong in ConnectStep.allCases {
        var table = ConnectTable()
        if table.rules[index].step == wrong { continue }
        table.rules[index].step = wrong
        #expect(isCaught(table), "row \(table.rules[index].row) as \(wrong)")
      }
    }
  }

  @Test func everyBentConditionIsCaught() {
    for index in 0..<32 {
      for wrong in ConnectCondition.allCases {
        var table = ConnectTable()
        if table.rules[index].condition == wrong { continue }
        table.rules[index].condition = wrong
        #expect(isCaught(table), "row \(table.rules[index].row) when \(wrong)")
      }
    }
  }

  @Test func everyRowLeftOutIsCaught() {
    for index in 0..<32 {
      var table = ConnectTable()
      let row = table.rules[index].row
      // A row that never holds: what refuses is gone.
      table.rules[index].condition = index == 0 ? .libClient : .noTargetName
      #expect(isCaught(table), "without row \(row)")
    }
  }

  @Test func rowsThatRefuseDifferentlyKeepTheirOrder() {
    for index in 0..<31 {
      var table = ConnectTable()
      table.rules.swapAt(index, index + 1)
      let rows = (table.rules[index + 1].row, table.rules[index].row)
      // No connect can meet both, or both only mark: their order cannot show.
      let free: [(UInt8, UInt8)] = [
        (2, 3), (3, 4), (9, 10), (15, 16), (17, 18), (20, 21), (21, 22), (22, 23), (29, 30),
        (23, 24), (24, 25), (32, 29), (13, 14), (16, 17),
      ]
      if free.contains(where: { $0 == rows }) { continue }
      let isCaught = isCaught(table)
      #expect(isCaught, "row \(rows.0) after \(rows.1)")
    }
  }

  // MARK: - Rows

  private func isCaught(_ table: ConnectTable) -> Bool {
    connectRows.contains { mismatch($0, table) != nil }
  }

  private func mismatch(_ row: ConnectRow, _ table: ConnectTable) -> String? {
    let decision = table.decide(connectFacts(row.words))
    let flags: UInt32 =
      (decision.isRecovering ? 1 : 0) | (decision.isReconnect ? 2 : 0)
      | (decision.isReplayable ? 4 : 0)
    if decision.row != row.row || decision.errno != row.errno {
      return "\(row.name): row \(decision.row), errno \(decision.errno)"
    }
    if decision.action != row.action { return "\(row.name): \(decision.action)" }
    if decision.evictsOld != row.evicts { return "\(row.name): evicts \(decision.evictsOld)" }
    if decision.startsRecoveryTimer != row.startsTimer { return "\(row.name): timer" }
    if row.errno != 0 { return nil }
    if flags != row.flags { return "\(row.name): flags \(flags)" }
    if decision.restartsCount != row.restarts || decision.countsIntoRecovery != row.counts {
      return "\(row.name): \(decision)"
    }
    return nil
  }
}
