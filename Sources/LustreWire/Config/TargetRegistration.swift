/// What a target is, and what its registration asks for and results in.
///
/// **Wire:** `mti_flags` (spec 11 §13). Unknown bits are kept.
public struct TargetFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
  /// The bits as on the wire.
  public var rawValue: UInt32

  /// Takes the bits; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `MDT`: a metadata target.
  public static let mdt = TargetFlags(rawValue: 0x1)
  /// `OST`: an object target.
  public static let ost = TargetFlags(rawValue: 0x2)
  /// `MGS`: the management server.
  public static let mgs = TargetFlags(rawValue: 0x4)
  /// `ALL`: every kind.
  public static let all = TargetFlags(rawValue: 0x8)
  /// `NEED_INDEX`: the server chooses the index.
  public static let needsIndex = TargetFlags(rawValue: 0x10)
  /// `VIRGIN`: never registered.
  public static let virgin = TargetFlags(rawValue: 0x20)
  /// `UPDATE`: something changed.
  public static let update = TargetFlags(rawValue: 0x40)
  /// `REWRITE_LDD`: reply: the target has to write its label.
  public static let rewrite = TargetFlags(rawValue: 0x80)
  /// `WRITECONF`: its logs are written anew.
  public static let writeConfiguration = TargetFlags(rawValue: 0x100)
  /// `PARAM`: parameters come with it.
  public static let hasParameters = TargetFlags(rawValue: 0x400)
  /// `NO_PRIMNODE`: no node is preferred.
  public static let noPrimaryNode = TargetFlags(rawValue: 0x1000)
  /// `IR_CAPABLE`: takes part in imperative recovery.
  public static let recoveryCapable = TargetFlags(rawValue: 0x2000)
  /// `ERROR`: reply: it failed.
  public static let error = TargetFlags(rawValue: 0x4000)
  /// `PARAM2`: parameters for all nodes.
  public static let hasParameters2 = TargetFlags(rawValue: 0x8000)
  /// `NO_LOCAL_LOGS`: the target keeps no copies of its logs.
  public static let noLocalLogs = TargetFlags(rawValue: 0x1_0000)
  /// `LARGE_NID`: NIDs come as texts.
  public static let largeNIDs = TargetFlags(rawValue: 0x2_0000)
  /// `OPC_REG`: the target starts.
  public static let register = TargetFlags(rawValue: 0x1000_0000)
  /// `OPC_UNREG`: the target goes.
  public static let unregister = TargetFlags(rawValue: 0x2000_0000)
  /// `OPC_READY`: the target serves.
  public static let ready = TargetFlags(rawValue: 0x4000_0000)

  /// Lustre's names of the known bits.
  package static let names: [(TargetFlags, StaticString)] = [
    (.mdt, "MDT"),
    (.ost, "OST"),
    (.mgs, "MGS"),
    (.all, "ALL"),
    (.needsIndex, "NEED_INDEX"),
    (.virgin, "VIRGIN"),
    (.update, "UPDATE"),
    (.rewrite, "REWRITE_LDD"),
    (.writeConfiguration, "WRITECONF"),
    (.hasParameters, "PARAM"),
    (.noPrimaryNode, "NO_PRIMNODE"),
    (.recoveryCapable, "IR_CAPABLE"),
    (.error, "ERROR"),
    (.hasParameters2, "PARAM2"),
    (.noLocalLogs, "NO_LOCAL_LOGS"),
    (.largeNIDs, "LARGE_NID"),
    (.register, "OPC_REG"),
    (.unregister, "OPC_UNREG"),
    (.ready, "OPC_READY"),
  ]
}

/// The NIDs of a registration in their old form: 32 places of 8 bytes.
public struct TargetNIDs: Sendable, BitwiseCopyable {
  @usableFromInline var words: InlineArray<32, UInt64>

  /// No NIDs.
  @inlinable public init() { words = InlineArray(repeating: 0) }

  /// The NID in place `index`, 0..<32; 0 in places that are not in use.
  @inlinable public subscript(index: Int) -> NID {
    get { NID(rawValue: words[index]) }
    set { words[index] = newValue.rawValue }
  }

  @inlinable
  init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    self.init()
    for index in 0..<32 { words[index] = bytes.field(at: offset + 8 * index, swapped) }
  }

  @inlinable
  func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    for index in 0..<32 { bytes.storeNative(words[index], at: offset + 8 * index) }
  }
}

extension TargetNIDs: Hashable {
  @inlinable
  public static func == (left: Self, right: Self) -> Bool {
    for index in 0..<32 where left.words[index] != right.words[index] { return false }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    for index in 0..<32 { hasher.combine(words[index]) }
  }
}

/// A target as it registers with the management server, and as the server sends it back.
///
/// **Wire:** `struct mgs_target_info`, 4544 bytes (spec 11 §13). NIDs as texts may follow in the same buffer.
public struct TargetInfo: Hashable, Sendable, BitwiseCopyable {
  /// The target's release.
  public var version = LustreVersion(rawValue: 0)
  /// The target's index.
  public var index: UInt32 = 0
  /// 0.
  public var configurationVersion: UInt32 = 0
  /// What is asked for.
  public var flags = TargetFlags(rawValue: 0)
  /// How many NIDs there are.
  public var nidCount: UInt32 = 0
  /// How often the target was started; with ``TargetFlags/ready``.
  public var instance: UInt32 = 0
  /// The file system.
  public var fileSystem = WireText<64>()
  /// The target; the server may change it.
  public var name = WireText<64>()
  /// The target's UUID, filled in by the server.
  public var uuid = ObdUUID()
  /// NIDs in their old form.
  public var nids = TargetNIDs()
  /// Parameters, separated by blanks.
  public var parameters = WireText<4096>()

  /// All zero.
  @inlinable public init() {}
}

extension TargetInfo: FixedLayout {
  public static var structure: WireStructure { .targetInfo }
  public static var byteCount: Int { 4544 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    version.rawValue = bytes.field(at: offset, swapped)
    index = bytes.field(at: offset + 4, swapped)
    configurationVersion = bytes.field(at: offset + 8, swapped)
    flags.rawValue = bytes.field(at: offset + 12, swapped)
    nidCount = bytes.field(at: offset + 16, swapped)
    instance = bytes.field(at: offset + 20, swapped)
    fileSystem = WireText(at: offset + 24, in: bytes)
    name = WireText(at: offset + 88, in: bytes)
    uuid = ObdUUID(at: offset + 152, in: bytes, swapped: swapped)
    nids = TargetNIDs(at: offset + 192, in: bytes, swapped: swapped)
    parameters = WireText(at: offset + 448, in: bytes)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(version.rawValue, at: offset)
    bytes.storeNative(index, at: offset + 4)
    bytes.storeNative(configurationVersion, at: offset + 8)
    bytes.storeNative(flags.rawValue, at: offset + 12)
    bytes.storeNative(nidCount, at: offset + 16)
    bytes.storeNative(instance, at: offset + 20)
    fileSystem.encode(into: &bytes, at: offset + 24)
    name.encode(into: &bytes, at: offset + 88)
    uuid.encode(into: &bytes, at: offset + 152)
    nids.encode(into: &bytes, at: offset + 192)
    parameters.encode(into: &bytes, at: offset + 448)
  }
}

/// The NIDs of a registration as texts, in a buffer of their own.
///
/// **Wire:** `struct mgs_target_nidlist`: flags, count, then 64 bytes a NID (spec 11 §13).
public enum TargetNIDList {
  /// Bytes before the first text.
  public static let headByteCount = 8
  /// Bytes of a text.
  public static let textByteCount = 64
  /// How many fit in the request; more travel as bulk.
  public static let maximumInline = 38
  /// The list adds to what the server has.
  public static let append: UInt32 = 1
  /// The texts come as bulk.
  public static let inBulk: UInt32 = 2
  /// The texts are compressed.
  public static let compressed: UInt32 = 4

  /// Flags and number of NIDs of the list that fills `buffer`. Throws `truncated` when texts are missing that
  /// are not said to come as bulk.
  @inlinable
  public static func head(
    of buffer: borrowing RawSpan, swapped: Bool = false
  ) throws(WireError) -> (flags: UInt32, count: Int) {
    let available = UInt32(clamping: buffer.byteCount)
    guard available >= UInt32(headByteCount) else {
      throw .truncated(.targetNIDList, needed: UInt32(headByteCount), available: available)
    }
    let flags: UInt32 = buffer.field(at: 0, swapped)
    let count: UInt32 = buffer.field(at: 4, swapped)
    let needed = UInt64(headByteCount) + UInt64(count) * UInt64(textByteCount)
    guard flags & inBulk != 0 || needed <= UInt64(available) else {
      throw .truncated(
        .targetNIDList, needed: UInt32(clamping: needed), available: available)
    }
    return (flags, Int(count))
  }

  /// The NID at `index` of a list whose texts are there.
  @inlinable
  public static func text(at index: Int, in buffer: borrowing RawSpan) -> WireText<64> {
    WireText(at: headByteCount + textByteCount * index, in: buffer)
  }

  /// Bytes of a list of `count` NIDs.
  @inlinable public static func byteCount(of count: Int) -> Int {
    headByteCount + textByteCount * count
  }

  /// Writes a list at `offset` and returns its length; traps when it does not fit.
  @discardableResult
  public static func encode(
    _ nids: [WireText<64>], flags: UInt32 = 0, into bytes: inout MutableRawSpan,
    at offset: Int = 0
  ) -> Int {
    encodeHead(count: nids.count, flags: flags, into: &bytes, at: offset)
    for (index, nid) in nids.enumerated() {
      nid.encode(into: &bytes, at: offset + headByteCount + textByteCount * index)
    }
    return byteCount(of: nids.count)
  }

  /// Writes what is in front of the texts: all there is of a list whose texts travel as bulk.
  public static func encodeHead(
    count: Int, flags: UInt32, into bytes: inout MutableRawSpan, at offset: Int = 0
  ) {
    bytes.storeNative(flags, at: offset)
    bytes.storeNative(UInt32(count), at: offset + 4)
  }
}
