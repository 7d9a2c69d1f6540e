/// A text that is no quantity of the kind asked for.
package struct QuantityError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was given and what is legal.
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// Sizes, durations and ranges as people write them on a command line.
package enum Quantity {
  /// Steps that a list of sizes may have: more is a slip of the pen.
  package static let stepCountMax = 64

  private static let sizeUnits: [(suffix: String, factor: Int)] = [
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
    ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("B", 1),
  ]

  private static let durationUnits: [(suffix: String, nanoseconds: UInt64)] = [
    ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("min", 60_000_000_000),
    ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
  ]

  /// A size in bytes: `64`, `4K`, `1MiB`, `2^20`. K, M and G are powers of 1024.
  package static func byteCount(_ text: String) throws(QuantityError) -> Int {
    let wrong = QuantityError(
      "'\(text)' is no size; write whole bytes, with K, M or G for powers of 1024 (64, 4K, 1M, 2^20)"
    )
    if let caret = text.firstIndex(of: "^") {
      guard text[..<caret] == "2", let power = Int(text[text.index(after: caret)...]),
        (0...40).contains(power)
      else { throw wrong }
      return 1 << power
    }
    var digits = Substring(text)
    var factor = 1
    for unit in sizeUnits where text.hasSuffix(unit.suffix) {
      digits = text.dropLast(unit.suffix.count)
      factor = unit.factor
      break
    }
    guard let number = decimal(digits) else { throw wrong }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
    guard !overflow else { throw wrong }
    return bytes
  }

  /// Sizes in bytes: one, a list with commas, or a range `4K..1M` that doubles at each step.
  package static func byteCounts(_ text: String) throws(QuantityError) -> [Int] {
    var sizes: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: ".", omittingEmptySubsequences: false)
      if ends.count == 3, ends[1].isEmpty {
        let first = try byteCount(String(ends[0]))
        let last = try byteCount(String(ends[2]))
        guard first > 0, first <= last else {
          throw QuantityError("'\(part)' is no range; the first size must be 1 to the last one")
        }
        var size = first
        while size < last {
          sizes.append(size)
          size *= 2
        }
        sizes.append(last)
      } else {
        sizes.append(try byteCount(String(part)))
      }
    }
    guard sizes.count <= stepCountMax else {
      throw QuantityError("'\(text)' has \(sizes.count) sizes; at most \(stepCountMax) are run")
    }
    return sizes
  }

  /// A duration in nanoseconds: `250ms`, `10s`, `1.5s`, `2min`; a bare number is seconds.
  package static func nanoseconds(_ text: String) throws(QuantityError) -> UInt64 {
    let wrong = QuantityError(
      "'\(text)' is no duration; write a number with ns, us, ms, s, min or h (250ms, 10s)")
    var number = Substring(text)
    var unit: UInt64 = 1_000_000_000
    for candidate in durationUnits where text.hasSuffix(candidate.suffix) {
      number = text.dropLast(candidate.suffix.count)
      unit = candidate.nanoseconds
      break
    }
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let whole = decimal(parts[0]) else { throw wrong }
    let (product, overflow) = UInt64(whole).multipliedReportingOverflow(by: unit)
    guard !overflow, product <= UInt64(Int64.max) else { throw wrong }
    guard parts.count == 2 else { return product }
    guard parts[1].count <= 9, let fraction = decimal(parts[1]) else { throw wrong }
    var scale: UInt64 = 1
    for _ in 0..<parts[1].count { scale *= 10 }
    return product + UInt64((Double(fraction) / Double(scale) * Double(unit)).rounded())
  }

  /// Bytes with the largest unit that divides them: `4K`, `1M`, `100`.
  package static func text(bytes: Int) -> String {
    for (suffix, factor) in [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)]
    where bytes >= factor && bytes % factor == 0 {
      return "\(bytes / factor)\(suffix)"
    }
    return "\(bytes)"
  }

  /// A duration with the largest unit that divides it: `250ms`, `10s`.
  package static func text(nanoseconds: UInt64) -> String {
    if nanoseconds == 0 { return "0s" }
    for (suffix, unit) in [
      ("h", 3_600_000_000_000 as UInt64), ("min", 60_000_000_000), ("s", 1_000_000_000),
      ("ms", 1_000_000), ("us", 1_000),
    ] where nanoseconds >= unit && nanoseconds % unit == 0 {
      return "\(nanoseconds / unit)\(suffix)"
    }
    return "\(nanoseconds)ns"
  }

  /// Only digits: `Int.init` would also take a sign.
  private static func decimal(_ digits: Substring) -> Int? {
    guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    return Int(digits)
  }
}
