/// A text that is no quantity of the kind asked for.
package struct QuantityError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was given, what is legal.
  package let description: String
}
