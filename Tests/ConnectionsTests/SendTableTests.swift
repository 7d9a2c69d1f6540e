// Property: a request is sent, waits or fails as the conditions of spec 10 §12 say, in their order.
// Method: rows written by hand over every state of an import.
import Testing

@testable import Connections

private enum SendWord {
  case connecting, replaying, invalid, invalidating, oldGeneration, noDelay, waking, duringReplay
}

private struct SendRow {
  let name: String
  let state: ImportState
  let words: [SendWord]
  let decision: SendDecision
}

private let eio = SendDecision.fail(5)
private let eagain = SendDecision.fail(11)
private let eshutdown = SendDecision.fail(108)

private let rows: [SendRow] = [
  SendRow(name: "new", state: .new, words: [], decision: eio),
  SendRow(name: "closed", state: .closed, words: [], decision: eio),
  SendRow(name: "closed before invalid", state: .closed, words: [.invalid], decision: eio),
  SendRow(name: "CONNECT", state: .connecting, words: [.connecting], decision: .send),
  SendRow(
    name: "CONNECT of an invalid import", state: .connecting, words: [.connecting, .invalid],
    decision: .send),
  SendRow(
    name: "CONNECT while invalidating", state: .connecting, words: [.connecting, .invalidating],
    decision: eio),
  SendRow(name: "invalid", state: .full, words: [.invalid], decision: eshutdown),
  SendRow(
    name: "invalid before generation", state: .full, words: [.invalid, .oldGeneration],
    decision: eshutdown),
  SendRow(name: "generation", state: .full, words: [.oldGeneration], decision: eio),
  SendRow(
    name: "generation before waiting", state: .disconnected, words: [.oldGeneration],
    decision: eio),
  SendRow(name: "full", state: .full, words: [], decision: .send),
  SendRow(name: "full, no delay", state: .full, words: [.noDelay], decision: .send),
  SendRow(name: "lost", state: .disconnected, words: [], decision: .wait),
  SendRow(name: "lost, no delay", state: .disconnected, words: [.noDelay], decision: eagain),
  SendRow(
    name: "waking", state: .connecting, words: [.noDelay, .waking], decision: .wait),
  SendRow(name: "connecting", state: .connecting, words: [], decision: .wait),
  SendRow(name: "evicted", state: .evicted, words: [.invalidating], decision: eio),
  SendRow(
    name: "evicted before no delay", state: .evicted, words: [.invalidating, .noDelay],
    decision: eio),
  SendRow(name: "replay", state: .replay, words: [.replaying], decision: .send),
  SendRow(
    name: "replay of another state", state: .replayLocks, words: [.replaying], decision: .wait),
  SendRow(name: "during replay", state: .replay, words: [.duringReplay], decision: .send),
  SendRow(name: "during recovery", state: .recover, words: [.duringReplay], decision: .send),
  SendRow(name: "not during replay", state: .replay, words: [], decision: .wait),
  SendRow(name: "lost during replay", state: .connecting, words: [.duringReplay], decision: .wait),
]

struct SendTableTests {
  @Test(arguments: rows.indices)
  func everyRow(_ index: Int) {
    let row = rows[index]
    var facts = SendFacts(state: row.state)
    for word in row.words {
      switch word {
      case .connecting: facts.sendState = .connecting
      case .replaying: facts.sendState = .replay
      case .invalid: facts.isInvalid = true
      case .invalidating: facts.isInvalidating = true
      case .oldGeneration: facts.importGeneration = 2
      case .noDelay: facts.isWithoutDelay = true
      case .waking: facts.isWaking = true
      case .duringReplay: facts.isDuringReplay = true
      }
    }
    #expect(SendDecision(facts) == row.decision, "\(row.name)")
  }
}
