/// How a work request ended (`ibv_wc_status`; the raw values are those of verbs).
@frozen
public enum CompletionStatus: UInt8, Sendable, BitwiseCopyable {
  /// Done; of a WRITE: placed in the peer's memory.
  case success = 0
  /// A message was longer than the receive it took, or a send longer than the device allows.
  case localLengthError = 1
  /// The queue pair is not in order; a bug of ours or of the device.
  case localQueuePairError = 2
  /// A segment lies outside what its local key names.
  case localProtectionError = 4
  /// The queue pair went to ERROR before this request was done.
  case flushed = 5
  /// The peer's device answered what makes no sense.
  case badResponse = 7
  /// A key of ours does not allow what the peer's data needs.
  case localAccessError = 8
  /// The peer's device found the request impossible, such as a message longer than its receive.
  case remoteInvalidRequest = 9
  /// The peer's key does not allow it, or the place lies outside the memory that the key names.
  case remoteAccessError = 10
  /// The peer's device could not do it.
  case remoteOperationError = 11
  /// The peer did not acknowledge: it is dead or unreachable.
  case retryExceeded = 12
  /// The peer had no receive posted for longer than the RNR retries last.
  case receiverNotReadyRetryExceeded = 13
  /// The peer's device took too long over a READ.
  case responseTimeout = 20
  /// What fits nothing else; `vendorError` may say more.
  case generalError = 21
}

/// A completed work request (`ibv_wc`).
@frozen
public struct WorkCompletion: Equatable, Sendable, BitwiseCopyable {
  /// The `id` of the request.
  public var id: UInt64
  /// The queue pair that it was posted on; it may be gone when the completion is polled.
  public var queuePair: QueuePairHandle
  /// Bytes received, for a receive; else 0.
  public var byteCount: UInt32
  /// How it ended. After the first error of a queue pair all others of it are `flushed`.
  public var status: CompletionStatus
  /// Undefined by verbs when the status is an error; the poster knows from `id`.
  public var operation: Operation
  /// The provider's own code, for the log; 0 when it has none.
  public var vendorError: UInt32

  /// For backends. Each parameter is the property of its name.
  @inlinable
  public init(
    id: UInt64, queuePair: QueuePairHandle, byteCount: UInt32, status: CompletionStatus,
    operation: Operation, vendorError: UInt32 = 0
  ) {
    self.id = id
    self.queuePair = queuePair
    self.byteCount = byteCount
    self.status = status
    self.operation = operation
    self.vendorError = vendorError
  }
}
