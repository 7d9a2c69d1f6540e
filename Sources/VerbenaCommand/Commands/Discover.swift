internal import ArgumentParser
internal import BenchKit

struct Discover: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Ask nodes which NIDs they have, and tell them ours, as `lnetctl discover`.",
    discussion: """
      When a node already runs on this host, it is this node that discovers and remembers; otherwise one is \
      started for as long as the command takes. Prints YAML.
      """)

  @Argument(help: "NIDs, such as 10.0.0.1@o2ib or 10.0.0.[1-8]@o2ib.") var nid: [String]
  @Option(help: Setting.deadline.help) var deadline: String?
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags
  @OptionGroup(title: "Output") var output: JSONFlags

  func run() async throws {
    let groups: [any FlagGroup] = [node, tunables, log, output]
    let flags = Resolved.flags(groups).merging(typed([Setting.deadline.name: deadline])) { $1 }
    let settings = try Settings(
      [.deadline, .json], flags: flags, environment: Resolved.environment)
    let nids = try Targets.expand(nid)
    try Resolved.startLog(groups)
    let session = try await PeerSession.open(try Resolved.node(groups))
    let interruption = Interruption()
    let discover = try await interruption.whileWatching {
      var run = DiscoverRun(session: session, timeoutNanoseconds: settings.nanoseconds(.deadline))
      await run.run(nids, interruption: interruption)
      return run
    }
    await session.close()
    try Results.write(discover.text, json: discover.json, settings)
    Streams.error(discover.problems)
    if interruption.isRequested { throw CommandFailure(.interrupted, "interrupted") }
    if let failure = discover.failure { throw failure }
  }
}
