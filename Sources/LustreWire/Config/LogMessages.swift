/// How a server names one of its logs.
///
/// Clients get it when they open a log and give it back as it came.
///
/// **Wire:** `struct llog_logid`, 20 bytes (spec 11 §12).
public struct LogID: Hashable, Sendable, BitwiseCopyable {
  /// The object; never 0 in an open log.
  public var object: UInt64 = 0
  /// The object's sequence.
  public var sequence: UInt64 = 0
  /// The object's generation.
  public var generation: UInt32 = 0

  /// All zero: no log.
  @inlinable public init() {}

  /// A log of its numbers.
  @inlinable public init(object: UInt64, sequence: UInt64, generation: UInt32 = 0) {
    self.object = object
    self.sequence = sequence
    self.generation = generation
  }
}

extension LogID: FixedLayout {
  public static var structure: WireStructure { .logID }
  public static var byteCount: Int { 20 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    object = bytes.field(at: offset, swapped)
    sequence = bytes.field(at: offset + 8, swapped)
    generation = bytes.field(at: offset + 16, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(object, at: offset)
    bytes.storeNative(sequence, at: offset + 8)
    bytes.storeNative(generation, at: offset + 16)
  }
}

/// Asks for a log, its header or a chunk of it, and answers.
///
/// **Wire:** `struct llogd_body`, 48 bytes (spec 11 §12).
public struct LogBody: Hashable, Sendable, BitwiseCopyable {
  /// The log; zero when it is opened by name.
  public var log = LogID()
  /// 0: configuration logs.
  public var context: UInt32 = 0
  /// 4, a plain log; 0 when it is opened.
  public var flags: UInt32 = 0
  /// The record wanted.
  public var index: UInt32 = 0
  /// Request: the last index known. Reply: the last record of the chunk.
  public var savedIndex: UInt32 = 0
  /// Bytes of a chunk: 8192.
  public var byteCountWanted: UInt32 = 0
  /// Where in the file; reply: behind the bytes returned.
  public var offset: UInt64 = 0

  /// All zero.
  @inlinable public init() {}

  /// ``flags`` of a plain log.
  public static let isPlain: UInt32 = 4
}

extension LogBody: FixedLayout {
  public static var structure: WireStructure { .logBody }
  public static var byteCount: Int { 48 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    log = LogID(at: offset, in: bytes, swapped: swapped)
    context = bytes.field(at: offset + 20, swapped)
    flags = bytes.field(at: offset + 24, swapped)
    index = bytes.field(at: offset + 28, swapped)
    savedIndex = bytes.field(at: offset + 32, swapped)
    byteCountWanted = bytes.field(at: offset + 36, swapped)
    self.offset = bytes.field(at: offset + 40, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    log.encode(into: &bytes, at: offset)
    bytes.storeNative(context, at: offset + 20)
    bytes.storeNative(flags, at: offset + 24)
    bytes.storeNative(index, at: offset + 28)
    bytes.storeNative(savedIndex, at: offset + 32)
    bytes.storeNative(byteCountWanted, at: offset + 36)
    bytes.storeNative(self.offset, at: offset + 40)
  }
}
