/// An IPv4 address and a port: where a connection manager listens or connects.
public struct SocketAddress: Hashable, Sendable, BitwiseCopyable {
  /// The address as a number in host order: a.b.c.d is a<<24 | b<<16 | c<<8 | d.
  public var ipv4: UInt32
  /// The port, or the low 16 bits of the RDMA service ID in port space TCP; 0 for any.
  public var port: UInt16

  /// - Parameters:
  ///   - ipv4: the address as a number in host order.
  ///   - port: 0 for any.
  @inlinable
  public init(ipv4: UInt32, port: UInt16) {
    self.ipv4 = ipv4
    self.port = port
  }
}

extension SocketAddress: CustomStringConvertible {
  /// As people write it: `10.0.0.1:987`.
  public var description: String {
    "\(ipv4 >> 24).\(ipv4 >> 16 & 255).\(ipv4 >> 8 & 255).\(ipv4 & 255):\(port)"
  }
}

/// The owner's own name of a connection or a listener: commands carry it and events give it back.
public typealias CMOwner = UInt64

/// A connect request that waits for an answer, in the transport that received it.
public struct ConnectRequestHandle: Hashable, Sendable, BitwiseCopyable {
  /// The transport's own number; of no meaning elsewhere, never given out twice at a time.
  public var raw: UInt64

  /// For backends: the name of a request that has come.
  @inlinable
  public init(raw: UInt64) { self.raw = raw }
}

/// What a queue pair must hold (`ibv_qp_init_attr`, `rdma_conn_param`).
///
/// The transport may grant less of what the device lacks; it says so when the queue pair is ready.
public struct QueuePairAttributes: Equatable, Sendable, BitwiseCopyable {
  /// Work requests of the send queue.
  public var sendCapacity: UInt32
  /// Work requests of the receive queue.
  public var receiveCapacity: UInt32
  /// Segments of a send request, 1 or 2.
  public var sendSegments: UInt8
  /// Bytes that can be sent inline; 0 when the device has no inline sends.
  public var inlineByteCount: UInt16
  /// RDMA READs that the peer may have in flight towards us; 0 forbids them, as o2iblnd does.
  public var responderResources: UInt8
  /// RDMA READs that we may have in flight.
  public var initiatorDepth: UInt8

  /// Each parameter is the property of its name. The depths are 0 unless READs are wanted.
  public init(
    sendCapacity: UInt32, receiveCapacity: UInt32, sendSegments: UInt8 = 2,
    inlineByteCount: UInt16 = 0, responderResources: UInt8 = 0, initiatorDepth: UInt8 = 0
  ) {
    self.sendCapacity = sendCapacity
    self.receiveCapacity = receiveCapacity
    self.sendSegments = sendSegments
    self.inlineByteCount = inlineByteCount
    self.responderResources = responderResources
    self.initiatorDepth = initiatorDepth
  }
}

/// How an active side reaches its peer. Times are in milliseconds.
public struct ConnectRoute: Equatable, Sendable, BitwiseCopyable {
  /// The local address; its port is 0 for any, else the highest one to try (down to 1 when privileged).
  public var source: SocketAddress
  /// Where the peer listens.
  public var destination: SocketAddress
  /// Deadline of the address resolution and of the route resolution, each.
  public var resolveTimeoutMilliseconds: UInt32
  /// The RoCE traffic class or IB service level source; nil leaves the system's.
  public var typeOfService: UInt8?

  /// Each parameter is the property of its name.
  public init(
    source: SocketAddress, destination: SocketAddress, resolveTimeoutMilliseconds: UInt32 = 5000,
    typeOfService: UInt8? = nil
  ) {
    self.source = source
    self.destination = destination
    self.resolveTimeoutMilliseconds = resolveTimeoutMilliseconds
    self.typeOfService = typeOfService
  }
}

/// The parameters of a connect or an accept (`rdma_conn_param`).
public struct ConnectionParameters: Equatable, Sendable, BitwiseCopyable {
  /// Retries of an unacknowledged packet, 0 to 7.
  public var retryCount: UInt8
  /// Retries when the receiver is not ready, 0 to 7; 7 means without end.
  public var receiverNotReadyRetryCount: UInt8
  /// Deadline of the exchange from this command to established, in milliseconds.
  public var timeoutMilliseconds: UInt32
  /// What the REQ or REP carries to the peer: at most 56 or 196 bytes.
  public var privateData: PrivateData

  /// Each parameter is the property of its name; retries beyond 7 are a mistake of the caller.
  public init(
    retryCount: UInt8 = 5, receiverNotReadyRetryCount: UInt8 = 6,
    timeoutMilliseconds: UInt32 = 12_500, privateData: PrivateData
  ) {
    self.retryCount = retryCount
    self.receiverNotReadyRetryCount = receiverNotReadyRetryCount
    self.timeoutMilliseconds = timeoutMilliseconds
    self.privateData = privateData
  }
}

/// What the owner of a connection asks of the connection manager. None of them blocks; each ends in an event.
///
/// Active side: `prepare` → *ready* → receives are posted → `connect` → *established* or *failed*.
/// Passive side: `listen` → *connectRequest* → `prepareReply` → *ready* → receives are posted → `accept` →
/// *established*; or `reject`. After *established*: `disconnect` → *disconnected*. In every state after
/// the first command: `destroy` → *released*, always the last event of that owner; before it every posted
/// request has completed.
public enum CMCommand: Sendable, BitwiseCopyable {
  /// Resolve address and route, and make a queue pair that can take receives.
  case prepare(owner: CMOwner, route: ConnectRoute, attributes: QueuePairAttributes)
  /// Send the REQ; receives are posted before. *established* or *failed* follows within the deadline.
  case connect(owner: CMOwner, parameters: ConnectionParameters)
  /// Take on a connect request: make its queue pair.
  case prepareReply(
    owner: CMOwner, request: ConnectRequestHandle, attributes: QueuePairAttributes)
  /// Send the REP for a request that was taken on. *established* or *failed* follows.
  case accept(owner: CMOwner, parameters: ConnectionParameters)
  /// Refuse a connect request that was not taken on yet; private data of at most 148 bytes.
  case reject(request: ConnectRequestHandle, privateData: PrivateData)
  /// Refuse a connect request after its queue pair was made; *released* follows after `destroy`.
  case rejectPrepared(owner: CMOwner, privateData: PrivateData)
  /// Take connect requests at an address. *listening* or *listenFailed* follows. `backlog`: requests that may wait; 0
  /// for the backend's own bound.
  case listen(owner: CMOwner, address: SocketAddress, backlog: Int32)
  /// End an established connection: *disconnected* follows, and what is posted is flushed.
  case disconnect(owner: CMOwner)
  /// Give everything of the owner back, in whatever state. *released* follows.
  case destroy(owner: CMOwner)
}

/// The step of a connect that an error came from.
public enum ConnectStep: UInt8, Sendable, BitwiseCopyable {
  /// In the order in which a connect goes through them.
  case bind, resolveAddress, resolveRoute, createQueuePair, connect, accept, established
}

/// Why a connection did not come about.
public struct ConnectFailure: Equatable, Sendable, BitwiseCopyable {
  /// Where it failed.
  public var step: ConnectStep
  /// The errno of the system, positive; ETIMEDOUT when our own deadline passed.
  public var errno: Int32
  /// The reason of a REJ (`ibcm_rej`: 8 invalid service id, 10 stale connection, 28 consumer); 0 for none.
  public var rejectReason: UInt16
  /// The private data of a REJ, zero-padded to 148; empty for none.
  public var privateData: PrivateData

  /// For backends. Each parameter is the property of its name.
  public init(
    step: ConnectStep, errno: Int32, rejectReason: UInt16 = 0,
    privateData: PrivateData = PrivateData()
  ) {
    self.step = step
    self.errno = errno
    self.rejectReason = rejectReason
    self.privateData = privateData
  }

  /// Nobody listens there (`IB_CM_REJ_INVALID_SERVICE_ID`).
  public static var reasonInvalidServiceID: UInt16 { 8 }
  /// The peer's connection manager still has the queue pair in another connection (`IB_CM_REJ_STALE_CONN`).
  public static var reasonStaleConnection: UInt16 { 10 }
  /// The program there refused; its reason is in the private data (`IB_CM_REJ_CONSUMER_DEFINED`).
  public static var reasonConsumer: UInt16 { 28 }
}

/// How long the steps before an event took, in nanoseconds; 0 where a step was not run.
public struct ConnectTiming: Equatable, Sendable, BitwiseCopyable {
  /// Resolving the peer's address.
  public var resolveAddress: UInt32 = 0
  /// Resolving the route to it.
  public var resolveRoute: UInt32 = 0
  /// Making the queue pair, or taking it from the pool.
  public var createQueuePair: UInt32 = 0
  /// From the connect or accept to established.
  public var exchange: UInt32 = 0

  /// No step was run yet.
  public init() {}
}

/// What the connection manager reports.
public struct CMEvent: Sendable, BitwiseCopyable {
  /// What happened.
  public enum Kind: Sendable, BitwiseCopyable {
    /// The listener takes connect requests from now on.
    case listening
    /// The listener could not be made: errno.
    case listenFailed(errno: Int32)
    /// On a listener: somebody wants to connect. It waits until `prepareReply` or `reject`; the transport
    /// bounds how many wait, and refuses more by itself.
    case connectRequest(
      ConnectRequestHandle, source: SocketAddress, privateData: PrivateData)
    /// The queue pair exists and takes receives; its attributes as granted.
    case ready(QueuePairHandle, granted: QueuePairAttributes)
    /// Both directions may send. The private data is the REP's on the active side, else empty.
    case established(privateData: PrivateData)
    /// The connection did not come about; only `destroy` is left to do.
    case failed(ConnectFailure)
    /// The peer or the network ended it, or the answer to our own disconnect came.
    case disconnected
    /// Everything of the owner is given back.
    case released
    /// The device is gone: every connection on it ends, and the transport is of no more use.
    case deviceRemoved
  }

  /// Whose connection or listener it is: the name that its commands carried; of a connect request, the listener's.
  public var owner: CMOwner
  /// What happened, with what belongs to it.
  public var kind: Kind
  /// Of *established* and *failed*: how long the steps before it took.
  public var timing: ConnectTiming

  /// For backends. Each parameter is the property of its name.
  public init(owner: CMOwner, kind: Kind, timing: ConnectTiming = ConnectTiming()) {
    self.owner = owner
    self.kind = kind
    self.timing = timing
  }
}
