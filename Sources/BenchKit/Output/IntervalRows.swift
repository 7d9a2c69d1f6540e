/// What was done in each interval of a measurement, a line each on standard error.
package struct IntervalRows: Sendable {
  private let intervalNanoseconds: UInt64
  private let name: String
  private let byteCount: Int
  private let write: @Sendable (String) -> Void
  private var last: (time: UInt64, count: Int) = (0, 0)
  private var rowCount = 0

  /// - Parameters:
  ///   - intervalNanoseconds: at least 1.
  ///   - name: of the operation.
  ///   - byteCount: of each operation.
  package init(
    intervalNanoseconds: UInt64, name: String, byteCount: Int,
    write: @escaping @Sendable (String) -> Void = Streams.error
  ) {
    precondition(intervalNanoseconds > 0)
    self.intervalNanoseconds = intervalNanoseconds
    self.name = name
    self.byteCount = byteCount
    self.write = write
  }

  /// Shows a row when an interval is over.
  ///
  /// - Parameters:
  ///   - now: nanoseconds since the measurement began.
  ///   - count: operations that have ended since then.
  package mutating func update(now: UInt64, count: Int) {
    guard now &- last.time >= intervalNanoseconds else { return }
    let seconds = Double(now - last.time) / 1e9
    let rate = Double(max(count - last.count, 0)) / seconds
    if rowCount == 0 {
      write(Self.row("interval", "at [s]", "done", "per second", "MiB/s"))
    }
    write(
      Self.row(
        "\(name) \(Quantity.text(bytes: byteCount))", Fixed.text(Double(now) / 1e9, places: 2),
        "\(count)", Fixed.text(rate, places: 0),
        byteCount == 0 ? "-" : Fixed.text(rate * Double(byteCount) / Double(1 << 20), places: 1)))
    rowCount += 1
    last = (now, count)
  }

  private static func row(
    _ name: String, _ time: String, _ done: String, _ rate: String, _ bandwidth: String
  ) -> String {
    let cells = zip([time, done, rate, bandwidth], [9, 12, 12, 10]).map { text, width in
      String(repeating: " ", count: max(1, width - text.count)) + text
    }
    return name + String(repeating: " ", count: max(0, 16 - name.count)) + cells.joined() + "\n"
  }
}
