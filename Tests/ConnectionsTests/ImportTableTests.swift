// Property: every event in every state does what spec 11 §9.3 says, and nothing else does anything.
// Method: machines are led into each state and driven with each event, against rows written by hand; then
// every entry of the table is bent in turn.
import Testing

@testable import Connections

struct ImportTableTests {
  @Test func everyEventInEveryState() {
    for state in ImportState.allCases {
      for event in ImportEvent.allCases { #expect(mismatch(state, event, ImportTable()) == nil) }
    }
  }

  @Test func everyBentEntryIsCaught() {
    for state in ImportState.allCases {
      for event in ImportEvent.allCases {
        let right = ImportTable()[state, event]
        for wrong in wrongSteps(right) {
          var table = ImportTable()
          table[state, event] = wrong
          #expect(mismatch(state, event, table) != nil, "\(state) \(event) as \(wrong)")
        }
      }
    }
  }

  @Test func rowsAreAllReachable() {
    for row in importRows {
      for state in row.from { #expect(machine(in: state).state == state, "\(row.section)") }
    }
  }

  @Test func replayStateFollowsEachChange() {
    for (state, expected) in replayStateRows {
      // Before the change it is the one that the rule does not set.
      let isWait = expected == .replayLocks
      var before = isWait ? machine(in: .full) : machine(in: .replayWait)
      let old: ImportState = isWait ? .replay : .replayLocks
      #expect(before.replayState == old)
      var table = ImportTable()
      table[before.state, .connectRequested] = ImportTable.Step(state, .stay)
      #expect(before.step(.connectRequested, table, at: 1) == .stay)
      #expect(before.replayState == expected ?? old, "\(state)")
    }
  }

  // MARK: - Driving

  /// Words for an entry that differs from the rows.
  private func mismatch(
    _ state: ImportState, _ event: ImportEvent, _ table: ImportTable
  ) -> String? {
    let rows = importRows.filter { $0.from.contains(state) && $0.event == event }
    let expected =
      rows.first.map { ImportTable.Step($0.to, $0.effect) } ?? ImportTable.Step(state, .ignore)
    var machine = machine(in: state)
    let effect = machine.step(event, table, at: 7)
    if effect == expected.effect && machine.state == expected.next && rows.count <= 1 {
      return nil
    }
    return "\(rows.first?.section ?? "-"): \(state) \(event): \(machine.state) \(effect)"
  }

  private func wrongSteps(_ right: ImportTable.Step) -> [ImportTable.Step] {
    // An ignored event changes nothing, whatever state the entry names.
    let effects: [ImportEffect] =
      right.effect == .ignore ? [.stay, .connect] : [.ignore, .failAll]
    let others = effects.filter { $0 != right.effect }.map { ImportTable.Step(right.next, $0) }
    if right.effect == .ignore { return others }
    let states = ImportState.allCases.filter { $0 != right.next }
    return others + states.map { ImportTable.Step($0, right.effect) }
  }
}

/// A machine that was led into a state.
func machine(in state: ImportState) -> ImportMachine {
  let toConnecting: [ImportEvent] = [.initialized, .connectRequested]
  let path: [ImportEvent] =
    switch state {
    case .closed: []
    case .new: [.initialized]
    case .disconnected: toConnecting + [.connectFailed]
    case .connecting: toConnecting
    case .replay: toConnecting + [.grantedReplay]
    case .replayLocks: toConnecting + [.grantedLockReplay]
    case .replayWait: toConnecting + [.grantedLockReplay, .locksReplayed]
    case .recover: toConnecting + [.grantedResend]
    case .full: toConnecting + [.grantedFull]
    case .evicted: toConnecting + [.grantedEvicted]
    case .idle: toConnecting + [.grantedFull, .idleTimePassed, .idleDisconnected]
    }
  var machine = ImportMachine()
  for event in path { _ = machine.step(event, ImportTable(), at: 0) }
  return machine
}
