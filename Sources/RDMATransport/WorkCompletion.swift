/// How a work request ended (`ibv_wc_status`; the raw values are those of verbs).
@frozen
public enum CompletionStatus: UInt8, Sendable, BitwiseCopyable {
  case success = 0
  case localLengthError = 1
  case localQueuePairError = 2
  case localProtectionError = 4
  /// The queue pair went to ERROR before this request was done.
  case flushed = 5
  case badResponse = 7
  case localAccessError = 8
  case remoteInvalidRequest = 9
  case remoteAccessError = 10
  case remoteOperationError = 11
  /// The peer did not acknowledge: it is dead or unreachable.
  case retryExceeded = 12
  /// The peer had no receive posted for longer than the RNR retries last.
  case receiverNotReadyRetryExceeded = 13
  case responseTimeout = 20
  case generalError = 21
}

/// A completed work request (`ibv_wc`).
@frozen
public struct WorkCompletion: Equatable, Sendable, BitwiseCopyable {
  /// The `id` of the request.
  public var id: UInt64
  public var queuePair: QueuePairHandle
  /// Bytes received, for a receive; else 0.
  public var byteCount: UInt32
  public var status: CompletionStatus
  /// Undefined by verbs when the status is an error; the poster knows from `id`.
  public var operation: Operation
  /// The provider's own code, for the log; 0 when it has none.
  public var vendorError: UInt32

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
