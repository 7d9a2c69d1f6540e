internal import ArgumentParser

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a server node: management server, metadata and object targets, until a signal.",
    discussion: """
      Each target tells its management server where it is, and then takes connections; a line says so. The same can stand \
      in a file (--config), under `verbena`; a file with a `cluster` describes all servers, and each host takes its part by \
      its addresses, by --bind or by its name. With --data, what was acknowledged as committed survives a crash. SIGTERM \
      and SIGINT close every connection in order; clients come back when the server does. Example of a whole file system \
      on one node:
        verbena serve --fabric demo --bind 10.0.0.1 --mgs --mdt 0 --ost 0-1 --fsname lfs
      """)

  @Flag(help: Setting.hostsManagement.help) var mgs = false
  @Option(help: Setting.fileSystem.help) var fsname: String?
  @Option(help: Setting.metadataTargets.help) var mdt: String?
  @Option(help: Setting.objectTargets.help) var ost: String?
  @Option(help: Setting.managementNodes.help) var mgsnode: String?
  @Option(help: Setting.serviceNodes.help) var servicenode: String?
  @Option(help: Setting.data.help, completion: .directory) var data: String?
  @Option(help: Setting.timing.help) var timing: String?
  @Option(help: Setting.exportCount.help) var exports: String?
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Service") var service: ServiceFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    let groups: [any FlagGroup] = [node, tunables, service, log]
    try Resolved.startLog(groups)
    let own = typed([
      Setting.hostsManagement.name: mgs ? "1" : nil, Setting.fileSystem.name: fsname,
      Setting.metadataTargets.name: mdt, Setting.objectTargets.name: ost,
      Setting.managementNodes.name: mgsnode, Setting.serviceNodes.name: servicenode,
      Setting.data.name: data, Setting.timing.name: timing, Setting.exportCount.name: exports,
    ])
    let file = try Resolved.serverFile(groups)
    let settings = try Settings(
      Setting.server, flags: own, environment: Resolved.environment, file: file?.values ?? [:],
      path: file?.path ?? "")
    let serving = try ServingSettings(groups)
    try await ServeRun(Resolved.node(groups, in: file), settings, serving).untilSignal()
  }
}
