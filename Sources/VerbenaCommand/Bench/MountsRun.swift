internal import BenchKit
internal import Connections
internal import Foundation
internal import LustreWire
internal import Verbena

/// A file system that clients mount for `bench connect`, each from a node of its own.
struct MountsRun: Sendable {
  private let fileSystem: String
  private let management: NID
  private let count: Int
  private let deadline: Duration
  /// Servers of our own, where they are.
  private let servers: ClusterPlan?
  /// The clients' nodes.
  private let client: NodePlan

  /// Nil where nothing is to be mounted.
  init?(_ run: BenchRun) throws(CommandFailure) {
    let settings = run.settings
    let name = settings.optionalText(.mountedFileSystem)
    guard name == nil || run.target != nil else {
      throw CommandFailure(
        .usage, "--fsname names a file system of a management server: give its NID too")
    }
    count = settings.integer(.mountCount)
    let hasFileSystem = name != nil || run.target == nil
    if !hasFileSystem { try run.refuse(.mountCount, "give --fsname too") }
    if run.target != nil {
      try run.refuse(
        .mountedTargets, "the file system at a NID has its own targets: leave the NID out")
    }
    if count == 0 {
      for one in [.mountedTargets, .mountedFileSystem] as [Setting] {
        try run.refuse(one, "give --mounts more than 0")
      }
    }
    guard count > 0, hasFileSystem else { return nil }
    deadline = .nanoseconds(Int64(settings.nanoseconds(.deadline)))
    if let name, let target = run.target {
      (fileSystem, management, servers) = (name, target, nil)
      client = try Self.plan(run, [:])
    } else {
      let plan = Self.servers(targetCount: settings.integer(.mountedTargets))
      (fileSystem, management, servers) = (ClusterPlan.fileSystem, plan.managementNID, plan)
      client = try Self.plan(
        run, [Setting.fabric.name: plan.fabric, Setting.bind.name: "10.3.0.1"])
    }
  }

  private static func plan(
    _ run: BenchRun, _ flags: [String: String]
  ) throws(CommandFailure) -> NodePlan {
    var plan = try NodePlan(try run.node(flags), isTransient: true)
    plan.beClient(mounts: 1, timing: .fast)
    // One file has one node's view.
    plan.capturePath = nil
    return plan
  }

  /// A management server, a metadata server and an object server with the targets, on a fabric of their own.
  private static func servers(targetCount: Int) -> ClusterPlan {
    let process = ProcessInfo.processInfo.processIdentifier
    var timing = TimingProfile.fast
    timing.idleTimeout = 0
    var plan = ClusterPlan(
      metadataCount: 1, objectServerCount: 1, objectTargetsPerServer: targetCount,
      clientCount: 0, timing: timing,
      fabric: "mounts-\(process)-\(UInt32.random(in: 0...9999))")
    plan.transientClientCount = 4
    plan.serverSpin = NodeConfiguration(nids: []).spin
    return plan
  }

  func run(into report: inout BenchReport, isStopped: () -> Bool) async throws {
    guard let servers else { return try await mount(into: &report, isStopped: isStopped) }
    var cluster = Cluster(servers)
    do {
      try await cluster.start()
      try await settle(cluster)
      try await mount(into: &report, isStopped: isStopped)
    } catch {
      await cluster.stop()
      throw error
    }
    await cluster.stop()
  }

  /// Waits until the servers are connected to each other.
  private func settle(_ cluster: Cluster) async throws {
    let clock = ContinuousClock()
    let end = clock.now + deadline
    while true {
      let faults = try await cluster.look().faults
      if faults.isEmpty { return }
      guard clock.now < end else {
        throw CommandFailure(.timedOut, faults.joined(separator: "; "))
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  /// Mounts, and connects to what the mount has found, so many times.
  private func mount(
    into report: inout BenchReport, isStopped: () -> Bool
  ) async throws {
    var bench = MountBench()
    defer { bench.file(into: &report) }
    for _ in 0..<count where !isStopped() {
      let mount = try await go(.mount(fileSystem: fileSystem, management: management))
      let oneByOne = try await go(.oneByOne(mount.goals))
      bench.add(mount: mount, oneByOne: oneByOne)
    }
  }

  /// One client's way, on a node of its own.
  private func go(_ plan: MountPlan) async throws -> MountAccount {
    let call = Call<MountAccount>()
    let configuration = client.configuration
    let node = try await client.start(program: { MountClient(plan, configuration, call) })
    let (management, deadline) = (management, deadline)
    let watch = Task {
      try await Task.sleep(for: deadline)
      call.finish(
        .failure(
          NodeError(
            code: .timedOut, operation: "mount", peer: management, errno: 110,
            explanation: "not all is connected in \(deadline) (ETIMEDOUT)")))
    }
    let outcome = await call.outcome()
    watch.cancel()
    await node.stop()
    return try outcome.get()
  }
}
