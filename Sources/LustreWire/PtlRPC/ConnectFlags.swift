/// What a client asks for in a CONNECT and a server grants: the first word.
///
/// A server grants a subset of what was asked; a client given anything else leaves (spec 11 §4).
///
/// **Wire:** `ocd_connect_flags` (spec 11 §4.1). Unknown bits are kept.
public struct ConnectFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt64

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// `RDONLY`: a read-only mount.
  public static let readOnly = ConnectFlags(rawValue: 0x1)
  /// `INDEX`: ``ConnectData/targetIndex`` is valid.
  public static let index = ConnectFlags(rawValue: 0x2)
  /// `MDS`: a metadata target talks to an object target.
  public static let mds = ConnectFlags(rawValue: 0x4)
  /// `GRANT`: space is granted ahead of writes.
  public static let grant = ConnectFlags(rawValue: 0x8)
  /// `SRVLOCK`: the server locks for I/O without a client's lock.
  public static let serverLock = ConnectFlags(rawValue: 0x10)
  /// `VERSION`: ``ConnectData/version`` is valid.
  public static let version = ConnectFlags(rawValue: 0x20)
  /// `MGS_NIDLIST`: NIDs in target registration; in 2.15 `REQPORTAL`.
  public static let mgsNIDList = ConnectFlags(rawValue: 0x40)
  /// `ACL`: POSIX access control lists.
  public static let acl = ConnectFlags(rawValue: 0x80)
  /// `XATTR`: user extended attributes.
  public static let extendedAttributes = ConnectFlags(rawValue: 0x100)
  /// `LARGE_ACL`: more than 32 entries; tools print the bit's old name.
  public static let largeACL = ConnectFlags(rawValue: 0x200)
  /// `OLD_FALLOC`: never set by 2.15 and later.
  public static let oldFallocate = ConnectFlags(rawValue: 0x400)
  /// `TRANSNO`: obsolete; ``ConnectOperationFlags/transno`` counts.
  public static let transno = ConnectFlags(rawValue: 0x800)
  /// `IBITS`: ``ConnectData/inodeBits`` is valid.
  public static let inodeBits = ConnectFlags(rawValue: 0x1000)
  /// `BARRIER`: write barriers.
  public static let barrier = ConnectFlags(rawValue: 0x2000)
  /// `ATTRFID`: attributes by FID.
  public static let attributesByFID = ConnectFlags(rawValue: 0x4000)
  /// `NODEVOH`: special files have no open handle.
  public static let noDeviceOpenHandle = ConnectFlags(rawValue: 0x8000)
  /// `RMT_CLIENT`: not in use.
  public static let remoteClient = ConnectFlags(rawValue: 0x1_0000)
  /// `RMT_CLIENT_FORCE`: not in use.
  public static let remoteClientForced = ConnectFlags(rawValue: 0x2_0000)
  /// `BRW_SIZE`: ``ConnectData/bulkByteCount`` is valid.
  public static let bulkSize = ConnectFlags(rawValue: 0x4_0000)
  /// `QUOTA64`: not in use.
  public static let quota64 = ConnectFlags(rawValue: 0x8_0000)
  /// `MDS_CAPA`: not in use, still sent.
  public static let mdsCapability = ConnectFlags(rawValue: 0x10_0000)
  /// `OSS_CAPA`: not in use, still sent.
  public static let ossCapability = ConnectFlags(rawValue: 0x20_0000)
  /// `CANCELSET`: locks are cancelled in batches with other requests.
  public static let cancelSet = ConnectFlags(rawValue: 0x40_0000)
  /// `SOM`: not in use.
  public static let sizeOnMDS = ConnectFlags(rawValue: 0x80_0000)
  /// `AT`: adaptive timeouts.
  public static let adaptiveTimeouts = ConnectFlags(rawValue: 0x100_0000)
  /// `LRU_RESIZE`: the server steers how many locks a client keeps.
  public static let lruResize = ConnectFlags(rawValue: 0x200_0000)
  /// `MDS_MDS`: between metadata targets.
  public static let mdsToMDS = ConnectFlags(rawValue: 0x400_0000)
  /// `REAL`: not in use.
  public static let real = ConnectFlags(rawValue: 0x800_0000)
  /// `CHANGE_QS`: not in use.
  public static let changeQuotaUnit = ConnectFlags(rawValue: 0x1000_0000)
  /// `CKSUM`: ``ConnectData/checksumTypes`` is valid.
  public static let checksum = ConnectFlags(rawValue: 0x2000_0000)
  /// `FID`: file identifiers.
  public static let fid = ConnectFlags(rawValue: 0x4000_0000)
  /// `VBR`: recovery by versions.
  public static let versionRecovery = ConnectFlags(rawValue: 0x8000_0000)
  /// `LOV_V3`: layouts of version 3.
  public static let layoutV3 = ConnectFlags(rawValue: 0x1_0000_0000)
  /// `GRANT_SHRINK`: the client gives grants back.
  public static let grantShrink = ConnectFlags(rawValue: 0x2_0000_0000)
  /// `SKIP_ORPHAN`: orphans' ids are not used again.
  public static let skipOrphan = ConnectFlags(rawValue: 0x4_0000_0000)
  /// `MAX_EASIZE`: ``ConnectData/maximumEAByteCount`` is valid.
  public static let largeEA = ConnectFlags(rawValue: 0x8_0000_0000)
  /// `FULL20`: a peer of release 2; a server refuses one without.
  public static let full20 = ConnectFlags(rawValue: 0x10_0000_0000)
  /// `LAYOUTLOCK`: layout locks.
  public static let layoutLock = ConnectFlags(rawValue: 0x20_0000_0000)
  /// `64BITHASH`: directory hashes of 64 bits.
  public static let hash64 = ConnectFlags(rawValue: 0x40_0000_0000)
  /// `MAXBYTES`: ``ConnectData/maximumObjectByteCount`` is valid.
  public static let maximumBytes = ConnectFlags(rawValue: 0x80_0000_0000)
  /// `IMP_RECOV`: imperative recovery.
  public static let imperativeRecovery = ConnectFlags(rawValue: 0x100_0000_0000)
  /// `JOBSTATS`: a job id in the body.
  public static let jobStats = ConnectFlags(rawValue: 0x200_0000_0000)
  /// `UMASK`: the umask comes with creates.
  public static let umask = ConnectFlags(rawValue: 0x400_0000_0000)
  /// `EINPROGRESS`: the peer tries again after -EINPROGRESS.
  public static let inProgress = ConnectFlags(rawValue: 0x800_0000_0000)
  /// `GRANT_PARAM`: the grant's parameters are valid.
  public static let grantParameters = ConnectFlags(rawValue: 0x1000_0000_0000)
  /// `FLOCK_OWNER`: not in use.
  public static let flockOwner = ConnectFlags(rawValue: 0x2000_0000_0000)
  /// `LVB_TYPE`: lock values of several types.
  public static let lvbType = ConnectFlags(rawValue: 0x4000_0000_0000)
  /// `NANOSEC_TIME`: not in use.
  public static let nanosecondTimes = ConnectFlags(rawValue: 0x8000_0000_0000)
  /// `LIGHTWEIGHT`: no client slot, no replay.
  public static let lightweight = ConnectFlags(rawValue: 0x1_0000_0000_0000)
  /// `SHORTIO`: small data travels in request and reply.
  public static let shortIO = ConnectFlags(rawValue: 0x2_0000_0000_0000)
  /// `PINGLESS`: idle clients need not ping.
  public static let pingless = ConnectFlags(rawValue: 0x4_0000_0000_0000)
  /// `FLOCK_DEAD`: deadlocks of flocks are found.
  public static let flockDeadlock = ConnectFlags(rawValue: 0x8_0000_0000_0000)
  /// `DISP_STRIPE`: the create-stripe disposition.
  public static let createStripe = ConnectFlags(rawValue: 0x10_0000_0000_0000)
  /// `OPEN_BY_FID`: opens without a name.
  public static let openByFID = ConnectFlags(rawValue: 0x20_0000_0000_0000)
  /// `LFSCK`: online check.
  public static let onlineCheck = ConnectFlags(rawValue: 0x40_0000_0000_0000)
  /// `UNLINK_CLOSE`: not sent.
  public static let unlinkClose = ConnectFlags(rawValue: 0x100_0000_0000_0000)
  /// `MULTIMODRPCS`: several modifying requests at a time.
  public static let multipleModifying = ConnectFlags(rawValue: 0x200_0000_0000_0000)
  /// `DIR_STRIPE`: striped directories.
  public static let stripedDirectories = ConnectFlags(rawValue: 0x400_0000_0000_0000)
  /// `SUBTREE`: mounts of a subtree.
  public static let subtree = ConnectFlags(rawValue: 0x800_0000_0000_0000)
  /// `LOCKAHEAD_OLD`: not in use.
  public static let lockAheadOld = ConnectFlags(rawValue: 0x1000_0000_0000_0000)
  /// `BULK_MBITS`: ``RPCBody/matchBits`` says where bulk goes.
  public static let bulkMatchBits = ConnectFlags(rawValue: 0x2000_0000_0000_0000)
  /// `OBDOPACK`: not sent.
  public static let compactObjects = ConnectFlags(rawValue: 0x4000_0000_0000_0000)
  /// `FLAGS2`: ``ConnectData/flags2`` is valid.
  public static let secondFlags = ConnectFlags(rawValue: 0x8000_0000_0000_0000)
}
