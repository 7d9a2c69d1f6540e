internal import ArgumentParser

struct NodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node",
    abstract:
      "Run a node: answer pings and discovery, take messages and bulk data, until a signal.",
    discussion: """
      Prints a line for each NID once it can be reached. SIGTERM and SIGINT close every connection in order and end with \
      status 0; a second one ends at once. When its RDMA device is removed the node says so and ends with status 69. SIGUSR1 shows connections and counters on standard error. A service manager that has set \
      NOTIFY_SOCKET (systemd's Type=notify) is told when the node is ready and when it stops.
      """)

  @OptionGroup(title: "Node") var node: NodeFlags
  @OptionGroup(title: "Tunables") var tunables: TunableFlags
  @OptionGroup(title: "Service") var service: ServiceFlags
  @OptionGroup(title: "Logging") var log: LogFlags

  func run() async throws {
    let groups: [any FlagGroup] = [node, tunables, service, log]
    try Resolved.startLog(groups)
    let serving = try ServingSettings(groups)
    try await NodeRun(Resolved.node(groups), serving).untilSignal()
  }
}
