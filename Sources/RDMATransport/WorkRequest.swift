public import Structures

/// A queue pair of a transport, in one of its lives.
@frozen
public struct QueuePairHandle: Hashable, Sendable, BitwiseCopyable {
  /// The place in the transport's table, with the generation that tells one life from the next.
  public var handle: Handle

  /// For backends: the name of a queue pair that was made.
  @inlinable
  public init(handle: Handle) { self.handle = handle }

  /// No queue pair.
  @inlinable
  public static var none: QueuePairHandle { QueuePairHandle(handle: .none) }
}

/// A piece of registered local memory that a work request gathers from or scatters to (`ibv_sge`).
@frozen
public struct Segment: Equatable, Sendable, BitwiseCopyable {
  /// The address in this process.
  public var address: UInt64
  /// Bytes.
  public var length: UInt32
  /// Of the region that it lies in: `MemoryRegion.localKey`.
  public var localKey: UInt32

  /// Each parameter is the property of its name; the bytes lie inside one region.
  @inlinable
  public init(address: UInt64, length: UInt32, localKey: UInt32) {
    self.address = address
    self.length = length
    self.localKey = localKey
  }

  /// No bytes.
  @inlinable
  public static var empty: Segment { Segment(address: 0, length: 0, localKey: 0) }
}

/// What a work request does (`ibv_wr_opcode`, and receive).
@frozen
public enum Operation: UInt8, Sendable, BitwiseCopyable {
  /// A message to the peer's next receive.
  case send
  /// Bytes into the peer's memory; the peer's program sees no completion.
  case rdmaWrite
  /// Bytes out of the peer's memory; needs depth on both sides.
  case rdmaRead
  /// A place for one message of the peer.
  case receive
}

/// A request for the send queue of a queue pair (`ibv_send_wr`): one cache line.
@frozen
public struct SendRequest: Equatable, Sendable, BitwiseCopyable {
  /// Where it is posted.
  public var queuePair: QueuePairHandle
  /// What is done; never `receive`.
  public var operation: Operation
  /// Whether a completion is wanted when it succeeds; an error is always completed.
  public var isSignaled: Bool
  /// Whether the data is taken at the post, so that the memory is free at once. Only up to the queue
  /// pair's `inlineByteCount`.
  public var isInline: Bool
  /// How many of the two segments count: 0 to 2.
  public var segmentCount: UInt8
  /// Given back by the completion; the poster's own.
  public var id: UInt64
  /// What is sent or written, in order; of a READ, where it goes. The second counts only if there are two.
  public var segments: (Segment, Segment)
  /// For RDMA WRITE and READ: where in the peer's memory.
  public var remoteAddress: UInt64
  /// For RDMA WRITE and READ: the key of the peer's memory.
  public var remoteKey: UInt32

  /// Each parameter is the property of its name; `second` is there or not: the count follows.
  @inlinable
  public init(
    queuePair: QueuePairHandle, operation: Operation, isSignaled: Bool = true,
    isInline: Bool = false, id: UInt64, segment: Segment, second: Segment? = nil,
    remoteAddress: UInt64 = 0, remoteKey: UInt32 = 0
  ) {
    self.queuePair = queuePair
    self.operation = operation
    self.isSignaled = isSignaled
    self.isInline = isInline
    self.segmentCount = second == nil ? 1 : 2
    self.id = id
    self.segments = (segment, second ?? .empty)
    self.remoteAddress = remoteAddress
    self.remoteKey = remoteKey
  }

  /// Equal in every field.
  @inlinable
  public static func == (a: SendRequest, b: SendRequest) -> Bool {
    a.queuePair == b.queuePair && a.operation == b.operation && a.isSignaled == b.isSignaled
      && a.isInline == b.isInline && a.segmentCount == b.segmentCount && a.id == b.id
      && a.segments.0 == b.segments.0 && a.segments.1 == b.segments.1
      && a.remoteAddress == b.remoteAddress && a.remoteKey == b.remoteKey
  }
}

/// A request for the receive queue of a queue pair (`ibv_recv_wr`).
@frozen
public struct ReceiveRequest: Equatable, Sendable, BitwiseCopyable {
  /// Where it is posted.
  public var queuePair: QueuePairHandle
  /// Where the message lands; a longer one ends both queue pairs.
  public var segment: Segment
  /// Given back by the completion; the poster's own.
  public var id: UInt64

  /// Each parameter is the property of its name.
  @inlinable
  public init(queuePair: QueuePairHandle, segment: Segment, id: UInt64) {
    self.queuePair = queuePair
    self.segment = segment
    self.id = id
  }
}

/// How a post ended.
@frozen
public enum PostResult: Equatable, Sendable, BitwiseCopyable {
  /// Every request was accepted.
  case posted
  /// The first `accepted` requests were; the next one, and all after it, were not.
  ///
  /// `queueFull`: its queue had no room, and the poster keeps it and posts again after a completion.
  /// Otherwise its queue pair is gone or cannot take it (state, key, segment count): it will never be
  /// accepted, `errno` says why, and the poster goes on with the one after it.
  case stopped(accepted: Int, queueFull: Bool, errno: Int32)
}
