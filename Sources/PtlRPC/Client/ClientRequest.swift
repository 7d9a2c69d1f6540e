internal import LNet
internal import LustreWire
internal import RDMATransport

/// A request of ours in its table.
struct ClientRequest: BitwiseCopyable {
  enum State: UInt8, BitwiseCopyable {
    /// Its owner encodes it.
    case draft
    /// It is being put on the wire, or waits for its reply or bulk.
    case active
    /// Its owner has been told how the attempt ended.
    case ended
  }

  var state = State.draft
  var draft: RequestDraft
  var route: ImportRoute
  var xid: UInt64
  /// The match bits of the first bulk operation, and the XID without bulk (spec 10 §9.2).
  var firstMatchBits: UInt64
  /// The message; its piece or run is this request's.
  var request: BufferRef
  var bufferCount: Int
  /// Where replies land, as long as it may be: its piece or run is this request's.
  var sink: BufferRef
  /// The final reply, once it is there.
  var reply = BufferRef.none
  var replyType = RPCType.reply
  var replyStatus: Int32 = 0

  var sendDescriptor = DescriptorHandle.none
  var sinkDescriptor = DescriptorHandle.none
  /// The attempt's time runs.
  var isStarted = false
  /// The PUT of this attempt was given to LNet.
  var isSent = false
  /// LNet has said that it left.
  var hasLeft = false
  /// Bulk operations laid open, in order, as a list of cells.
  var firstCell = noCell
  var lastCell = noCell
  var laidOpenCount = 0
  var liveBulkCount = 0
  var bulkByteCount: UInt64 = 0
  var bulkStatus: Int32 = 0

  var attemptCount: UInt32 = 0
  var sentTime: UInt64 = 0
  /// What the request said that we would wait, in seconds; an early reply changes it.
  var timeout: UInt32 = 0
  /// The final reply has landed, here and so long; it is looked at when the sink is gone.
  var hasFinalReply = false
  var landedOffset: UInt32 = 0
  var landedLength: UInt32 = 0
  /// Bytes that the reply has: more than landed when the place was too small.
  var neededLength: UInt32 = 0
  var needsLargerSink = false
  /// The final reply is sound, and the bulk is waited for.
  var hasReply = false
  var wantsResend = false
  var isReleased = false
  var isQueued = false
  var endKind = RPCEvent.Kind.replied
  /// Place in the import's list of requests without a reply, which is ordered by XID.
  var isUnreplied = false
  var nextUnreplied = noCell
  var previousUnreplied = noCell

  init(
    draft: RequestDraft, xid: UInt64, request: BufferRef, bufferCount: Int, sink: BufferRef
  ) {
    self.draft = draft
    self.xid = xid
    firstMatchBits = xid
    self.request = request
    self.bufferCount = bufferCount
    self.sink = sink
    route = ImportRoute(server: ProcessID(nid: .any), handle: .none, connectionCount: 0)
  }

  static var filler: ClientRequest {
    ClientRequest(
      draft: RequestDraft(
        importSlot: 0, opcode: .ping, requestPortal: .reserved, replyPortal: .reserved),
      xid: 0, request: .none, bufferCount: 1, sink: .none)
  }

  // These are inlined always: a call would copy the whole record first.

  /// Whether LNet still has something of it.
  var isOnWire: Bool {
    @inline(__always) get {
      !sendDescriptor.isNone || !sinkDescriptor.isNone || liveBulkCount > 0
    }
  }

  var bulkOperationCount: Int {
    @inline(__always) get { draft.bulk?.cut.count ?? 0 }
  }

  /// `pb_mbits` (spec 10 §9.2, spec 13 §3).
  var matchBits: UInt64 {
    @inline(__always) get {
      if let bulk = draft.bulk { return firstMatchBits &+ UInt64(bulk.cut.count - 1) }
      return route.hasReplyMatchBits && !draft.opcode.isConnect ? firstMatchBits : 0
    }
  }

  /// The match bits of the reply (spec 10 §6.1, 3).
  var replyMatchBits: UInt64 {
    @inline(__always) get {
      route.hasReplyMatchBits && !draft.opcode.isConnect ? matchBits : xid
    }
  }

  var mayGetEarlyReplies: Bool {
    @inline(__always) get { route.headerFlags.contains(.adaptiveTimeouts) }
  }
}

/// One LNet operation of a bulk transfer, on either side.
struct BulkCell: BitwiseCopyable {
  var descriptor = DescriptorHandle.none
  /// The slot of the request.
  var owner: UInt32
  var next = noCell
  /// Bytes that it should move.
  var length: UInt32
  /// Events that are still to come besides `send`.
  var isAnswered = false
}

/// What the room keeps of an import.
struct ImportRecord: BitwiseCopyable {
  var firstUnreplied = noCell
  var lastUnreplied = noCell
  /// All XIDs up to here are replied (spec 10 §9.3).
  var repliedXID: UInt64 = 0
  var latency = Estimator(initial: 0)
  var estimates = PortalEstimates()
  /// Requests whose deadlines have passed.
  var timeoutCount: UInt32 = 0
  /// Final replies, and the microseconds from their requests to them.
  var replyCount: UInt32 = 0
  var waitTime: UInt64 = 0
  var reads = TransferStatistics()
  var writes = TransferStatistics()
}

/// Requests of an import that have moved bulk one way.
package struct TransferStatistics: Equatable, Sendable, BitwiseCopyable {
  package var count: UInt64 = 0
  package var byteCount: UInt64 = 0
  /// From the requests to their ends.
  package var microseconds: UInt64 = 0

  package init(count: UInt64 = 0, byteCount: UInt64 = 0, microseconds: UInt64 = 0) {
    self.count = count
    self.byteCount = byteCount
    self.microseconds = microseconds
  }

  mutating func add(_ bytes: UInt64, nanoseconds: UInt64) {
    count &+= 1
    byteCount &+= bytes
    microseconds &+= nanoseconds / 1000
  }
}

/// How the requests of an import fare, for operators.
package struct ImportStatistics: Equatable, Sendable, BitwiseCopyable {
  /// Given up, and the wire is not done with their memory.
  package var unregistering = 0
  package var timeouts: UInt32 = 0
  /// From a request to its reply, in microseconds; 0 before the first.
  package var averageWait: UInt64 = 0
  package var reads = TransferStatistics()
  package var writes = TransferStatistics()
}
