internal import LNet
internal import Logging
public import LustreWire
internal import NodeCore
internal import O2IBLND
internal import Rings

/// Something rare that happened to a node: a connection came or went, a peer broke the protocol, a limit was
/// reached. The node's log has the same, in the same words.
public struct NodeEvent: Sendable {
  /// What it is about.
  public enum Kind: Sendable {
    /// A connection with the peer stands.
    case connected
    /// A connection with it has ended, in order or not.
    case disconnected
    /// A connection could not be made; either side may have refused it.
    case notConnected
    /// The peer broke the protocol; its connection was closed or its message dropped.
    case violation
    /// The peer is another one than before: it has restarted, or changed its NIDs.
    case peerChanged
    /// A message or an answer of LNet's did not come through.
    case notDelivered
    /// A limit of the node was reached.
    case limit
    /// The node cannot go on as it is: its listener, its device or its transport failed.
    case failure
  }

  /// What it is about; stable, for programs.
  public var kind: Kind
  /// The peer, or the node's own NID where it is about no peer.
  public var peer: NID
  /// What happened, with its numbers and the errno or wire reason by name.
  public var explanation: String
  /// How many events this subscriber had lost before this one, because too many waited.
  public var lostCount: UInt64 = 0
}

extension Node {
  /// What happens to the node from now on, in order; ends when the node stops. Thread rule: any.
  ///
  /// Each call makes a subscription of its own, which ends when the sequence is dropped. At most 1024 events
  /// wait; then the oldest go, and `NodeEvent.lostCount` tells.
  public func events() -> AsyncStream<NodeEvent> {
    let (stream, source) = AsyncStream.makeStream(
      of: NodeEvent.self, bufferingPolicy: .bufferingNewest(1024))
    let subscription = EventSubscription(source)
    let inbox = self.inbox
    source.onTermination = { _ in
      inbox.send(isBounded: false) { _, operations in
        operations.subscriptions.removeAll { $0 === subscription }
      }
    }
    let isAccepted = inbox.send { _, operations in operations.subscriptions.append(subscription) }
    if !isAccepted { source.finish() }
    return stream
  }
}

/// Where one subscriber's events go; used on the loop only.
final class EventSubscription: Sendable {
  private let source: AsyncStream<NodeEvent>.Continuation
  private let lost = Guarded<UInt64>(0)

  init(_ source: AsyncStream<NodeEvent>.Continuation) { self.source = source }

  func take(_ event: NodeEvent) {
    var event = event
    event.lostCount = lost.withLock { $0 }
    if case .dropped = source.yield(event) { lost.withLock { $0 += 1 } }
  }

  func finish() { source.finish() }
}

extension NodeEvent.Kind {
  init(_ cause: O2IBLogCause) {
    switch cause {
    case .established, .depthReduced: self = .connected
    case .closed, .closedByPeer, .transmitTimeout, .sendBroken, .receiveBroken: self = .disconnected
    case .rejectSent, .rejectReceived, .rejectUnreadable, .connectFailed, .connectTimeout,
      .waitTimeout:
      self = .notConnected
    case .malformedMessage, .staleIdentity, .creditOverflow, .creditOverdrawn, .unknownCookie,
      .unexpectedType, .statusBeyondSink, .headerRefused, .badAcknowledge, .descriptorRefused:
      self = .violation
    case .staleIncarnation: self = .peerChanged
    case .resourcesExhausted: self = .limit
    case .listenFailed, .deviceRemoved, .postRefused: self = .failure
    }
  }

  init(_ kind: LNetLogRecord.Kind) {
    switch kind {
    case .protocolError, .foreignSource, .badPush, .badPingInfo: self = .violation
    case .unexpectedResponse, .discoveryFailed, .pushFailed, .responseTimedOut:
      self = .notDelivered
    case .heldLimit, .noMemory, .peerTableFull: self = .limit
    case .interfaceMoved, .multiRailLost: self = .peerChanged
    }
  }
}
