internal import ArgumentParser
internal import BenchKit

struct BenchRPC: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rpc",
    abstract: "Latency and rate of OBD_PINGs over an import.",
    discussion: """
      A client connects to a target (CONNECT) and pings it: one round trip at a time, then many. With a NID, to a \
      target that a server there has, Verbena's or Lustre's own; without one, both ends run in this process.
      """)

  @Argument(help: "The NID to measure against.") var nid: String?
  @Option(help: Setting.targetName.help) var targetName: String?
  @Option(name: [.customShort("n"), .long], help: Setting.iterations.help) var iterations: String?
  @Option(help: Setting.inFlight.help) var inFlight: String?
  @Option(help: Setting.warmup.help) var warmup: String?
  @OptionGroup var common: BenchGroups

  func run() async throws {
    let flags = typed([
      Setting.targetName.name: targetName, Setting.iterations.name: iterations,
      Setting.inFlight.name: inFlight, Setting.warmup.name: warmup,
    ])
    try await BenchRun(
      "rpc", nid: nid, own: RPCRun.settings, typed: flags, [common]
    ).rpc()
  }
}
