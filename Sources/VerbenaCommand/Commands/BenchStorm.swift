internal import ArgumentParser
internal import BenchKit

struct BenchStorm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storm",
    abstract: "How soon all clients are back after their server has died.",
    discussion: """
      Clients connect to every target of one server; the server's process is killed, and another one is started. \
      Measured is the time from its return (its listener accepts) until each import is FULL. All clients run in \
      this process, without a NID on an emulated fabric. With one, they connect to the object targets of a server \
      there, which you end and start again when the command says that all are FULL; its first connection tells that \
      it is back. The first client has the address of --bind, each other one that behind the one before. Example:
        verbena serve --bind 10.0.0.1 --mgs --mdt 0 --ost 0-7 --fsname lfs --data DIRECTORY
        verbena bench storm --clients 50 --fsname lfs --bind 10.0.1.1 10.0.0.1@o2ib
      """)

  @Argument(help: "The NID of a server that you end and start again.") var nid: String?
  @Option(help: Setting.stormClients.help) var clients: String?
  @Option(help: Setting.stormTargets.help) var targets: String?
  @Option(name: [.customLong("timing"), .customLong("profile")], help: Setting.profile.help)
  var profile: String?
  @Option(help: Setting.down.help) var down: String?
  @Option(help: Setting.stormDeadline.help) var deadline: String?
  @Option(help: Setting.fileSystem.help) var fsname: String?
  @OptionGroup(title: "Result") var result: ReportFlags
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    let groups: [any FlagGroup] = [node, tunables, log]
    try refuseWhatDoesNothing()
    try Resolved.startLog(groups)
    let flags = typed([
      Setting.stormClients.name: clients, Setting.stormTargets.name: targets,
      Setting.profile.name: profile, Setting.down.name: down,
      Setting.stormDeadline.name: deadline, Setting.fileSystem.name: fsname,
    ])
    let bench = try BenchRun(
      "storm", settings: StormRun.settings + ReportFlags.settings,
      flags.merging(result.flags) { $1 })
    let distant = try nid.map {
      try DistantServer(try Targets.one($0), bench.settings, Resolved.node(groups))
    }
    let storm = StormRun(bench.settings, distant)
    try await bench.report(backend: storm.backend, header: storm.header, onRequest: {}) {
      report, interruption in
      try await storm.run(into: &report, interruption)
    }
  }

  /// What there is to be set depends on whose the server is.
  private func refuseWhatDoesNothing() throws(CommandFailure) {
    let (useless, why): ([String], String) =
      nid == nil
      ? (
        Resolved.flags([node, tunables]).keys.sorted()
          + (fsname == nil ? [] : [Setting.fileSystem.name]),
        "without a NID all nodes are the benchmark's own, on an emulated fabric of its own"
      )
      : (
        down == nil ? [] : [Setting.down.name],
        "with a NID it is you who ends the server and starts it again"
      )
    if let name = useless.first {
      throw CommandFailure(.usage, "--\(name) would do nothing: \(why)")
    }
  }
}
