internal import BenchKit
internal import CLinuxShims
internal import Connections
internal import EmulatedTransport
internal import Foundation
internal import LNet
internal import LustreWire
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Verbena

/// `bench storm`.
struct StormRun: Sendable {
  static let settings: [Setting] = [
    .stormClients, .stormTargets, .profile, .down, .stormDeadline, .fileSystem,
  ]

  let clientCount: Int
  let targetCount: Int
  let timing: TimingProfile
  private let down: Duration
  private let deadline: Duration
  private let fabric: String
  /// The server that somebody else ends and starts again; nil for one of our own.
  let distant: DistantServer?
  private let server = NID.o2ib(10 << 24 | 1)

  init(_ settings: Settings, _ distant: DistantServer? = nil) {
    let process = ProcessInfo.processInfo.processIdentifier
    clientCount = settings.integer(.stormClients)
    targetCount = settings.integer(.stormTargets)
    var timing = TimingProfile.named(settings.text(.profile)) ?? .fast
    // Nobody leaves while the others come.
    timing.idleTimeout = 0
    self.timing = timing
    down = .nanoseconds(Int64(settings.nanoseconds(.down)))
    deadline = .nanoseconds(Int64(settings.nanoseconds(.stormDeadline)))
    fabric = "storm-\(process)-\(UInt32.random(in: 0...9999))"
    self.distant = distant
  }

  var header: [(name: String, value: String)] {
    [
      ("measured", "the return of imports to a server that died and was started again"),
      ("imports", "\(clientCount) clients × \(targetCount) targets"),
      ("profile", "\(timing.name)"),
      distant.map { ("server", "\($0.nid)") } ?? ("down", "\(down)"),
    ]
  }

  var backend: String { distant?.plan.backend.name ?? "emulated fabric \(fabric)" }

  // MARK: - Nodes

  /// The server's part, in its own process: says when it listens, and serves until standard input ends.
  func serve(instance: UInt32, fabric: String) async throws {
    var configuration = NodeConfiguration(nids: [server])
    var capacity = ConnectionsCapacity()
    capacity.imports = 1
    capacity.targets = targetCount
    // Whoever comes again before the old export is gone takes a second place for a while.
    capacity.exports = clientCount * targetCount + 64
    capacity.events = 16384
    var rpc = RPCCapacity()
    rpc.requests = 256
    rpc.serverRequests = max(512, min(8192, 2 * clientCount * targetCount))
    rpc.copiedRequests = 256
    rpc.events = 8192
    configuration.enableConnections(capacity, timing: timing, rpc: rpc)
    configuration.driverLimits.connections = 2 * clientCount + 16
    configuration.driverLimits.peers = 2 * clientCount + 16
    configuration.lnetLimits.messagesInPlace = max(2048, rpc.serverRequests)
    let targetCount = targetCount
    let node = try await start(configuration, FabricLimits(), on: fabric) {
      SessionServer(targetCount: targetCount, instance: instance)
    }
    Streams.output("\(clinux_monotonic_nanoseconds())\n")
    Thread.detachNewThread {
      _ = try? FileHandle.standardInput.readToEnd()
      exit(0)
    }
    try await node.waitUntilStopped()
  }

  private func startServer(
    instance: Int, _ interruption: Interruption
  ) async throws -> StormServer {
    try await StormServer.start(
      [
        "--on", fabric, "--instance", "\(instance)", "--clients", "\(clientCount)", "--targets",
        "\(targetCount)", "--profile", "\(timing.name)",
      ], interruption)
  }

  private func startClient(
    _ index: Int, _ board: StormBoard
  ) async throws(CommandFailure) -> Node {
    var configuration = NodeConfiguration(nids: [.o2ib(10 << 24 | 3 << 16 | UInt32(index + 1))])
    configuration.keepTablesSmall(servers: 1, imports: targetCount, timing: timing)
    let (server, targetCount) = (server, targetCount)
    return try await start(
      configuration, FabricLimits(memoryByteCountMax: Self.clientByteCountMax), on: fabric
    ) {
      StormClient(
        board, server: server, targets: (0..<targetCount).map(SessionServer.uuid), client: index)
    }
  }

  /// Bytes that a client's node may take at most; only what it touches is taken.
  private static let clientByteCountMax = 16 << 20

  private func start<Program: NodeProgram & SendableMetatype & ~Copyable>(
    _ configuration: NodeConfiguration, _ limits: FabricLimits, on fabric: String,
    program: @escaping @Sendable () -> Program
  ) async throws(CommandFailure) -> Node {
    let addresses = configuration.nids.map(\.address)
    do throws(NodeError) {
      return try await Node.start(configuration, program: program) {
        () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: addresses, limits: limits)
      }
    } catch { throw CommandFailure(error) }
  }

  // MARK: - The storm

  func run(into report: inout BenchReport, _ interruption: Interruption) async throws {
    if let distant {
      try await run(against: distant, into: &report, interruption)
      return
    }
    let board = StormBoard(importCount: clientCount * targetCount)
    var server: StormServer? = try await startServer(instance: 1, interruption)
    var nodes: [Node] = []
    var failure: (any Error)?
    do {
      let began = clinux_monotonic_nanoseconds()
      for index in 0..<clientCount where !interruption.isRequested {
        nodes.append(try await startClient(index, board))
      }
      try await wait("at first", board, interruption) { $0.isWhole }
      var figures = Figures()
      figures.joinedNanoseconds = clinux_monotonic_nanoseconds() - began
      board.serverGoes()
      await server?.kill()
      server = nil
      try await Task.sleep(for: down)
      figures.before = ProcessFigures()
      let second = try await startServer(instance: 2, interruption)
      server = second
      board.isBack(since: second.listeningSince)
      defer {
        figures.after = ProcessFigures()
        figures.server = second.figures
        file(board, into: &report, figures)
      }
      try await wait("after the server was back", board, interruption) { $0.isWhole }
    } catch { failure = error }
    await server?.kill()
    for node in nodes.reversed() { await node.kill() }
    if let failure { throw failure }
  }

  /// What the storm took of the host: by the clients' process before and after, and by the server's.
  struct Figures {
    var joinedNanoseconds: UInt64 = 0
    var before = ProcessFigures()
    var after = ProcessFigures()
    /// Nil where it is not on this host.
    var server: ProcessFigures?

    var clientSeconds: Double {
      Double(after.processorNanoseconds - before.processorNanoseconds) / 1e9
    }
    var serverSeconds: Double { Double(server?.processorNanoseconds ?? 0) / 1e9 }
  }

  /// - Parameter client: asks a server that does not answer once more, to say why.
  func wait(
    _ when: String, _ board: StormBoard, _ interruption: Interruption, client: Node? = nil,
    until isDone: (StormBoard) -> Bool
  ) async throws {
    let clock = ContinuousClock()
    let end = clock.now + deadline
    while !isDone(board), !interruption.isRequested {
      guard clock.now < end else {
        let why = await reasons(board, client)
        throw CommandFailure(
          .timedOut,
          "\(when): \(board.counts.full) of \(board.importCount) imports to \(distant?.nid ?? server) "
            + "are FULL after \(deadline)\(why)")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  func file(_ board: StormBoard, into report: inout BenchReport, _ figures: Figures) {
    let counts = board.counts
    let perImport = Double(counts.attempts.sent) / Double(board.importCount)
    let seconds = Double(counts.timesToFull.summary.max) / 1e9
    var table = Table([.init("from back to FULL", isNumber: false)] + LatencySummary.columns)
    table.add(["imports"] + counts.timesToFull.summary.cells)
    report.tables.append(("Time from the server's return", table))
    report.tables.append(("What it took", facts(counts, board.importCount, figures)))
    let metrics: [(String, Double)] = [
      ("clients", Double(clientCount)), ("nids", Double(clientCount)),
      ("lnd_connections", Double(counts.attempts.connections)),
      ("imports_total", Double(board.importCount)), ("imports_full", Double(counts.full)),
      ("evicted", Double(counts.evicted)), ("attempts", Double(counts.attempts.sent)),
      ("timeouts", Double(counts.attempts.unanswered)),
      ("attempts_refused", Double(counts.attempts.refused)),
      ("attempts_unsent", Double(counts.attempts.unsent)), ("seconds_to_full", seconds),
    ]
    var host: [(String, Double)] = [
      ("seconds_to_join", Double(figures.joinedNanoseconds) / 1e9),
      ("processor_seconds", figures.clientSeconds + figures.serverSeconds),
      ("threads", Double(figures.after.threadCount)),
      ("descriptors", Double(figures.after.descriptorCount)),
      ("resident_bytes", Double(figures.after.residentBytes)),
    ]
    if let server = figures.server {
      host += [
        ("server_processor_seconds", figures.serverSeconds),
        ("server_descriptors", Double(server.descriptorCount)),
        ("server_resident_bytes", Double(server.residentBytes)),
      ]
    }
    report.series.append(
      BenchSeries(
        name: "storm", labels: [("profile", .string("\(timing.name)"))], metrics: metrics + host,
        latency: counts.timesToFull))
    report.failureCount += board.importCount - counts.full
    report.summary =
      "\(counts.full) of \(board.importCount) imports FULL \(Fixed.text(seconds, places: 2)) s after the server was "
      + "back, \(Fixed.text(perImport, places: 2)) attempts each"
  }

  private func facts(
    _ counts: StormBoard.Counts, _ importCount: Int, _ figures: Figures
  ) -> Table {
    let perImport = Double(counts.attempts.sent) / Double(importCount)
    func server(_ count: (ProcessFigures) -> Int) -> String {
      figures.server.map { "\(count($0))" } ?? "-"
    }
    var facts = Table(
      [.init("what", isNumber: false), .init("clients"), .init("server")])
    for (name, clients, server) in [
      ("imports FULL", "\(counts.full) of \(importCount)", "-"),
      ("attempts per import", Fixed.text(perImport, places: 3), "-"),
      ("attempts not answered in time", "\(counts.attempts.unanswered)", "-"),
      ("attempts refused", "\(counts.attempts.refused)", "-"),
      ("attempts not put on the wire", "\(counts.attempts.unsent)", "-"),
      ("evicted", "\(counts.evicted)", "-"),
      ("LND connections made", "\(counts.attempts.connections)", "-"),
      (
        "processor seconds", Fixed.text(figures.clientSeconds, places: 2),
        figures.server == nil ? "-" : Fixed.text(figures.serverSeconds, places: 2)
      ),
      ("threads", "\(figures.after.threadCount)", server { $0.threadCount }),
      ("descriptors", "\(figures.after.descriptorCount)", server { $0.descriptorCount }),
      (
        "resident MiB", "\(figures.after.residentBytes >> 20)",
        server { $0.residentBytes >> 20 }
      ),
    ] { facts.add([name, clients, server]) }
    return facts
  }
}
