/// A JSON value whose objects keep the order of their members, so that output is the same in every run.
package indirect enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  package struct Member: Sendable, Equatable {
    package var name: String
    package var value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  package static func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(members.map { Member($0.key, $0.value) })
  }

  package static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
  package static func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }
  package static func strings(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

  /// Indented by two blanks; arrays of plain values stand on one line.
  package var text: String {
    var text = ""
    write(to: &text, indent: 0)
    return text
  }

  /// The whole value on one line.
  package var line: String {
    var text = ""
    write(to: &text, indent: nil)
    return text
  }

  private func write(to text: inout String, indent: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .unsigned(let value): text += String(value)
    case .number(let value): text += value.isFinite ? "\(value)" : "null"
    case .string(let value): Self.write(string: value, to: &text)
    case .array(let values):
      let inner = values.contains(where: \.isObject) ? indent.map { $0 + 2 } : nil
      Self.write(brackets: ("[", "]"), count: values.count, inner: inner, to: &text) {
        index, text in
        values[index].write(to: &text, indent: inner)
      }
    case .object(let members):
      let inner = indent.map { $0 + 2 }
      Self.write(brackets: ("{", "}"), count: members.count, inner: inner, to: &text) {
        index, text in
        Self.write(string: members[index].name, to: &text)
        text += ": "
        members[index].value.write(to: &text, indent: inner)
      }
    }
  }

  private var isObject: Bool {
    if case .object = self { return true }
    return false
  }

  private static func write(
    brackets: (String, String), count: Int, inner: Int?, to text: inout String,
    element: (Int, inout String) -> Void
  ) {
    text += brackets.0
    for index in 0..<count {
      if index > 0 { text += inner == nil ? ", " : "," }
      if let inner { text += "\n" + String(repeating: " ", count: inner) }
      element(index, &text)
    }
    if let inner, count > 0 { text += "\n" + String(repeating: " ", count: inner - 2) }
    text += brackets.1
  }

  private static func write(string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case "\r": text += "\\r"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    text += "\""
  }
}
