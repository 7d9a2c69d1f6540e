internal import BenchKit
internal import Logging
internal import Verbena

/// A node that serves until a signal.
struct NodeRun {
  private let plan: NodePlan

  init(_ settings: NodeSettings) throws(CommandFailure) {
    var plan = try NodePlan(settings, isTransient: false)
    plan.configuration.isControllable = true
    self.plan = plan
  }

  func untilSignal() async throws {
    let (requests, source) = AsyncStream.makeStream(of: Void.self)
    let dumps = Dumps()
    try await Interruption().whileWatching(
      onRequest: { source.yield() }, onDump: { await dumps.show() }
    ) {
      let desk = BenchDesk()
      let session = UInt32.random(in: 1 ... .max)
      let node = try await plan.start(program: { BenchPeer(desk: desk, session: session) })
      node.answer(with: BenchAnswers(node: node, desk: desk).answer)
      await dumps.set(node)
      let logger = Logger(label: "node")
      for nid in node.nids { Streams.output("\(nid) ready, by \(plan.backend.name)\n") }
      for await _ in requests { break }
      logger.info("closing every connection")
      await node.stop()
      logger.info("stopped")
    }
  }
}

/// Shows a node's state on request.
private actor Dumps {
  private var node: Node?

  func set(_ node: Node) { self.node = node }

  func show() async {
    guard let node else { return }
    Streams.error("\(node.nids[0]): running\n")
  }
}
