/// Asks the management server for its table of NIDs or its node map, which it sends as bulk.
///
/// **Wire:** `struct mgs_config_body`, 80 bytes (spec 11 §14).
public struct ConfigReadRequest: Hashable, Sendable, BitwiseCopyable {
  /// `fsname-cliir`, `fsname-mdtir` or `nodemap`.
  public var name = WireText<64>()
  /// The first version wanted.
  public var offset: UInt64 = 0
  /// A ``ConfigurationLock``.
  public var type: UInt16 = 0
  /// 20 for large NIDs, 0 for those of 8 bytes.
  public var nidByteCount: UInt8 = 0
  /// log2 of the bytes of a unit: 12.
  public var unitBits: UInt8 = 0
  /// Units that there is room for.
  public var units: UInt32 = 0

  /// All zero.
  @inlinable public init() {}
}

extension ConfigReadRequest: FixedLayout {
  public static var structure: WireStructure { .configReadRequest }
  public static var byteCount: Int { 80 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    name = WireText(at: offset, in: bytes)
    self.offset = bytes.field(at: offset + 64, swapped)
    type = bytes.field(at: offset + 72, swapped)
    nidByteCount = bytes.field(at: offset + 74, swapped)
    unitBits = bytes.field(at: offset + 75, swapped)
    units = bytes.field(at: offset + 76, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    name.encode(into: &bytes, at: offset)
    bytes.storeNative(self.offset, at: offset + 64)
    bytes.storeNative(type, at: offset + 72)
    bytes.storeNative(nidByteCount, at: offset + 74)
    bytes.storeNative(unitBits, at: offset + 75)
    bytes.storeNative(units, at: offset + 76)
  }
}

/// How much of the table or the map has come.
///
/// **Wire:** `struct mgs_config_res`, 16 bytes (spec 11 §14).
public struct ConfigReadReply: Hashable, Sendable, BitwiseCopyable {
  /// The last version delivered.
  public var offset: UInt64 = 0
  /// The newest version; equal to ``offset`` when all has come.
  public var size: UInt64 = 0

  /// All zero.
  @inlinable public init() {}
}

extension ConfigReadReply: FixedLayout {
  public static var structure: WireStructure { .configReadReply }
  public static var byteCount: Int { 16 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    self.offset = bytes.field(at: offset, swapped)
    size = bytes.field(at: offset + 8, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(self.offset, at: offset)
    bytes.storeNative(size, at: offset + 8)
  }
}

/// Where a target is now: one entry of the table for imperative recovery.
///
/// **Wire:** `struct mgs_nidtbl_entry`, 24 bytes and the NIDs (spec 11 §14).
public struct NIDTableEntry: Hashable, Sendable, BitwiseCopyable {
  /// The version of the table that brought it.
  public var version: UInt64
  /// How often the target was started.
  public var instance: UInt32
  /// The target's index.
  public var index: UInt32
  /// Bytes of the entry, NIDs and fill included; the last of a unit reaches to its end.
  public var byteCount: UInt32
  /// 1 metadata, 2 object.
  public var targetType: UInt8
  /// 0: NIDs of 8 bytes; 1: of 20.
  public var nidType: UInt8
  /// Bytes of a NID.
  public var nidByteCount: UInt8
  /// How many NIDs there are.
  public var nidCount: UInt8

  /// Bytes before the NIDs.
  public static let headByteCount = 24
  /// The longest entry, in bytes.
  public static let maximumByteCount = 4096

  /// An entry for `nidCount` NIDs, as long as it has to be.
  public init(
    version: UInt64, instance: UInt32, index: UInt32, targetType: UInt8, largeNIDs: Bool,
    nidCount: UInt8
  ) {
    self.version = version
    self.instance = instance
    self.index = index
    self.targetType = targetType
    nidType = largeNIDs ? 1 : 0
    nidByteCount = largeNIDs ? UInt8(LargeNID.byteCount) : 8
    self.nidCount = nidCount
    byteCount = UInt32(
      RPCMessage.padded(Self.headByteCount + Int(nidByteCount) * Int(nidCount)))
  }

  /// Reads the entry at `offset` of received bulk. Throws `truncated`, or `illegalLength` when its NIDs do not
  /// fit in it, when it has none or when it is longer than 4096 bytes.
  public init(
    decoding bytes: borrowing RawSpan, at offset: Int, swapped: Bool = false
  ) throws(WireError) {
    let available = bytes.byteCount - offset
    guard offset >= 0, available >= Self.headByteCount else {
      throw .truncated(
        .nidTableEntry, needed: UInt32(Self.headByteCount), available: UInt32(clamping: available))
    }
    version = bytes.field(at: offset, swapped)
    instance = bytes.field(at: offset + 8, swapped)
    index = bytes.field(at: offset + 12, swapped)
    byteCount = bytes.field(at: offset + 16, swapped)
    targetType = bytes.byte(at: offset + 20)
    nidType = bytes.byte(at: offset + 21)
    nidByteCount = bytes.byte(at: offset + 22)
    nidCount = bytes.byte(at: offset + 23)
    let used = Self.headByteCount + Int(nidByteCount) * Int(nidCount)
    let sizeIsLegal = nidType == 0 ? nidByteCount == 8 : nidByteCount == UInt8(LargeNID.byteCount)
    guard nidCount > 0, sizeIsLegal, byteCount <= UInt32(Self.maximumByteCount),
      Int(byteCount) >= used
    else { throw .illegalLength(.nidTableEntry, length: byteCount) }
    guard Int(byteCount) <= available else {
      throw .truncated(
        .nidTableEntry, needed: byteCount, available: UInt32(clamping: available))
    }
  }

  /// NID `number` (0..<``nidCount``) of the entry at `offset`. Throws `nidSize` for a large one that is none.
  public func nid(
    _ number: Int, at offset: Int, in bytes: borrowing RawSpan, swapped: Bool = false
  ) throws(WireError) -> LargeNID {
    precondition(number >= 0 && number < Int(nidCount))
    let start = offset + Self.headByteCount + number * Int(nidByteCount)
    if nidType != 0 { return try LargeNID(decoding: bytes, at: start) }
    return LargeNID(NID(rawValue: bytes.field(at: start, swapped)))
  }

  /// Writes the entry's head and its fill at `offset`; the NIDs are written by ``encode(_:_:into:at:)``.
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(version, at: offset)
    bytes.storeNative(instance, at: offset + 8)
    bytes.storeNative(index, at: offset + 12)
    bytes.storeNative(byteCount, at: offset + 16)
    bytes.storeNative(targetType, at: offset + 20)
    bytes.storeNative(nidType, at: offset + 21)
    bytes.storeNative(nidByteCount, at: offset + 22)
    bytes.storeNative(nidCount, at: offset + 23)
    bytes.zero(at: offset + Self.headByteCount, count: Int(byteCount) - Self.headByteCount)
  }

  /// Writes NID `number` of the entry at `offset`; a large one only where the entry has room for such.
  public func encode(
    _ nid: LargeNID, _ number: Int, into bytes: inout MutableRawSpan, at offset: Int
  ) {
    precondition(number >= 0 && number < Int(nidCount))
    let start = offset + Self.headByteCount + number * Int(nidByteCount)
    if nidType != 0 {
      nid.encode(into: &bytes, at: start)
    } else {
      bytes.storeNative((nid.small ?? .any).rawValue, at: start)
    }
  }
}
