internal import ArgumentParser
internal import BenchKit

struct Mount: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Connect to all targets of a file system, and stay connected until a signal.",
    discussion: """
      Asks the management server for the targets, connects to each as a client does, and prints the imports. Object \
      targets that are down are named, and connected when they come. Works \
      towards servers of Verbena and of Lustre. Nothing is mounted in this host's file tree.
      """)

  @Argument(
    help:
      "MGSNID:/FSNAME, such as 10.0.0.1@o2ib:/lfs; several nodes with colons between. (default: of the file's cluster)"
  )
  var source: String?
  @Option(help: Setting.mountsPerNode.help) var mountsPerNode: String?
  @Option(help: Setting.timing.help) var timing: String?
  @Option(help: Setting.idleTimeout.help) var idleTimeout: String?
  @Option(help: Setting.mountDeadline.help) var deadline: String?
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    let groups: [any FlagGroup] = [node, tunables, log]
    let flags = typed([
      Setting.mountsPerNode.name: mountsPerNode, Setting.timing.name: timing,
      Setting.idleTimeout.name: idleTimeout, Setting.mountDeadline.name: deadline,
    ])
    let file = try Resolved.file(groups)
    let settings = try Settings(
      [.mountsPerNode, .timing, .idleTimeout, .mountDeadline], flags: flags,
      environment: Resolved.environment, file: file?.values ?? [:], path: file?.path ?? "")
    try Resolved.startLog(groups)
    guard let source = source ?? file?.cluster?.source else {
      throw CommandFailure(
        .usage, "give MGSNID:/FSNAME, such as 10.0.0.1@o2ib:/lfs, or --config with a cluster")
    }
    try await MountRun(source, Resolved.node(groups), settings).untilSignal()
  }
}
