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
      let watch = Task {
        for await notice in server.notices() {
          let why = notice.explanation.isEmpty ? "" : ": \(notice.explanation)"
          Streams.output("\(notice.name) \(notice.state.rawValue)\(why)\n")
        }
      }
      let names = targets.map(\.specification.name).joined(separator: " ")
      ServiceManager.tell(["READY=1", "STATUS=\(names), by \(place.text)"])
      let ending = Task {
        defer { source.yield() }
        try await node.waitUntilStopped()
      }
      for await _ in requests { break }
      ServiceManager.tell(["STOPPING=1", "STATUS=closing every connection"])
      endpoint?.close()
      await server.stop()
      watch.cancel()
      do {
        try await ending.value
      } catch let error as NodeError { throw CommandFailure(error) }
      Logger(label: "serve").info("stopped")
    }
  }
}
