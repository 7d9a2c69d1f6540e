/// What a record of a log is.
///
/// **Wire:** `lrh_type` (spec 11 §12). Other numbers are kept.
public struct LogRecordType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number as on the wire.
  public var rawValue: UInt32

  /// Takes the number; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The log's own header.
  public static let header = LogRecordType(rawValue: 0x1064_5539)
  /// Fills the rest of a chunk.
  public static let padding = LogRecordType(rawValue: 0x1060_0000)
  /// One step of a configuration.
  public static let configuration = LogRecordType(rawValue: 0x1062_0000)
}

/// The start of every record of a log; a tail of 8 bytes with length and index ends it.
///
/// **Wire:** `struct llog_rec_hdr`, 16 bytes, and `struct llog_rec_tail` (spec 11 §12).
public struct LogRecordHeader: Hashable, Sendable, BitwiseCopyable {
  /// Bytes of the record, header and tail included: a multiple of 8.
  public var length: UInt32 = 0
  /// The record's number in its log, from 1; the log's header has 0.
  public var index: UInt32 = 0
  /// What it is.
  public var type = LogRecordType(rawValue: 0)
  /// 0.
  public var id: UInt32 = 0

  /// All zero.
  @inlinable public init() {}

  /// A record of `length` bytes, header and tail included.
  @inlinable public init(_ type: LogRecordType, length: Int, index: UInt32) {
    self.type = type
    self.length = UInt32(length)
    self.index = index
  }

  /// Bytes of the tail.
  public static let tailByteCount = 8
  /// Bytes of header and tail together.
  public static let overheadByteCount = 24

  /// Reads the record at `offset`, whose end must lie before `end`: the end of the chunk. Throws `truncated`, or
  /// `illegalLength` when length and tail contradict each other or the length is no multiple of 8.
  public init(
    record bytes: borrowing RawSpan, at offset: Int, before end: Int, swapped: Bool = false
  ) throws(WireError) {
    let available = UInt32(clamping: min(end, bytes.byteCount) - offset)
    guard offset >= 0, available >= UInt32(Self.overheadByteCount) else {
      throw .truncated(
        .logRecord, needed: UInt32(Self.overheadByteCount), available: available)
    }
    self.init(at: offset, in: bytes, swapped: swapped)
    guard length >= UInt32(Self.overheadByteCount), length % 8 == 0 else {
      throw .illegalLength(.logRecord, length: length)
    }
    guard length <= available else {
      throw .truncated(.logRecord, needed: length, available: available)
    }
    let tail = offset + Int(length) - Self.tailByteCount
    let tailLength: UInt32 = bytes.field(at: tail, swapped)
    let tailIndex: UInt32 = bytes.field(at: tail + 4, swapped)
    guard tailLength == length, tailIndex == index else {
      throw .illegalLength(.logRecord, length: tailLength)
    }
  }

  /// Where the content lies in a record at `offset`.
  @inlinable public func content(at offset: Int) -> Range<Int> {
    offset + Self.byteCount..<offset + Int(length) - Self.tailByteCount
  }

  /// Writes header and tail of the record at `offset`; its content is left as it is.
  public func encodeEnds(into bytes: inout MutableRawSpan, at offset: Int) {
    encode(into: &bytes, at: offset)
    bytes.storeNative(length, at: offset + Int(length) - Self.tailByteCount)
    bytes.storeNative(index, at: offset + Int(length) - Self.tailByteCount + 4)
  }
}

extension LogRecordHeader: FixedLayout {
  public static var structure: WireStructure { .logRecord }
  public static var byteCount: Int { 16 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    length = bytes.field(at: offset, swapped)
    index = bytes.field(at: offset + 4, swapped)
    type.rawValue = bytes.field(at: offset + 8, swapped)
    id = bytes.field(at: offset + 12, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(length, at: offset)
    bytes.storeNative(index, at: offset + 4)
    bytes.storeNative(type.rawValue, at: offset + 8)
    bytes.storeNative(id, at: offset + 12)
  }
}

/// The first chunk of a log: how many records it has, and which of them count.
///
/// The bitmap stays in the bytes; ``isSet(_:at:in:)`` and ``set(_:into:at:)`` work on it there.
///
/// **Wire:** `struct llog_log_hdr`, 8192 bytes (spec 11 §12).
public struct LogHeader: Hashable, Sendable, BitwiseCopyable {
  /// When the log was made, seconds since 1970.
  public var timestamp: Int64 = 0
  /// Set bits, that of the header included.
  public var count: UInt32 = 1
  /// Bytes of the shortest record, or 0.
  public var recordByteCount: UInt32 = 0
  /// 4: a plain log.
  public var flags: UInt32 = LogBody.isPlain
  /// 0.
  public var catalogIndex: UInt32 = 0
  /// `config_uuid` in configuration logs.
  public var target = ObdUUID()
  /// The number of the last record, set or not.
  public var lastIndex: UInt32 = 0

  /// The header of a plain log without records.
  @inlinable public init() {}

  /// Bytes of the header, and of every chunk behind it.
  public static let byteCount = 8192
  /// Where the bitmap begins.
  public static let bitmapOffset = 88
  /// How many records a log can have, the header included.
  public static let maximumRecords = 8 * (byteCount - bitmapOffset - 8)

  /// Reads a header of either byte order and says which it was. Throws `truncated`, `badMagic`, or
  /// `illegalLength` when its length is not that of its tail or not 8192.
  public init(
    decoding bytes: borrowing RawSpan, at offset: Int = 0, swapped: inout Bool
  ) throws(WireError) {
    let available = bytes.byteCount - offset
    guard offset >= 0, available >= Self.byteCount else {
      throw .truncated(
        .logHeader, needed: UInt32(Self.byteCount), available: UInt32(clamping: available))
    }
    let type: UInt32 = bytes.field(at: offset + 8, false)
    let swap = type != LogRecordType.header.rawValue
    guard !swap || type.byteSwapped == LogRecordType.header.rawValue else {
      throw .badMagic(.logHeader, found: type)
    }
    let length: UInt32 = bytes.field(at: offset, swap)
    let tailLength: UInt32 = bytes.field(at: offset + Self.byteCount - 8, swap)
    guard length == UInt32(Self.byteCount), tailLength == length else {
      throw .illegalLength(.logHeader, length: length)
    }
    timestamp = bytes.field(at: offset + 16, swap)
    count = bytes.field(at: offset + 24, swap)
    recordByteCount = bytes.field(at: offset + 32, swap)
    flags = bytes.field(at: offset + 36, swap)
    catalogIndex = bytes.field(at: offset + 40, swap)
    target = ObdUUID(at: offset + 44, in: bytes)
    lastIndex = bytes.field(at: offset + Self.byteCount - 4, swap)
    swapped = swap
  }

  /// Writes 8192 bytes at `offset` with only the header's own bit set.
  public func encode(into bytes: inout MutableRawSpan, at offset: Int = 0) {
    bytes.zero(at: offset, count: Self.byteCount)
    LogRecordHeader(.header, length: Self.byteCount, index: 0).encode(into: &bytes, at: offset)
    bytes.storeNative(timestamp, at: offset + 16)
    bytes.storeNative(UInt32(Self.bitmapOffset), at: offset + 28)
    bytes.storeNative(flags, at: offset + 36)
    bytes.storeNative(catalogIndex, at: offset + 40)
    target.encode(into: &bytes, at: offset + 44)
    Self.set(0, into: &bytes, at: offset)
    bytes.storeNative(UInt32(Self.byteCount), at: offset + Self.byteCount - 8)
    encodeCounts(into: &bytes, at: offset)
  }

  /// Writes what each new record changes into the header at `offset`; the bitmap is left as it is.
  public func encodeCounts(into bytes: inout MutableRawSpan, at offset: Int = 0) {
    bytes.storeNative(count, at: offset + 24)
    bytes.storeNative(recordByteCount, at: offset + 32)
    bytes.storeNative(lastIndex, at: offset + Self.byteCount - 4)
  }

  /// Whether record `index` counts, in the header at `offset`; the order of bits is the same for all senders.
  public static func isSet(_ index: Int, at offset: Int = 0, in bytes: borrowing RawSpan) -> Bool {
    guard index >= 0, index < maximumRecords else { return false }
    return bytes.byte(at: offset + bitmapOffset + index / 8) >> UInt8(index % 8) & 1 == 1
  }

  /// Makes record `index` count in the header at `offset`; traps for indices that no log has.
  public static func set(_ index: Int, into bytes: inout MutableRawSpan, at offset: Int = 0) {
    precondition(index >= 0 && index < maximumRecords)
    let place = offset + bitmapOffset + index / 8
    let byte = bytes.bytes.byte(at: place)
    bytes.storeNative(byte | 1 << UInt8(index % 8), at: place)
  }
}
