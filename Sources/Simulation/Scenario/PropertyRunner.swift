/// Tries a property on many drawn cases, and makes the first that fails small.
package struct PropertyRunner<Case: CustomStringConvertible> {
  /// A case that does not hold, made as small as the budget allowed.
  package struct Failure: CustomStringConvertible {
    package var seed: UInt64
    /// The case as it was drawn.
    package var drawn: Case
    package var smallest: Case
    /// What is wrong with the smallest.
    package var reason: String
    /// How many smaller cases were tried.
    package var attempts: Int

    package var description: String {
      "seed \(seed): \(reason)\nreplay: \(smallest)"
    }
  }

  private let draw: (UInt64) -> Case
  private let shrink: (Case) -> [Case]
  /// What is wrong with a case; nil when nothing is.
  private let problem: (Case) -> String?
  /// Told of each seed before it is tried: a trap ends the process, and leaves no other trace of its seed.
  private let announce: (UInt64) -> Void
  /// Smaller cases that may be tried for one failure.
  private let attemptCountMax: Int

  package init(
    attemptCountMax: Int = 300, draw: @escaping (UInt64) -> Case,
    shrink: @escaping (Case) -> [Case], problem: @escaping (Case) -> String?,
    announce: @escaping (UInt64) -> Void = { _ in }
  ) {
    self.attemptCountMax = attemptCountMax
    self.draw = draw
    self.shrink = shrink
    self.problem = problem
    self.announce = announce
  }

  /// The first failure; nil when the property held for every seed.
  package func run(seeds: some Sequence<UInt64>) -> Failure? {
    for seed in seeds {
      announce(seed)
      let drawn = draw(seed)
      guard let reason = problem(drawn) else { continue }
      return smallest(seed: seed, drawn: drawn, reason: reason)
    }
    return nil
  }

  /// Takes the first smaller case that fails too, again and again.
  private func smallest(seed: UInt64, drawn: Case, reason: String) -> Failure {
    var failure = Failure(seed: seed, drawn: drawn, smallest: drawn, reason: reason, attempts: 0)
    var isShrinking = true
    while isShrinking {
      isShrinking = false
      for candidate in shrink(failure.smallest) {
        guard failure.attempts < attemptCountMax else { return failure }
        failure.attempts += 1
        if let reason = problem(candidate) {
          failure.smallest = candidate
          failure.reason = reason
          isShrinking = true
          break
        }
      }
    }
    return failure
  }
}
