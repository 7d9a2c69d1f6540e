internal import LustreWire
internal import Verbena

/// The local end of a command that asks other nodes something: a node of this host that already runs, or one
/// that lives as long as the command.
struct PeerSession {
  private enum Route {
    case control(NodeName)
    case own(Node)
  }

  private let route: Route
  /// For reports: which NID asks.
  let localNID: NID

  /// Goes through the running node that owns the local NID; without an address, through any that runs here, unless
  /// a fabric or a file is named. Otherwise starts a node.
  static func open(_ settings: NodeSettings) async throws(CommandFailure) -> PeerSession {
    if let owner = try RunningNodes.owner(of: settings) {
      return PeerSession(route: .control(owner), localNID: owner.nid)
    }
    let plan = try NodePlan(settings, isTransient: true)
    let node = try await plan.start()
    return PeerSession(route: .own(node), localNID: node.nids[0])
  }

  func ping(_ nid: NID, timeout: Duration) async throws(NodeError) -> PingReply {
    switch route {
    case .own(let node): return try await node.ping(nid, timeout: timeout)
    case .control(let owner):
      let text = try await ask(owner, "ping", nid, timeout)
      guard let reply = PingReply(encoded: text) else { throw Self.unreadable("ping", nid, text) }
      return reply
    }
  }

  func discover(_ nid: NID, timeout: Duration) async throws(NodeError) -> PeerDescription {
    switch route {
    case .own(let node): return try await node.discover(nid, timeout: timeout)
    case .control(let owner):
      let text = try await ask(owner, "discover", nid, timeout)
      guard let peer = PeerDescription(encoded: text) else {
        throw Self.unreadable("discover", nid, text)
      }
      return peer
    }
  }

  func close() async {
    if case .own(let node) = route { await node.stop() }
  }

  private func ask(
    _ owner: NodeName, _ verb: String, _ nid: NID, _ timeout: Duration
  ) async throws(NodeError) -> String {
    let milliseconds = max(
      1, timeout.components.seconds * 1000 + timeout.components.attoseconds / 1_000_000_000_000_000)
    let request = ControlRequest(words: [verb, "\(nid)", "\(milliseconds)"])
    // The node keeps the deadline; its answer may take a moment longer.
    let patience = Int32(clamping: milliseconds + 2000)
    switch try ControlClient.ask(owner, request, timeoutMilliseconds: patience) {
    case .text(let text): return text
    case .failure(let code, let explanation):
      throw NodeError(
        code: NodeError.Code(rawValue: code) ?? .remote, operation: "asked of \(owner)", peer: nil,
        explanation: explanation)
    }
  }

  private static func unreadable(_ operation: String, _ nid: NID, _ text: String) -> NodeError {
    NodeError(
      code: .system, operation: operation, peer: nid,
      explanation: "the running node answered something else: '\(text)'; is it another version?")
  }
}
