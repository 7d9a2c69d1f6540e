// The part of JSON Schema (2020-12) that our schemas use. An unknown keyword is an error: it would check nothing.
import Foundation

struct SchemaValidator {
  private static let annotations: Set<String> = ["$schema", "$id", "title", "description", "$defs"]
  private let root: [String: Any]

  init(file: URL) throws {
    let parsed = try JSONSerialization.jsonObject(with: try Data(contentsOf: file))
    root = parsed as? [String: Any] ?? [:]
  }

  /// What is wrong, each with its path; empty when the text is as the schema says.
  func problems(_ text: String) throws -> [String] {
    let value = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    return check(value, root, "$")
  }

  private func check(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
    var problems: [String] = []
    for (keyword, rule) in schema where !Self.annotations.contains(keyword) {
      switch keyword {
      case "$ref":
        let name = (rule as? String)?.split(separator: "/").last.map(String.init) ?? ""
        let target = (root["$defs"] as? [String: Any])?[name] as? [String: Any]
        problems += target.map { check(value, $0, path) } ?? ["\(path): no definition \(name)"]
      case "type":
        let types = rule as? [String] ?? [rule as? String ?? ""]
        if !types.contains(where: { isOf($0, value) }) {
          problems.append("\(path): is no \(types)")
        }
      case "const": if !same(rule, value) { problems.append("\(path): is not \(rule)") }
      case "enum":
        let legal = rule as? [Any] ?? []
        if !legal.contains(where: { same($0, value) }) {
          problems.append("\(path): not in \(legal)")
        }
      case "minimum":
        if let number = value as? NSNumber, number.doubleValue < (rule as? Double ?? 0) {
          problems.append("\(path): below \(rule)")
        }
      case "minItems", "maxItems":
        let count = (value as? [Any])?.count ?? 0
        let bound = rule as? Int ?? 0
        if keyword == "minItems" ? count < bound : count > bound {
          problems.append("\(path): has \(count) items")
        }
      case "required":
        let present = (value as? [String: Any])?.keys.map { $0 } ?? rule as? [String] ?? []
        for name in rule as? [String] ?? [] where !present.contains(name) {
          problems.append("\(path): lacks \(name)")
        }
      case "items":
        for (index, element) in (value as? [Any] ?? []).enumerated() {
          problems += check(element, rule as? [String: Any] ?? [:], "\(path)[\(index)]")
        }
      case "properties", "additionalProperties": break
      default: problems.append("\(path): keyword \(keyword) is not known here")
      }
    }
    return problems + members(value, schema, path)
  }

  private func members(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
    let named = schema["properties"] as? [String: Any] ?? [:]
    var problems: [String] = []
    for (name, member) in value as? [String: Any] ?? [:] {
      if let rule = named[name] as? [String: Any] {
        problems += check(member, rule, "\(path).\(name)")
      } else if let rule = schema["additionalProperties"] as? [String: Any] {
        problems += check(member, rule, "\(path).\(name)")
      } else if schema["additionalProperties"] as? Bool == false {
        problems.append("\(path): \(name) is not allowed")
      }
    }
    return problems
  }

  private func isOf(_ type: String, _ value: Any) -> Bool {
    switch type {
    case "object": value is [String: Any]
    case "array": value is [Any]
    case "string": value is String
    case "null": value is NSNull
    case "boolean": isBoolean(value)
    case "number": value is NSNumber && !isBoolean(value)
    case "integer":
      (value as? NSNumber).map { !isBoolean(value) && $0.doubleValue == $0.doubleValue.rounded() }
        ?? false
    default: false
    }
  }

  private func isBoolean(_ value: Any) -> Bool {
    guard let number = value as? NSNumber else { return false }
    return isStoredAsBoolean(number)
  }

  private func isStoredAsBoolean(_ number: NSNumber) -> Bool {
    String(cString: number.objCType) == "c"
  }

  private func same(_ a: Any, _ b: Any) -> Bool {
    (a as? String) != nil && a as? String == b as? String
  }
}
