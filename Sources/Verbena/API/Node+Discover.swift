internal import LNet
public import LustreWire
internal import NodeCore
internal import RDMATransport
internal import Synchronization

/// What is known of another node after a discovery.
public struct PeerDescription: Sendable {
  /// One of its NIDs, as seen from here.
  public struct Interface: Sendable {
    /// The interface's NID.
    public var nid: NID
    /// Whether it says that it is up.
    public var isUp: Bool
    /// 0 to 1000 (spec 01 §10).
    public var health: Int
  }

  /// The NID that it is known by.
  public var primaryNID: NID
  /// Whether several of its interfaces may be used at a time.
  public var isMultiRail: Bool
  /// What it can do.
  public var features: PingFeatures
  /// The primary NID first, then by network and address: not in the order in which they became known.
  public var interfaces: [Interface]
}

extension Node {
  /// Asks a node what it is and tells it of us, as `lnetctl discover`.
  ///
  /// - Parameters:
  ///   - nid: any of its NIDs.
  ///   - timeout: for all of it; it is given up then.
  /// - Throws: `NodeError`: unreachable, timedOut, cancelled, stopped, limit.
  public func discover(
    _ nid: NID, timeout: Duration = .seconds(10)
  ) async throws(NodeError) -> PeerDescription {
    try await inbox.run("discover") { node, operations, call in
      let deadline = node.turn.now.advanced(by: timeout)
      let tag = operations.begin(deadline: deadline, &node) { signal, node, _ in
        switch signal {
        case .event(let event):
          call.finish(Self.description(event, of: nid, &node))
          return .done
        case .connections: return .goesOn
        case .deadline: call.finish(.failure(NodeError(status: -110, "discover", nid)))
        case .cancelled: call.finish(.failure(.cancelled("discover", nid)))
        case .stopped: call.finish(.failure(.stopped("discover", nid)))
        }
        // The event still comes; nobody waits for it.
        return .done
      }
      call.tag.store(tag, ordering: .relaxed)
      do throws(LNetError) {
        try node.lnet.discover(nid, tag: tag, turn: &node.turn)
      } catch {
        operations.end(tag, &node)
        call.finish(.failure(NodeError(error, "discover", nid)))
      }
    }
  }

  private static func description(
    _ event: LNetEvent, of nid: NID, _ node: inout NodeCore
  ) -> Result<PeerDescription, NodeError> {
    guard event.status == 0, let peer = node.lnet.peer(nid) else {
      return .failure(NodeError(status: event.status, "discover", nid))
    }
    var interfaces: [PeerDescription.Interface] = []
    for place in 0..<peer.interfaceCount {
      guard let one = node.lnet.interface(ofPeer: nid, at: place) else { break }
      interfaces.append(
        PeerDescription.Interface(nid: one.nid, isUp: one.isUp, health: one.health))
    }
    interfaces.sort { first, second in
      if (first.nid == peer.primary) != (second.nid == peer.primary) {
        return first.nid == peer.primary
      }
      return first.nid.rawValue < second.nid.rawValue
    }
    return .success(
      PeerDescription(
        primaryNID: peer.primary, isMultiRail: peer.isMultiRail, features: peer.features,
        interfaces: interfaces))
  }
}
