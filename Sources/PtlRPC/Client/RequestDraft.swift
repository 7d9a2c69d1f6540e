package import LustreWire
package import RDMATransport

/// What is asked for: all of a request that does not depend on when and over which connection it is sent.
package struct RequestDraft: BitwiseCopyable, Sendable {
  /// Whose list of requests without a reply it enters, and whose estimates count: below `RPCCapacity.imports`.
  package var importSlot: UInt32
  package var requestPortal: Portal
  package var replyPortal: Portal
  package var opcode: Opcode
  /// The high half of `pb_version`; usually `opcode.service`.
  package var service: ServiceVersion
  package var flavor: SecurityFlavor
  /// `pb_flags` of the first sending; a resend adds RESENT.
  package var flags: RPCFlags
  package var connectFlags: ConnectOperationFlags = []
  /// `pb_tag`: the slot of a modifying request.
  package var tag: UInt16 = 0
  /// `pb_transno`: only a replay's is not 0.
  package var transno: UInt64 = 0
  /// `pb_status`: the sender's process, or 0.
  package var processID: Int32 = 0
  /// Bytes of the reply message that is expected at most, as `BufferLengths` counts them.
  package var replyByteCount: Int
  /// `lm_repsize` if it is not `replyByteCount` (spec 10 §2.1, open intents).
  package var statedReplyByteCount: UInt32?
  /// `pb_timeout` in seconds; nil: by the estimate of the portal's service.
  package var timeout: UInt32?
  /// `pb_service_time` in seconds: in CONNECT and in replays.
  package var serviceTime: UInt32 = 0
  package var preVersions = RPCBody.PreVersions()
  package var bulk: BulkDescription?
  /// Whether it may be sent again: else a reply that is too long fails it (spec 10 §6.3).
  package var isResendable = true
  /// The owner's number; comes back in every event.
  package var ownerTag: UInt32

  package init(
    importSlot: UInt32, opcode: Opcode, requestPortal: Portal, replyPortal: Portal,
    replyByteCount: Int = RPCLimits.earlyReplyBytes, flavor: SecurityFlavor = .null,
    flags: RPCFlags = .hasUserIDs, ownerTag: UInt32 = 0
  ) {
    self.importSlot = importSlot
    self.opcode = opcode
    service = opcode.service
    self.requestPortal = requestPortal
    self.replyPortal = replyPortal
    self.replyByteCount = replyByteCount
    self.flavor = flavor
    self.flags = flags
    self.ownerTag = ownerTag
  }
}

/// The way to a server as an import sees it at the time of sending.
package struct ImportRoute: Equatable, BitwiseCopyable, Sendable {
  package var server: ProcessID
  /// The interface to leave by; nil for any way.
  package var interface: UInt8?
  /// The server's export for us; 0 on a first connect.
  package var handle: Cookie
  package var connectionCount: UInt32
  /// What the header says: empty in a CONNECT (spec 10 §2.1).
  package var headerFlags: RPCHeaderFlags
  /// REP_MBITS is negotiated: replies come with `pb_mbits` (spec 10 §6.1).
  package var hasReplyMatchBits: Bool
  /// BULK_MBITS is negotiated: bulk match bits may differ from the XID (spec 10 §9.2).
  package var hasBulkMatchBits: Bool
  /// Network latency in seconds instead of the measured one: CONNECT has its own rules (spec 11 §9.4).
  package var latency: UInt32?

  package init(
    server: ProcessID, handle: Cookie, connectionCount: UInt32,
    headerFlags: RPCHeaderFlags = .connected, hasReplyMatchBits: Bool = true,
    hasBulkMatchBits: Bool = true, interface: UInt8? = nil, latency: UInt32? = nil
  ) {
    self.server = server
    self.handle = handle
    self.connectionCount = connectionCount
    self.headerFlags = headerFlags
    self.hasReplyMatchBits = hasReplyMatchBits
    self.hasBulkMatchBits = hasBulkMatchBits
    self.interface = interface
    self.latency = latency
  }
}

/// Which numbers a resend has (spec 10 §9.2).
package enum Resending: UInt8, BitwiseCopyable, Sendable {
  /// After a timeout or a reconnect: the same XID; new match bits where they are negotiated, else a new XID
  /// for a request with bulk or reply match bits.
  case sameXID
  /// After -EINPROGRESS: a new XID and new match bits.
  case freshXID
}

/// A final reply, where it lies until its request is released.
package struct Reply: BitwiseCopyable, Sendable {
  package var message: RPCMessage
  package var body: RPCBody
  /// The message's bytes: `message.value(at:in:)` reads from them.
  package var bytes: BufferRef
}
