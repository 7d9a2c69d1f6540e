/// Kinds of checksum over bulk data.
///
/// **Wire:** `ocd_cksum_types` (spec 11 §6, 13 §6). Unknown bits are kept.
public struct ChecksumTypes: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// CRC-32 without final inversion.
  public static let crc32 = ChecksumTypes(rawValue: 0x1)
  /// Adler-32.
  public static let adler = ChecksumTypes(rawValue: 0x2)
  /// CRC-32C.
  public static let crc32c = ChecksumTypes(rawValue: 0x4)
  /// Guard tags over 512 bytes each, IP checksum.
  public static let t10IP512 = ChecksumTypes(rawValue: 0x10)
  /// Guard tags over 4096 bytes each, IP checksum.
  public static let t10IP4K = ChecksumTypes(rawValue: 0x20)
  /// Guard tags over 512 bytes each, CRC-16.
  public static let t10CRC512 = ChecksumTypes(rawValue: 0x40)
  /// Guard tags over 4096 bytes each, CRC-16.
  public static let t10CRC4K = ChecksumTypes(rawValue: 0x80)
  /// What kernel clients offer: all of them.
  public static let all = ChecksumTypes(rawValue: 0xF7)
}

/// Parts of an inode that a lock can cover.
///
/// **Wire:** `ocd_ibits_known` and the inode bits of lock policies (spec 11 §4). Unknown bits are kept.
public struct InodeBits: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt64

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Name and mode.
  public static let lookup = InodeBits(rawValue: 0x1)
  /// Size, times, content of a directory.
  public static let update = InodeBits(rawValue: 0x2)
  /// Open handles.
  public static let open = InodeBits(rawValue: 0x4)
  /// The layout.
  public static let layout = InodeBits(rawValue: 0x8)
  /// Permissions.
  public static let permission = InodeBits(rawValue: 0x10)
  /// Extended attributes.
  public static let extendedAttributes = InodeBits(rawValue: 0x20)
  /// Data on the metadata target.
  public static let data = InodeBits(rawValue: 0x40)
  /// All of them.
  public static let all = InodeBits(rawValue: 0x7F)
}

/// What two nodes agree on when one connects to the other.
///
/// A field counts only when its flag is set: a server sends fields that it does not own back as they came.
///
/// **Wire:** `struct obd_connect_data`, 192 bytes, in the sender's byte order (spec 11 §4);
/// `lustre.obd_connect_data` in Wireshark.
public struct ConnectData: Hashable, Sendable, BitwiseCopyable {
  /// Features asked for, or granted.
  public var flags: ConnectFlags = []
  /// The sender's release, with ``ConnectFlags/version``.
  public var version = LustreVersion(rawValue: 0)
  /// Bytes. Client: the grant it holds or wishes; server: what it now owns. With ``ConnectFlags/grant``.
  public var grantByteCount: UInt32 = 0
  /// The target's index that the client expects, with ``ConnectFlags/index``.
  public var targetIndex: UInt32 = 0
  /// The most bytes of one bulk transfer, with ``ConnectFlags/bulkSize``; 0 is an error then.
  public var bulkByteCount: UInt32 = 0
  /// Inode bits that are understood, with ``ConnectFlags/inodeBits``.
  public var inodeBits: InodeBits = []
  /// Client: log2 of its page size. Server: log2 of its block size. With ``ConnectFlags/grantParameters``.
  public var grantBlockBits: UInt8 = 0
  /// Server: log2 of the bytes an inode takes.
  public var grantInodeBits: UInt8 = 0
  /// Server: KiB to reserve per extent.
  public var grantTaxKiB: UInt16 = 0
  /// Server: the most blocks of an extent.
  public var grantMaximumBlocks: UInt32 = 0
  /// The first transno that the client will replay, with ``ConnectOperationFlags/transno``.
  public var transno: UInt64 = 0
  /// Between metadata and object targets: the former's index.
  public var group: UInt32 = 0
  /// Kinds of checksum offered, or accepted; with ``ConnectFlags/checksum``.
  public var checksumTypes: ChecksumTypes = []
  /// Server: the most bytes of an extended attribute, with ``ConnectFlags/largeEA``.
  public var maximumEAByteCount: UInt32 = 0
  /// Server: how often the target was started.
  public var instance: UInt32 = 0
  /// Server: the most bytes of an object, with ``ConnectFlags/maximumBytes``.
  public var maximumObjectByteCount: UInt64 = 0
  /// Server: how many modifying requests may be under way, with ``ConnectFlags/multipleModifying``.
  public var maximumModifyingRequests: UInt16 = 0
  /// Reserved.
  public var connectionPolicy: UInt8 = 0
  /// The second word of features, with ``ConnectFlags/secondFlags``.
  public var flags2: ConnectFlags2 = []
  /// Reserved.
  public var compressionType: UInt64 = 0

  /// All zero.
  @inlinable public init() {}

  /// The longest struct that a server takes, in bytes.
  public static let maximumByteCount = 8 * 192
}

extension ConnectData: FixedLayout {
  public static var structure: WireStructure { .connectData }
  public static var byteCount: Int { 192 }
  /// Bytes that have fields; the others are 0.
  @usableFromInline static var usedByteCount: Int { 96 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    self.init(at: offset, count: Self.byteCount, in: bytes, swapped: swapped)
  }

  /// Reads the first `count` bytes of the struct; fields that are not there are 0.
  @inlinable
  init(at offset: Int, count: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    guard count < Self.usedByteCount else {
      let used = bytes.window(at: offset, count: Self.usedByteCount)
      self.init(used: used, swapped: swapped)
      return
    }
    var whole = InlineArray<96, UInt8>(repeating: 0)
    for index in 0..<count { whole[index] = bytes.byte(at: offset + index) }
    self.init(used: whole.rawBytes, swapped: swapped)
  }

  /// Reads all fields out of `usedByteCount` bytes.
  @inlinable
  init(used bytes: borrowing RawSpan, swapped: Bool) {
    let bytes = bytes.window(at: 0, count: Self.usedByteCount)
    flags.rawValue = bytes.field(at: 0, swapped)
    version.rawValue = bytes.field(at: 8, swapped)
    grantByteCount = bytes.field(at: 12, swapped)
    targetIndex = bytes.field(at: 16, swapped)
    bulkByteCount = bytes.field(at: 20, swapped)
    inodeBits.rawValue = bytes.field(at: 24, swapped)
    grantBlockBits = bytes.field(at: 32, swapped)
    grantInodeBits = bytes.field(at: 33, swapped)
    grantTaxKiB = bytes.field(at: 34, swapped)
    grantMaximumBlocks = bytes.field(at: 36, swapped)
    transno = bytes.field(at: 40, swapped)
    group = bytes.field(at: 48, swapped)
    checksumTypes.rawValue = bytes.field(at: 52, swapped)
    maximumEAByteCount = bytes.field(at: 56, swapped)
    instance = bytes.field(at: 60, swapped)
    maximumObjectByteCount = bytes.field(at: 64, swapped)
    maximumModifyingRequests = bytes.field(at: 72, swapped)
    connectionPolicy = bytes.field(at: 74, swapped)
    flags2.rawValue = bytes.field(at: 80, swapped)
    compressionType = bytes.field(at: 88, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    var all = bytes.window(at: offset, count: Self.byteCount)
    all.storeNative(flags.rawValue, at: 0)
    all.storeNative(version.rawValue, at: 8)
    all.storeNative(grantByteCount, at: 12)
    all.storeNative(targetIndex, at: 16)
    all.storeNative(bulkByteCount, at: 20)
    all.storeNative(inodeBits.rawValue, at: 24)
    all.storeNative(grantBlockBits, at: 32)
    all.storeNative(grantInodeBits, at: 33)
    all.storeNative(grantTaxKiB, at: 34)
    all.storeNative(grantMaximumBlocks, at: 36)
    all.storeNative(transno, at: 40)
    all.storeNative(group, at: 48)
    all.storeNative(checksumTypes.rawValue, at: 52)
    all.storeNative(maximumEAByteCount, at: 56)
    all.storeNative(instance, at: 60)
    all.storeNative(maximumObjectByteCount, at: 64)
    all.storeNative(maximumModifyingRequests, at: 72)
    all.storeNative(connectionPolicy, at: 74)
    all.storeNative(UInt8(0), at: 75)
    all.storeNative(UInt32(0), at: 76)
    all.storeNative(flags2.rawValue, at: 80)
    all.storeNative(compressionType, at: 88)
    all.zero(at: Self.usedByteCount, count: Self.byteCount - Self.usedByteCount)
  }
}
