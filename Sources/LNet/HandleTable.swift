internal import BasicContainers
internal import Structures

/// Cells of fixed number that handles name, as `SlotTable` has them, for elements that are trivially copied.
///
/// It is this room's own so that the compiler makes a version of it for each element: on the way of a message
/// the general one cost ten times as much. Free slots are taken in the order in which they were freed.
struct HandleTable<Element: BitwiseCopyable>: ~Copyable {
  /// Written through directly, at `slot(_:)`: an accessor that yields would allocate in a debug build.
  var cells: RigidArray<Element>
  /// Generation · 2, and 1 when the slot is taken.
  private var marks: RigidArray<UInt32>
  private var nextFree: RigidArray<UInt32>
  private var firstFree: UInt32
  private var lastFree: UInt32
  let capacity: Int
  private(set) var count: Int

  init(capacity: Int, filler: Element) {
    precondition(capacity > 0 && capacity < Handle.slotCountMax)
    self.capacity = capacity
    cells = RigidArray(capacity: capacity)
    marks = RigidArray(capacity: capacity)
    nextFree = RigidArray(capacity: capacity)
    for slot in 0..<capacity {
      cells.append(filler)
      marks.append(0)
      nextFree.append(slot + 1 == capacity ? noCell : UInt32(slot + 1))
    }
    firstFree = 0
    lastFree = UInt32(capacity - 1)
    count = 0
  }

  /// Takes a free slot; nil when the table is full.
  @inline(__always)
  mutating func insert(_ element: Element) -> Handle? {
    guard firstFree != noCell else { return nil }
    let slot = Int(firstFree)
    firstFree = nextFree[slot]
    if firstFree == noCell { lastFree = noCell }
    cells[slot] = element
    let mark = marks[slot]
    marks[slot] = mark | 1
    count &+= 1
    return Handle(slot: slot, generation: mark >> 1)
  }

  /// Frees the slot and hands its element out; nil for a stale handle.
  @discardableResult
  mutating func remove(_ handle: Handle) -> Element? {
    guard contains(handle) else { return nil }
    free(handle)
    return cells[handle.slot]
  }

  /// Frees the slot of a live handle.
  @inline(__always)
  mutating func free(_ handle: Handle) {
    precondition(contains(handle), "stale handle")
    let slot = handle.slot
    // The next generation, of 12 bits; the slot is free.
    marks[slot] = (((handle.generation) &+ 1) & 0xFFF) << 1
    nextFree[slot] = noCell
    if lastFree == noCell {
      firstFree = UInt32(truncatingIfNeeded: slot)
    } else {
      nextFree[Int(lastFree)] = UInt32(slot)
    }
    lastFree = UInt32(truncatingIfNeeded: slot)
    count &-= 1
  }

  @inline(__always)
  func contains(_ handle: Handle) -> Bool {
    let slot = handle.slot
    return slot < marks.count && marks[slot] == (handle.generation << 1) | 1
  }

  /// The slot of a live handle; a stale one is our own bug and traps.
  @inline(__always)
  func slot(_ handle: Handle) -> Int {
    precondition(contains(handle), "stale handle")
    return handle.slot
  }

  /// The element of a live handle.
  subscript(handle: Handle) -> Element { cells[slot(handle)] }

  /// The handle of the element that lives in a slot.
  func handle(at slot: Int) -> Handle? {
    marks[slot] & 1 == 0 ? nil : Handle(slot: slot, generation: marks[slot] >> 1)
  }
}
