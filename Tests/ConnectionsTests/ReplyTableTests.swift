// Property: a CONNECT's reply is understood as spec 11 §9.5 says, row by row and in that order.
// Method: replies written by hand against an import that has been connected; then rows are bent or left out.
import Testing

@testable import Connections

struct ReplyTableTests {
  @Test(arguments: replyRows.indices)
  func everyRow(_ index: Int) {
    #expect(mismatch(replyRows[index], ReplyTable()) == nil)
  }

  @Test func everyBentOutcomeIsCaught() {
    for index in 0..<18 {
      for wrong in ReplyOutcome.allCases {
        var table = ReplyTable()
        if table.rules[index].outcome == wrong { continue }
        table.rules[index].outcome = wrong
        #expect(isCaught(table), "row \(table.rules[index].row) as \(wrong)")
      }
    }
  }

  @Test func everyRowLeftOutIsCaught() {
    // The last row holds always; without it there is no answer at all.
    for index in 0..<17 {
      var table = ReplyTable()
      for later in index..<17 { table.rules[later] = table.rules[later + 1] }
      #expect(isCaught(table), "without \(ReplyTable().rules[index])")
    }
  }

  @Test func rowsInAnotherOrderAreCaught() {
    // Rows 4 to 6 share their outcome, and 13 leads to where 11 leads: there the number tells.
    for index in 0..<16 {
      var table = ReplyTable()
      table.rules.swapAt(index, index + 1)
      if !overlap(index) { continue }
      #expect(isCaught(table), "\(ReplyTable().rules[index]) after its successor")
    }
  }

  @Test(arguments: failureRows.indices)
  func everyFailure(_ index: Int) {
    let row = failureRows[index]
    var failure = ConnectFailure()
    failure.isOtherVersion = row.otherVersion
    failure.isBetweenServers = row.betweenServers
    failure.hasRestedConnection = row.rested
    #expect(failure.reaction(to: row.errno) == row.reaction)

    var machine = connectedImport([])
    var facts = ConnectReplyFacts()
    facts.errno = row.errno
    _ = machine.connectEnded(
      facts, committed: 0, failure: failure, ReplyTable(), ImportTable(), at: 3)
    #expect(machine.state == (row.reaction == .close ? .closed : .disconnected))
    #expect(machine.flags.contains(.forceReconnect) == (row.reaction == .sameConnection))
    #expect(machine.flags.contains(.forceVerify) == (row.reaction == .retryAtOnce))
    #expect(
      machine.flags.contains(.deactivated) == [.close, .deactivate].contains(row.reaction))
  }

  @Test("§9.5 rows 14, 16, 17 and 19 leave their marks")
  func marks() {
    func verdict(_ words: [ReplyWord]) -> (ConnectVerdict, ImportMachine) {
      var machine = connectedImport(words)
      let verdict = machine.connectEnded(
        facts(words), committed: 50, failure: ConnectFailure(), ReplyTable(), ImportTable(), at: 3)
      return (verdict, machine)
    }
    #expect(verdict([.reconnect, .recovering]).1.flags.contains(.resendReplay))
    #expect(!verdict([.recovering, .newHandle]).1.flags.contains(.resendReplay))
    #expect(verdict([.recovering, .newHandle]).0.forgetsLastReplay)
    #expect(!verdict([.reconnect, .recovering]).0.forgetsLastReplay)
    #expect(verdict([.lightweight, .newHandle]).0.dropsCache)
    #expect(!verdict([.newHandle]).0.dropsCache)
    #expect(verdict([.reconnect, .older]).0.wentBackInTime)
    #expect(!verdict([.reconnect]).0.wentBackInTime)
    #expect(verdict([.initial, .replayable, .newHandle]).1.flags.contains(.replayable))
    #expect(!verdict([.initial, .newHandle]).1.flags.contains(.replayable))
    // Only the first CONNECT of a connection says it.
    #expect(verdict([.reconnect]).1.flags.contains(.replayable))
  }

  // MARK: - Rows

  private func isCaught(_ table: ReplyTable) -> Bool {
    replyRows.contains { mismatch($0, table) != nil }
  }

  /// Whether some row of the test meets both conditions, so that their order shows.
  private func overlap(_ index: Int) -> Bool {
    replyRows.contains { row in
      var only = ReplyTable()
      only.rules[0] = ReplyTable().rules[index + 1]
      for later in 1..<18 { only.rules[later] = ReplyTable().rules[17] }
      let decided = only.decide(facts(row.words), connectedImport(row.words))
      return row.row == ReplyTable().rules[index].row
        && decided.condition == ReplyTable().rules[index + 1].condition
        && decided != ReplyTable().rules[17]
    }
  }

  private func mismatch(_ row: ReplyRow, _ table: ReplyTable) -> String? {
    var machine = connectedImport(row.words)
    let facts = facts(row.words)
    // A bent table may decide what cannot be: then the row differs already.
    let rule = table.decide(facts, machine)
    guard rule.row == row.row else { return "\(row.name): row \(rule.row)" }
    let verdict = machine.connectEnded(
      facts, committed: 0, failure: ConnectFailure(), table, ImportTable(), at: 3)
    if machine.state != row.state { return "\(row.name): \(machine.state)" }
    if verdict.errno != row.errno { return "\(row.name): errno \(verdict.errno)" }
    let handle = row.adopts ? facts.handle : connectedImport(row.words).remoteHandle
    if machine.remoteHandle != handle { return "\(row.name): handle" }
    return nil
  }
}

private let oldHandle: UInt64 = 0xB064_E37E_5E48_34F0

/// An import that was FULL once and has sent a CONNECT.
private func connectedImport(_ words: [ReplyWord]) -> ImportMachine {
  let table = ImportTable()
  var machine = ImportMachine()
  func drive(_ events: [ImportEvent]) {
    for event in events { _ = machine.step(event, table, at: 0) }
  }
  drive([.initialized, .connectRequested, .grantedFull])
  machine.flags.insert(.replayable)
  if !has(words, .initial) { machine.adopt(handle: oldHandle) }
  drive([.requestFailed, .connectRequested])
  if has(words, .interruptedInWait) {
    drive([.grantedLockReplay, .locksReplayed, .replayFailed])
  }
  if has(words, .invalid) { machine.flags.insert(.invalid) }
  if has(words, .noCachedData) { machine.flags.insert(.noCachedData) }
  if has(words, .closed) { drive([.connectRefused]) }
  return machine
}

private func facts(_ words: [ReplyWord]) -> ConnectReplyFacts {
  var facts = ConnectReplyFacts()
  facts.handle = has(words, .noHandle) ? 0 : has(words, .newHandle) ? 0x77 : oldHandle
  facts.lastCommitted = has(words, .older) ? 49 : 50
  for word in words {
    switch word {
    case .errno(let number): facts.errno = number
    case .noData: facts.hasConnectData = false
    case .noExport: facts.hasLocalExport = false
    case .moreThanAsked: facts.isSubset = false
    case .betweenMDTs: facts.isBetweenMDTs = true
    case .farVersion: facts.isVersionNear = false
    case .noChecksum: facts.isWithoutChecksum = true
    case .initial: facts.isInitial = true
    case .recovering: facts.isRecovering = true
    case .reconnect: facts.isReconnect = true
    case .replayable: facts.isReplayable = true
    case .lightweight: facts.isLightweight = true
    case .closed, .invalid, .noCachedData, .interruptedInWait, .newHandle, .noHandle, .older: break
    }
  }
  return facts
}

private func has(_ words: [ReplyWord], _ word: ReplyWord) -> Bool {
  words.contains { "\($0)" == "\(word)" }
}
