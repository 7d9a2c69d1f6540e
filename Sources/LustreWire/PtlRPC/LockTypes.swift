/// What a lock covers.
///
/// **Wire:** `lr_type` (spec 10 §11.2). Other numbers are kept; a cancel carries 0.
public struct LockType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as on the wire.
  public var rawValue: UInt32

  /// Takes the number; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `PLAIN`: the resource as a whole.
  public static let plain = LockType(rawValue: 10)
  /// `EXTENT`: a range of bytes.
  public static let extent = LockType(rawValue: 11)
  /// `FLOCK`: a file lock of an application.
  public static let flock = LockType(rawValue: 12)
  /// `IBITS`: parts of an inode.
  public static let inodeBits = LockType(rawValue: 13)

  /// True for the four that an enqueue may ask for; others are answered with -EFAULT.
  @inlinable public var isLegal: Bool { rawValue >= 10 && rawValue <= 13 }

  /// Lustre's name, or nil for a number without one.
  public var name: StaticString? {
    switch rawValue {
    case 10: "PLAIN"
    case 11: "EXTENT"
    case 12: "FLOCK"
    case 13: "IBITS"
    default: nil
    }
  }
}

/// How much a lock excludes others.
///
/// **Wire:** `l_req_mode`, `l_granted_mode` (spec 10 §11.2): single bits; 0 is "none".
public struct LockMode: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as on the wire.
  public var rawValue: UInt32

  /// Takes the number; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `EX`: nobody else.
  public static let exclusive = LockMode(rawValue: 1)
  /// `PW`: one writer, readers with null locks.
  public static let protectedWrite = LockMode(rawValue: 2)
  /// `PR`: readers.
  public static let protectedRead = LockMode(rawValue: 4)
  /// `CW`: writers beside each other.
  public static let concurrentWrite = LockMode(rawValue: 8)
  /// `CR`: readers beside writers.
  public static let concurrentRead = LockMode(rawValue: 16)
  /// `NL`: nobody is excluded.
  public static let null = LockMode(rawValue: 32)
  /// `GROUP`: those of the same group.
  public static let group = LockMode(rawValue: 64)
  /// `COS`: internal to servers.
  public static let commitOnSharing = LockMode(rawValue: 128)
  /// `TXN`: internal to servers.
  public static let transaction = LockMode(rawValue: 256)

  /// "None": a lock that was not granted.
  public static let none = LockMode(rawValue: 0)

  /// True for a single mode that a client may ask for; others are answered with -EFAULT.
  @inlinable public var isLegal: Bool {
    rawValue != 0 && rawValue & (rawValue &- 1) == 0 && rawValue <= 64
  }

  /// Lustre's name, or nil for a number without one.
  public var name: StaticString? {
    switch rawValue {
    case 1: "EX"
    case 2: "PW"
    case 4: "PR"
    case 8: "CW"
    case 16: "CR"
    case 32: "NL"
    case 64: "GROUP"
    case 128: "COS"
    case 256: "TXN"
    default: nil
    }
  }
}

/// How a lock is asked for, granted or called back.
///
/// A reply holds the flags of its request besides its own.
///
/// **Wire:** `lock_flags` of requests, replies and callbacks (spec 10 §11.2). Unknown bits are kept.
public struct LockFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `LOCK_CHANGED`: reply: mode, policy or resource are not those asked for.
  public static let changed = LockFlags(rawValue: 0x1)
  /// `BLOCK_GRANTED`: conflicts with a granted lock.
  public static let blockGranted = LockFlags(rawValue: 0x2)
  /// `BLOCK_WAIT`: conflicts with a waiting lock.
  public static let blockWait = LockFlags(rawValue: 0x8)
  /// `SPECULATIVE`: request: granted only when nobody has to be asked.
  public static let speculative = LockFlags(rawValue: 0x10)
  /// `AST_SENT`: the lock is in the way already.
  public static let callbackSent = LockFlags(rawValue: 0x20)
  /// `REPLAY`: request: the client held this lock before the server's restart.
  public static let replay = LockFlags(rawValue: 0x100)
  /// `INTENT_ONLY`: request: no lock, only the intent.
  public static let intentOnly = LockFlags(rawValue: 0x200)
  /// `HAS_INTENT`: request: an intent comes with it.
  public static let hasIntent = LockFlags(rawValue: 0x1000)
  /// `FLOCK_DEADLOCK`: callback: the lock would wait for itself.
  public static let flockDeadlock = LockFlags(rawValue: 0x8000)
  /// `DISCARD_DATA`: callback: data need not be written back.
  public static let discardData = LockFlags(rawValue: 0x1_0000)
  /// `NO_TIMEOUT`: reply: a completion callback may take any time.
  public static let noTimeout = LockFlags(rawValue: 0x2_0000)
  /// `BLOCK_NOWAIT`: request: fails rather than waits.
  public static let blockNoWait = LockFlags(rawValue: 0x4_0000)
  /// `TEST_LOCK`: request: whether it would be granted.
  public static let test = LockFlags(rawValue: 0x8_0000)
  /// `CANCEL_ON_BLOCK`: given back at once when it is in the way.
  public static let cancelOnBlock = LockFlags(rawValue: 0x80_0000)
  /// `NO_EXPANSION`: the extent is not made larger.
  public static let noExpansion = LockFlags(rawValue: 0x2000_0000)
  /// `DENY_ON_CONTENTION`: request: fails when many want the resource.
  public static let denyOnContention = LockFlags(rawValue: 0x4000_0000)
  /// `AST_DISCARD_DATA`: request: callbacks for it carry DISCARD_DATA.
  public static let callbackDiscardData = LockFlags(rawValue: 0x8000_0000)

  /// What a request may carry; anything else is answered with -EPROTO.
  public static let legalInRequests: LockFlags = [
    .blockGranted, .blockWait, .speculative, .replay, .intentOnly, .hasIntent, .blockNoWait, .test,
    .cancelOnBlock, .noExpansion, .denyOnContention, .callbackDiscardData,
  ]
  /// What a blocking or completion callback may carry; anything else is answered with -EPROTO.
  public static let legalInCallbacks: LockFlags = [.flockDeadlock, .discardData, .callbackSent]

  /// Lustre's names of the known bits.
  package static let names: [(LockFlags, StaticString)] = [
    (.changed, "LOCK_CHANGED"),
    (.blockGranted, "BLOCK_GRANTED"),
    (.blockWait, "BLOCK_WAIT"),
    (.speculative, "SPECULATIVE"),
    (.callbackSent, "AST_SENT"),
    (.replay, "REPLAY"),
    (.intentOnly, "INTENT_ONLY"),
    (.hasIntent, "HAS_INTENT"),
    (.flockDeadlock, "FLOCK_DEADLOCK"),
    (.discardData, "DISCARD_DATA"),
    (.noTimeout, "NO_TIMEOUT"),
    (.blockNoWait, "BLOCK_NOWAIT"),
    (.test, "TEST_LOCK"),
    (.cancelOnBlock, "CANCEL_ON_BLOCK"),
    (.noExpansion, "NO_EXPANSION"),
    (.denyOnContention, "DENY_ON_CONTENTION"),
    (.callbackDiscardData, "AST_DISCARD_DATA"),
  ]
}
