internal import LNet
public import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Synchronization

/// What a pinged node said of itself.
public struct PingReply: Sendable {
  /// Its NIDs without the loopback, the primary first.
  public var nids: [NID]
  /// What it can do: discovery, multi-rail.
  public var features: PingFeatures
  /// From the call to the reply, set-up of a connection included.
  public var roundTrip: Duration
}

extension Node {
  /// Pings a node, as `lctl ping`.
  ///
  /// - Parameters:
  ///   - nid: any of its NIDs.
  ///   - timeout: for connection set-up and reply together; `lctl ping` gives 1 s.
  /// - Throws: `NodeError`: unreachable, timedOut, cancelled, stopped, limit.
  public func ping(_ nid: NID, timeout: Duration = .seconds(1)) async throws(NodeError) -> PingReply
  {
    try await inbox.run("ping") { node, operations, call in
      let start = node.turn.now
      let tag = operations.begin(deadline: nil, &node) { signal, node, _ in
        switch signal {
        case .event(let event):
          call.finish(Self.reply(event, to: nid, since: start, &node))
          return .done
        case .connections: return .goesOn
        case .deadline:
          return .goesOn
        case .cancelled:
          call.finish(.failure(.cancelled("ping", nid)))
          return .goesOn
        case .stopped:
          call.finish(.failure(.stopped("ping", nid)))
          return .done
        }
      }
      call.tag.store(tag, ordering: .relaxed)
      do throws(LNetError) {
        try node.lnet.ping(
          nid, timeout: timeout.nanosecondCount, tag: tag, turn: &node.turn)
      } catch {
        operations.end(tag, &node)
        call.finish(.failure(NodeError(error, "ping", nid)))
      }
    }
  }

  private static func reply(
    _ event: LNetEvent, to nid: NID, since start: UInt64, _ node: inout NodeCore
  ) -> Result<PingReply, NodeError> {
    defer { node.lnet.release(event.ping, turn: &node.turn) }
    guard event.status == 0, let bytes = node.lnet.pingInfo(event.ping) else {
      return .failure(NodeError(status: event.status, "ping", nid))
    }
    do throws(WireError) {
      let info = try PingInfo(decoding: node.turn.memory.bytes(bytes))
      return .success(
        PingReply(
          nids: info.entries.dropFirst().map(\.nid), features: info.features,
          roundTrip: .nanoseconds(Int64(node.turn.now &- start))))
    } catch {
      return .failure(
        NodeError(
          code: .remote, operation: "ping", peer: nid, errno: 71,
          explanation: "it answered with what is no ping info: \(error)"))
    }
  }
}
