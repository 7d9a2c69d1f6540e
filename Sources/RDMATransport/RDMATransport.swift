/// What the device under a transport can do.
public struct TransportCapabilities: Equatable, Sendable {
  /// Queue pairs that the device has, those of other processes included (`max_qp`).
  public var queuePairCountMax: Int
  /// Work requests that a send queue can hold (`max_qp_wr`).
  public var sendCapacityMax: Int
  /// Work requests that a receive queue can hold (`max_qp_wr`).
  public var receiveCapacityMax: Int
  /// Segments that one send can gather (`max_sge`); a request names at most 2.
  public var sendSegmentsMax: Int
  /// Bytes that a send can take at the post; 0 where there are no inline sends.
  public var inlineByteCountMax: Int
  /// RDMA READ works on queue pairs made with responder resources.
  public var supportsRDMARead: Bool
  /// The path MTU in bytes.
  public var mtu: Int

  /// Each parameter is the property of its name.
  public init(
    queuePairCountMax: Int, sendCapacityMax: Int, receiveCapacityMax: Int, sendSegmentsMax: Int,
    inlineByteCountMax: Int, supportsRDMARead: Bool, mtu: Int
  ) {
    self.queuePairCountMax = queuePairCountMax
    self.sendCapacityMax = sendCapacityMax
    self.receiveCapacityMax = receiveCapacityMax
    self.sendSegmentsMax = sendSegmentsMax
    self.inlineByteCountMax = inlineByteCountMax
    self.supportsRDMARead = supportsRDMARead
    self.mtu = mtu
  }
}

/// What may be done to registered memory (`ibv_access_flags`). Local reading is always allowed.
public struct MemoryAccess: OptionSet, Sendable, BitwiseCopyable {
  /// One bit a right; these are not the bits of `ibv_access_flags`.
  public let rawValue: UInt8
  /// Bits that name no right are kept and mean nothing.
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  /// The device may write: receives, and what an RDMA READ brings.
  public static var localWrite: MemoryAccess { MemoryAccess(rawValue: 1) }
  /// A peer may write by RDMA WRITE; asks for `localWrite` too, as in verbs.
  public static var remoteWrite: MemoryAccess { MemoryAccess(rawValue: 2) }
  /// A peer may read by RDMA READ.
  public static var remoteRead: MemoryAccess { MemoryAccess(rawValue: 4) }
}

/// Registered memory (`ibv_mr`). The transport that made it owns the bytes until `release`.
public struct MemoryRegion: Equatable, Sendable, BitwiseCopyable {
  /// The first byte, page-aligned, in this process.
  public var address: UInt64
  /// Bytes, a whole number of pages.
  public var byteCount: Int
  /// What our own work requests name it by (`lkey`).
  public var localKey: UInt32
  /// What a peer must present; 0 when no remote access was asked for.
  public var remoteKey: UInt32

  /// For backends: what `allocate` gives out. Each parameter is the property of its name.
  public init(address: UInt64, byteCount: Int, localKey: UInt32, remoteKey: UInt32) {
    self.address = address
    self.byteCount = byteCount
    self.localKey = localKey
    self.remoteKey = remoteKey
  }
}

/// A call of the transport that failed: which one, with which errno, and what the user can do.
public struct TransportError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The call, by its C name where there is one: `ibv_reg_mr`.
  public var call: String
  /// The system's error number, positive; 0 where the call has none.
  public var errno: Int32
  /// What was tried, with which numbers, and what the user can do about it.
  public var explanation: String

  /// Each parameter is the property of its name.
  public init(call: String, errno: Int32, explanation: String) {
    self.call = call
    self.errno = errno
    self.explanation = explanation
  }

  /// One line: the call, the errno as a number, the explanation.
  public var description: String { "\(call): errno \(errno): \(explanation)" }
}

/// A way to move messages and memory between nodes: verbs' own vocabulary, whatever lies below.
///
/// The contract, which one suite checks on every backend: requests on one queue pair complete in order, and
/// an error completion puts the queue pair into ERROR and flushes the rest; an RDMA WRITE is visible before
/// any later SEND on the same queue pair is; a SEND takes one receive that was posted before, and retries while
/// there is none; keys and bounds are checked at the owner of the memory; a peer's disappearance is an
/// event and flushed requests, never silence.
///
/// One transport serves one loop: every method is called on that loop's thread. None of them blocks.
public protocol RDMATransport: ~Copyable {
  /// What the device can do; the same for the transport's whole life.
  var capabilities: TransportCapabilities { get }

  /// What people call the device under it, such as `rxe0`; empty where there is none.
  var deviceName: String { get }

  /// What can be done about a listener that failed with an errno, for the user.
  static func explainListenFailure(errno: Int32, address: SocketAddress) -> TransportError

  /// Allocates zeroed, page-aligned memory and registers it.
  ///
  /// - Parameters:
  ///   - byteCount: rounded up to whole pages.
  ///   - access: what the device and peers may do to it.
  mutating func allocate(byteCount: Int, access: MemoryAccess) throws(TransportError)
    -> MemoryRegion

  /// Takes the keys back and frees the memory. Nothing may be posted on it.
  mutating func release(_ region: MemoryRegion)

  /// The memory outlives the transport: somebody of this process still has part of it. Its keys go all the same, and it
  /// stays mapped until the process ends.
  mutating func keepMemory()

  /// Hands commands to the connection manager, in order.
  mutating func execute(_ commands: Span<CMCommand>)

  /// Posts receives, in order.
  ///
  /// Each names memory that stays registered and untouched until its completion or flush.
  mutating func post(receives: Span<ReceiveRequest>) -> PostResult

  /// Posts sends, in order; neighbours on one queue pair ring its doorbell once.
  mutating func post(sends: Span<SendRequest>) -> PostResult

  /// Appends finished work, as much as there is room for.
  mutating func poll(completions: inout OutputSpan<WorkCompletion>)

  /// Appends events of the connection manager, as much as there is room for.
  mutating func poll(events: inout OutputSpan<CMEvent>)

  /// Readable when there is something to poll after `arm` said true.
  var wakeDescriptor: Int32 { get }

  /// Whether connections are made by polling; else a thread of the backend's own makes them, from which a loop that
  /// polls for their events would take the processor.
  static var pollsForConnections: Bool { get }

  /// Asks for a wake-up. False: there is something to poll already, do not sleep.
  mutating func arm() -> Bool

  /// A time by which `poll` must be called again although nothing wakes the loop, in nanoseconds of the
  /// monotonic clock; nil for none. For what a backend paces by itself, such as RNR retries.
  mutating func nextDeadline() -> UInt64?
}

extension RDMATransport where Self: ~Copyable {
  /// None: a backend without a device need not say so.
  public var deviceName: String { "" }
  /// The address and the errno: a backend that knows no more need not say so.
  public static func explainListenFailure(errno: Int32, address: SocketAddress) -> TransportError {
    TransportError(
      call: "listen", errno: errno, explanation: "\(address) cannot be listened on (errno \(errno))"
    )
  }
  /// Yes: a backend that has no thread of its own need not say so.
  public static var pollsForConnections: Bool { true }
  /// None: a backend that paces nothing by itself need not say so.
  public mutating func nextDeadline() -> UInt64? { nil }
}
