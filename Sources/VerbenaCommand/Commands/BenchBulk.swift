internal import ArgumentParser
internal import BenchKit

struct BenchBulk: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bulk",
    abstract: "Bandwidth of bulk data: LNet PUTs and GETs.",
    discussion: """
      A PUT ends when its data is written into the other node's memory and the sender's is free, a GET when the data is \
      here. With checksums, every transfer has other data, the sender computes a checksum and the receiver holds the \
      data against it; one wrong byte is a failure.
      """)

  @Argument(help: "The NID to measure against.") var nid: String?
  @Option(name: .shortAndLong, help: Setting.bulkSize.help) var size: String?
  @Option(name: [.customShort("n"), .long], help: Setting.bulkIterations.help)
  var iterations: String?
  @Option(name: [.customShort("D"), .long], help: Setting.duration.help) var duration: String?
  @Option(name: [.customShort("q"), .long], help: Setting.queuePairs.help) var queuePairs: String?
  @Option(help: Setting.bulkInFlight.help) var inFlight: String?
  @Option(help: Setting.bulkWarmup.help) var warmup: String?
  @Option(help: Setting.operation.help) var operation: String?
  @Option(help: Setting.checksum.help) var checksum: String?
  @OptionGroup(title: "Result") var result: BenchFlags
  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    let flags = typed([
      Setting.bulkSize.name: size, Setting.bulkIterations.name: iterations,
      Setting.duration.name: duration, Setting.queuePairs.name: queuePairs,
      Setting.bulkInFlight.name: inFlight, Setting.bulkWarmup.name: warmup,
      Setting.operation.name: operation, Setting.checksum.name: checksum,
    ])
    try await BenchRun(
      "bulk", nid: nid, own: BulkRun.settings, typed: flags, [result, node, tunables, log]
    ).bulk()
  }
}
