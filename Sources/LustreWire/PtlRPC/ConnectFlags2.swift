/// What a client asks for in a CONNECT and a server grants: the second word.
///
/// Valid only together with ``ConnectFlags/secondFlags``.
///
/// **Wire:** `ocd_connect_flags2` (spec 11 §4.2). Unknown bits are kept.
public struct ConnectFlags2: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt64

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// `FILE_SECCTX`: a security context comes with creates.
  public static let fileSecurityContext = ConnectFlags2(rawValue: 0x1)
  /// `LOCKAHEAD`: locks by advice.
  public static let lockAhead = ConnectFlags2(rawValue: 0x2)
  /// `DIR_MIGRATE`: striped directories migrate.
  public static let directoryMigration = ConnectFlags2(rawValue: 0x4)
  /// `SUM_STATFS`: one statfs for the whole file system.
  public static let sumStatfs = ConnectFlags2(rawValue: 0x8)
  /// `OVERSTRIPING`: several stripes on one target.
  public static let overstriping = ConnectFlags2(rawValue: 0x10)
  /// `FLR`: mirrored files.
  public static let mirroring = ConnectFlags2(rawValue: 0x20)
  /// `WBC_INTENTS`: reserved.
  public static let writeBackIntents = ConnectFlags2(rawValue: 0x40)
  /// `LOCK_CONVERT`: inode bits are given back one by one.
  public static let lockConvert = ConnectFlags2(rawValue: 0x80)
  /// `ARCHIVE_ID_ARRAY`: many archive ids.
  public static let archiveIDArray = ConnectFlags2(rawValue: 0x100)
  /// `INC_XID`: XIDs grow per tag.
  public static let increasingXID = ConnectFlags2(rawValue: 0x200)
  /// `SELINUX_POLICY`: the policy comes with the connect.
  public static let securityPolicy = ConnectFlags2(rawValue: 0x400)
  /// `LSOM`: a lazy size on the metadata target.
  public static let lazySize = ConnectFlags2(rawValue: 0x800)
  /// `PCC`: a persistent client cache.
  public static let persistentCache = ConnectFlags2(rawValue: 0x1000)
  /// `CRUSH`: the crush directory hash.
  public static let crushHash = ConnectFlags2(rawValue: 0x2000)
  /// `ASYNC_DISCARD`: data on metadata targets is discarded later.
  public static let asynchronousDiscard = ConnectFlags2(rawValue: 0x4000)
  /// `ENCRYPT`: clients encrypt.
  public static let encryption = ConnectFlags2(rawValue: 0x8000)
  /// `FIDMAP`: reserved.
  public static let fidMap = ConnectFlags2(rawValue: 0x1_0000)
  /// `GETATTR_PFID`: attributes with the parent.
  public static let parentFID = ConnectFlags2(rawValue: 0x2_0000)
  /// `LSEEK`: data and holes are found.
  public static let seek = ConnectFlags2(rawValue: 0x4_0000)
  /// `DOM_LVB`: lock values for data on metadata targets.
  public static let dataLockValue = ConnectFlags2(rawValue: 0x8_0000)
  /// `REP_MBITS`: replies come with ``RPCBody/matchBits``.
  public static let replyMatchBits = ConnectFlags2(rawValue: 0x10_0000)
  /// `MODE_CONVERT`: reserved.
  public static let modeConvert = ConnectFlags2(rawValue: 0x20_0000)
  /// `BATCH_RPC`: several metadata requests in one.
  public static let batch = ConnectFlags2(rawValue: 0x40_0000)
  /// `PCCRO`: a read-only persistent client cache.
  public static let readOnlyPersistentCache = ConnectFlags2(rawValue: 0x80_0000)
  /// `MNE_TYPE`: reserved.
  public static let mneType = ConnectFlags2(rawValue: 0x100_0000)
  /// `LOCK_CONTENTION`: reserved.
  public static let lockContention = ConnectFlags2(rawValue: 0x200_0000)
  /// `ATOMIC_OPEN_LOCK`: open and lock are one.
  public static let atomicOpenLock = ConnectFlags2(rawValue: 0x400_0000)
  /// `ENCRYPT_NAME`: clients encrypt names.
  public static let nameEncryption = ConnectFlags2(rawValue: 0x800_0000)
  /// `DMV_IMP_INHERIT`: default layouts are inherited.
  public static let inheritDefault = ConnectFlags2(rawValue: 0x2000_0000)
  /// `ENCRYPT_FID2PATH`: paths of encrypted files.
  public static let encryptionPaths = ConnectFlags2(rawValue: 0x4000_0000)
  /// `REPLAY_CREATE`: creates of objects are replayed.
  public static let replayCreate = ConnectFlags2(rawValue: 0x8000_0000)
  /// `LARGE_NID`: NIDs of 20 bytes.
  public static let largeNIDs = ConnectFlags2(rawValue: 0x1_0000_0000)
  /// `COMPRESS`: reserved.
  public static let compression = ConnectFlags2(rawValue: 0x2_0000_0000)
  /// `UNALIGNED_DIO`: direct I/O at any offset.
  public static let unalignedIO = ConnectFlags2(rawValue: 0x4_0000_0000)
  /// `CONN_POLICY`: reserved.
  public static let connectionPolicy = ConnectFlags2(rawValue: 0x8_0000_0000)
  /// `SPARSE`: reserved.
  public static let sparse = ConnectFlags2(rawValue: 0x10_0000_0000)
  /// `MIRROR_ID_FIX`: mirror ids.
  public static let mirrorIDFix = ConnectFlags2(rawValue: 0x20_0000_0000)
  /// `UPDATE_LAYOUT`: reserved.
  public static let updateLayout = ConnectFlags2(rawValue: 0x40_0000_0000)
  /// `READDIR_OPEN`: sent by 2.17, not granted.
  public static let readDirectoryOnOpen = ConnectFlags2(rawValue: 0x80_0000_0000)
  /// `FLR_EC`: reserved.
  public static let erasureCoding = ConnectFlags2(rawValue: 0x100_0000_0000)
  /// `FLR_IMMED_MIRROR`: reserved.
  public static let immediateMirror = ConnectFlags2(rawValue: 0x200_0000_0000)
  /// `NO_APPEND`: reserved.
  public static let noAppend = ConnectFlags2(rawValue: 0x400_0000_0000)
}
