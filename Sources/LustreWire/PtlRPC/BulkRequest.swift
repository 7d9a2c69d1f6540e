/// The object of a transfer and how many ranges of it are moved.
///
/// **Wire:** `struct obd_ioobj`, 24 bytes (spec 13 §5.1).
public struct ObjectRequest: Hashable, Sendable, BitwiseCopyable {
  /// The object.
  public var object = ObjectID()
  /// ``bulkLimit`` minus 1, in the upper half.
  public var maximumBulk: UInt32 = 0
  /// How many ranges follow.
  public var rangeCount: UInt32 = 0

  /// All zero.
  @inlinable public init() {}

  /// The most bulk operations that the client can take for this request, 1...65536; it has to be a power of two.
  @inlinable public var bulkLimit: UInt32 {
    get { maximumBulk >> 16 + 1 }
    set { maximumBulk = (newValue &- 1) << 16 }
  }
}

extension ObjectRequest: FixedLayout {
  public static var structure: WireStructure { .objectRequest }
  public static var byteCount: Int { 24 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    object = ObjectID(at: offset, in: bytes, swapped: swapped)
    maximumBulk = bytes.field(at: offset + 16, swapped)
    rangeCount = bytes.field(at: offset + 20, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    object.encode(into: &bytes, at: offset)
    bytes.storeNative(maximumBulk, at: offset + 16)
    bytes.storeNative(rangeCount, at: offset + 20)
  }
}

/// How a range is to be moved.
///
/// **Wire:** `rnb_flags` (spec 13 §5.2). Unknown bits are kept.
public struct RangeFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `READ`: read.
  public static let read = RangeFlags(rawValue: 0x1)
  /// `WRITE`: written.
  public static let write = RangeFlags(rawValue: 0x2)
  /// `NDELAY`: not delayed.
  public static let noDelay = RangeFlags(rawValue: 0x4)
  /// `SYNC`: durable when answered.
  public static let synchronous = RangeFlags(rawValue: 0x8)
  /// `CHECK`: checked only.
  public static let check = RangeFlags(rawValue: 0x10)
  /// `FROM_GRANT`: its space was granted.
  public static let fromGrant = RangeFlags(rawValue: 0x20)
  /// `GRANTED`: internal to servers.
  public static let granted = RangeFlags(rawValue: 0x40)
  /// `NOCACHE`: not kept in memory.
  public static let noCache = RangeFlags(rawValue: 0x80)
  /// `NOQUOTA`: not counted for quota.
  public static let noQuota = RangeFlags(rawValue: 0x100)
  /// `SRVLOCK`: the server takes the lock.
  public static let serverLock = RangeFlags(rawValue: 0x200)
  /// `ASYNC`: written back later.
  public static let asynchronous = RangeFlags(rawValue: 0x400)
  /// `MEMALLOC`: the client is short of memory.
  public static let memoryPressure = RangeFlags(rawValue: 0x800)
  /// `OVER_USRQUOTA`: the user is out of quota.
  public static let overUserQuota = RangeFlags(rawValue: 0x1000)
  /// `OVER_GRPQUOTA`: the group is out of quota.
  public static let overGroupQuota = RangeFlags(rawValue: 0x2000)
  /// `SOFT_SYNC`: should be durable soon.
  public static let softSync = RangeFlags(rawValue: 0x4000)
  /// `OVER_PRJQUOTA`: the project is out of quota.
  public static let overProjectQuota = RangeFlags(rawValue: 0x8000)
  /// `ROOT_PRJQUOTA`: the superuser is counted for the project.
  public static let rootProjectQuota = RangeFlags(rawValue: 0x1_0000)
  /// `RDMA_ONLY`: its memory can only be reached by RDMA.
  public static let rdmaOnly = RangeFlags(rawValue: 0x2_0000)
  /// `SYS_RESOURCE`: the superuser writes.
  public static let systemResource = RangeFlags(rawValue: 0x4_0000)
  /// `COMPRESSED`: compressed.
  public static let compressed = RangeFlags(rawValue: 0x8_0000)
  /// `SPECULATIVE_COMPR`: perhaps compressed.
  public static let speculativeCompression = RangeFlags(rawValue: 0x10_0000)

  /// Lustre's names of the known bits.
  package static let names: [(RangeFlags, StaticString)] = [
    (.read, "READ"),
    (.write, "WRITE"),
    (.noDelay, "NDELAY"),
    (.synchronous, "SYNC"),
    (.check, "CHECK"),
    (.fromGrant, "FROM_GRANT"),
    (.granted, "GRANTED"),
    (.noCache, "NOCACHE"),
    (.noQuota, "NOQUOTA"),
    (.serverLock, "SRVLOCK"),
    (.asynchronous, "ASYNC"),
    (.memoryPressure, "MEMALLOC"),
    (.overUserQuota, "OVER_USRQUOTA"),
    (.overGroupQuota, "OVER_GRPQUOTA"),
    (.softSync, "SOFT_SYNC"),
    (.overProjectQuota, "OVER_PRJQUOTA"),
    (.rootProjectQuota, "ROOT_PRJQUOTA"),
    (.rdmaOnly, "RDMA_ONLY"),
    (.systemResource, "SYS_RESOURCE"),
    (.compressed, "COMPRESSED"),
    (.speculativeCompression, "SPECULATIVE_COMPR"),
  ]
}

/// A range of an object that is moved.
///
/// **Wire:** `struct niobuf_remote`, 16 bytes (spec 13 §5.2).
public struct RemoteRange: Hashable, Sendable, BitwiseCopyable {
  /// The first byte.
  public var offset: UInt64 = 0
  /// Bytes.
  public var length: UInt32 = 0
  /// How.
  public var flags = RangeFlags(rawValue: 0)

  /// All zero.
  @inlinable public init() {}
}

extension RemoteRange: FixedLayout {
  public static var structure: WireStructure { .remoteRange }
  public static var byteCount: Int { 16 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    self.offset = bytes.field(at: offset, swapped)
    length = bytes.field(at: offset + 8, swapped)
    flags.rawValue = bytes.field(at: offset + 12, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(self.offset, at: offset)
    bytes.storeNative(length, at: offset + 8)
    bytes.storeNative(flags.rawValue, at: offset + 12)
  }
}

extension RemoteRange {
  /// A range of its fields.
  @inlinable public init(_ offset: UInt64, length: UInt32, flags: RangeFlags = []) {
    self.offset = offset
    self.length = length
    self.flags = flags
  }
}
