internal import Structures

/// Decides at each chance whether a rule strikes; the same plan and the same chances give the same faults.
struct FaultDice {
  private var rules: [FaultPlan.Rule]
  private var random: SeededGenerator

  init(_ plan: FaultPlan) {
    rules = plan.rules
    random = SeededGenerator(seed: plan.seed)
  }

  /// The first rule about such a fault that strikes now.
  mutating func roll(_ isAbout: (FaultPlan.Fault) -> Bool) -> FaultPlan.Fault? {
    for index in rules.indices where rules[index].count > 0 && isAbout(rules[index].fault) {
      if rules[index].skip > 0 {
        rules[index].skip -= 1
        continue
      }
      if rules[index].oneIn > 1 && random.next() % rules[index].oneIn != 0 { continue }
      rules[index].count -= 1
      return rules[index].fault
    }
    return nil
  }
}
