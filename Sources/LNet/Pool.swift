internal import BasicContainers

/// Cells of fixed number, taken and given back; the last one given is the next one taken, so that it is
/// still in the cache. Who holds an index must know that its cell is taken.
struct Pool<Element: BitwiseCopyable>: ~Copyable {
  /// Written through directly: an accessor that yields would allocate in a debug build.
  var cells: RigidArray<Element>
  private var free: RigidArray<UInt32>

  init(capacity: Int, filler: Element) {
    precondition(capacity > 0 && capacity < 1 << 20)
    cells = RigidArray(capacity: capacity)
    free = RigidArray(capacity: capacity)
    for index in 0..<capacity {
      cells.append(filler)
      free.append(UInt32(capacity - 1 - index))
    }
  }

  var capacity: Int { cells.count }
  var freeCount: Int { free.count }
  var takenCount: Int { cells.count - free.count }

  /// Takes a cell, with whatever it holds; nil when all are taken.
  mutating func take() -> Int? {
    guard !free.isEmpty else { return nil }
    return Int(free.removeLast())
  }

  mutating func give(_ index: Int) { free.append(UInt32(index)) }

  subscript(index: Int) -> Element { cells[index] }
}

/// "No cell", in links between cells.
let noCell = UInt32.max
