internal import LustreWire
internal import Rings
internal import Synchronization

extension Node {
  /// Makes the NIDs this process's own, or says who has them.
  ///
  /// - Parameter fabric: the emulated fabric they are on; nil for a device.
  func claimNIDs(fabric: String?) throws(NodeError) {
    var ownerships: [NIDOwnership] = []
    for nid in nids { ownerships.append(try NIDOwnership(claiming: NodeName(nid, fabric: fabric))) }
    controls.withLock { $0.ownerships = ownerships }
  }

  func openControlSockets(fabric: String?) throws(NodeError) {
    for nid in nids {
      let socket = try ControlSocket(NodeName(nid, fabric: fabric)) { [weak self] request in
        await self?.answer(request)
          ?? .failure(code: "stopped", explanation: "the node has stopped")
      }
      controls.withLock { $0.sockets.append(socket) }
    }
    // The loop may have ended by itself meanwhile.
    if controls.withLock({ $0.isOver }) { closeControlSockets() }
  }

  /// Answers a request of the control socket; nil when it is none of its own.
  package typealias Answerer = @Sendable ([String]) async -> ControlReply?

  /// Lets whoever started the node answer more than the node itself knows.
  package func answer(with answerer: @escaping Answerer) {
    controls.withLock { $0.answerer = answerer }
  }

  /// What commands may ask of a running node.
  private func answer(_ request: ControlRequest) async -> ControlReply {
    do throws(NodeError) {
      switch request.words.first {
      case "ping":
        let (nid, timeout) = try request.target()
        let reply = try await ping(nid, timeout: timeout)
        return .text(reply.encoded)
      case "discover":
        let (nid, timeout) = try request.target()
        let reply = try await discover(nid, timeout: timeout)
        return .text(reply.encoded)
      default:
        let answerer = controls.withLock { $0.answerer }
        if let reply = await answerer?(request.words) { return reply }
        let words = request.words.joined(separator: " ")
        let isTable = request.words.count == 2 && request.words[1] == "show"
        throw NodeError(
          code: .configuration, operation: "control socket",
          explanation: isTable
            ? "this node has no targets and no imports (\(words)): those of `serve` and `mount` do"
            : "unknown request: \(words)")
      }
    } catch {
      return .failure(code: error.code.rawValue, explanation: error.description)
    }
  }
}

extension ControlRequest {
  /// The NID and the milliseconds after the verb.
  fileprivate func target() throws(NodeError) -> (NID, Duration) {
    guard words.count == 3, let nid = NID(words[1]), let milliseconds = Int64(words[2]),
      (1...3_600_000).contains(milliseconds)
    else {
      throw NodeError(
        code: .configuration, operation: "control socket",
        explanation: "wanted: \(words.first ?? "") NID MILLISECONDS")
    }
    return (nid, .milliseconds(milliseconds))
  }
}
