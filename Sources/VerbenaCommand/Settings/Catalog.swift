internal import BenchKit

// Every setting of the command, with its default and range. The tunables' names, defaults and
// ranges are Lustre's (ko2iblnd module parameters; spec 02 §13).
extension Setting {
  // MARK: Logging and output

  static let logLevel = Setting(
    "log-level", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
    "notice", in: .verbena("log_level"), "How much is logged, to standard error")
  static let logFormat = Setting(
    "log-format", .choice(["text", "json"]), "text", in: .verbena("log_format"),
    "How log lines look")
  static let json = Setting(
    "json", .text, "", "Write the result as JSON to this file, - for standard output")
  static let csv = Setting(
    "csv", .text, "", "Write the result as CSV to this file, - for standard output")
  static let hgrm = Setting(
    "hgrm", .text, "",
    "Write the percentile spectrum to this file; several measurements put their names before .hgrm")
  static let quiet = Setting("quiet", .toggle, "0", "Print only the last line")
  static let force = Setting(
    "force", .toggle, "0", "Do not warn of debug builds, virtual machines and CPU governors")

  // MARK: Where a node lives

  static let net = Setting(
    "net", .text, "o2ib", "The LNet network of the addresses: o2ib, o2ib1, …")
  static let bind = Setting(
    "bind", .text, "",
    "An IPv4 address of this host, or a network interface that has one; repeat it for several NIDs")
  static let fabric = Setting(
    "fabric", .text, "", in: .verbena("fabric"),
    "Join this emulated fabric of the host instead of using an RDMA device")
  static let device = Setting(
    "device", .text, "", in: .verbena("device"), standardMeaning: "the one that has the address",
    "The RDMA device, as ibv_devices names it")
  static let port = Setting(
    "port", .integer(1...255), "1", in: .verbena("port"), "The device's port")
  static let gidIndex = Setting(
    "gid-index", .integer(-1...255), "-1", in: .verbena("gid_index"),
    standardMeaning: "the GID of the address", "The index of the GID")
  static let service = Setting(
    "service", .integer(1...65535), "987", in: .verbena("service"),
    "The port number at which connections are accepted and asked for")
  static let cpu = Setting(
    "cpu", .integer(-1...4095), "-1", in: .verbena("cpu"), standardMeaning: "not pinned",
    "The processor that the node's loop is pinned to")
  static let spin = Setting(
    "spin", .duration(0...1_000_000_000), "20us", in: .verbena("spin"),
    "How long an idle loop polls before it sleeps; up to 500us while messages keep coming soon")
  static let runtimeDirectory = Setting(
    "runtime-directory", .text, "", in: .verbena("runtime_directory"),
    standardMeaning: "$XDG_RUNTIME_DIR/verbena, else /run/verbena for root, else /tmp/verbena-UID",
    "Where control sockets and fabrics live")
  static let pcap = Setting(
    "pcap", .text, "",
    "Write what the node sends and receives to this file, as RoCEv2 frames; it costs time, and a peer's RDMA "
      + "WRITEs are not seen")
  static let config = Setting("config", .text, "", "A configuration file in lnetctl's YAML dialect")

  static let node: [Setting] = [
    net, bind, fabric, device, port, gidIndex, service, cpu, spin, runtimeDirectory,
    pcap,
  ]

  // MARK: Services

  static let metrics = Setting(
    "metrics", .text, "", in: .verbena("metrics"),
    "Serve metrics in Prometheus's text format at http://ADDRESS:PORT/metrics; :PORT alone is for this host only"
  )

  /// What only commands have that run until a signal.
  static let serving: [Setting] = [metrics]

  // MARK: Tunables

  static let peerCredits = Setting(
    "peer-credits", .integer(8...255), "8", in: .tunables("peer_credits"),
    "Messages in flight to a peer: the queue depth offered and accepted")
  static let peerCreditsHighWater = Setting(
    "peer-credits-hiw", .integer(0...254), "0", in: .lndTunables("peer_credits_hiw"),
    standardMeaning: "half of peer-credits",
    "Credits owed to a peer that make a NOOP return them")
  static let concurrentSends = Setting(
    "concurrent-sends", .integer(0...510), "0", in: .lndTunables("concurrent_sends"),
    standardMeaning: "as peer-credits",
    "Sends posted at once on a connection; kept between half and twice peer-credits")
  static let credits = Setting(
    "credits", .integer(1...65536), "256", in: .tunables("credits"),
    "PUTs and GETs of an interface that are under way at a time; of these, one NID of a peer has at most peer-credits "
      + "for each connection, and the rest waits"
  )
  static let connectionsPerPeer = Setting(
    "conns-per-peer", .integer(1...16), "1", in: .lndTunables("conns_per_peer"),
    "Connections to each peer")
  static let timeout = Setting(
    "timeout", .integer(1...3600), "50", in: .lndTunables("timeout"),
    "Seconds after which a message that did not finish closes its connection")
  static let keepalive = Setting(
    "keepalive", .integer(0...3600), "100", in: .lndTunables("keepalive"),
    "Seconds of silence after which a NOOP is sent; 0 for never")
  static let retryCount = Setting(
    "retry-count", .integer(0...7), "5", in: .lndTunables("retry_count"),
    "Retries of the device when a packet is not acknowledged")
  static let rnrRetryCount = Setting(
    "rnr-retry-count", .integer(0...7), "6", in: .lndTunables("rnr_retry_count"),
    "Retries of the device when the receiver is not ready; 7 for no end")
  static let typeOfService = Setting(
    "tos", .integer(-1...255), "-1", in: .lndTunables("tos"), standardMeaning: "the system's",
    "The RoCE traffic class")
  static let mtu = Setting(
    "ib-mtu", .numbers([0, 256, 512, 1024, 2048, 4096]), "0", in: .lndTunables("ib_mtu"),
    standardMeaning: "the path's",
    "The path MTU in bytes; 0 alone is accepted, as it follows the network interface's MTU")

  static let usesPrivilegedPort = Setting(
    "use-privileged-port", .integer(0...1), "1", in: .lndTunables("use_privileged_port"),
    "Connect from a port below 1024")
  static let requiresPrivilegedPort = Setting(
    "require-privileged-port", .integer(0...1), "0", in: .lndTunables("require_privileged_port"),
    "Refuse connections from ports of 1024 and above")

  static let tunables: [Setting] = [
    peerCredits, peerCreditsHighWater, concurrentSends, credits, connectionsPerPeer, timeout,
    keepalive, retryCount, rnrRetryCount, typeOfService, mtu, usesPrivilegedPort,
    requiresPrivilegedPort,
  ]

  // MARK: Ping, discover, benchmarks

  static let deadline = Setting(
    "deadline", .duration(1_000_000...3_600_000_000_000), "10s",
    "How long a peer may take to answer, connecting included")
  static let count = Setting(
    "count", .integer(1...1_000_000_000), "1", "Pings to each NID")
  static let connections = Setting(
    "iterations", .integer(1...10_000_000), "1000", "Connections that are made")
  static let inFlightConnects = Setting(
    "in-flight", .integer(1...128), "16",
    "Connections that are being made at a time, whatever conns-per-peer allows")
  static let connectWarmup = Setting(
    "warmup", .integer(0...1_000_000), "64", "Connections before the measurement, not counted")
  static let iterations = Setting(
    "iterations", .integer(1...1_000_000_000), "100000", "Messages of each measurement")
  static let bulkIterations = Setting(
    "iterations", .integer(1...1_000_000_000), "1000", "Transfers of each measurement")
  static let duration = Setting(
    "duration", .duration(0...86_400_000_000_000), "0s",
    standardMeaning: "until the iterations are done",
    "Run each measurement for this long instead of a number of iterations; with both, until the first is reached"
  )
  static let messageSize = Setting(
    "size", .sizes(0...1 << 20), "64",
    "Bytes of a message: one size, a list, or a range that doubles")
  static let bulkSize = Setting(
    "size", .sizes(1...1 << 20), "4K..1M",
    "Bytes of a transfer: one size, a list, or a range that doubles")
  static let inFlight = Setting(
    "in-flight", .integer(1...4096), "64", "Messages under way at a time where the rate is measured"
  )
  static let bulkInFlight = Setting(
    "in-flight", .integer(1...256), "8", "Transfers under way at a time")
  static let queuePairs = Setting(
    "queue-pairs", .integer(1...16), "1", "Connections between the two nodes, as conns-per-peer")
  static let warmup = Setting(
    "warmup", .integer(0...1_000_000_000), "1000", "Operations before the measurement, not counted")
  static let operation = Setting(
    "operation", .choice(["put", "get", "both"]), "put", "What is measured")
  static let bulkWarmup = Setting(
    "warmup", .integer(0...1_000_000_000), "10",
    "Transfers before the measurement, not counted")
  static let checksum = Setting(
    "checksum", .choice(["off", "on", "both"]), "both",
    "Whether both ends compute a checksum of the data")
  static let connectionType = Setting(
    "connection", .choice(["RC"]), "RC", "The service type; o2iblnd knows only RC")
  static let rate = Setting(
    "rate", .integer(0...BenchPhase.ratePerSecondMax), "0",
    standardMeaning: "each begins when another ends",
    "Begin so many operations a second, whatever becomes of those before, and measure from when each should have begun"
  )
  static let interval = Setting(
    "interval", .duration(0...3_600_000_000_000), "0s", standardMeaning: "none",
    "Show on standard error what was done in each interval of this length")
  static let rounds = Setting(
    "rounds", .integer(1...1000), "10", "Parts that a measurement and its floor are interleaved in")

  /// Every name that can be set; where commands differ in a default, that of `bench message`.
  package static let everyName: [Setting] =
    [config, logLevel, logFormat, json, csv, hgrm, quiet, force] + node + serving + tunables + [
      deadline, count, iterations, duration, messageSize, inFlight, queuePairs, warmup, operation,
      checksum, connectionType, rounds, rate, interval,
    ] + server + [mountsPerNode, role, watch] + sessions

  /// What commands call by one of these names and give a default of their own.
  static let ofCommands: [(command: String, setting: Setting)] = [
    ("bench bulk", BulkRun.settings), ("bench connect", ConnectRun.settings),
    ("bench rpc", RPCRun.settings), ("bench storm", StormRun.settings),
    ("cluster up", ClusterRun.settings), ("mount", [.mountDeadline]), ("object", [.objectDeadline]),
  ].flatMap { command, settings in
    settings.filter { setting in
      everyName.contains { $0.name == setting.name && $0.standard != setting.standard }
    }.map { (command, $0) }
  }
}
