package import BenchKit

/// The values of a command's settings and where each came from: flag, variable, file or default, in this order.
package struct Settings: Sendable, Equatable {
  package enum Origin: Equatable, Sendable, CustomStringConvertible {
    case flag
    case variable(String)
    case file(path: String, line: Int)
    case standard

    package var description: String {
      switch self {
      case .flag: "flag"
      case .variable(let name): name
      case .file(let path, let line): "\(path):\(line)"
      case .standard: "default"
      }
    }
  }

  package struct Entry: Equatable, Sendable {
    package var setting: Setting
    package var text: String
    package var origin: Origin
  }

  package private(set) var entries: [Entry] = []

  /// - Parameters:
  ///   - settings: what this command can set.
  ///   - flags: what was typed, by name; absent where nothing was.
  ///   - environment: the process's variables.
  ///   - file: values of the configuration file by name.
  /// - Throws: a usage failure for the first value that is out of its range, whoever set it.
  package init(
    _ settings: [Setting], flags: [String: String], environment: [String: String],
    file: [String: ConfigFile.Value] = [:], path: String = ""
  ) throws(CommandFailure) {
    for setting in settings {
      var entry = Entry(setting: setting, text: setting.standard, origin: .standard)
      if let text = flags[setting.name] {
        entry.text = text
        entry.origin = .flag
      } else if let text = environment[setting.variable], !text.isEmpty {
        entry.text = text
        entry.origin = .variable(setting.variable)
      } else if let value = file[setting.name] {
        entry.text = value.text
        entry.origin = .file(path: path, line: value.line)
      }
      try Self.check(entry)
      entries.append(entry)
    }
  }

  private static func check(_ entry: Entry) throws(CommandFailure) {
    guard entry.origin != .standard, let problem = entry.setting.problem(with: entry.text) else {
      return
    }
    let name =
      switch entry.origin {
      case .flag, .standard: "--\(entry.setting.name) '\(entry.text)'"
      case .variable(let variable): "\(variable)='\(entry.text)'"
      case .file(let path, let line): "\(path):\(line): \(entry.setting.name) '\(entry.text)'"
      }
    throw CommandFailure(.usage, "\(name) \(problem)")
  }

  private func entry(_ setting: Setting) -> Entry {
    guard let entry = entries.first(where: { $0.setting.name == setting.name }) else {
      preconditionFailure("--\(setting.name) is no setting of this command")
    }
    return entry
  }

  package func origin(_ setting: Setting) -> Origin { entry(setting).origin }

  package func text(_ setting: Setting) -> String { entry(setting).text }

  /// The text, nil when nobody set it and it has no default.
  package func optionalText(_ setting: Setting) -> String? {
    let text = text(setting)
    return text.isEmpty ? nil : text
  }

  package func integer(_ setting: Setting) -> Int {
    guard let number = Int(text(setting)) else { preconditionFailure("checked in init") }
    return number
  }

  package func isOn(_ setting: Setting) -> Bool { text(setting) == "1" }

  package func nanoseconds(_ setting: Setting) -> UInt64 {
    guard let duration = try? Quantity.nanoseconds(text(setting)) else {
      preconditionFailure("checked in init")
    }
    return duration
  }

  package func byteCounts(_ setting: Setting) -> [Int] {
    guard let sizes = try? Quantity.byteCounts(text(setting)) else {
      preconditionFailure("checked in init")
    }
    return sizes
  }

  /// The settings as members of a result's `parameters`.
  package var parameters: [(name: String, value: JSONValue)] {
    entries.map { entry in
      switch entry.setting.kind {
      case .integer, .numbers: (entry.setting.name, .integer(integer(entry.setting)))
      case .toggle: (entry.setting.name, .bool(isOn(entry.setting)))
      default: (entry.setting.name, entry.text.isEmpty ? .null : .string(entry.text))
      }
    }
  }
}
