internal import ArgumentParser

// The flags of the settings, in groups that sub-commands share. Every flag is optional here: whether a variable,
// the file or the default counts instead is decided by Settings.

/// What was typed, by the settings' names.
protocol FlagGroup: ParsableArguments {
  var flags: [String: String] { get }
}

/// Keeps what was typed.
func typed(_ values: KeyValuePairs<String, String?>) -> [String: String] {
  var flags: [String: String] = [:]
  for (name, value) in values { flags[name] = value }
  return flags
}

struct LogFlags: FlagGroup {
  @Option(help: Setting.logLevel.help) var logLevel: String?
  @Option(help: Setting.logFormat.help) var logFormat: String?

  var flags: [String: String] {
    typed([Setting.logLevel.name: logLevel, Setting.logFormat.name: logFormat])
  }
}

struct NodeFlags: FlagGroup {
  @Option(help: Setting.config.help, completion: .file(extensions: ["yaml", "conf"]))
  var config: String?
  @Option(help: Setting.net.help) var net: String?
  @Option(help: Setting.bind.help) var bind: [String] = []
  @Option(help: Setting.fabric.help) var fabric: String?
  @Option(name: .shortAndLong, help: Setting.device.help) var device: String?
  @Option(name: [.customShort("i"), .long], help: Setting.port.help) var port: String?
  @Option(name: [.customShort("x"), .long], parsing: .unconditional, help: Setting.gidIndex.help)
  var gidIndex: String?
  @Option(name: [.customShort("p"), .long], help: Setting.service.help) var service: String?
  @Option(parsing: .unconditional, help: Setting.cpu.help) var cpu: String?
  @Option(help: Setting.spin.help) var spin: String?
  @Option(help: Setting.runtimeDirectory.help, completion: .directory)
  var runtimeDirectory: String?
  @Option(help: Setting.pcap.help, completion: .file(extensions: ["pcap"])) var pcap: String?
  @Flag(
    name: [.customShort("R"), .long],
    help: "Connect through rdma_cm. Always so; taken because perftest has it.")
  var rdmaCm = false

  var flags: [String: String] {
    typed([
      Setting.config.name: config, Setting.net.name: net,
      Setting.bind.name: bind.isEmpty ? nil : bind.joined(separator: ","),
      Setting.fabric.name: fabric, Setting.device.name: device, Setting.port.name: port,
      Setting.gidIndex.name: gidIndex, Setting.service.name: service, Setting.cpu.name: cpu,
      Setting.spin.name: spin, Setting.runtimeDirectory.name: runtimeDirectory,
      Setting.pcap.name: pcap,
    ])
  }
}

struct TunableFlags: FlagGroup {
  @Option(help: Setting.peerCredits.help) var peerCredits: String?
  @Option(help: Setting.peerCreditsHighWater.help) var peerCreditsHiw: String?
  @Option(help: Setting.concurrentSends.help) var concurrentSends: String?
  @Option(help: Setting.credits.help) var credits: String?
  @Option(help: Setting.connectionsPerPeer.help) var connsPerPeer: String?
  @Option(help: Setting.timeout.help) var timeout: String?
  @Option(help: Setting.keepalive.help) var keepalive: String?
  @Option(help: Setting.retryCount.help) var retryCount: String?
  @Option(help: Setting.rnrRetryCount.help) var rnrRetryCount: String?
  @Option(parsing: .unconditional, help: Setting.typeOfService.help) var tos: String?
  @Option(help: Setting.mtu.help) var ibMtu: String?
  @Option(help: Setting.usesPrivilegedPort.help) var usePrivilegedPort: String?
  @Option(help: Setting.requiresPrivilegedPort.help) var requirePrivilegedPort: String?

  var flags: [String: String] {
    typed([
      Setting.peerCredits.name: peerCredits, Setting.peerCreditsHighWater.name: peerCreditsHiw,
      Setting.concurrentSends.name: concurrentSends, Setting.credits.name: credits,
      Setting.connectionsPerPeer.name: connsPerPeer, Setting.timeout.name: timeout,
      Setting.keepalive.name: keepalive, Setting.retryCount.name: retryCount,
      Setting.rnrRetryCount.name: rnrRetryCount, Setting.typeOfService.name: tos,
      Setting.mtu.name: ibMtu, Setting.usesPrivilegedPort.name: usePrivilegedPort,
      Setting.requiresPrivilegedPort.name: requirePrivilegedPort,
    ])
  }
}

/// Of commands that run until a signal.
struct ServiceFlags: FlagGroup {
  @Option(help: Setting.metrics.help) var metrics: String?

  var flags: [String: String] { typed([Setting.metrics.name: metrics]) }
}

/// A machine-readable result.
struct JSONFlags: FlagGroup {
  @Option(help: Setting.json.help, completion: .file()) var json: String?

  var flags: [String: String] { typed([Setting.json.name: json]) }
}
