/// Buffer 0 of every message: what is asked, by whom, and how it went.
///
/// **Wire:** `struct ptlrpc_body_v3`, 184 bytes; senders of version 2 leave out the last 32 (spec 10 §3).
/// `lustre.ptlrpc_body` in Wireshark. Fields that a direction does not use are 0.
public struct RPCBody: Hashable, Sendable, BitwiseCopyable {
  /// Request: the receiver's export (or, in callbacks, the client's own handle). Reply: the new export, in
  /// CONNECT replies only.
  public var handle = Cookie.none
  /// Request, reply or error.
  public var type: RPCType
  /// Request: the service asked for. Reply: ``ServiceVersion/none``.
  public var service: ServiceVersion
  /// What is asked, echoed in the reply.
  public var opcode: Opcode
  /// Request: the sender's process id, informational. Reply: 0, a positive result, or a negative
  /// ``WireErrno``.
  public var status: Int32 = 0
  /// Request: no XID up to this one waits for its reply any more; 0 in connect and disconnect.
  public var lastXID: UInt64 = 0
  /// Request: the slot of a modifying request, counted from 1, or 0.
  public var tag: UInt16 = 0
  /// Request: the project, when ``RPCFlags/hasProjectID`` is set.
  public var projectID: UInt32 = 0
  /// Reply: the highest transno of this export that is durable.
  public var lastCommitted: UInt64 = 0
  /// Request: 0, or in a replay the original transno. Reply: the transno of a modification, or 0.
  public var transno: UInt64 = 0
  /// How to take the message.
  public var flags: RPCFlags = []
  /// CONNECT only.
  public var connectFlags: ConnectOperationFlags = []
  /// Request: which connection of this import, counted from 1.
  public var connectionCount: UInt32 = 0
  /// Seconds. Request: how long the client waits, from arrival; 0 is dropped. Reply: how long the service
  /// expects to take from now on, 0 to be ignored. Early reply: the new allowance, from arrival.
  public var timeout: UInt32 = 0
  /// Seconds. CONNECT: the client's last estimate. Replay: its network latency. Reply: what it took, at least 1.
  public var serviceTime: UInt32 = 0
  /// Reply: how many locks the client may keep, or 0.
  public var lockLimit: UInt32 = 0
  /// Reply: the server's lock volume, or 0.
  public var lockVolume: UInt64 = 0
  /// Versions of the objects before the operation: as the reply gave them, and in a replay as they were.
  public var preVersions = PreVersions()
  /// Request: the last match bits of its bulk, and of its reply when that was negotiated; otherwise 0.
  public var matchBits: UInt64 = 0
  /// Request: the user, when ``RPCFlags/hasUserIDs`` is set.
  public var uid: UInt32 = 0
  /// Request: the group, likewise.
  public var gid: UInt32 = 0
  /// Request: the job, or empty.
  public var jobID = WireText<32>()

  /// The four object versions of a body.
  public struct PreVersions: Hashable, Sendable, BitwiseCopyable {
    /// The first version.
    public var first: UInt64 = 0
    /// The second version.
    public var second: UInt64 = 0
    /// The third version.
    public var third: UInt64 = 0
    /// The fourth version.
    public var fourth: UInt64 = 0

    /// All zero.
    @inlinable public init() {}
  }

  /// Bytes on the wire, as we send it.
  public static let byteCount = 184
  /// Bytes of version 2, the least that is accepted.
  public static let minimumByteCount = 152
  /// The lower half of `pb_version`.
  public static let messageVersion: UInt16 = 3

  /// The body of a request for `opcode`, with the service that it belongs to; all else is 0.
  @inlinable
  public init(request opcode: Opcode) {
    type = .request
    service = opcode.service
    self.opcode = opcode
  }

  /// The body of an answer to `opcode`.
  @inlinable
  public init(_ type: RPCType, to opcode: Opcode, status: Int32 = 0) {
    self.type = type
    service = .none
    self.opcode = opcode
    self.status = status
  }

  /// Reads buffer 0 of a message; throws `truncated`, `unsupportedVersion` or `unknownValue` (the type).
  /// A body of version 2 has an empty job.
  @inlinable @inline(__always)
  public init(_ message: RPCMessage, in bytes: borrowing RawSpan) throws(WireError) {
    let start = RPCMessage.headerByteCount(buffers: message.bufferCount)
    let length = message.length(of: 0, in: bytes)
    guard length >= Self.minimumByteCount else {
      throw .truncated(
        .rpcBody, needed: UInt32(Self.minimumByteCount), available: UInt32(length))
    }
    try self.init(
      at: start, in: bytes, swapped: message.swapped, hasJobID: length >= Self.byteCount)
  }

  @inlinable @inline(__always)
  init(
    at start: Int, in bytes: borrowing RawSpan, swapped: Bool, hasJobID: Bool
  ) throws(WireError) {
    let fixed = bytes.window(at: start, count: Self.minimumByteCount)
    // Each way is compiled for itself: no field asks for the order.
    if swapped {
      try self.init(fixed: fixed, true)
    } else {
      try self.init(fixed: fixed, false)
    }
    if hasJobID { jobID = WireText(at: start + Self.minimumByteCount, in: bytes) }
  }

  @inlinable @inline(__always)
  init(fixed bytes: borrowing RawSpan, _ swapped: Bool) throws(WireError) {
    let version: UInt32 = bytes.field(at: 12, swapped)
    guard UInt16(truncatingIfNeeded: version) == Self.messageVersion else {
      throw .unsupportedVersion(.rpcBody, found: UInt16(truncatingIfNeeded: version))
    }
    let type: UInt32 = bytes.field(at: 8, swapped)
    guard let type = RPCType(rawValue: type) else {
      throw .unknownValue(.rpcBody, field: .type, found: type)
    }
    self.type = type
    service = ServiceVersion(rawValue: version & 0xFFFF_0000)
    handle = Cookie(at: 0, in: bytes)
    opcode = Opcode(rawValue: bytes.field(at: 16, swapped))
    status = bytes.field(at: 20, swapped)
    lastXID = bytes.field(at: 24, swapped)
    tag = bytes.field(at: 32, swapped)
    projectID = bytes.field(at: 36, swapped)
    lastCommitted = bytes.field(at: 40, swapped)
    transno = bytes.field(at: 48, swapped)
    flags = RPCFlags(rawValue: bytes.field(at: 56, swapped))
    connectFlags = ConnectOperationFlags(rawValue: bytes.field(at: 60, swapped))
    connectionCount = bytes.field(at: 64, swapped)
    timeout = bytes.field(at: 68, swapped)
    serviceTime = bytes.field(at: 72, swapped)
    lockLimit = bytes.field(at: 76, swapped)
    lockVolume = bytes.field(at: 80, swapped)
    preVersions.first = bytes.field(at: 88, swapped)
    preVersions.second = bytes.field(at: 96, swapped)
    preVersions.third = bytes.field(at: 104, swapped)
    preVersions.fourth = bytes.field(at: 112, swapped)
    matchBits = bytes.field(at: 120, swapped)
    uid = bytes.field(at: 144, swapped)
    gid = bytes.field(at: 148, swapped)
  }

  /// Writes 184 bytes at `offset`; traps when they do not fit.
  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    var fixed = bytes.window(at: offset, count: Self.minimumByteCount)
    handle.encode(into: &fixed, at: 0)
    fixed.storeNative(type.rawValue, at: 8)
    fixed.storeNative(service.rawValue | UInt32(Self.messageVersion), at: 12)
    fixed.storeNative(opcode.rawValue, at: 16)
    fixed.storeNative(status, at: 20)
    fixed.storeNative(lastXID, at: 24)
    fixed.storeNative(tag, at: 32)
    fixed.storeNative(UInt16(0), at: 34)
    fixed.storeNative(projectID, at: 36)
    fixed.storeNative(lastCommitted, at: 40)
    fixed.storeNative(transno, at: 48)
    fixed.storeNative(flags.rawValue, at: 56)
    fixed.storeNative(connectFlags.rawValue, at: 60)
    fixed.storeNative(connectionCount, at: 64)
    fixed.storeNative(timeout, at: 68)
    fixed.storeNative(serviceTime, at: 72)
    fixed.storeNative(lockLimit, at: 76)
    fixed.storeNative(lockVolume, at: 80)
    fixed.storeNative(preVersions.first, at: 88)
    fixed.storeNative(preVersions.second, at: 96)
    fixed.storeNative(preVersions.third, at: 104)
    fixed.storeNative(preVersions.fourth, at: 112)
    fixed.storeNative(matchBits, at: 120)
    fixed.storeNative(UInt64(0), at: 128)
    fixed.storeNative(UInt64(0), at: 136)
    fixed.storeNative(uid, at: 144)
    fixed.storeNative(gid, at: 148)
    jobID.encode(into: &bytes, at: offset + Self.minimumByteCount)
  }
}
