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

  @Option(
    help:
      "A file with a cluster: its servers, all in memory, instead of --mds, --oss and --osts-per-oss. (default: none)",
    completion: .file(extensions: ["yaml", "conf"]))
  var config: String?
  @Option(help: Setting.metadataServers.help) var mds: String?
  @Option(help: Setting.objectServers.help) var oss: String?
  @Option(help: Setting.objectTargetsPerServer.help) var ostsPerOss: String?
  @Option(help: Setting.clients.help) var clients: String?
  @Option(help: Setting.profile.help) var profile: String?
  @Option(help: Setting.graph.help, completion: .file()) var graph: String?
  @Option(help: Setting.clusterDeadline.help) var deadline: String?
  @Flag(help: "Leave in order as soon as all is connected. (default: off)") var once = false
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    try Resolved.startLog([log])
    let flags = typed([
      Setting.metadataServers.name: mds, Setting.objectServers.name: oss,
      Setting.objectTargetsPerServer.name: ostsPerOss,
      Setting.clients.name: clients, Setting.profile.name: profile, Setting.graph.name: graph,
      Setting.clusterDeadline.name: deadline,
    ])
    let settings = try Settings(
      ClusterRun.settings, flags: flags, environment: Resolved.environment)
    let file = try config.map { path throws(CommandFailure) in try ConfigFile(path: path) }
    try await ClusterRun(settings, file, isOnce: once).run()
  }
}
