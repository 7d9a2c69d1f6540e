public import BasicContainers

/// Records of fixed number that handles name, for records that are trivially copied.
///
/// A record is reached by its slot, in place; a handle is asked for its slot first, and a stale one has none.
/// Free slots are taken in the order in which they were freed, so that a generation repeats as late as possible.
/// It allocates when it is made and never again. `public` so that other modules specialize it, as `SlotTable`.
public struct RecordPool<Record: BitwiseCopyable>: ~Copyable {
  /// Written through directly: an accessor that yields would copy a record of hundreds of bytes, and allocate
  /// in a debug build.
  public var cells: RigidArray<Record>
  /// Generation · 2, and 1 when the slot is taken.
  @usableFromInline var marks: RigidArray<UInt32>
  @usableFromInline var nextFree: RigidArray<UInt32>
  @usableFromInline var firstFree: UInt32
  @usableFromInline var lastFree: UInt32
  /// Slots that are taken.
  public var count: Int

  @usableFromInline static var end: UInt32 { .max }

  /// - Parameters:
  ///   - capacity: records, 0 to less than `Handle.slotCountMax`.
  ///   - filler: any value; it fills the cells that were never taken.
  public init(capacity: Int, filler: Record) {
    precondition(capacity >= 0 && capacity < Handle.slotCountMax)
    cells = RigidArray(capacity: capacity)
    marks = RigidArray(capacity: capacity)
    nextFree = RigidArray(capacity: capacity)
    for slot in 0..<capacity {
      cells.append(filler)
      marks.append(0)
      nextFree.append(slot + 1 == capacity ? Self.end : UInt32(slot + 1))
    }
    firstFree = capacity == 0 ? Self.end : 0
    lastFree = capacity == 0 ? Self.end : UInt32(capacity - 1)
    count = 0
  }

  /// Slots, taken or not.
  @inlinable public var capacity: Int { cells.count }

  /// Takes a free slot, with whatever it holds; nil when all are taken.
  @inlinable
  public mutating func take() -> Int? {
    guard firstFree != Self.end else { return nil }
    let slot = Int(firstFree)
    firstFree = nextFree[slot]
    if firstFree == Self.end { lastFree = Self.end }
    marks[slot] |= 1
    count += 1
    return slot
  }

  /// Frees a taken slot: its handle is stale from now on. A slot that is not taken traps.
  @inlinable
  public mutating func give(_ slot: Int) {
    precondition(marks[slot] & 1 == 1, "given back twice")
    // The next generation, of 12 bits; the slot is free.
    marks[slot] = (((marks[slot] >> 1) + 1) & 0xFFF) << 1
    nextFree[slot] = Self.end
    if lastFree == Self.end {
      firstFree = UInt32(slot)
    } else {
      nextFree[Int(lastFree)] = UInt32(slot)
    }
    lastFree = UInt32(slot)
    count -= 1
  }

  /// The handle of a taken slot.
  @inlinable
  public func handle(_ slot: Int) -> Handle { Handle(slot: slot, generation: marks[slot] >> 1) }

  /// The slot of a live handle; nil for a stale one.
  @inlinable
  public func slot(_ handle: Handle) -> Int? {
    let slot = handle.slot
    return slot < cells.count && marks[slot] == (handle.generation << 1) | 1 ? slot : nil
  }

  /// Whether the slot is taken; false for one that the pool does not have.
  @inlinable
  public func isTaken(_ slot: Int) -> Bool {
    slot >= 0 && slot < marks.count && marks[slot] & 1 == 1
  }

  /// The record of a slot, copied.
  @inlinable public subscript(slot: Int) -> Record { cells[slot] }
}
