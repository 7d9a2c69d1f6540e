internal import BenchKit
internal import LustreWire
internal import Logging
internal import Roles
internal import Verbena

/// A server node with its targets, until a signal.
struct ServeRun {
  private let plan: NodePlan
  private let targets: [HostedTarget]
  private let serving: ServingSettings

  init(
    _ node: NodeSettings, _ settings: Settings, _ serving: ServingSettings
  ) throws(CommandFailure) {
    targets = try ServerPlan.targets(settings)
    var plan = try NodePlan(node, isTransient: false)
    plan.configuration.isControllable = true
    plan.serve(
      exports: settings.integer(.exportCount), timing: ServerPlan.timing(settings))
    self.plan = plan
    self.serving = serving
  }

  func untilSignal() async throws {
    let (requests, source) = AsyncStream.makeStream(of: Void.self)
    try await Interruption().whileWatching(onRequest: { source.yield() }) {
      let desk = BenchDesk()
      let session = UInt32.random(in: 1 ... .max)
      let server = try await plan.startLustre(targets) { BenchPeer(desk: desk, session: session) }
      let node = server.node
      let bench = BenchAnswers(node: node, desk: desk)
      node.answer(with: LustreAnswers(lustre: server, further: bench.answer).answer)
      let endpoint: MetricsEndpoint?
      do throws(CommandFailure) {
        endpoint = try serving.endpoint(node, nil)
      } catch {
        await server.stop()
        throw error
      }
      let place = NodePlace(node, plan)
      if let advice = place.advice { Logger(label: "serve").warning("\(advice)") }
      for nid in node.nids { Streams.output("\(nid) ready, by \(place.text)\n") }
      let watch = Task { await Self.watch(server) { source.yield() } }
      let waiting = Task { try await Self.tellWaiting(server) }
      let names = targets.map(\.specification.name).joined(separator: " ")
      ServiceManager.tell(["READY=1", "STATUS=\(names), by \(place.text)"])
      let ending = Task {
        defer { source.yield() }
        try await node.waitUntilStopped()
      }
      for await _ in requests { break }
      ServiceManager.tell(["STOPPING=1", "STATUS=closing every connection"])
      endpoint?.close()
      waiting.cancel()
      await server.stop()
      watch.cancel()
      do {
        try await ending.value
      } catch let error as NodeError { throw CommandFailure(error) }
      let failures = await watch.value
      guard failures.isEmpty else {
        throw CommandFailure(
          .failed, "no target could be opened: \(failures.joined(separator: "; "))")
      }
      Logger(label: "serve").info("stopped")
    }
  }

  /// Tells what becomes of the targets.
  ///
  /// - Parameter failed: called when none will ever be open.
  /// - Returns: then why, of each; else nothing.
  private static func watch(_ server: LustreNode, failed: () -> Void) async -> [String] {
    var failures: [String: String] = [:]
    for await notice in server.notices() {
      let why = notice.explanation.isEmpty ? "" : ": \(notice.explanation)"
      Streams.output("\(notice.name) \(notice.state.rawValue)\(why)\n")
      if notice.state == .failed { failures[notice.name] = notice.explanation }
      if failures.count == server.hosted.count {
        failed()
        return failures.keys.sorted().map { "\($0): \(failures[$0] ?? "")" }
      }
    }
    return []
  }

  /// How long a registration takes at most where all is well.
  private static let patience = Duration.seconds(5)

  /// Names the targets that their management server has not answered, once.
  private static func tellWaiting(_ server: LustreNode) async throws {
    try await Task.sleep(for: patience)
    for target in server.unregistered {
      let nodes = target.specification.managementNodes.map { node in
        node.map(\.description).joined(separator: ",")
      }
      let place = nodes.isEmpty ? "of this node" : "at \(nodes.joined(separator: ":"))"
      Streams.output(
        "\(target.specification.name) opening: waits for the management server \(place)\n")
    }
  }
}
