/// A file identifier: names a file or an object in the whole file system.
///
/// **Wire:** `struct lu_fid`, 16 bytes (spec 10 §11.1).
public struct FID: Hashable, Sendable, BitwiseCopyable {
  /// The sequence, which one target owns.
  public var sequence: UInt64 = 0
  /// The object within its sequence.
  public var objectID: UInt32 = 0
  /// 0.
  public var version: UInt32 = 0

  /// All zero.
  @inlinable public init() {}

  /// The identifier of its numbers.
  @inlinable public init(_ sequence: UInt64, _ objectID: UInt32, _ version: UInt32 = 0) {
    self.sequence = sequence
    self.objectID = objectID
    self.version = version
  }

  /// The root of a file system.
  public static let root = FID(0x2_0000_0007, 1)

  /// True for the identifier of nothing.
  @inlinable public var isZero: Bool { sequence == 0 && objectID == 0 && version == 0 }
}

extension FID: FixedLayout {
  public static var structure: WireStructure { .fid }
  public static var byteCount: Int { 16 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    sequence = bytes.field(at: offset, swapped)
    objectID = bytes.field(at: offset + 8, swapped)
    version = bytes.field(at: offset + 12, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(sequence, at: offset)
    bytes.storeNative(objectID, at: offset + 8)
    bytes.storeNative(version, at: offset + 12)
  }
}

extension FID: CustomStringConvertible {
  /// `[0x200000007:0x1:0x0]`.
  public var description: String {
    let numbers = [sequence, UInt64(objectID), UInt64(version)]
    return "[" + numbers.map { "0x" + String($0, radix: 16) }.joined(separator: ":") + "]"
  }
}

/// A range of sequences and the target that owns it.
///
/// **Wire:** `struct lu_seq_range`, 24 bytes (spec 10 §11.1).
public struct SequenceRange: Hashable, Sendable, BitwiseCopyable {
  /// The first sequence.
  public var start: UInt64 = 0
  /// The sequence behind the last.
  public var end: UInt64 = 0
  /// The owner's index.
  public var index: UInt32 = 0
  /// The owner's kind: 0 metadata, 1 object, 3 any.
  public var flags: UInt32 = 0

  /// All zero.
  @inlinable public init() {}
}

extension SequenceRange: FixedLayout {
  public static var structure: WireStructure { .sequenceRange }
  public static var byteCount: Int { 24 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    start = bytes.field(at: offset, swapped)
    end = bytes.field(at: offset + 8, swapped)
    index = bytes.field(at: offset + 16, swapped)
    flags = bytes.field(at: offset + 20, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(start, at: offset)
    bytes.storeNative(end, at: offset + 8)
    bytes.storeNative(index, at: offset + 16)
    bytes.storeNative(flags, at: offset + 20)
  }
}
