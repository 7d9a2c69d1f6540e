internal import ArgumentParser
internal import BenchKit

struct BenchConnect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connect",
    abstract: "Rate and latency of connection set-up, by named step.",
    discussion: """
      Connections are made as a first message makes them, so many at a time, pinged over, and closed. Steps: resolve \
      address, resolve route, create queue pair, CM connect (it carries the hello of both sides), LND hello (from \
      established to the first message out), LNet ping over a standing connection, the time from nothing to \
      the first ping answered (these three once for each set), and from nothing until all of a set stand, divided by their number. The rate counts \
      set-up, pings and closing. Where there is a target (both ends here, or --target-name), CONNECTs of imports over \
      one connection that stands follow, up to FULL: many at a time, and one at a time in turns with a PUT and its \
      ACK. Last comes the whole way to FULL (both ends here, or --fsname): clients, each on a new node, discover \
      and ask the management server, mount, and leave; then others connect to the same targets one by one, so that the first \
      target of a node, with its new connection, is told apart from the further ones.
      """)

  @Argument(help: "The NID to measure against.") var nid: String?
  @Option(name: [.customShort("n"), .long], help: Setting.connections.help) var iterations: String?
  @Option(help: Setting.inFlightConnects.help) var inFlight: String?
  @Option(help: Setting.connectWarmup.help) var warmup: String?
  @Option(help: Setting.targetName.help) var targetName: String?
  @Option(help: Setting.mountCount.help) var mounts: String?
  @Option(help: Setting.mountedTargets.help) var targets: String?
  @Option(help: Setting.mountedFileSystem.help) var fsname: String?
  @OptionGroup var common: BenchGroups

  func run() async throws {
    let flags = typed([
      Setting.connections.name: iterations, Setting.inFlightConnects.name: inFlight,
      Setting.connectWarmup.name: warmup, Setting.targetName.name: targetName,
      Setting.mountCount.name: mounts, Setting.mountedTargets.name: targets,
      Setting.mountedFileSystem.name: fsname,
    ])
    try await BenchRun(
      "connect", nid: nid, own: ConnectRun.settings, typed: flags, [common]
    ).connect()
  }
}
