/// A first-in first-out ring of plain values, whose memory is not touched before it is used.
@safe
struct Ring<Element: BitwiseCopyable>: ~Copyable {
  private var cells: UnsafeMutablePointer<Element>
  private var mask: Int
  private(set) var head = 0
  private(set) var tail = 0

  /// - Parameter minimum: rounded up to a power of two.
  init(minimumCapacity minimum: Int) {
    let capacity = Self.capacity(for: minimum)
    // SAFETY: `deinit` frees it; cells are of a plain type and written before they are read.
    unsafe cells = .allocate(capacity: capacity)
    mask = capacity - 1
  }

  deinit { unsafe cells.deallocate() }

  static func capacity(for minimum: Int) -> Int {
    var capacity = 1
    while capacity < minimum { capacity *= 2 }
    return capacity
  }

  @inline(__always) var count: Int { tail &- head }
  @inline(__always) var isEmpty: Bool { tail == head }
  var capacity: Int { mask + 1 }

  /// Appends; there must be room.
  @inline(__always)
  mutating func append(_ element: Element) {
    precondition(count <= mask)
    // SAFETY: the mask keeps the index inside the allocation.
    unsafe cells[tail & mask] = element
    tail &+= 1
  }

  @inline(__always)
  var first: Element {
    precondition(!isEmpty)
    // SAFETY: a cell between head and tail was written.
    return unsafe cells[head & mask]
  }

  @inline(__always)
  mutating func removeFirst() -> Element {
    let element = first
    head &+= 1
    return element
  }

  /// Makes room for at least so many elements.
  mutating func reserve(_ minimum: Int) {
    guard minimum > capacity else { return }
    let larger = Self.capacity(for: minimum)
    let moved = UnsafeMutablePointer<Element>.allocate(capacity: larger)
    let count = count
    for index in 0..<count {
      // SAFETY: both indices are inside; the new memory is written once each.
      unsafe (moved + index).initialize(to: cells[(head &+ index) & mask])
    }
    unsafe cells.deallocate()
    unsafe cells = moved
    mask = larger - 1
    head = 0
    tail = count
  }
}
