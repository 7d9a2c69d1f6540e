/// A line on standard error at most once a second, and only on a terminal.
package struct Progress: Sendable {
  private static let intervalNanoseconds: UInt64 = 1_000_000_000

  private let isShown: Bool
  private let write: @Sendable (String) -> Void
  private var next: UInt64
  private var isDirty = false

  /// - Parameters:
  ///   - now: nanoseconds of any clock; the first line comes a second later.
  ///   - isShown: nil asks whether standard error is a terminal.
  package init(
    now: UInt64, isShown: Bool? = nil, write: @escaping @Sendable (String) -> Void = Streams.error
  ) {
    self.isShown = isShown ?? Streams.errorIsTerminal
    self.write = write
    next = now + Self.intervalNanoseconds
  }

  /// Shows the text when a second has passed since the last one; does not build it otherwise.
  package mutating func update(now: UInt64, _ text: () -> String) {
    guard isShown, now >= next else { return }
    next = now + Self.intervalNanoseconds
    isDirty = true
    write("\r\u{1B}[K" + text())
  }

  /// Clears the line.
  package mutating func finish() {
    if isDirty { write("\r\u{1B}[K") }
    isDirty = false
  }
}
