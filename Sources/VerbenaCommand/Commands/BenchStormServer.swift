internal import ArgumentParser

/// The other process of `bench storm`; of no use to anybody else, so not shown.
struct BenchStormServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storm-server", abstract: "The server of bench storm.", shouldDisplay: false)

  @Option(help: .private) var on: String
  @Option(help: .private) var instance: UInt32
  @Option(help: .private) var clients: String
  @Option(help: .private) var targets: String
  @Option(help: .private) var profile: String

  func run() async throws {
    let settings = try Settings(
      StormRun.settings,
      flags: [
        Setting.stormClients.name: clients, Setting.stormTargets.name: targets,
        Setting.profile.name: profile,
      ], environment: [:])
    try await StormRun(settings).serve(instance: instance, fabric: on)
  }
}
