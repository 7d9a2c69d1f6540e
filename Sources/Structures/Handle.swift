/// A slot of a table and the generation in which it was taken.
///
/// The slot takes 20 bits and the generation 12, so that a handle crosses every seam as one word. A
/// slot's generation steps each time the slot is freed: whoever holds a handle of an earlier life is
/// told so instead of reaching its successor.
@frozen
public struct Handle: Hashable, Sendable, BitwiseCopyable {
  public var raw: UInt32

  /// The largest number of slots that a table can have: 2²⁰.
  public static var slotCountMax: Int { 1 << 20 }

  /// No object: never made by a table.
  public static var none: Handle { Handle(raw: .max) }

  @inlinable
  public init(raw: UInt32) { self.raw = raw }

  @inlinable
  public init(slot: Int, generation: UInt32) {
    raw = UInt32(truncatingIfNeeded: slot) & 0xF_FFFF | generation << 20
  }

  @inlinable
  public var slot: Int { Int(raw & 0xF_FFFF) }

  @inlinable
  public var generation: UInt32 { raw >> 20 }
}
