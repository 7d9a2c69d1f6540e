internal import BenchKit
internal import Foundation
internal import LustreWire

/// Settings as a sub-command asks for them: flags typed, variables of the process, the configuration file.
enum Resolved {
  static var environment: [String: String] { ProcessInfo.processInfo.environment }

  /// Variables of our name that no setting has: a slip of the pen, mostly.
  static var strayVariables: [String] {
    let known = Setting.everyName.map(\.variable) + ["VERBENA_COMMIT"]
    return environment.keys.filter { $0.hasPrefix("VERBENA_") && !known.contains($0) }.sorted()
  }

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
      file: try file(groups)?.ofClient)
  }

  /// The same with a part of the file: of a cluster's server it names the NIDs, and `--bind` only said which it is.
  static func node(
    _ groups: [any FlagGroup], in file: ConfigFile?
  ) throws(CommandFailure) -> NodeSettings {
    let isMember = try self.file(groups)?.cluster != nil
    let (bind, net) = (Setting.bind, Setting.net)
    func isKept(_ name: String) -> Bool {
      !isMember || ![bind.name, net.name, bind.variable, net.variable].contains(name)
    }
    return try NodeSettings(
      flags: flags(groups).filter { isKept($0.key) },
      environment: environment.filter { isKept($0.key) }, file: file)
  }

  /// The file of a server: of a whole cluster, what concerns this host.
  static func serverFile(_ groups: [any FlagGroup]) throws(CommandFailure) -> ConfigFile? {
    guard let file = try file(groups), let cluster = file.cluster else { return try file(groups) }
    let own = try Settings(
      [.bind, .fabric], flags: flags(groups), environment: environment, file: file.values)
    // A fabric's addresses are not the host's.
    var addresses = own.optionalText(.fabric) == nil ? HostAddress.all : []
    if let bind = own.optionalText(.bind) {
      addresses = try bind.split(separator: ",").map { text throws(CommandFailure) in
        IPv4Text.describe(try HostAddress.resolve(String(text)))
      }
    }
    let host = ProcessInfo.processInfo.hostName
    guard let member = cluster.member(addresses: addresses, host: host) else {
      let nids = cluster.members.flatMap { $0.nids.map(\.text) }.joined(separator: ", ")
      throw CommandFailure(
        .usage,
        "\(file.path): no node of the cluster is this host (\(host)); its nodes are \(nids): give --bind "
          + "with the address of one, or its host a name with 'host:'")
    }
    return file.part(of: member)
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
    for variable in strayVariables {
      Streams.error("verbena: warning: \(variable) is set, but no setting has this name\n")
    }
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
