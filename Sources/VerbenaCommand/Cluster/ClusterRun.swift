internal import BenchKit
internal import Connections
internal import Foundation

/// `cluster up`.
struct ClusterRun {
  static let settings: [Setting] = [
    .metadataServers, .objectServers, .objectTargetsPerServer, .clients, .profile, .graph,
    .clusterDeadline,
  ]

  private let plan: ClusterPlan
  private let graph: String?
  private let deadline: Duration
  private let isOnce: Bool

  init(_ settings: Settings, _ file: ConfigFile?, isOnce: Bool) throws(CommandFailure) {
    let process = ProcessInfo.processInfo.processIdentifier
    // What the file says of its servers holds where the user says nothing.
    let named =
      settings.origin(.profile) == .standard ? file?.values[Setting.timing.name]?.text : nil
    var timing = TimingProfile.named(named ?? settings.text(.profile)) ?? .fast
    // A connection that leaves because nobody uses it would be missing from the table.
    timing.idleTimeout = 0
    let fabric = "cluster-\(process)-\(UInt32.random(in: 0...9999))"
    if let file {
      guard let cluster = file.cluster else {
        throw CommandFailure(
          .usage,
          "\(file.path) describes no cluster: it has no key 'cluster'; --config or VERBENA_CONFIG "
            + "names one that has, --mds and --oss do without")
      }
      plan = try ClusterPlan(
        file, cluster, clientCount: settings.integer(.clients), timing: timing, fabric: fabric)
    } else {
      plan = ClusterPlan(
        metadataCount: settings.integer(.metadataServers),
        objectServerCount: settings.integer(.objectServers),
        objectTargetsPerServer: settings.integer(.objectTargetsPerServer),
        clientCount: settings.integer(.clients),
        timing: timing,
        fabric: fabric)
    }
    graph = settings.optionalText(.graph)
    deadline = .nanoseconds(Int64(settings.nanoseconds(.clusterDeadline)))
    self.isOnce = isOnce
    guard graph.map({ $0.hasSuffix(".dot") || $0.hasSuffix(".svg") }) ?? true else {
      throw CommandFailure(.usage, "--graph '\(graph ?? "")' must end in .dot or .svg")
    }
  }

  func run() async throws {
    let (requests, source) = AsyncStream.makeStream(of: Void.self)
    let interruption = Interruption()
    try await interruption.whileWatching(onRequest: { source.yield() }) {
      var cluster = Cluster(plan)
      do {
        try await cluster.start()
        let view = try await settle(cluster, interruption)
        Streams.output(view.text)
        for nid in plan.standbys { Streams.output("\(nid) stands by for its failover pair\n") }
        if let graph {
          let drawing = ClusterDrawing(view)
          try Streams.write(graph.hasSuffix(".svg") ? drawing.svg : drawing.dot, to: graph)
        }
        if !view.faults.isEmpty {
          throw CommandFailure(.failed, view.faults.joined(separator: "; "))
        }
      } catch {
        await cluster.stop()
        throw error
      }
      if !isOnce { for await _ in requests { break } }
      await cluster.stop()
    }
  }

  /// Looks until everything is as it must be, or the time has passed.
  private func settle(_ cluster: Cluster, _ interruption: Interruption) async throws -> ClusterView
  {
    let clock = ContinuousClock()
    let end = clock.now + deadline
    while true {
      let view = try await cluster.look()
      if view.faults.isEmpty || clock.now >= end || interruption.isRequested { return view }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
