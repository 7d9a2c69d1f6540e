internal import LNet
package import LustreWire
package import RDMATransport
internal import Structures

/// A peer's request, as its handler sees it. Its bytes stay where they are until it is answered or dropped.
package struct ReceivedRequest: BitwiseCopyable, Sendable {
  /// Header and buffers: `message.value(at:in:)` reads from `bytes`.
  package var message: RPCMessage
  package var body: RPCBody
  package var bytes: BufferRef
  package var xid: UInt64
  /// Where it came from and where the answer goes.
  package var source: ProcessID
  /// The sender's primary NID.
  package var initiator: NID
  /// The interface that it came by.
  package var interface: UInt8
  package var portal: Portal
  /// Nanoseconds as the turn's.
  package var arrivalTime: UInt64
  package var deadline: UInt64

  /// It keeps a connection alive, or lets others go on: it goes in front of what does not (spec 10 §10, 6).
  package var isUrgent: Bool {
    body.opcode.isConnect || body.opcode == .ping || body.opcode == .ldlmCancel
  }
}

/// What a reply says besides what the room knows itself.
package struct ReplyFields: Equatable, BitwiseCopyable, Sendable {
  /// 0, a positive result, or a negative errno.
  package var status: Int32
  /// Whether the RPC layer answers and not the handler; the type is then 4712, but for some errors
  /// (spec 10 §5.1).
  package var isRefusal: Bool
  /// CONNECT: the new export.
  package var handle = Cookie.none
  /// CONNECT: what the target says of itself.
  package var connectFlags: ConnectOperationFlags = []
  package var flags: RPCFlags = []
  package var transno: UInt64 = 0
  package var lastCommitted: UInt64 = 0
  package var lockLimit: UInt32 = 0
  package var lockVolume: UInt64 = 0
  package var preVersions = RPCBody.PreVersions()
  /// There is no export, or the target recovers: an error then gives no estimate (spec 10 §8.1).
  package var withholdsEstimate = false
  /// The reply was made under locks: the peer's LNet shall acknowledge it (spec 10 §8.4).
  package var wantsAcknowledge = false

  package init(status: Int32 = 0, isRefusal: Bool = false) {
    self.status = status
    self.isRefusal = isRefusal
  }

  /// Type 4712 or 4713 (spec 10 §5.1).
  package var type: RPCType {
    guard isRefusal, let error = WireErrno(status: status) else { return .reply }
    switch error {
    case .enospc, .eacces, .eperm, .enoent, .einprogress, .edquot, .erofs: return .reply
    default: return .error
    }
  }
}

/// What became of a request that was to be admitted.
package enum Admission: UInt8, BitwiseCopyable, Sendable {
  /// It waits for its turn: `ready` follows, or it is dropped past its deadline.
  case queued
  /// It is the resend of one in progress, which has taken over its deadline and match bits; it is gone.
  case duplicate
  /// Its client does not wait at all; it is gone (spec 10 §10, 4).
  case dropped
}

/// A request of a peer in its table.
struct ServerRequest: BitwiseCopyable {
  enum State: UInt8, BitwiseCopyable {
    /// Its admission is to be decided.
    case arrived
    /// It waits for its turn.
    case queued
    /// A handler has it.
    case active
    /// Its answer is to be sent.
    case answered
    /// Its answer is on the wire, or nothing more is sent.
    case leaving
  }

  var state = State.arrived
  var service: UInt32
  var received: ReceivedRequest
  /// The bytes lie in their receive buffer, and their sender lacks a credit.
  var delivery: DeliveryHandle
  /// The bytes are a copy, in a piece of this request's.
  var isCopied = false
  /// Whose share of the copies it takes: an export; `noCell` for nobody's.
  var copiedFor = noCell
  /// Match bits for the reply; a resend changes them.
  var matchBits: UInt64

  var export = noCell
  var next = noCell
  var nextInProgress = noCell
  var previousInProgress = noCell
  var isInProgress = false
  var isUrgent = false
  /// A younger request of its client has its tag (spec 10 §10, 5).
  var isObsolete = false
  /// Early replies may be sent: AT_SUPPORT, and there is an export.
  var mayGetEarlyReplies = false
  var isRecovering = false
  /// REP_MBITS is negotiated (spec 10 §6.3).
  var hasReplyMatchBits = false
  /// What the last early reply granted, in seconds from the arrival.
  var allowance: UInt32 = 0
  var isQueued = false

  var fields = ReplyFields()
  /// The reply's message; `.none` until a handler begins it.
  var reply = BufferRef.none
  var replyBufferCount = 1
  var replyDescriptor = DescriptorHandle.none
  var isReplySent = false
  var waitsForAcknowledge = false
  var earlyReply = BufferRef.none
  var earlyReplyDescriptor = DescriptorHandle.none
  var wantsEarlyReply = false

  var transfer = TransferDescription.none
  var firstCell = noCell
  var startedCount = 0
  var liveBulkCount = 0
  var bulkStatus: Int32 = 0
  var bulkMatchBits = BulkMatchBits.none
  /// The transfer ends here at the latest, and at the request's deadline.
  var bulkLimit: UInt64 = 0
  var bulkDeadline: UInt64 = .max
  var isTransferring = false

  init(service: Int, received: ReceivedRequest, delivery: DeliveryHandle) {
    self.service = UInt32(service)
    self.received = received
    self.delivery = delivery
    matchBits = received.body.matchBits
  }

  /// Whether LNet still has something of it. Inlined always: a call would copy the whole record first.
  var isOnWire: Bool {
    @inline(__always) get {
      !replyDescriptor.isNone || !earlyReplyDescriptor.isNone || liveBulkCount > 0
    }
  }
}

extension ServerRequest {
  /// What unused cells of the table hold.
  static var filler: ServerRequest {
    var raw = [UInt8](repeating: 0, count: RPCMessage.bodyOnlyByteCount)
    let body = RPCBody(request: .ping)
    raw.withMutableRawSpan { bytes in _ = RPCMessage.encode(RPCHeader(), body, into: &bytes) }
    guard let message = try? RPCMessage(decoding: raw.rawBytes) else {
      preconditionFailure("a message of our own cannot be read")
    }
    return ServerRequest(
      service: 0,
      received: ReceivedRequest(
        message: message, body: body, bytes: .none, xid: 0, source: ProcessID(nid: .any),
        initiator: .any, interface: 0, portal: .reserved, arrivalTime: 0, deadline: 0),
      delivery: .none)
  }
}
