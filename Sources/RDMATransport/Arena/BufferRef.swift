/// A piece of an arena, or a part of one: 16 bytes that any room may keep.
///
/// It names bytes, it does not hold them: only `Arena` turns it into a span, and only while the piece is in
/// the life that the generation names.
@frozen
public struct BufferRef: Hashable, Sendable, BitwiseCopyable {
  /// The first piece; the top bit is set for bulk memory.
  public var slot: UInt32
  /// Which life of the piece is meant; another one traps.
  public var generation: UInt32
  /// Bytes from the start of the first piece.
  public var offset: UInt32
  /// Bytes.
  public var length: UInt32

  /// For arenas and tests. Each parameter is the property of its name.
  @inlinable
  public init(slot: UInt32, generation: UInt32, offset: UInt32, length: UInt32) {
    self.slot = slot
    self.generation = generation
    self.offset = offset
    self.length = length
  }

  /// No bytes anywhere: what a record has before it has memory.
  @inlinable
  public static var none: BufferRef {
    BufferRef(slot: .max, generation: .max, offset: 0, length: 0)
  }

  /// Whether it names bulk memory.
  @inlinable
  public var isBulk: Bool { slot >> 31 != 0 }

  /// A part of it: `offset` bytes further, `length` bytes long; it must lie inside.
  @inlinable
  public func part(offset: Int, length: Int) -> BufferRef {
    precondition(offset >= 0 && length >= 0 && offset + length <= Int(self.length))
    return BufferRef(
      slot: slot, generation: generation, offset: self.offset + UInt32(offset),
      length: UInt32(length))
  }
}
