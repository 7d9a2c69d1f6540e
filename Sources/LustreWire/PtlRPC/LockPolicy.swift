/// What a lock covers of its resource; which view of it counts depends on the ``LockType``.
///
/// **Wire:** `union ldlm_policy_data`, 32 bytes: three words of 8 bytes and two of 4 (spec 10 §11.2).
public struct LockPolicy: Hashable, Sendable, BitwiseCopyable {
  /// Extent and flock: the first byte. Inode bits: the bits.
  public var first: UInt64 = 0
  /// Extent and flock: the last byte. Inode bits: bits to try, or to give back.
  public var second: UInt64 = 0
  /// Extent and inode bits: the group. Flock: the owner.
  public var third: UInt64 = 0
  /// 0.
  public var padding: UInt32 = 0
  /// Flock: the process. Inode bits: the initiator's index.
  public var last: UInt32 = 0

  /// All zero: a plain lock's.
  @inlinable public init() {}

  /// An extent's first and last byte; the whole object by default.
  @inlinable public init(extent first: UInt64 = 0, through last: UInt64 = .max, group: UInt64 = 0) {
    self.first = first
    second = last
    third = group
  }

  /// Parts of an inode.
  @inlinable public init(inodeBits: InodeBits, and second: InodeBits = []) {
    first = inodeBits.rawValue
    self.second = second.rawValue
  }

  /// Of an extent lock: its first and last byte.
  @inlinable public var extent: (first: UInt64, last: UInt64) { (first, second) }
  /// Of an inode bits lock: the bits.
  @inlinable public var inodeBits: InodeBits { InodeBits(rawValue: first) }
  /// Of an inode bits lock: in a request bits to try, in a blocking callback bits to give back.
  @inlinable public var secondInodeBits: InodeBits { InodeBits(rawValue: second) }
}

extension LockPolicy: FixedLayout {
  public static var structure: WireStructure { .lockPolicy }
  public static var byteCount: Int { 32 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    first = bytes.field(at: offset, swapped)
    second = bytes.field(at: offset + 8, swapped)
    third = bytes.field(at: offset + 16, swapped)
    padding = bytes.field(at: offset + 24, swapped)
    last = bytes.field(at: offset + 28, swapped)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(first, at: offset)
    bytes.storeNative(second, at: offset + 8)
    bytes.storeNative(third, at: offset + 16)
    bytes.storeNative(padding, at: offset + 24)
    bytes.storeNative(last, at: offset + 28)
  }
}
