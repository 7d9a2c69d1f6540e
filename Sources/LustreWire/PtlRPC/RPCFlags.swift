/// Whether a message asks or answers.
///
/// **Wire:** `pb_type` (spec 10 §3).
public enum RPCType: UInt32, Hashable, Sendable, BitwiseCopyable, CaseIterable {
  /// A request, or a callback of a server.
  case request = 4711
  /// An answer of the RPC layer itself: only the body can be relied on.
  case error = 4712
  /// An answer of the service.
  case reply = 4713

  /// The word for listings.
  public var name: StaticString {
    switch self {
    case .request: "request"
    case .error: "error"
    case .reply: "reply"
    }
  }
}

/// Which service a request is for; replies carry none.
///
/// **Wire:** the upper half of `pb_version` (spec 10 §3.2); the lower half is always 3.
public struct ServiceVersion: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The word as on the wire, with its lower half 0.
  public var rawValue: UInt32

  /// Takes the word; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// None: every reply.
  public static let none = ServiceVersion(rawValue: 0)
  /// Connect, disconnect, ping.
  public static let obd = ServiceVersion(rawValue: 0x1_0000)
  /// Metadata, and what its servers ask each other.
  public static let mds = ServiceVersion(rawValue: 0x2_0000)
  /// Objects.
  public static let ost = ServiceVersion(rawValue: 0x3_0000)
  /// Locks.
  public static let dlm = ServiceVersion(rawValue: 0x4_0000)
  /// Logs.
  public static let log = ServiceVersion(rawValue: 0x5_0000)
  /// The management server's own requests.
  public static let mgs = ServiceVersion(rawValue: 0x6_0000)

  /// Lustre's name of the service, or nil.
  public var name: StaticString? {
    switch rawValue {
    case 0x1_0000: "OBD"
    case 0x2_0000: "MDS"
    case 0x3_0000: "OST"
    case 0x4_0000: "DLM"
    case 0x5_0000: "LOG"
    case 0x6_0000: "MGS"
    default: nil
    }
  }
}

/// How a request or reply has to be taken.
///
/// **Wire:** `pb_flags` (spec 10 §3.3). Unknown bits are legal, kept and to be ignored: kernel clients set
/// obsolete ones.
public struct RPCFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The XID was sent before, and no reply was seen.
  public static let resent = RPCFlags(rawValue: 0x2)
  /// The request was executed before the server's restart.
  public static let replay = RPCFlags(rawValue: 0x4)
  /// The client has replayed all its requests.
  public static let requestReplayDone = RPCFlags(rawValue: 0x40)
  /// The client has replayed all its locks.
  public static let lockReplayDone = RPCFlags(rawValue: 0x80)
  /// In a reply: the client is banned.
  public static let clientBanned = RPCFlags(rawValue: 0x100)
  /// `pb_uid` and `pb_gid` are valid.
  public static let hasUserIDs = RPCFlags(rawValue: 0x200)
  /// `pb_projid` is valid.
  public static let hasProjectID = RPCFlags(rawValue: 0x400)

  /// Lustre's names of the known bits, lowest first.
  package static let names: [(RPCFlags, StaticString)] = [
    (.resent, "RESENT"), (.replay, "REPLAY"), (.requestReplayDone, "REQ_REPLAY_DONE"),
    (.lockReplayDone, "LOCK_REPLAY_DONE"), (.clientBanned, "CLIENT_BANNED"),
    (.hasUserIDs, "PACK_UID_GID"), (.hasProjectID, "PACK_PROJID"),
  ]
}

/// What a CONNECT and its reply say beyond the connect data.
///
/// **Wire:** `pb_op_flags` (spec 10 §3.4).
public struct ConnectOperationFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Reply: the target recovers, and this client takes part.
  public static let recovering = ConnectOperationFlags(rawValue: 0x1)
  /// Reply: the server still had this client's export.
  public static let reconnect = ConnectOperationFlags(rawValue: 0x2)
  /// Reply: the target supports replay.
  public static let replayable = ConnectOperationFlags(rawValue: 0x4)
  /// Request: obsolete, a reason to refuse.
  public static let libClient = ConnectOperationFlags(rawValue: 0x10)
  /// Request: the client holds no handle of the target.
  public static let initial = ConnectOperationFlags(rawValue: 0x20)
  /// Reserved.
  public static let nextVersion = ConnectOperationFlags(rawValue: 0x80)
  /// Request: ``ConnectData/transno`` holds the first transno that will be replayed.
  public static let transno = ConnectOperationFlags(rawValue: 0x100)

  /// Lustre's names of the known bits, lowest first.
  package static let names: [(ConnectOperationFlags, StaticString)] = [
    (.recovering, "RECOVERING"), (.reconnect, "RECONNECT"), (.replayable, "REPLAYABLE"),
    (.libClient, "LIBCLIENT"), (.initial, "INITIAL"), (.nextVersion, "NEXT_VER"),
    (.transno, "TRANSNO"),
  ]
}
