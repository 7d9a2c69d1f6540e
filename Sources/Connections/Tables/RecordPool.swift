internal import BasicContainers
internal import Structures

/// "No record", in links between records.
let noRecord = UInt32.max

/// Records of fixed number that handles name.
///
/// This room's own, so that the compiler makes a version of it for each record. Free slots are taken in the
/// order in which they were freed, so that a generation repeats as late as possible.
struct RecordPool<Record: BitwiseCopyable>: ~Copyable {
  /// Written through directly: an accessor that yields would copy a record of hundreds of bytes.
  var cells: RigidArray<Record>
  /// Generation · 2, and 1 when the slot is taken.
  private var marks: RigidArray<UInt32>
  private var nextFree: RigidArray<UInt32>
  private var firstFree: UInt32
  private var lastFree: UInt32
  private(set) var count: Int

  init(capacity: Int, filler: Record) {
    precondition(capacity >= 0 && capacity < Handle.slotCountMax)
    cells = RigidArray(capacity: capacity)
    marks = RigidArray(capacity: capacity)
    nextFree = RigidArray(capacity: capacity)
    for slot in 0..<capacity {
      cells.append(filler)
      marks.append(0)
      nextFree.append(slot + 1 == capacity ? noRecord : UInt32(slot + 1))
    }
    firstFree = capacity == 0 ? noRecord : 0
    lastFree = capacity == 0 ? noRecord : UInt32(capacity - 1)
    count = 0
  }

  var capacity: Int { cells.count }

  /// Takes a free slot, with whatever it holds; nil when all are taken.
  mutating func take() -> Int? {
    guard firstFree != noRecord else { return nil }
    let slot = Int(firstFree)
    firstFree = nextFree[slot]
    if firstFree == noRecord { lastFree = noRecord }
    marks[slot] |= 1
    count += 1
    return slot
  }

  /// Frees a taken slot: its handle is stale from now on.
  mutating func give(_ slot: Int) {
    precondition(marks[slot] & 1 == 1, "given back twice")
    marks[slot] = (((marks[slot] >> 1) + 1) & 0xFFF) << 1
    nextFree[slot] = noRecord
    if lastFree == noRecord {
      firstFree = UInt32(slot)
    } else {
      nextFree[Int(lastFree)] = UInt32(slot)
    }
    lastFree = UInt32(slot)
    count -= 1
  }

  func handle(_ slot: Int) -> Handle { Handle(slot: slot, generation: marks[slot] >> 1) }

  /// The slot of a live handle; nil for a stale one.
  func slot(_ handle: Handle) -> Int? {
    let slot = handle.slot
    return slot < cells.count && marks[slot] == (handle.generation << 1) | 1 ? slot : nil
  }

  func isTaken(_ slot: Int) -> Bool { slot < marks.count && marks[slot] & 1 == 1 }
}
