// Property: a service counts what each session sent it, by itself, and forgets the session that was silent longest;
// operations of an open loop are due at their rate, without drift.
// Method: a model of a few lines beside it, under random sessions; due times of every index held against exact fractions.
import BenchKit
import Testing

@Suite struct AccountTests {
  @Test func eachSessionHasItsOwn() {
    var random = SystemRandomNumberGenerator()
    var accounts = BenchAccounts()
    var model: [UInt32: BenchAccount] = [:]
    for _ in 0..<10_000 {
      let session = UInt32.random(in: 0..<UInt32(BenchAccounts.sessionCountMax), using: &random)
      let isWrong = Bool.random(using: &random)
      accounts.count(session, isWrong: isWrong)
      model[session, default: BenchAccount()].received += 1
      if isWrong { model[session]?.mismatched += 1 }
      #expect(accounts[session] == model[session])
    }
    for (session, account) in model { #expect(accounts[session] == account) }
  }

  @Test func theOneSilentLongestIsForgotten() {
    var accounts = BenchAccounts()
    let count = UInt32(BenchAccounts.sessionCountMax)
    for session in 0..<count { accounts.count(session, isWrong: false) }
    accounts.count(0, isWrong: true)
    accounts.count(count, isWrong: false)
    #expect(accounts[0].received == 2 && accounts[0].mismatched == 1)
    #expect(accounts[2].received == 1)
    #expect(accounts[1].received == 0)
  }

  @Test func anAccountComesOutAsItWentIn() {
    var account = BenchAccount()
    account.received = .max
    account.mismatched = 0x8000_0001
    #expect(BenchAccount(encoded: account.encoded) == account)
  }

  @Test(arguments: [1, 3, 7, 1000, 999_983, 10_000_000])
  func theRateIsKeptWithoutDrift(rate: Int) {
    let pace = BenchPace(ratePerSecond: rate, start: 5)
    #expect(pace.time(of: 0) == 5)
    for seconds in [1, 2, 86_400] {
      #expect(pace.time(of: rate * seconds) == 5 + UInt64(seconds) * 1_000_000_000)
    }
    for index in 0..<100 {
      let exact = Double(index) * 1e9 / Double(rate)
      #expect(abs(Double(pace.time(of: index) - 5) - exact) <= 1)
      #expect(pace.time(of: index) <= pace.time(of: index + 1))
    }
  }
}
