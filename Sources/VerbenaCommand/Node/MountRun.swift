internal import BenchKit
internal import Connections
internal import LustreWire
internal import Verbena

/// A client of a file system, until a signal.
struct MountRun {
  private let plan: NodePlan
  private let management: [[NID]]
  private let fileSystem: String
  private let count: Int
  private let timeout: Duration

  init(_ source: String, _ node: NodeSettings, _ settings: Settings) throws(CommandFailure) {
    guard let slash = source.lastIndex(of: "/"), slash > source.startIndex,
      source[source.index(before: slash)] == ":"
    else {
      throw CommandFailure(
        .usage, "'\(source)' is no file system: write MGSNID:/FSNAME, such as 10.0.0.1@o2ib:/lfs")
    }
    management = try ServerPlan.nodes(String(source[..<slash]))
    fileSystem = String(source[source.index(after: slash)...])
    guard !management.isEmpty, (1...8).contains(fileSystem.utf8.count) else {
      throw CommandFailure(.usage, "'\(source)' names no management server, or no file system")
    }
    count = settings.integer(.mountsPerNode)
    timeout = .nanoseconds(Int64(settings.nanoseconds(.mountDeadline)))
    var plan = try NodePlan(node, isTransient: true)
    plan.configuration.isControllable = true
    var timing = ServerPlan.timing(settings)
    timing.idleTimeout = settings.nanoseconds(.idleTimeout)
    plan.beClient(mounts: count, timing: timing)
    // A device pins it all, and no data moves but the tables of the management server.
    plan.configuration.bulkByteCount = (4 + count) << 20
    self.plan = plan
  }

  func untilSignal() async throws {
    let (requests, source) = AsyncStream.makeStream(of: Void.self)
    try await Interruption().whileWatching(onRequest: { source.yield() }) {
      let client = try await plan.startLustre { NoProgram() }
      client.node.answer(with: LustreAnswers(lustre: client, further: nil).answer)
      var mounts: [MountedFileSystem] = []
      var imports = 0
      do throws(NodeError) {
        for _ in 0..<count {
          let mount = try await client.mount(fileSystem, management: management, timeout: timeout)
          imports += try await mount.targets().count
          mounts.append(mount)
        }
        Streams.output(try await client.node.text(.imports))
      } catch {
        await client.stop()
        throw CommandFailure(error)
      }
      Streams.output(
        "\(fileSystem) mounted \(count == 1 ? "once" : "\(count) times") by \(client.node.nids[0]): "
          + "\(imports) imports FULL\n")
      let ending = Task {
        defer { source.yield() }
        try await client.node.waitUntilStopped()
      }
      for await _ in requests { break }
      for mount in mounts { await mount.unmount() }
      await client.stop()
      do {
        try await ending.value
      } catch let error as NodeError { throw CommandFailure(error) }
    }
  }
}

extension NodePlan {
  /// Lets the node have so many mounts: no tables for clients of its own.
  mutating func beClient(mounts: Int, timing: TimingProfile) {
    configuration.beClient(mounts: mounts, timing: timing)
  }
}
