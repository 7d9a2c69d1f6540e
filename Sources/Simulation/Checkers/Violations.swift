/// What the checkers have found, in the order of its finding.
package final class Violations {
  package struct Violation: Equatable, Sendable, CustomStringConvertible {
    package var time: UInt64
    package var text: String

    package var description: String { "at \(time / 1000) µs: \(text)" }
  }

  package private(set) var all: [Violation] = []
  /// Enough to understand a failure; the rest is the same again.
  private static var countMax: Int { 20 }

  package init() {}

  package var isEmpty: Bool { all.isEmpty }

  package func add(_ text: String, at time: UInt64) {
    guard all.count < Self.countMax else { return }
    all.append(Violation(time: time, text: text))
  }
}
