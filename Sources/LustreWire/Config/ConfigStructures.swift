/// What a marker says of its section.
///
/// **Wire:** `cm_flags` (spec 11 §12.1). Unknown bits are kept.
public struct MarkerFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `START`: the section begins.
  public static let start = MarkerFlags(rawValue: 0x1)
  /// `END`: it ends.
  public static let end = MarkerFlags(rawValue: 0x2)
  /// `SKIP`: it does not count.
  public static let skip = MarkerFlags(rawValue: 0x4)
  /// `UPGRADE146`: from an upgrade.
  public static let upgrade = MarkerFlags(rawValue: 0x8)
  /// `EXCLUDE`: its target is not used.
  public static let exclude = MarkerFlags(rawValue: 0x10)

  /// Lustre's names of the known bits.
  package static let names: [(MarkerFlags, StaticString)] = [
    (.start, "START"),
    (.end, "END"),
    (.skip, "SKIP"),
    (.upgrade, "UPGRADE146"),
    (.exclude, "EXCLUDE"),
  ]
}

/// Begins or ends a section of a configuration log.
///
/// **Wire:** `struct cfg_marker`, 160 bytes (spec 11 §12.1).
public struct ConfigMarker: Hashable, Sendable, BitwiseCopyable {
  /// Grows from section to section; start and end have the same.
  public var step: UInt32 = 0
  /// Start or end, and whether the section counts.
  public var flags = MarkerFlags(rawValue: 0)
  /// The release that wrote it.
  public var version = LustreVersion(rawValue: 0)
  /// When it was written, seconds since 1970.
  public var createTime: Int64 = 0
  /// When it was made not to count, or 0.
  public var cancelTime: Int64 = 0
  /// Whom it concerns.
  public var target = WireText<64>()
  /// What it is: `add osc`.
  public var comment = WireText<64>()

  /// All zero.
  @inlinable public init() {}
}

extension ConfigMarker: FixedLayout {
  public static var structure: WireStructure { .configMarker }
  public static var byteCount: Int { 160 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    step = bytes.field(at: offset, swapped)
    flags.rawValue = bytes.field(at: offset + 4, swapped)
    version.rawValue = bytes.field(at: offset + 8, swapped)
    createTime = bytes.field(at: offset + 16, swapped)
    cancelTime = bytes.field(at: offset + 24, swapped)
    target = WireText(at: offset + 32, in: bytes)
    comment = WireText(at: offset + 96, in: bytes)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(step, at: offset)
    bytes.storeNative(flags.rawValue, at: offset + 4)
    bytes.storeNative(version.rawValue, at: offset + 8)
    bytes.storeNative(UInt32(0), at: offset + 12)
    bytes.storeNative(createTime, at: offset + 16)
    bytes.storeNative(cancelTime, at: offset + 24)
    target.encode(into: &bytes, at: offset + 32)
    comment.encode(into: &bytes, at: offset + 96)
  }
}

/// How files are laid out over object targets unless they say otherwise.
///
/// **Wire:** `struct lov_desc`, 88 bytes (spec 11 §12.1); `struct lmv_desc` is all zero but for the name.
public struct LayoutDescriptor: Hashable, Sendable, BitwiseCopyable {
  /// 0.
  public var targetCount: UInt32 = 0
  /// ``magicNumber``; 0 in a descriptor of metadata targets.
  public var magic: UInt32 = 0
  /// Targets per file: 1.
  public var stripeCount: UInt32 = 0
  /// 1.
  public var pattern: UInt32 = 0
  /// Bytes of a stripe: 4 MiB.
  public var stripeByteCount: UInt64 = 0
  /// All ones: any target first.
  public var stripeOffset: UInt64 = 0
  /// How old statfs may be: 5 s.
  public var maximumAgeSeconds: UInt32 = 0
  /// The device.
  public var uuid = ObdUUID()

  /// All zero.
  @inlinable public init() {}

  /// What marks a descriptor of object targets.
  public static let magicNumber: UInt32 = 0xB0CC_DE5C

  /// The descriptor of object targets that management servers write.
  public init(objectsOf uuid: ObdUUID) {
    magic = Self.magicNumber
    stripeCount = 1
    pattern = 1
    stripeByteCount = 4 << 20
    stripeOffset = .max
    maximumAgeSeconds = 5
    self.uuid = uuid
  }

  /// The descriptor of metadata targets.
  public init(metadataOf uuid: ObdUUID) { self.uuid = uuid }
}

extension LayoutDescriptor: FixedLayout {
  public static var structure: WireStructure { .layoutDescriptor }
  public static var byteCount: Int { 88 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    targetCount = bytes.field(at: offset, swapped)
    magic = bytes.field(at: offset + 4, swapped)
    stripeCount = bytes.field(at: offset + 8, swapped)
    pattern = bytes.field(at: offset + 12, swapped)
    stripeByteCount = bytes.field(at: offset + 16, swapped)
    stripeOffset = bytes.field(at: offset + 24, swapped)
    maximumAgeSeconds = bytes.field(at: offset + 36, swapped)
    uuid = ObdUUID(at: offset + 48, in: bytes, swapped: swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(targetCount, at: offset)
    bytes.storeNative(magic, at: offset + 4)
    bytes.storeNative(stripeCount, at: offset + 8)
    bytes.storeNative(pattern, at: offset + 12)
    bytes.storeNative(stripeByteCount, at: offset + 16)
    bytes.storeNative(stripeOffset, at: offset + 24)
    bytes.storeNative(UInt32(0), at: offset + 32)
    bytes.storeNative(maximumAgeSeconds, at: offset + 36)
    bytes.storeNative(UInt64(0), at: offset + 40)
    uuid.encode(into: &bytes, at: offset + 48)
  }
}
