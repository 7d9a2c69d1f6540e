internal import ArgumentParser
internal import BenchKit

struct BenchStorm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storm",
    abstract: "How soon all clients are back after their server has died.",
    discussion: """
      Clients connect to every target of one server; the server's process is killed, and another one is started. \
      Measured is the time from its return (its listener accepts) until each import is FULL. All clients run in \
      this process, on an emulated fabric.
      """)

  @Option(help: Setting.stormClients.help) var clients: String?
  @Option(help: Setting.stormTargets.help) var targets: String?
  @Option(help: Setting.profile.help) var profile: String?
  @Option(help: Setting.down.help) var down: String?
  @Option(help: Setting.stormDeadline.help) var deadline: String?
  @OptionGroup(title: "Result") var result: ReportFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    try Resolved.startLog([log])
    let flags = typed([
      Setting.stormClients.name: clients, Setting.stormTargets.name: targets,
      Setting.profile.name: profile, Setting.down.name: down,
      Setting.stormDeadline.name: deadline,
    ])
    let bench = try BenchRun(
      "storm", settings: StormRun.settings + ReportFlags.settings,
      flags.merging(result.flags) { $1 })
    let storm = StormRun(bench.settings)
    try await bench.report(backend: storm.backend, header: storm.header, onRequest: {}) {
      report, interruption in
      try await storm.run(into: &report, interruption)
    }
  }
}
