/// Names an object of an object target.
///
/// **Wire:** `struct ost_id`, 16 bytes: a FID, or a number of 8 bytes and 8 bytes of 0 (spec 13 §5.3).
public struct ObjectID: Hashable, Sendable, BitwiseCopyable {
  /// The 16 bytes read as a FID.
  public var fid = FID()

  /// Number 0 of sequence 0: nothing.
  @inlinable public init() {}

  /// The object with a FID.
  @inlinable public init(_ fid: FID) { self.fid = fid }

  /// Object `number` of sequence 0.
  @inlinable public init(number: UInt64) { fid.sequence = number }

  /// Object `number` of the sequence for tests, as kernel echo clients use it.
  @inlinable public static func echo(_ number: UInt32) -> ObjectID {
    ObjectID(FID(echoSequence, number))
  }

  /// The sequence for tests.
  public static let echoSequence: UInt64 = 2

  /// Whether it is a number of sequence 0 rather than a FID.
  @inlinable public var isNumber: Bool { fid.objectID == 0 && fid.version == 0 }

  /// The sequence: that of the FID, or 0.
  @inlinable public var sequence: UInt64 { isNumber ? 0 : fid.sequence }

  /// The number within the sequence; of a FID that stands for an old number, all its 48 bits.
  @inlinable public var number: UInt64 {
    if isNumber { return fid.sequence }
    guard (0x1_0000_0000...0x1_FFFF_FFFF).contains(fid.sequence) else {
      return UInt64(fid.objectID)
    }
    return (fid.sequence & 0xFFFF) << 32 | UInt64(fid.objectID)
  }

  /// Whether an object target takes objects of this sequence; others are answered with -EPROTO.
  @inlinable public var hasLegalSequence: Bool {
    let sequence = sequence
    return sequence == 0 || sequence == Self.echoSequence || sequence >= 0x2_0000_0400
      || (0x1_0000_0000...0x1_FFFF_FFFF).contains(sequence)
  }

  /// The resource of locks on the object (spec 13 A.1).
  @inlinable public var resource: ResourceID { isNumber ? ResourceID(number) : ResourceID(fid) }
}

extension ObjectID: FixedLayout {
  public static var structure: WireStructure { .fid }
  public static var byteCount: Int { 16 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    fid = FID(at: offset, in: bytes, swapped: swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    fid.encode(into: &bytes, at: offset)
  }
}

extension ObjectID: CustomStringConvertible {
  /// The FID, or the number.
  public var description: String { isNumber ? "\(number)" : "\(fid)" }
}
