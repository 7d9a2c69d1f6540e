/// Attributes of an inode: what a request names or asks for, and what the reply says.
///
/// Only fields whose bit is in ``valid`` hold something.
///
/// **Wire:** `struct mdt_body`, 216 bytes (spec 10 §11.1).
public struct MetadataBody: Hashable, Sendable, BitwiseCopyable {
  /// The inode, or the directory.
  public var fid1 = FID()
  /// The second inode of a request that has two.
  public var fid2 = FID()
  /// An open file.
  public var openHandle = Cookie.none
  /// Which fields count, and what is asked for.
  public var valid = AttributeValid(rawValue: 0)
  /// Bytes; in a READPAGE the hash to begin at.
  public var size: UInt64 = 0
  /// Seconds since 1970.
  public var modificationTime: Int64 = 0
  /// Seconds since 1970.
  public var accessTime: Int64 = 0
  /// Seconds since 1970.
  public var changeTime: Int64 = 0
  /// Blocks of 512 bytes.
  public var blocks: UInt64 = 0
  /// The inode's version.
  public var version: UInt64 = 0
  /// What the server knows of an archived file.
  public var state: UInt64 = 0
  /// The user for access checks.
  public var fsuid: UInt32 = 0
  /// The group for access checks.
  public var fsgid: UInt32 = 0
  /// The user's capabilities.
  public var capabilities: UInt32 = 0
  /// Type and mode.
  public var mode: UInt32 = 0
  /// The user.
  public var uid: UInt32 = 0
  /// The group.
  public var gid: UInt32 = 0
  /// Flags of the inode.
  public var flags: UInt32 = 0
  /// The device.
  public var device: UInt32 = 0
  /// Links; in a READPAGE bytes wanted.
  public var links: UInt32 = 0
  /// The layout's generation.
  public var layoutGeneration: UInt32 = 0
  /// A further group.
  public var supplementaryGroup: UInt32 = 0
  /// Bytes of the layout.
  public var layoutByteCount: UInt32 = 0
  /// Bytes of the access control list.
  public var aclByteCount: UInt32 = 0
  /// Bytes of the longest layout.
  public var maximumLayoutByteCount: UInt32 = 0
  /// Not in use.
  public var unused: UInt32 = 0
  /// Not in use.
  public var uidHigh: UInt32 = 0
  /// Not in use.
  public var gidHigh: UInt32 = 0
  /// The project.
  public var projectID: UInt32 = 0
  /// Bytes of data on the metadata target.
  public var dataByteCount: UInt64 = 0
  /// Blocks of that data.
  public var dataBlocks: UInt64 = 0
  /// When it was made, seconds since 1970.
  public var birthTime: Int64 = 0

  /// All zero.
  @inlinable public init() {}
}

extension MetadataBody: FixedLayout {
  public static var structure: WireStructure { .metadataBody }
  public static var byteCount: Int { 216 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    fid1 = FID(at: offset, in: bytes, swapped: swapped)
    fid2 = FID(at: offset + 16, in: bytes, swapped: swapped)
    openHandle = Cookie(at: offset + 32, in: bytes, swapped: swapped)
    valid.rawValue = bytes.field(at: offset + 40, swapped)
    size = bytes.field(at: offset + 48, swapped)
    modificationTime = bytes.field(at: offset + 56, swapped)
    accessTime = bytes.field(at: offset + 64, swapped)
    changeTime = bytes.field(at: offset + 72, swapped)
    blocks = bytes.field(at: offset + 80, swapped)
    version = bytes.field(at: offset + 88, swapped)
    state = bytes.field(at: offset + 96, swapped)
    fsuid = bytes.field(at: offset + 104, swapped)
    fsgid = bytes.field(at: offset + 108, swapped)
    capabilities = bytes.field(at: offset + 112, swapped)
    mode = bytes.field(at: offset + 116, swapped)
    uid = bytes.field(at: offset + 120, swapped)
    gid = bytes.field(at: offset + 124, swapped)
    flags = bytes.field(at: offset + 128, swapped)
    device = bytes.field(at: offset + 132, swapped)
    links = bytes.field(at: offset + 136, swapped)
    layoutGeneration = bytes.field(at: offset + 140, swapped)
    supplementaryGroup = bytes.field(at: offset + 144, swapped)
    layoutByteCount = bytes.field(at: offset + 148, swapped)
    aclByteCount = bytes.field(at: offset + 152, swapped)
    maximumLayoutByteCount = bytes.field(at: offset + 156, swapped)
    unused = bytes.field(at: offset + 160, swapped)
    uidHigh = bytes.field(at: offset + 164, swapped)
    gidHigh = bytes.field(at: offset + 168, swapped)
    projectID = bytes.field(at: offset + 172, swapped)
    dataByteCount = bytes.field(at: offset + 176, swapped)
    dataBlocks = bytes.field(at: offset + 184, swapped)
    birthTime = bytes.field(at: offset + 192, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    fid1.encode(into: &bytes, at: offset)
    fid2.encode(into: &bytes, at: offset + 16)
    openHandle.encode(into: &bytes, at: offset + 32)
    bytes.storeNative(valid.rawValue, at: offset + 40)
    bytes.storeNative(size, at: offset + 48)
    bytes.storeNative(modificationTime, at: offset + 56)
    bytes.storeNative(accessTime, at: offset + 64)
    bytes.storeNative(changeTime, at: offset + 72)
    bytes.storeNative(blocks, at: offset + 80)
    bytes.storeNative(version, at: offset + 88)
    bytes.storeNative(state, at: offset + 96)
    bytes.storeNative(fsuid, at: offset + 104)
    bytes.storeNative(fsgid, at: offset + 108)
    bytes.storeNative(capabilities, at: offset + 112)
    bytes.storeNative(mode, at: offset + 116)
    bytes.storeNative(uid, at: offset + 120)
    bytes.storeNative(gid, at: offset + 124)
    bytes.storeNative(flags, at: offset + 128)
    bytes.storeNative(device, at: offset + 132)
    bytes.storeNative(links, at: offset + 136)
    bytes.storeNative(layoutGeneration, at: offset + 140)
    bytes.storeNative(supplementaryGroup, at: offset + 144)
    bytes.storeNative(layoutByteCount, at: offset + 148)
    bytes.storeNative(aclByteCount, at: offset + 152)
    bytes.storeNative(maximumLayoutByteCount, at: offset + 156)
    bytes.storeNative(unused, at: offset + 160)
    bytes.storeNative(uidHigh, at: offset + 164)
    bytes.storeNative(gidHigh, at: offset + 168)
    bytes.storeNative(projectID, at: offset + 172)
    bytes.storeNative(dataByteCount, at: offset + 176)
    bytes.storeNative(dataBlocks, at: offset + 184)
    bytes.storeNative(birthTime, at: offset + 192)
    bytes.storeNative(UInt64(0), at: offset + 200)
    bytes.storeNative(UInt64(0), at: offset + 208)
  }
}
