/// Numbers with a fixed count of digits after the point.
package enum Fixed {
  /// `places` 0 to 9; what is no number prints as `-`.
  package static func text(_ value: Double, places: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "-" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 9e18 else { return "\(value)" }
    let number = UInt64(scaled)
    let sign = value < 0 && number > 0 ? "-" : ""
    guard places > 0 else { return sign + "\(number)" }
    let unit = UInt64(scale)
    let fraction = String(number % unit)
    let zeros = String(repeating: "0", count: places - fraction.count)
    return sign + "\(number / unit).\(zeros)\(fraction)"
  }

  /// Nanoseconds as microseconds with two digits: `12.34`.
  package static func microseconds(_ nanoseconds: UInt64) -> String {
    text(Double(nanoseconds) / 1000, places: 2)
  }

  /// A count with a thin gap every three digits: `1 234 567`.
  package static func grouped(_ count: UInt64) -> String {
    let digits = Array(String(count))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(" ") }
      text.append(digit)
    }
    return text
  }
}
