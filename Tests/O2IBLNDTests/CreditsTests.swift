// Property: the account of one connection (spec 02 §7), as a value on its own.
// Method: the worked example of §7.5, the thresholds of §7.4, and the traps that §15 calls for.

import Testing

@testable import O2IBLND

struct CreditsTests {
  @Test("§7.5: the worked example")
  func workedExample() {
    var a = Credits(depth: 8, highWater: 4)
    var b = Credits(depth: 8, highWater: 4)
    for _ in 0..<8 {
      a.spend()
      let isCovered = b.receivedCredited()
      #expect(isCovered)
    }
    #expect(!a.canSendCredited)
    for consumed in 1...4 {
      b.posted(.owe)
      let isDue = b.needsNOOP(keepaliveDue: false, hasUncredited: false, hasCredited: false)
      #expect(isDue == (consumed == 4))
    }
    let returned = b.returnOwed()
    #expect(returned == 4 && b.owed == 0)
    let isCredible = a.received(returning: returned)
    #expect(isCredible && a.available == 4)
  }

  @Test("§7.4: high-water by depth, never 0 (§15.7)", arguments: [1, 2, 3, 8, 16, 32, 128, 255])
  func highWater(depth: Int) {
    var configuration = O2IBConfiguration()
    #expect(configuration.highWater(depth: 8) == 4)
    try? configuration.set("peer_credits", to: max(8, depth))
    let most = max(8, depth)
    #expect(configuration.highWater(depth: depth) == max(1, depth * (most / 2) / most))
    #expect(configuration.highWater(depth: depth) >= 1)
    try? configuration.set("peer_credits_hiw", to: 254)
    #expect(configuration.highWater(depth: depth) < max(2, depth))
  }

  @Test("§7.4: when a NOOP goes out")
  func noopRule() {
    var credits = Credits(depth: 8, highWater: 4)
    for _ in 0..<4 { _ = credits.receivedCredited() }
    for _ in 0..<4 { credits.posted(.owe) }
    #expect(credits.needsNOOP(keepaliveDue: false, hasUncredited: false, hasCredited: false))
    // Something else will carry the credits.
    #expect(!credits.needsNOOP(keepaliveDue: false, hasUncredited: true, hasCredited: false))
    #expect(!credits.needsNOOP(keepaliveDue: false, hasUncredited: false, hasCredited: true))
    // Unless it cannot go.
    for _ in 0..<8 { credits.spend() }
    #expect(credits.needsNOOP(keepaliveDue: false, hasUncredited: false, hasCredited: true))
    credits.noopPosted()
    credits.noopPosted()
    #expect(!credits.needsNOOP(keepaliveDue: true, hasUncredited: false, hasCredited: true))
    credits.noopCompleted()
    #expect(credits.needsNOOP(keepaliveDue: true, hasUncredited: false, hasCredited: true))
    _ = credits.returnOwed()
    #expect(!credits.needsNOOP(keepaliveDue: false, hasUncredited: false, hasCredited: false))
    #expect(credits.needsNOOP(keepaliveDue: true, hasUncredited: false, hasCredited: false))
  }

  @Test func whatAPeerMustNotDoIsTold() {
    var credits = Credits(depth: 8, highWater: 4)
    let isCredible = credits.received(returning: 1)
    #expect(!isCredible)
    credits = Credits(depth: 8, highWater: 4)
    for _ in 0..<8 {
      let isCovered = credits.receivedCredited()
      #expect(isCovered)
    }
    let isCovered = credits.receivedCredited()
    #expect(!isCovered)
  }

  @Test("§15.1: a credited message without credit traps")
  func spendingWithoutCredit() async {
    await #expect(processExitsWith: .failure) {
      var credits = Credits(depth: 1, highWater: 1)
      credits.spend()
      credits.spend()
    }
  }

  @Test("§15.4: returning more credits than were received traps")
  func returningTooMuch() async {
    await #expect(processExitsWith: .failure) {
      var credits = Credits(depth: 8, highWater: 4)
      credits.posted(.owe)
    }
  }

  @Test("§13: every tunable has its range, and says so", arguments: O2IBConfiguration.keys)
  func ranges(key: String) throws {
    var configuration = O2IBConfiguration()
    let legal: [String: [Int]] = [
      "service": [1, 987, 65535], "timeout": [1, 50], "peer_credits": [8, 255],
      "peer_credits_hiw": [0, 254], "credits": [1, 256], "concurrent_sends": [0, 64],
      "conns_per_peer": [1, 4], "retry_count": [0, 7], "rnr_retry_count": [0, 7],
      "keepalive": [0, 100], "ib_mtu": [0, 4096], "use_privileged_port": [0, 1],
      "require_privileged_port": [0, 1], "tos": [-1, 255],
    ]
    for value in legal[key] ?? [] { try configuration.set(key, to: value) }
    for value in [-2, 1 << 20, 1 << 30] {
      #expect {
        try configuration.set(key, to: value)
      } throws: { error in
        let error = error as? O2IBConfigurationError
        return error?.key == key && error?.value == value && !(error?.legal.isEmpty ?? true)
      }
    }
    #expect(throws: O2IBConfigurationError.self) { try configuration.set("peer_credit", to: 8) }
    #expect(throws: O2IBConfigurationError.self) { try configuration.set("peer_credits", to: 7) }
    #expect(throws: O2IBConfigurationError.self) { try configuration.set("ib_mtu", to: 1500) }
  }
}
