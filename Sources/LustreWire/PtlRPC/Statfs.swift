/// How a target fares.
///
/// **Wire:** `os_state` (spec 10 §11.1). Unknown bits are kept.
public struct StatfsState: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `DEGRADED`: its storage lacks a device.
  public static let degraded = StatfsState(rawValue: 0x1)
  /// `READONLY`: nothing can be written.
  public static let readOnly = StatfsState(rawValue: 0x2)
  /// `NOPRECREATE`: no objects are created.
  public static let noCreate = StatfsState(rawValue: 0x4)
  /// `ENOSPC`: out of space.
  public static let noSpace = StatfsState(rawValue: 0x20)
  /// `ENOINO`: out of inodes.
  public static let noInodes = StatfsState(rawValue: 0x40)
  /// `SUM`: the numbers are those of the whole file system.
  public static let sum = StatfsState(rawValue: 0x100)
  /// `NONROT`: no disks that turn.
  public static let nonRotational = StatfsState(rawValue: 0x200)

  /// Lustre's names of the known bits.
  package static let names: [(StatfsState, StaticString)] = [
    (.degraded, "DEGRADED"),
    (.readOnly, "READONLY"),
    (.noCreate, "NOPRECREATE"),
    (.noSpace, "ENOSPC"),
    (.noInodes, "ENOINO"),
    (.sum, "SUM"),
    (.nonRotational, "NONROT"),
  ]
}

/// Space of a target.
///
/// **Wire:** `struct obd_statfs`, 144 bytes (spec 10 §11.1).
public struct Statfs: Hashable, Sendable, BitwiseCopyable {
  /// The backend's magic; ignored by clients.
  public var type: UInt64 = 0
  /// Blocks of ``blockByteCount``.
  public var blocks: UInt64 = 0
  /// Free ones.
  public var freeBlocks: UInt64 = 0
  /// Free ones for everybody.
  public var availableBlocks: UInt64 = 0
  /// Inodes.
  public var files: UInt64 = 0
  /// Free ones.
  public var freeFiles: UInt64 = 0
  /// The backend's identifier, a text.
  public var fileSystemID = ObdUUID()
  /// Bytes of a block; with 0 kernel clients crash.
  public var blockByteCount: UInt32 = 0
  /// The longest name, in bytes.
  public var nameByteCount: UInt32 = 0
  /// The largest object, in bytes.
  public var maximumByteCount: UInt64 = 0
  /// How the target fares.
  public var state = StatfsState(rawValue: 0)
  /// Objects that are there already.
  public var precreated: UInt32 = 0
  /// Blocks granted to clients.
  public var granted: UInt32 = 0

  /// All zero.
  @inlinable public init() {}
}

extension Statfs: FixedLayout {
  public static var structure: WireStructure { .statfs }
  public static var byteCount: Int { 144 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    type = bytes.field(at: offset, swapped)
    blocks = bytes.field(at: offset + 8, swapped)
    freeBlocks = bytes.field(at: offset + 16, swapped)
    availableBlocks = bytes.field(at: offset + 24, swapped)
    files = bytes.field(at: offset + 32, swapped)
    freeFiles = bytes.field(at: offset + 40, swapped)
    fileSystemID = ObdUUID(at: offset + 48, in: bytes, swapped: swapped)
    blockByteCount = bytes.field(at: offset + 88, swapped)
    nameByteCount = bytes.field(at: offset + 92, swapped)
    maximumByteCount = bytes.field(at: offset + 96, swapped)
    state.rawValue = bytes.field(at: offset + 104, swapped)
    precreated = bytes.field(at: offset + 108, swapped)
    granted = bytes.field(at: offset + 112, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(type, at: offset)
    bytes.storeNative(blocks, at: offset + 8)
    bytes.storeNative(freeBlocks, at: offset + 16)
    bytes.storeNative(availableBlocks, at: offset + 24)
    bytes.storeNative(files, at: offset + 32)
    bytes.storeNative(freeFiles, at: offset + 40)
    fileSystemID.encode(into: &bytes, at: offset + 48)
    bytes.storeNative(blockByteCount, at: offset + 88)
    bytes.storeNative(nameByteCount, at: offset + 92)
    bytes.storeNative(maximumByteCount, at: offset + 96)
    bytes.storeNative(state.rawValue, at: offset + 104)
    bytes.storeNative(precreated, at: offset + 108)
    bytes.storeNative(granted, at: offset + 112)
    bytes.storeNative(UInt32(0), at: offset + 116)
    bytes.storeNative(UInt64(0), at: offset + 120)
    bytes.storeNative(UInt64(0), at: offset + 128)
    bytes.storeNative(UInt64(0), at: offset + 136)
  }
}
