internal import ArgumentParser
internal import BenchKit

struct BenchMessage: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "message",
    abstract: "Latency and rate of LNet messages.",
    discussion: """
      Latency of a PUT is half a round trip of PUTs without ACK, of a GET a whole one. The floor is what one 64-byte line \
      each way costs between two threads of this host, measured in turns with the messages; the last columns \
      are how many times the floor a message costs.
      """)

  @Argument(help: "The NID to measure against.") var nid: String?
  @Option(name: .shortAndLong, help: Setting.messageSize.help) var size: String?
  @Option(name: [.customShort("n"), .long], help: Setting.iterations.help) var iterations: String?
  @Option(name: [.customShort("D"), .long], help: Setting.duration.help) var duration: String?
  @Option(name: [.customShort("q"), .long], help: Setting.queuePairs.help) var queuePairs: String?
  @Option(help: Setting.inFlight.help) var inFlight: String?
  @Option(help: Setting.warmup.help) var warmup: String?
  @Option(help: Setting.operation.help) var operation: String?
  @Option(help: Setting.rounds.help) var rounds: String?
  @OptionGroup(title: "Result") var result: BenchFlags
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    let flags = typed([
      Setting.messageSize.name: size, Setting.iterations.name: iterations,
      Setting.duration.name: duration, Setting.queuePairs.name: queuePairs,
      Setting.inFlight.name: inFlight, Setting.warmup.name: warmup,
      Setting.operation.name: operation, Setting.rounds.name: rounds,
    ])
    try await BenchRun(
      "message", nid: nid, own: MessageRun.settings, typed: flags, [result, node, tunables, log]
    ).message()
  }
}
