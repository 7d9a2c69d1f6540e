/// The index of a portal: which service of a node a message is for.
///
/// **Wire:** `ptl_index`, u32le, of PUT and GET (spec 01 §3.2, §5). Legal values are 0..<64; a message with
/// another is dropped by its receiver, so any 32-bit value can be held here.
public struct Portal: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The index as on the wire.
  public var rawValue: UInt32

  /// Names the portal with this index; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// True for the indices that a node has: 0..<64.
  @inlinable public var isLegal: Bool { rawValue < LNetLimits.portals }

  /// LNet's own: ping and push.
  @inlinable public static var reserved: Portal { Portal(rawValue: 0) }
  /// Legacy connection manager, requests.
  @inlinable public static var connectionRequest: Portal { Portal(rawValue: 1) }
  /// Legacy connection manager, replies.
  @inlinable public static var connectionReply: Portal { Portal(rawValue: 2) }
  /// Replies of object servers to their clients.
  @inlinable public static var oscReply: Portal { Portal(rawValue: 4) }
  /// Reads and writes at object servers.
  @inlinable public static var ostIO: Portal { Portal(rawValue: 6) }
  /// Object creation.
  @inlinable public static var ostCreate: Portal { Portal(rawValue: 7) }
  /// Bulk data of object servers.
  @inlinable public static var ostBulk: Portal { Portal(rawValue: 8) }
  /// Replies of metadata servers.
  @inlinable public static var mdcReply: Portal { Portal(rawValue: 10) }
  /// Requests to metadata servers.
  @inlinable public static var mdsRequest: Portal { Portal(rawValue: 12) }
  /// Data on metadata servers.
  @inlinable public static var mdsIO: Portal { Portal(rawValue: 13) }
  /// Bulk data of metadata servers.
  @inlinable public static var mdsBulk: Portal { Portal(rawValue: 14) }
  /// Lock callbacks, server to client.
  @inlinable public static var ldlmCallbackRequest: Portal { Portal(rawValue: 15) }
  /// Replies to lock callbacks.
  @inlinable public static var ldlmCallbackReply: Portal { Portal(rawValue: 16) }
  /// Lock cancels.
  @inlinable public static var ldlmCancelRequest: Portal { Portal(rawValue: 17) }
  /// Replies to lock cancels.
  @inlinable public static var ldlmCancelReply: Portal { Portal(rawValue: 18) }
  /// Directory pages.
  @inlinable public static var mdsReadPage: Portal { Portal(rawValue: 23) }
  /// Object updates between servers.
  @inlinable public static var out: Portal { Portal(rawValue: 24) }
  /// Replies of the management server.
  @inlinable public static var mgcReply: Portal { Portal(rawValue: 25) }
  /// Requests to the management server.
  @inlinable public static var mgsRequest: Portal { Portal(rawValue: 26) }
  /// Replies to the management server.
  @inlinable public static var mgsReply: Portal { Portal(rawValue: 27) }
  /// Requests to object servers other than reads and writes.
  @inlinable public static var ostRequest: Portal { Portal(rawValue: 28) }
  /// FID location database.
  @inlinable public static var fldRequest: Portal { Portal(rawValue: 29) }
  /// Metadata sequence numbers.
  @inlinable public static var seqMetadata: Portal { Portal(rawValue: 30) }
  /// Data sequence numbers.
  @inlinable public static var seqData: Portal { Portal(rawValue: 31) }
  /// The sequence controller.
  @inlinable public static var seqController: Portal { Portal(rawValue: 32) }
  /// Bulk data of the management server: configuration logs.
  @inlinable public static var mgsBulk: Portal { Portal(rawValue: 33) }
}

extension Portal {
  /// Lustre's name of the portal, or nil for an index without one.
  public var name: StaticString? {
    switch rawValue {
    case 0: "LNET_RESERVED"
    case 1: "CONNMGR_REQUEST"
    case 2: "CONNMGR_REPLY"
    case 4: "OSC_REPLY"
    case 6: "OST_IO"
    case 7: "OST_CREATE"
    case 8: "OST_BULK"
    case 10: "MDC_REPLY"
    case 12: "MDS_REQUEST"
    case 13: "MDS_IO"
    case 14: "MDS_BULK"
    case 15: "LDLM_CB_REQUEST"
    case 16: "LDLM_CB_REPLY"
    case 17: "LDLM_CANCEL_REQUEST"
    case 18: "LDLM_CANCEL_REPLY"
    case 23: "MDS_READPAGE"
    case 24: "OUT"
    case 25: "MGC_REPLY"
    case 26: "MGS_REQUEST"
    case 27: "MGS_REPLY"
    case 28: "OST_REQUEST"
    case 29: "FLD_REQUEST"
    case 30: "SEQ_METADATA"
    case 31: "SEQ_DATA"
    case 32: "SEQ_CONTROLLER"
    case 33: "MGS_BULK"
    default: nil
    }
  }
}

extension Portal: CustomStringConvertible {
  /// The index and, where there is one, Lustre's name: `26 (MGS_REQUEST)`.
  public var description: String {
    guard let name else { return "\(rawValue)" }
    return "\(rawValue) (\(name))"
  }
}
