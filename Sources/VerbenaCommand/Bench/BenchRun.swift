internal import BenchKit
internal import LustreWire
internal import Verbena

/// What all benchmarks have in common: nodes, signals, the report and how it ends.
struct BenchRun {
  let name: String
  let target: NID?
  let settings: Settings
  private let groups: [any FlagGroup]
  private let flags: [String: String]

  /// - Parameters:
  ///   - own: settings of this benchmark.
  ///   - typed: flags of it that are in none of the groups.
  init(
    _ name: String, nid: String?, own: [Setting], typed: [String: String], _ groups: [any FlagGroup]
  ) throws(CommandFailure) {
    self.name = name
    self.groups = groups
    target = try nid.map { text throws(CommandFailure) in try Targets.one(text) }
    settings = try Settings(
      own + BenchFlags.settings, flags: Resolved.flags(groups).merging(typed) { $1 },
      environment: Resolved.environment)
    // Perftest's -q is Lustre's conns_per_peer.
    let hasPairs =
      own.contains(.queuePairs) && settings.origin(.queuePairs) != .standard
    flags = hasPairs ? [Setting.connectionsPerPeer.name: settings.text(.queuePairs)] : [:]
    try Resolved.startLog(groups)
  }

  /// A benchmark whose nodes are all its own: it takes no settings of nodes.
  init(_ name: String, settings: [Setting], _ flags: [String: String]) throws(CommandFailure) {
    self.name = name
    groups = []
    target = nil
    self.settings = try Settings(settings, flags: flags, environment: Resolved.environment)
    self.flags = [:]
  }

  /// The node settings of this run; `extra` flags count before those typed.
  func node(_ extra: [String: String] = [:]) throws(CommandFailure) -> NodeSettings {
    try Resolved.node(groups, overriding: flags.merging(extra) { $1 })
  }

  /// Refuses a flag that has been typed and would do nothing.
  ///
  /// - Parameter why: what is missing for it.
  func refuse(_ setting: Setting, _ why: String) throws(CommandFailure) {
    // A variable may be meant for other commands.
    guard settings.origin(setting) == .flag else { return }
    throw CommandFailure(.usage, "--\(setting.name) would do nothing: \(why)")
  }

  /// Both ends here without a NID, else one.
  ///
  /// - Parameter extra: flags that count before those typed.
  func session(_ extra: [String: String] = [:]) async throws -> BenchSession {
    let deadline = settings.nanoseconds(.deadline)
    guard let target else {
      return try await BenchSession.local(
        { flags throws(CommandFailure) in try node(flags.merging(extra) { $0.isEmpty ? $1 : $0 }) },
        deadlineNanoseconds: deadline, display: display)
    }
    return try await BenchSession.remote(
      try node(extra), target: target, deadlineNanoseconds: deadline, display: display)
  }

  /// What is shown while a phase runs.
  var display: PhaseDisplay {
    let interval = settings.nanoseconds(.interval)
    return interval > 0 ? .rows(interval) : .line
  }

  /// Runs the body under the eye of signals, then writes what there is, then fails if it failed.
  ///
  /// - Parameters:
  ///   - header: what is measured, before the numbers.
  ///   - onRequest: called at the first signal.
  func report(
    backend: String, header: [(name: String, value: String)],
    onRequest: @escaping @Sendable () -> Void,
    _ body: @Sendable (inout BenchReport, Interruption) async throws -> Void
  ) async throws {
    try Results.check(settings)
    let interruption = Interruption()
    let environment = EnvironmentReport(backend: backend)
    let start = BenchReport(
      benchmark: name, header: header + environment.shortBlock, parameters: settings.parameters,
      environment: environment)
    let (report, failure) = try await interruption.whileWatching(
      onRequest: { onRequest() }
    ) {
      var report = start
      do {
        try await body(&report, interruption)
        return (report, nil as CommandFailure?)
      } catch { return (report, CommandFailure(ofBenchmark: error)) }
    }
    var final = report
    final.isInterrupted = interruption.isRequested
    if failure == nil || !final.series.isEmpty { try Results.write(final, settings) }
    if interruption.isRequested { throw CommandFailure(.interrupted, "interrupted") }
    if let failure { throw failure }
  }
}

extension EnvironmentReport {
  /// The few lines of the environment that stand before every table.
  var shortBlock: [(name: String, value: String)] {
    [
      ("backend", backend), ("host", "\(cpuModel), \(coreCount) cores, Linux \(kernel)"),
      ("build", "Swift \(swiftVersion), \(buildMode), commit \(commit.prefix(12))"),
    ]
  }
}

extension CommandFailure {
  /// What a script is told of a measurement that did not come to its end.
  init(ofBenchmark error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as NodeError: self.init(error)
    case let error as BenchError:
      let status: ExitStatus =
        switch error.errno {
        case 110: .timedOut
        case 101, 103, 111, 113: .unavailable
        default: .failed
        }
      self.init(status, error.description)
    default: self.init(.internalError, "\(error)")
    }
  }
}
