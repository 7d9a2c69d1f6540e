internal import BenchKit
internal import LNet
internal import LustreWire
internal import Logging
internal import Verbena

/// A node that serves until a signal.
struct NodeRun {
  private let plan: NodePlan
  private let serving: ServingSettings

  init(_ settings: NodeSettings, _ serving: ServingSettings) throws(CommandFailure) {
    var plan = try NodePlan(settings, isTransient: false)
    plan.configuration.isControllable = true
    self.plan = plan
    self.serving = serving
  }

  func untilSignal() async throws {
    // Somebody asks it to end, or it has ended by itself.
    let (ends, source) = AsyncStream.makeStream(of: Void.self)
    let dumps = Dumps()
    try await Interruption().whileWatching(
      onRequest: { source.yield() }, onDump: { await dumps.show() }
    ) {
      let desk = BenchDesk()
      let session = UInt32.random(in: 1 ... .max)
      let timings = serving.isMeasured ? ConnectTimings() : nil
      timings?.begin()
      let node = try await plan.start(timings: timings) {
        BenchPeer(desk: desk, session: session)
      }
      node.answer(with: BenchAnswers(node: node, desk: desk).answer)
      await dumps.set(node)
      let endpoint: MetricsEndpoint?
      do throws(CommandFailure) {
        endpoint = try serving.endpoint(node, timings)
      } catch {
        await node.stop()
        throw error
      }
      let logger = Logger(label: "node")
      let place = NodePlace(node, plan)
      if let advice = place.advice { logger.warning("\(advice)") }
      for nid in node.nids { Streams.output("\(nid) ready, by \(place.text)\n") }
      let nids = node.nids.map(\.description).joined(separator: " ")
      ServiceManager.tell(["READY=1", "STATUS=\(nids) ready, by \(place.text)"])
      let ending = Task {
        defer { source.yield() }
        try await node.waitUntilStopped()
      }
      for await _ in ends { break }
      ServiceManager.tell(["STOPPING=1", "STATUS=closing every connection"])
      logger.info("closing every connection")
      endpoint?.close()
      await node.stop()
      do {
        try await ending.value
      } catch let error as NodeError {
        throw CommandFailure(error)
      }
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
    do throws(NodeError) {
      Streams.error(try await node.state().text(of: node))
    } catch { Streams.error("\(error)\n") }
  }
}

extension NodeState {
  /// YAML: the peers, and every counter that is not 0.
  func text(of node: Node) -> String {
    var text = "nids: [\(node.nids.map(\.description).joined(separator: ", "))]\npeers:\n"
    for peer in peers {
      text += "  - primary nid: \(peer.primary)\n    state: \(peer.state)\n"
      text +=
        "    Multi-Rail: \(peer.isMultiRail ? "True" : "False")\n    NIDs: \(peer.interfaceCount)\n"
    }
    return text + "o2iblnd:\n" + Self.lines(driver) + "lnet:\n" + Self.lines(lnet)
  }

  /// The counters of a structure by their names; those of a structure in it with a blank between.
  private static func lines(_ counters: Any, _ prefix: String = "  ") -> String {
    Mirror(reflecting: counters).children.map { name, value in
      guard let number = value as? UInt64 else { return lines(value, "\(prefix)\(name ?? "") ") }
      return number == 0 ? "" : "\(prefix)\(name ?? ""): \(number)\n"
    }.joined()
  }
}
