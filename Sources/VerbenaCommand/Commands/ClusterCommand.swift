internal import ArgumentParser
internal import BenchKit

struct ClusterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster", abstract: "A whole file system in this process.",
    subcommands: [ClusterUp.self])
}

struct ClusterUp: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up",
    abstract: "Start servers and clients on an emulated fabric, and show who is connected to whom.",
    discussion: """
      A management server, metadata and object servers with a target each, in memory, and clients that mount the \
      file system: each a node of its own. Shows the exports of each target and the imports of the clients, and stays \
      until a signal. Ends with status 1 when one connection is missing or too many.
      """)

  @OptionGroup var file: ClusterFileFlags
  @Option(help: Setting.metadataServers.help) var mds: String?
  @Option(help: Setting.objectServers.help) var oss: String?
  @Option(help: Setting.objectTargetsPerServer.help) var ostsPerOss: String?
  @Option(help: Setting.clients.help) var clients: String?
  @Option(name: [.customLong("timing"), .customLong("profile")], help: Setting.profile.help)
  var profile: String?
  @Option(help: Setting.graph.help, completion: .file()) var graph: String?
  @Option(help: Setting.clusterDeadline.help) var deadline: String?
  @Flag(help: "Leave in order as soon as all is connected. (default: off)") var once = false
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    try Resolved.startLog([file, log])
    let flags = typed([
      Setting.metadataServers.name: mds, Setting.objectServers.name: oss,
      Setting.objectTargetsPerServer.name: ostsPerOss,
      Setting.clients.name: clients, Setting.profile.name: profile, Setting.graph.name: graph,
      Setting.clusterDeadline.name: deadline,
    ])
    let settings = try Settings(
      ClusterRun.settings, flags: flags, environment: Resolved.environment)
    try await ClusterRun(settings, file(instead: settings), isOnce: once).run()
  }

  /// The servers' file, unless flags say which servers there are: they and the flag for the file do not go together.
  private func file(instead settings: Settings) throws(CommandFailure) -> ConfigFile? {
    let counts: [Setting] = [.metadataServers, .objectServers, .objectTargetsPerServer]
    guard let typed = counts.first(where: { settings.origin($0) == .flag }) else {
      return try Resolved.file([file])
    }
    guard file.config == nil else {
      throw CommandFailure(
        .usage, "--\(typed.name) does not go with --config: the file names the servers")
    }
    return nil
  }
}

/// Where a cluster is described.
struct ClusterFileFlags: FlagGroup {
  @Option(
    help:
      "A file with a cluster: its servers, all in memory, instead of --mds, --oss and --osts-per-oss. (default: none; VERBENA_CONFIG)",
    completion: .file(extensions: ["yaml", "conf"]))
  var config: String?

  var flags: [String: String] { typed([Setting.config.name: config]) }
}
