#if Verbs
internal import RDMATransport
internal import Structures

/// A connection, a listener or a queue pair in TIMEWAIT, as the device's thread keeps it.
// Only that thread touches it.
final class Connection {
  enum Phase {
    case listening
    // Active side.
    case waitingToResolve, resolvingAddress, resolvingRoute, ready, waitingToConnect, connecting
    // Passive side.
    case prepared, accepting
    // Both.
    case established, disconnecting
    /// Failed, refused or disconnected: only `destroy` is left.
    case ended
    /// Destroyed by its owner: its requests are being flushed.
    case draining
    /// Released: its queue pair waits until the network has forgotten it.
    case timeWait
  }

  let key: Int
  let link: LinkState
  let owner: CMOwner
  let timer: TimerID
  var phase: Phase
  var id: ConnectionID?
  var pair: QueuePair?
  var handle = QueuePairHandle.none
  var attributes: QueuePairAttributes
  var route: ConnectRoute?
  var parameters: ConnectionParameters?
  var timing = ConnectTiming()
  /// When the present step began, in nanoseconds.
  var stepStart: UInt64 = 0
  /// Of a connect request: RDMA READs that the peer wants and allows.
  var offeredResponderResources: UInt8 = 0
  var offeredInitiatorDepth: UInt8 = 0
  /// Whether the kernel's CM keeps the pair of queue pairs in TIMEWAIT.
  var needsTimeWait = false

  init(
    key: Int, link: LinkState, owner: CMOwner, timer: TimerID, phase: Phase,
    attributes: QueuePairAttributes
  ) {
    self.key = key
    self.link = link
    self.owner = owner
    self.timer = timer
    self.phase = phase
    self.attributes = attributes
  }

  /// What a connect or an accept says of its queue pair.
  var exchange: ConnectionID.Exchange {
    ConnectionID.Exchange(
      queuePairNumber: pair?.number ?? 0, responderResources: attributes.responderResources,
      initiatorDepth: attributes.initiatorDepth)
  }
}

/// A connect request that waits for its owner's decision.
struct WaitingRequest {
  var id: ConnectionID
  var responderResources: UInt8
  var initiatorDepth: UInt8
  /// Nanoseconds.
  var deadline: UInt64
}
#endif
