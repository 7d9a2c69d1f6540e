// Property: the pinger connects, pings, waits or leaves as spec 11 §9.7 says; profiles hold the spec's times.
// Method: rows written by hand, with times in seconds.
@testable import NodeWorld
import Testing

@testable import Connections

private func at(_ seconds: UInt64) -> UInt64 { seconds * second }

/// What is special about an import at 100 s whose last reply was at 75 s and whose ping is due.
private enum PingWord: Equatable {
  case next(UInt64), forced, deactivated, pingless, unpingable, idle(UInt64), requests, locks
}

private struct PingRow {
  let name: String
  let state: ImportState
  let words: [PingWord]
  let action: PingerAction
}

private let rows: [PingRow] = [
  PingRow(name: "lost", state: .disconnected, words: [], action: .connect(next: at(105))),
  PingRow(
    name: "lost, early", state: .disconnected, words: [.next(105)],
    action: .connect(next: at(105))),
  PingRow(
    name: "lost, not due", state: .disconnected, words: [.next(106)], action: .wait(until: at(106))),
  PingRow(
    name: "lost, forced", state: .disconnected, words: [.next(160), .forced],
    action: .connect(next: at(105))),
  PingRow(
    name: "lost, deactivated", state: .disconnected, words: [.deactivated, .forced],
    action: .wait(until: nil)),
  PingRow(name: "full", state: .full, words: [], action: .ping),
  PingRow(name: "full, early", state: .full, words: [.next(105)], action: .ping),
  PingRow(
    name: "full, not due", state: .full, words: [.next(106)], action: .wait(until: at(106))),
  PingRow(name: "full, forced", state: .full, words: [.next(120), .forced], action: .ping),
  PingRow(name: "pingless", state: .full, words: [.pingless], action: .wait(until: at(125))),
  PingRow(name: "pingless, forced", state: .full, words: [.pingless, .forced], action: .ping),
  PingRow(name: "reverse", state: .full, words: [.unpingable], action: .wait(until: nil)),
  PingRow(name: "idle", state: .full, words: [.idle(20)], action: .disconnectIdle),
  PingRow(
    name: "idle, pingless", state: .full, words: [.idle(20), .pingless], action: .disconnectIdle),
  PingRow(name: "idle, exactly", state: .full, words: [.idle(25)], action: .disconnectIdle),
  PingRow(name: "not yet idle", state: .full, words: [.idle(26)], action: .ping),
  PingRow(name: "idle with requests", state: .full, words: [.idle(20), .requests], action: .ping),
  PingRow(name: "idle with locks", state: .full, words: [.idle(20), .locks], action: .ping),
]

struct PingerTests {
  @Test(arguments: rows.indices)
  func everyRow(_ index: Int) {
    let row = rows[index]
    #expect(Pinger.decide(facts(row.state, row.words), at: at(100), .lustre) == row.action)
  }

  @Test("§9.7: in any other state there is nothing to do")
  func otherStates() {
    for state in ImportState.allCases where state != .full && state != .disconnected {
      let action = Pinger.decide(facts(state, [.forced]), at: at(100), .lustre)
      #expect(action == .wait(until: nil), "\(state)")
    }
  }

  @Test("§9.7: any request moves the next ping")
  func afterSending() {
    #expect(Pinger.afterSending(at: at(10), awaitsCommit: false, .lustre) == at(35))
    #expect(Pinger.afterSending(at: at(10), awaitsCommit: true, .lustre) == at(17))
  }

  @Test(
    "§9.6: after a failure the attempt's deadline is waited out, unless there is reason for haste")
  func afterFailure() {
    func next(_ deadline: UInt64, _ forced: Bool, _ profile: TimingProfile) -> UInt64 {
      Pinger.afterFailure(at: at(10), attemptDeadline: deadline, isForced: forced, profile)
    }
    #expect(next(at(15), false, .lustre) == at(16))
    #expect(next(at(10), false, .lustre) == at(11))
    #expect(next(at(15), true, .lustre) == at(10))
    #expect(next(0, false, .lustre) == at(15))
    #expect(next(at(15), false, .fast) == at(10) + second / 4)
  }

  /// Spec 12 §1 and 11 §9, in seconds.
  @Test func theLustreProfileHasTheSpecsTimes() {
    let profile = TimingProfile.lustre
    let times: [(UInt64, UInt64)] = [
      (profile.connectTimeout, 5), (profile.unsentAttemptTimeout, 1),
      (profile.switchLatencyMin, 5), (profile.switchLatencyStep, 5),
      (profile.switchLatencyMax, 50), (profile.attemptSpacing, 5), (profile.pingInterval, 25),
      (profile.pingIntervalShort, 7), (profile.pingSlack, 5), (profile.idleTimeout, 20),
      (profile.restTime, 5), (profile.requeueMin, 5), (profile.requeueJitter, 5),
      (profile.disconnectTimeout, 5), (profile.reconnectJitter, 0),
    ]
    for (time, seconds) in times { #expect(time == at(seconds)) }
    #expect(profile.waitsOutDeadline && !profile.followsConnection)
    #expect(TimingProfile.named("lustre") == .lustre)
    #expect(TimingProfile.named("fast") == .fast)
    #expect(TimingProfile.named("slow") == nil)
    #expect("\(TimingProfile.fast.name) \(TimingProfile.lustre.name)" == "fast lustre")
  }

  /// A server must not be able to tell an idle client of one profile from one of the other.
  @Test func theFastProfileKeepsWhatServersSeeOfIdleClients() {
    #expect(TimingProfile.fast.pingInterval == TimingProfile.lustre.pingInterval)
    #expect(TimingProfile.fast.pingIntervalShort == TimingProfile.lustre.pingIntervalShort)
    #expect(TimingProfile.fast.idleTimeout == TimingProfile.lustre.idleTimeout)
    #expect(TimingProfile.fast.attemptSpacing < TimingProfile.lustre.attemptSpacing)
  }

  private func facts(_ state: ImportState, _ words: [PingWord]) -> PingerFacts {
    var facts = PingerFacts(state: state)
    facts.nextPing = at(100)
    facts.lastReply = at(75)
    for word in words {
      switch word {
      case .next(let seconds): facts.nextPing = at(seconds)
      case .forced: facts.isForced = true
      case .deactivated: facts.isDeactivated = true
      case .pingless: facts.isPingless = true
      case .unpingable: facts.isPingable = false
      case .idle(let seconds): facts.idleTimeout = at(seconds)
      case .requests: facts.hasRequests = true
      case .locks: facts.hasLocks = true
      }
    }
    return facts
  }
}
