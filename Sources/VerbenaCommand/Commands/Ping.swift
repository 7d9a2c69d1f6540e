internal import ArgumentParser
internal import BenchKit

struct Ping: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask nodes whether they are there, as `lctl ping`.",
    discussion: """
      Connects where there is no connection yet, so the first answer takes longer. Works towards nodes of Verbena and of \
      Lustre. When a node already runs on this host, the ping goes through it; otherwise one is started for as \
      long as the command takes.
      """)

  @Argument(help: "NIDs, such as 10.0.0.1@o2ib or 10.0.0.[1-8]@o2ib.") var nid: [String]
  @Option(name: [.customShort("n"), .long], help: Setting.count.help) var count: String?
  @Option(help: Setting.deadline.help) var deadline: String?
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags
  @OptionGroup(title: "Output") var output: JSONFlags

  func run() async throws {
    let groups: [any FlagGroup] = [node, tunables, log, output]
    let flags = Resolved.flags(groups).merging(
      typed([Setting.count.name: count, Setting.deadline.name: deadline])
    ) { $1 }
    let settings = try Settings(
      [.count, .deadline, .json], flags: flags, environment: Resolved.environment)
    let nids = try Targets.expand(nid)
    try Resolved.startLog(groups)
    let session = try await PeerSession.open(try Resolved.node(groups))
    let interruption = Interruption()
    let isQuiet = settings.optionalText(.json) == "-"
    let ping = try await interruption.whileWatching {
      var ping = PingRun(session: session, timeoutNanoseconds: settings.nanoseconds(.deadline))
      await ping.run(
        nids, count: settings.integer(.count), interruption: interruption,
        show: { if !isQuiet { Streams.output($0) } })
      return ping
    }
    await session.close()
    try Results.write(ping.summary ?? "", json: ping.json, settings)
    if interruption.isRequested { throw CommandFailure(.interrupted, "interrupted") }
    if let failure = ping.failure { throw failure }
  }
}
