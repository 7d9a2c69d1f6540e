internal import ArgumentParser
internal import BenchKit

/// One thing that a user can set: by a flag, a variable `VERBENA_…` or, for some, the configuration file.
package struct Setting: Sendable, Equatable {
  /// What a text must be to be a value.
  package enum Kind: Sendable, Equatable {
    case integer(ClosedRange<Int>)
    /// One of these numbers.
    case numbers([Int])
    case choice([String])
    /// Nanoseconds.
    case duration(ClosedRange<UInt64>)
    /// A list or range of sizes, each in these bounds.
    case sizes(ClosedRange<Int>)
    case text
    /// `0` or `1`; the flag alone is 1.
    case toggle
  }

  /// Where in the configuration file it may stand.
  package enum Section: Sendable, Equatable {
    case none
    /// Under `tunables` of an interface, by this name.
    case tunables(String)
    /// Under `lnd tunables` of an interface, by this name.
    case lndTunables(String)
    /// Under `verbena`, by this name.
    case verbena(String)
  }

  /// The flag's long name without its dashes.
  package let name: String
  package let kind: Kind
  package let section: Section
  /// The text of the value when nobody sets it; empty for none.
  package let standard: String
  /// What it does, in a few words.
  package let meaning: String
  /// What the default means where the text alone does not say it.
  package let standardMeaning: String

  init(
    _ name: String, _ kind: Kind, _ standard: String, in section: Section = .none,
    standardMeaning: String = "", _ meaning: String
  ) {
    self.name = name
    self.kind = kind
    self.section = section
    self.standard = standard
    self.standardMeaning = standardMeaning
    self.meaning = meaning
  }

  package var variable: String {
    "VERBENA_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
  }

  /// The help text: meaning, legal values, default, variable.
  var help: ArgumentHelp {
    var standard = standard.isEmpty ? "none" : standard
    if !standardMeaning.isEmpty { standard += ", \(standardMeaning)" }
    let values = kind == .toggle || kind == .text ? "" : " \(legalValues.capitalizedFirst)."
    return ArgumentHelp(
      "\(meaning).\(values) (default: \(kind == .toggle ? "off" : standard); \(variable))",
      valueName: valueName)
  }

  private var valueName: String {
    switch kind {
    case .integer, .numbers: "number"
    case .choice(let values): values.joined(separator: "|")
    case .duration: "duration"
    case .sizes: "size"
    case .text, .toggle: name
    }
  }

  /// The legal values, as a phrase that fits behind "must be".
  package var legalValues: String {
    switch kind {
    case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
    case .numbers(let numbers):
      numbers.dropLast().map(String.init).joined(separator: ", ")
        + " or \(numbers.last.map(String.init) ?? "")"
    case .choice(let values):
      values.count == 1
        ? values[0] : values.dropLast().joined(separator: ", ") + " or \(values.last ?? "")"
    case .duration(let range):
      "\(Quantity.text(nanoseconds: range.lowerBound)) to \(Quantity.text(nanoseconds: range.upperBound))"
    case .sizes(let range):
      "\(Quantity.text(bytes: range.lowerBound)) to \(Quantity.text(bytes: range.upperBound))"
    case .text: "a text"
    case .toggle: "0 or 1"
    }
  }

  /// Why the text is no value of this setting, nil when it is one.
  package func problem(with text: String) -> String? {
    let outside = "must be \(legalValues)"
    switch kind {
    case .integer(let range):
      guard let number = Int(text) else { return "is no whole number; it \(outside)" }
      return range.contains(number) ? nil : outside
    case .numbers(let numbers):
      return Int(text).map(numbers.contains) == true ? nil : outside
    case .choice(let values): return values.contains(text) ? nil : outside
    case .toggle: return ["0", "1"].contains(text) ? nil : outside
    case .text: return text.isEmpty ? "must not be empty" : nil
    case .duration(let range):
      do throws(QuantityError) {
        return range.contains(try Quantity.nanoseconds(text)) ? nil : outside
      } catch { return "is no duration; \(outside), written like 250ms or 10s" }
    case .sizes(let range):
      do throws(QuantityError) {
        return try Quantity.byteCounts(text).allSatisfy(range.contains) ? nil : outside
      } catch { return "is no size: \(error)" }
    }
  }
}

extension String {
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
