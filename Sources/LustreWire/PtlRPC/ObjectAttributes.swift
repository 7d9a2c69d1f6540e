/// How a request on an object is meant.
///
/// Bits 15…12 are no flags but a number: see ``checksumKind``.
///
/// **Wire:** `o_flags` (spec 13 §5.3). Unknown bits are kept.
public struct ObjectFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `DELORPHAN`: removes objects that nobody knows.
  public static let deleteOrphans = ObjectFlags(rawValue: 0x4)
  /// `NORPC`: internal to clients.
  public static let noRPC = ObjectFlags(rawValue: 0x8)
  /// `RECREATE_OBJS`: makes lost objects again.
  public static let recreate = ObjectFlags(rawValue: 0x20)
  /// `NO_PRJQUOTA`: the project is out of quota.
  public static let noProjectQuota = ObjectFlags(rawValue: 0x80)
  /// `NO_USRQUOTA`: the user is out of quota.
  public static let noUserQuota = ObjectFlags(rawValue: 0x100)
  /// `NO_GRPQUOTA`: the group is out of quota.
  public static let noGroupQuota = ObjectFlags(rawValue: 0x200)
  /// `CREATE_CROW`: the object is made by its first write.
  public static let createOnWrite = ObjectFlags(rawValue: 0x400)
  /// `SRVLOCK`: the server takes the lock.
  public static let serverLock = ObjectFlags(rawValue: 0x800)
  /// `SHRINK_GRANT`: the client gives a grant back.
  public static let shrinkGrant = ObjectFlags(rawValue: 0x2_0000)
  /// `RECOV_RESEND`: done again after an error.
  public static let resentAfterError = ObjectFlags(rawValue: 0x8_0000)
  /// `SHORT_IO`: data in request and reply.
  public static let shortIO = ObjectFlags(rawValue: 0x40_0000)
  /// `ROOT_SQUASH`: the superuser counts as nobody.
  public static let rootSquash = ObjectFlags(rawValue: 0x80_0000)

  /// The kind of checksum that is asked for, as a number: bits 15…12 (spec 13 §6).
  @inlinable public var checksumKind: BulkChecksumKind {
    get { BulkChecksumKind(field: UInt8(rawValue >> 12 & 0xF)) }
    set { rawValue = rawValue & ~0xF000 | UInt32(newValue.rawValue) << 12 }
  }

  /// Lustre's names of the known bits.
  package static let names: [(ObjectFlags, StaticString)] = [
    (.deleteOrphans, "DELORPHAN"),
    (.noRPC, "NORPC"),
    (.recreate, "RECREATE_OBJS"),
    (.noProjectQuota, "NO_PRJQUOTA"),
    (.noUserQuota, "NO_USRQUOTA"),
    (.noGroupQuota, "NO_GRPQUOTA"),
    (.createOnWrite, "CREATE_CROW"),
    (.serverLock, "SRVLOCK"),
    (.shrinkGrant, "SHRINK_GRANT"),
    (.resentAfterError, "RECOV_RESEND"),
    (.shortIO, "SHORT_IO"),
    (.rootSquash, "ROOT_SQUASH"),
  ]
}

/// An object's part in the layout of its file.
///
/// **Wire:** `struct ost_layout`, 28 bytes (spec 10 §11.1).
public struct ObjectLayout: Hashable, Sendable, BitwiseCopyable {
  /// Bytes of a stripe.
  public var stripeByteCount: UInt32 = 0
  /// Objects of the component.
  public var stripeCount: UInt32 = 0
  /// The component's first byte.
  public var componentStart: UInt64 = 0
  /// The byte behind its last.
  public var componentEnd: UInt64 = 0
  /// The component's number.
  public var componentID: UInt32 = 0

  /// All zero.
  @inlinable public init() {}
}

extension ObjectLayout: FixedLayout {
  public static var structure: WireStructure { .objectAttributes }
  public static var byteCount: Int { 28 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    stripeByteCount = bytes.field(at: offset, swapped)
    stripeCount = bytes.field(at: offset + 4, swapped)
    componentStart = bytes.field(at: offset + 8, swapped)
    componentEnd = bytes.field(at: offset + 16, swapped)
    componentID = bytes.field(at: offset + 24, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(stripeByteCount, at: offset)
    bytes.storeNative(stripeCount, at: offset + 4)
    bytes.storeNative(componentStart, at: offset + 8)
    bytes.storeNative(componentEnd, at: offset + 16)
    bytes.storeNative(componentID, at: offset + 24)
  }
}

/// Attributes of an object: what a request sets or asks for, and what the reply says.
///
/// Only fields whose bit is in ``valid`` hold something; some have two meanings.
///
/// **Wire:** `struct obdo`, 208 bytes, the whole of `struct ost_body` (spec 10 §11.1).
public struct ObjectAttributes: Hashable, Sendable, BitwiseCopyable {
  /// Which fields count.
  public var valid = AttributeValid(rawValue: 0)
  /// The object.
  public var object = ObjectID()
  /// The file's sequence.
  public var parentSequence: UInt64 = 0
  /// Bytes.
  public var size: UInt64 = 0
  /// Seconds since 1970.
  public var modificationTime: Int64 = 0
  /// Seconds since 1970.
  public var accessTime: Int64 = 0
  /// Seconds since 1970.
  public var changeTime: Int64 = 0
  /// Blocks of 512 bytes; in transfers with ``AttributeValid/grant`` dirty bytes of the client.
  public var blocks: UInt64 = 0
  /// Request: the grant held; reply: what is added. Bytes.
  public var grant: UInt64 = 0
  /// Bytes of a block.
  public var blockByteCount: UInt32 = 0
  /// Type and mode; in transfers with ``AttributeValid/grant`` bytes the client wants granted.
  public var mode: UInt32 = 0
  /// The user.
  public var uid: UInt32 = 0
  /// The group.
  public var gid: UInt32 = 0
  /// How the request is meant.
  public var flags = ObjectFlags(rawValue: 0)
  /// Links; in transfers the checksum, with ``AttributeValid/checksum``.
  public var links: UInt32 = 0
  /// The file's number in its sequence.
  public var parentObjectID: UInt32 = 0
  /// In transfers with ``AttributeValid/grant`` bytes of grant given back.
  public var miscellaneous: UInt32 = 0
  /// Not in use.
  public var epoch: UInt64 = 0
  /// The object's place in its file.
  public var stripeIndex: UInt32 = 0
  /// The file's version.
  public var parentVersion: UInt32 = 0
  /// The lock under which the transfer runs.
  public var handle = Cookie.none
  /// The object's part in the layout.
  public var layout = ObjectLayout()
  /// The version of the layout.
  public var layoutVersion: UInt32 = 0
  /// Not in use.
  public var uidHigh: UInt32 = 0
  /// Not in use.
  public var gidHigh: UInt32 = 0
  /// The version of the data; in writes bytes of grant used.
  public var dataVersion: UInt64 = 0
  /// The project.
  public var projectID: UInt32 = 0

  /// All zero.
  @inlinable public init() {}

  /// ``links`` under its other name.
  @inlinable public var checksum: UInt32 {
    get { links }
    set { links = newValue }
  }
}

extension ObjectAttributes: FixedLayout {
  public static var structure: WireStructure { .objectAttributes }
  public static var byteCount: Int { 208 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    valid.rawValue = bytes.field(at: offset, swapped)
    object = ObjectID(at: offset + 8, in: bytes, swapped: swapped)
    parentSequence = bytes.field(at: offset + 24, swapped)
    size = bytes.field(at: offset + 32, swapped)
    modificationTime = bytes.field(at: offset + 40, swapped)
    accessTime = bytes.field(at: offset + 48, swapped)
    changeTime = bytes.field(at: offset + 56, swapped)
    blocks = bytes.field(at: offset + 64, swapped)
    grant = bytes.field(at: offset + 72, swapped)
    blockByteCount = bytes.field(at: offset + 80, swapped)
    mode = bytes.field(at: offset + 84, swapped)
    uid = bytes.field(at: offset + 88, swapped)
    gid = bytes.field(at: offset + 92, swapped)
    flags.rawValue = bytes.field(at: offset + 96, swapped)
    links = bytes.field(at: offset + 100, swapped)
    parentObjectID = bytes.field(at: offset + 104, swapped)
    miscellaneous = bytes.field(at: offset + 108, swapped)
    epoch = bytes.field(at: offset + 112, swapped)
    stripeIndex = bytes.field(at: offset + 120, swapped)
    parentVersion = bytes.field(at: offset + 124, swapped)
    handle = Cookie(at: offset + 128, in: bytes, swapped: swapped)
    layout = ObjectLayout(at: offset + 136, in: bytes, swapped: swapped)
    layoutVersion = bytes.field(at: offset + 164, swapped)
    uidHigh = bytes.field(at: offset + 168, swapped)
    gidHigh = bytes.field(at: offset + 172, swapped)
    dataVersion = bytes.field(at: offset + 176, swapped)
    projectID = bytes.field(at: offset + 184, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(valid.rawValue, at: offset)
    object.encode(into: &bytes, at: offset + 8)
    bytes.storeNative(parentSequence, at: offset + 24)
    bytes.storeNative(size, at: offset + 32)
    bytes.storeNative(modificationTime, at: offset + 40)
    bytes.storeNative(accessTime, at: offset + 48)
    bytes.storeNative(changeTime, at: offset + 56)
    bytes.storeNative(blocks, at: offset + 64)
    bytes.storeNative(grant, at: offset + 72)
    bytes.storeNative(blockByteCount, at: offset + 80)
    bytes.storeNative(mode, at: offset + 84)
    bytes.storeNative(uid, at: offset + 88)
    bytes.storeNative(gid, at: offset + 92)
    bytes.storeNative(flags.rawValue, at: offset + 96)
    bytes.storeNative(links, at: offset + 100)
    bytes.storeNative(parentObjectID, at: offset + 104)
    bytes.storeNative(miscellaneous, at: offset + 108)
    bytes.storeNative(epoch, at: offset + 112)
    bytes.storeNative(stripeIndex, at: offset + 120)
    bytes.storeNative(parentVersion, at: offset + 124)
    handle.encode(into: &bytes, at: offset + 128)
    layout.encode(into: &bytes, at: offset + 136)
    bytes.storeNative(layoutVersion, at: offset + 164)
    bytes.storeNative(uidHigh, at: offset + 168)
    bytes.storeNative(gidHigh, at: offset + 172)
    bytes.storeNative(dataVersion, at: offset + 176)
    bytes.storeNative(projectID, at: offset + 184)
    bytes.storeNative(UInt32(0), at: offset + 188)
    bytes.storeNative(UInt64(0), at: offset + 192)
    bytes.storeNative(UInt64(0), at: offset + 200)
  }
}
