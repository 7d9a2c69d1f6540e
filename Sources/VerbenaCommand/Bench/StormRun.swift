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
  static let settings: [Setting] = [.stormClients, .stormTargets, .profile, .down, .stormDeadline]

  private let clientCount: Int
  private let targetCount: Int
  private let timing: TimingProfile
  private let down: Duration
  private let deadline: Duration
  private let fabric: String
  private let server = NID.o2ib(10 << 24 | 1)

  init(_ settings: Settings) {
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
  }

  var header: [(name: String, value: String)] {
    [
      ("measured", "the return of imports to a server that died and was started again"),
      ("imports", "\(clientCount) clients × \(targetCount) targets"),
      ("profile", "\(timing.name)"), ("down", "\(down)"),
    ]
  }

  var backend: String { "emulated fabric \(fabric)" }

  // MARK: - Nodes

  private func startServer(instance: UInt32) async throws(CommandFailure) -> Node {
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
    return try await start(configuration, FabricLimits()) {
      SessionServer(targetCount: targetCount, instance: instance)
    }
  }

  private func startClient(
    _ index: Int, _ board: StormBoard
  ) async throws(CommandFailure) -> Node {
    var configuration = NodeConfiguration(nids: [.o2ib(10 << 24 | 3 << 16 | UInt32(index + 1))])
    configuration.keepTablesSmall(servers: 1, imports: targetCount, timing: timing)
    let (server, targetCount) = (server, targetCount)
    return try await start(
      configuration, FabricLimits(memoryByteCountMax: Self.clientByteCountMax)
    ) { StormClient(board, server: server, targetCount: targetCount, client: index) }
  }

  /// Bytes that a client's node may take at most; only what it touches is taken.
  private static let clientByteCountMax = 16 << 20

  private func start<Program: NodeProgram & SendableMetatype & ~Copyable>(
    _ configuration: NodeConfiguration, _ limits: FabricLimits,
    program: @escaping @Sendable () -> Program
  ) async throws(CommandFailure) -> Node {
    let fabric = fabric
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
    let board = StormBoard(importCount: clientCount * targetCount)
    var nodes = [try await startServer(instance: 1)]
    var failure: (any Error)?
    do {
      let began = clinux_monotonic_nanoseconds()
      for index in 0..<clientCount where !interruption.isRequested {
        nodes.append(try await startClient(index, board))
      }
      try await wait("at first", board, interruption)
      let joined = clinux_monotonic_nanoseconds() - began
      let host = ProcessFigures()
      board.serverGoes()
      await nodes[0].kill()
      try await Task.sleep(for: down)
      let processor = ProcessFigures.processorNanoseconds
      nodes[0] = try await startServer(instance: 2)
      let back = clinux_monotonic_nanoseconds()
      board.begin(at: back)
      defer {
        file(
          board, into: &report, host, joinedNanoseconds: joined,
          processorNanoseconds: ProcessFigures.processorNanoseconds - processor)
      }
      try await wait("after the server was back", board, interruption)
    } catch { failure = error }
    for node in nodes.reversed() { await node.kill() }
    if let failure { throw failure }
  }

  private func wait(
    _ when: String, _ board: StormBoard, _ interruption: Interruption
  ) async throws {
    let clock = ContinuousClock()
    let end = clock.now + deadline
    while !board.isWhole, !interruption.isRequested {
      guard clock.now < end else {
        throw CommandFailure(
          .timedOut,
          "\(when), \(board.importCount - board.counts.full) of \(board.importCount) imports are not FULL in \(deadline)"
        )
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  private func file(
    _ board: StormBoard, into report: inout BenchReport, _ host: ProcessFigures,
    joinedNanoseconds: UInt64, processorNanoseconds: UInt64
  ) {
    let counts = board.counts
    let perImport = Double(counts.attempts) / Double(board.importCount)
    let seconds = Double(counts.timesToFull.summary.max) / 1e9
    var table = Table([.init("from back to FULL", isNumber: false)] + LatencySummary.columns)
    table.add(["imports"] + counts.timesToFull.summary.cells)
    report.tables.append(("Time from the server's return", table))
    var facts = Table([.init("what", isNumber: false), .init("count")])
    for (name, value) in [
      ("imports FULL", "\(counts.full) of \(board.importCount)"),
      ("attempts per import", Fixed.text(perImport, places: 3)),
      ("attempts not answered in time", "\(counts.timeouts)"),
      ("attempts refused", "\(counts.refusals)"), ("evicted", "\(counts.evicted)"),
      ("LND connections made", "\(counts.connections)"),
      ("processor seconds", Fixed.text(Double(processorNanoseconds) / 1e9, places: 2)),
      ("threads", "\(host.threadCount)"), ("resident MiB", "\(host.residentBytes >> 20)"),
    ] { facts.add([name, value]) }
    report.tables.append(("What it took", facts))
    report.series.append(
      BenchSeries(
        name: "storm", labels: [("profile", .string("\(timing.name)"))],
        metrics: [
          ("clients", Double(clientCount)), ("nids", Double(clientCount)),
          ("lnd_connections", Double(counts.connections)),
          ("imports_total", Double(board.importCount)), ("imports_full", Double(counts.full)),
          ("evicted", Double(counts.evicted)), ("attempts", Double(counts.attempts)),
          ("timeouts", Double(counts.timeouts)), ("seconds_to_full", seconds),
          ("seconds_to_join", Double(joinedNanoseconds) / 1e9),
          ("processor_seconds", Double(processorNanoseconds) / 1e9),
          ("threads", Double(host.threadCount)), ("resident_bytes", Double(host.residentBytes)),
        ], latency: counts.timesToFull))
    report.failureCount += board.importCount - counts.full
    report.summary =
      "\(counts.full) of \(board.importCount) imports FULL \(Fixed.text(seconds, places: 2)) s after the server was "
      + "back, \(Fixed.text(perImport, places: 2)) attempts each"
  }
}

/// What this process takes of its host.
struct ProcessFigures {
  let threadCount: Int
  let residentBytes: Int

  init() {
    let files = HostFiles()
    func number(_ key: String) -> Int {
      let words = (files.value(of: key, in: "/proc/self/status") ?? "").split(separator: " ")
      return words.first.flatMap { Int($0) } ?? 0
    }
    threadCount = number("Threads")
    residentBytes = number("VmRSS") << 10
  }

  /// Of all threads so far.
  static var processorNanoseconds: UInt64 { UInt64(max(0, clock())) * 1000 }
}
