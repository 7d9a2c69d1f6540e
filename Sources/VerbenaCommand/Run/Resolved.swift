internal import BenchKit
internal import Foundation

/// Settings as a sub-command asks for them: flags typed, variables of the process, the configuration file.
enum Resolved {
  static var environment: [String: String] { ProcessInfo.processInfo.environment }

  static func settings(_ settings: [Setting], _ groups: [any FlagGroup]) throws(CommandFailure)
    -> Settings
  {
    try Settings(settings, flags: flags(groups), environment: environment)
  }

  /// - Parameter overriding: flags that count instead of those typed.
  static func node(
    _ groups: [any FlagGroup], overriding: [String: String] = [:]
  ) throws(CommandFailure) -> NodeSettings {
    try NodeSettings(
      flags: flags(groups).merging(overriding) { $1 }, environment: environment,
      file: try file(groups))
  }

  /// The file that `--config` or its variable names.
  static func file(_ groups: [any FlagGroup]) throws(CommandFailure) -> ConfigFile? {
    let path = try Settings([.config], flags: flags(groups), environment: environment)
      .optionalText(.config)
    guard let path else { return nil }
    return try ConfigFile(path: path)
  }

  /// Sets the log up as flags, variables and file say.
  static func startLog(_ groups: [any FlagGroup]) throws(CommandFailure) {
    let file = try file(groups)
    ErrorLogHandler.bootstrap(
      try Settings(
        [.logLevel, .logFormat], flags: flags(groups), environment: environment,
        file: file?.values ?? [:], path: file?.path ?? ""))
  }

  static func flags(_ groups: [any FlagGroup]) -> [String: String] {
    groups.reduce(into: [:]) { all, group in all.merge(group.flags) { $1 } }
  }
}
