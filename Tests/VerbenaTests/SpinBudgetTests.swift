// How long an idle loop polls: longer after short sleeps, bounded, and for its base again after a long one.
// Method: gaps by hand, and the limits that follow from the rule in SpinBudget's comment.
import Testing

@testable import Verbena

@Suite struct SpinBudgetTests {
  @Test func coversTheGapOfAShortSleep() {
    var budget = SpinBudget(base: 20_000)
    #expect(budget.nanoseconds == 20_000)
    budget.slept(through: 60_000)
    #expect(budget.nanoseconds == 120_000)
    budget.slept(through: 50_000)
    #expect(budget.nanoseconds == 120_000, "a shorter gap is covered already")
  }

  @Test func isBoundedAndFallsBackAfterALongSleep() {
    var budget = SpinBudget(base: 20_000)
    budget.slept(through: SpinBudget.longestGap)
    #expect(budget.nanoseconds == SpinBudget.longestGap)
    budget.slept(through: SpinBudget.longestGap + 1)
    #expect(budget.nanoseconds == 20_000)
  }

  @Test func keepsALongBase() {
    var budget = SpinBudget(base: 5_000_000)
    budget.slept(through: 4_000_000)
    #expect(budget.nanoseconds == 5_000_000)
    budget.slept(through: .max)
    #expect(budget.nanoseconds == 5_000_000)
  }

  @Test func neverPollsWhenToldSo() {
    var budget = SpinBudget(base: 0)
    budget.slept(through: 1)
    #expect(budget.nanoseconds == 0)
  }
}
