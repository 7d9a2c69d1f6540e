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
    let interruption = Interruption()
    try await interruption.whileWatching(onRequest: { source.yield() }) {
      let client = try await plan.startLustre { NoProgram() }
      client.node.answer(with: LustreAnswers(lustre: client, further: nil).answer)
      let signalled = Task { for await _ in requests { break } }
      let mounting = Task { try await mountAll(client) }
      // Done by then, most often.
      let giveUp = Task {
        await signalled.value
        mounting.cancel()
      }
      defer { giveUp.cancel() }
      let mounts: [MountedFileSystem]
      var (imports, ready) = (0, 0)
      var missing: [String] = []
      do {
        mounts = try await mounting.value
        for mount in mounts {
          let targets = try await mount.targets()
          imports += targets.count
          ready += targets.count { $0.isReady }
          let text = try await mount.explanation()
          if !text.isEmpty { missing.append(text) }
        }
        Streams.output(try await client.node.text(.imports))
      } catch {
        await client.stop()
        if interruption.isRequested {
          throw CommandFailure(.interrupted, "interrupted while mounting \(fileSystem)")
        }
        throw (error as? NodeError).map { CommandFailure(hinted($0)) } ?? error
      }
      Streams.output(
        "\(fileSystem) mounted \(count == 1 ? "once" : "\(count) times") by \(client.node.nids[0]): "
          + (missing.isEmpty
            ? "\(imports) imports FULL\n"
            : "\(ready) of \(imports) imports FULL, others go on being tried: "
              + "\(missing.joined(separator: "; "))\n"))
      let ending = Task {
        defer { source.yield() }
        try await client.node.waitUntilStopped()
      }
      let watch = Self.watch(mounts)
      await signalled.value
      watch.cancel()
      for mount in mounts { await mount.unmount() }
      await client.stop()
      do {
        try await ending.value
      } catch let error as NodeError { throw CommandFailure(error) }
    }
  }

  private func mountAll(_ client: LustreNode) async throws(NodeError) -> [MountedFileSystem] {
    var mounts: [MountedFileSystem] = []
    for _ in 0..<count {
      mounts.append(
        try await client.mount(
          fileSystem, management: management, timeout: timeout, patience: Self.patience))
    }
    return mounts
  }

  /// How long object targets are waited for: they may be down for long, and the others be used meanwhile.
  private static let patience = Duration.seconds(10)

  /// With what to do about it.
  private func hinted(_ error: NodeError) -> NodeError {
    var error = error
    if error.errno == 2 {
      error.explanation +=
        "; no target of a file system \(fileSystem) is registered there: compare --fsname of its servers"
    } else if error.code == .timedOut {
      let nid = error.peer.map { "\($0)" } ?? "NID"
      error.explanation += "; verbena ping \(nid) says whether that node is there"
    }
    return error
  }

  /// Tells what becomes of the targets of each mount.
  private static func watch(_ mounts: [MountedFileSystem]) -> Task<Void, Never> {
    Task {
      await withTaskGroup(of: Void.self) { watchers in
        for mount in mounts {
          watchers.addTask {
            let changes = mount.changes()
            var known = (try? await mount.targets()) ?? []
            for await now in changes {
              Streams.output(MountText.changes(from: known, to: now))
              known = now
            }
          }
        }
      }
    }
  }
}

/// What `mount` tells of its targets after they were connected.
enum MountText {
  /// A line for each target that is not as it was, then how many can be used.
  static func changes(from old: [MountedTarget], to new: [MountedTarget]) -> String {
    var text = ""
    for target in new where !old.contains(target) {
      let place = target.nid.map { " at \($0)" } ?? ""
      text += "\(target.name) \(target.state.rawValue)\(place)\n"
    }
    for target in old where !new.contains(where: { $0.name == target.name }) {
      text += "\(target.name) taken away\n"
    }
    return text + "\(new.count(where: \.isReady)) of \(new.count) imports ready\n"
  }
}

extension NodePlan {
  /// Lets the node have so many mounts: no tables for clients of its own.
  mutating func beClient(mounts: Int, timing: TimingProfile) {
    configuration.beClient(mounts: mounts, timing: timing)
  }
}
