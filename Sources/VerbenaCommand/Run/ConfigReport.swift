internal import BenchKit

/// What `info config` shows: every setting with its value and origin, and the tunables of each interface.
struct ConfigReport {
  static let schema = "verbena.config/1"

  let output: Settings
  private let settings: Settings
  /// Those that a command has another default for.
  private let ofCommands: [(command: String, entry: Settings.Entry)]
  private let node: NodeSettings
  /// Variables of our name that no setting has: a slip of the pen, mostly.
  private let strayVariables: [String]

  init(_ groups: [any FlagGroup]) throws(CommandFailure) {
    let flags = Resolved.flags(groups)
    let environment = Resolved.environment
    let file = try Resolved.file(groups)
    output = try Settings([.json], flags: flags, environment: environment)
    let tunables = Setting.tunables.map(\.name)
    settings = try Settings(
      Setting.everyName.filter { !tunables.contains($0.name) }, flags: flags,
      environment: environment, file: file?.values ?? [:], path: file?.path ?? "")
    ofCommands = Setting.ofCommands.map { command, setting in
      let variable = environment[setting.variable] ?? ""
      var entry = Settings.Entry(setting: setting, text: setting.standard, origin: .standard)
      if !variable.isEmpty {
        // A value for another command may be none for this one.
        entry.text = setting.problem(with: variable) == nil ? variable : "\(variable) (refused)"
        entry.origin = .variable(setting.variable)
      }
      return (command, entry)
    }
    node = try NodeSettings(flags: flags, environment: environment, file: file)
    strayVariables = Resolved.strayVariables
  }

  var yaml: String {
    get throws(CommandFailure) {
      guard node.interfaces.allSatisfy({ $0.bind != nil }) else {
        throw CommandFailure(
          .usage, "a configuration file names its addresses; give at least one --bind")
      }
      return node.yaml
    }
  }

  var text: String {
    var text = table(settings)
    var others = Table([
      .init("command", isNumber: false), .init("setting", isNumber: false),
      .init("value", isNumber: false), .init("from", isNumber: false),
    ])
    for (command, entry) in ofCommands {
      others.add([
        command, entry.setting.name, entry.text.isEmpty ? "-" : entry.text, "\(entry.origin)",
      ])
    }
    text += "\nWhere a command has a default of its own\n" + others.text
    for interface in node.interfaces {
      let bind = interface.bind ?? "(address given at the start)"
      text += "\n\(bind)@\(interface.net), from \(interface.origin)\n" + table(interface.tunables)
    }
    for variable in strayVariables {
      text += "\nwarning: \(variable) is set, but no setting has this name\n"
    }
    return text
  }

  private func table(_ settings: Settings) -> String {
    var table = Table([
      .init("setting", isNumber: false), .init("value", isNumber: false),
      .init("from", isNumber: false),
    ])
    for entry in settings.entries {
      table.add([entry.setting.name, entry.text.isEmpty ? "-" : entry.text, "\(entry.origin)"])
    }
    return table.text
  }

  var json: JSONValue {
    .object([
      "schema": .string(Self.schema), "settings": Self.json(settings),
      "ofCommands": .array(
        ofCommands.map { command, entry in
          .object([
            "command": .string(command), "name": .string(entry.setting.name),
            "value": .string(entry.text), "from": .string("\(entry.origin)"),
          ])
        }),
      "interfaces": .array(
        node.interfaces.map { interface in
          .object([
            "net": .string(interface.net), "bind": .optional(interface.bind),
            "from": .string("\(interface.origin)"), "tunables": Self.json(interface.tunables),
          ])
        }),
      "strayVariables": .strings(strayVariables),
    ])
  }

  private static func json(_ settings: Settings) -> JSONValue {
    .array(
      settings.entries.map { entry in
        .object([
          "name": .string(entry.setting.name), "value": .string(entry.text),
          "from": .string("\(entry.origin)"),
        ])
      })
  }
}
