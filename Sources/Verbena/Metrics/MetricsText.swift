/// Metrics in Prometheus's text format (version 0.0.4): families one after the other, each with its help and type.
package struct MetricsText: Sendable {
  package typealias Label = (name: String, value: String)

  package private(set) var text = ""

  package init() {}

  /// A number that only grows; its name ends in `_total`.
  package mutating func counter(
    _ name: String, _ help: String, _ samples: [(labels: [Label], value: UInt64)]
  ) {
    precondition(name.hasSuffix("_total"))
    begin(name, help, "counter")
    for sample in samples { add(name, sample.labels, "\(sample.value)") }
  }

  /// A number that goes up and down.
  package mutating func gauge(
    _ name: String, _ help: String, _ samples: [(labels: [Label], value: UInt64)]
  ) {
    begin(name, help, "gauge")
    for sample in samples { add(name, sample.labels, "\(sample.value)") }
  }

  /// Distributions of times, in seconds.
  ///
  /// - Parameter samples: of each, how many took at most so many nanoseconds, the bounds rising; the count and the
  ///   sum of all.
  package mutating func histogram(
    _ name: String, _ help: String, _ samples: [(labels: [Label], value: Distribution)]
  ) {
    precondition(name.hasSuffix("_seconds"))
    begin(name, help, "histogram")
    for (labels, value) in samples {
      for bucket in value.buckets {
        add("\(name)_bucket", labels + [("le", Self.seconds(bucket.bound))], "\(bucket.count)")
      }
      add("\(name)_bucket", labels + [("le", "+Inf")], "\(value.count)")
      add("\(name)_sum", labels, Self.seconds(value.sumNanoseconds))
      add("\(name)_count", labels, "\(value.count)")
    }
  }

  /// How long many things took.
  package struct Distribution: Sendable {
    /// How many took at most so many nanoseconds; the bounds rise.
    package var buckets: [(bound: UInt64, count: UInt64)]
    package var count: UInt64
    package var sumNanoseconds: UInt64

    package init(
      buckets: [(bound: UInt64, count: UInt64)], count: UInt64, sumNanoseconds: UInt64
    ) {
      self.buckets = buckets
      self.count = count
      self.sumNanoseconds = sumNanoseconds
    }
  }

  private mutating func begin(_ name: String, _ help: String, _ type: String) {
    text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(type)\n"
  }

  private mutating func add(_ name: String, _ labels: [Label], _ value: String) {
    text += name
    if !labels.isEmpty {
      text += "{"
      for (index, label) in labels.enumerated() {
        if index > 0 { text += "," }
        text += "\(label.name)=\"\(Self.escaped(label.value, quotes: true))\""
      }
      text += "}"
    }
    text += " \(value)\n"
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.append(character)
      }
    }
    return escaped
  }

  /// Nanoseconds as seconds, exact.
  static func seconds(_ nanoseconds: UInt64) -> String {
    let digits = String(nanoseconds % 1_000_000_000)
    var fraction = String(repeating: "0", count: 9 - digits.count) + digits
    while fraction.last == "0" { fraction.removeLast() }
    return "\(nanoseconds / 1_000_000_000)" + (fraction.isEmpty ? "" : ".\(fraction)")
  }

  /// A counter's name as metrics have it, and in words: `droppedNoMatch` is `dropped_no_match`.
  static func words(_ name: String) -> [String] {
    var words: [String] = [""]
    for character in name {
      if character.isUppercase, words.last?.last?.isUppercase == false { words.append("") }
      words[words.count - 1].append(character)
    }
    return words.map { $0.lowercased() }
  }
}
