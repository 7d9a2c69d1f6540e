internal import Synchronization

/// A bounded ring between one writing and one reading thread; neither ever waits.
// One thread calls `push`, one `pop`; each index is written by one of them only, and the atomics order the
// elements behind them.
@safe
final class StorageRing<Element: BitwiseCopyable>: @unchecked Sendable {
  private let cells: UnsafeMutablePointer<Element>
  private let mask: Int
  private let head = Atomic<Int>(0)
  private let tail = Atomic<Int>(0)

  /// - Parameter capacity: elements, a power of two.
  init(capacity: Int) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0)
    // SAFETY: freed in deinit; cells between head and tail are initialised, and trivial to destroy.
    unsafe cells = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    mask = capacity - 1
  }

  deinit {
    // SAFETY: the last reference is gone, so neither side uses it.
    unsafe cells.deallocate()
  }

  /// Appends; the writer knows that there is room. Writing thread only.
  func push(_ element: Element) {
    let at = tail.load(ordering: .relaxed)
    precondition(at &- head.load(ordering: .acquiring) <= mask, "more under way than there may be")
    // SAFETY: the cell lies outside head..<tail, so the reader does not look at it.
    unsafe (cells + (at & mask)).initialize(to: element)
    tail.store(at &+ 1, ordering: .sequentiallyConsistent)
  }

  /// Takes the oldest; nil when the ring is empty. Reading thread only.
  func pop() -> Element? {
    let at = head.load(ordering: .relaxed)
    if at == tail.load(ordering: .acquiring) { return nil }
    // SAFETY: the cell lies inside head..<tail, so the writer does not touch it.
    let element = unsafe cells[at & mask]
    head.store(at &+ 1, ordering: .releasing)
    return element
  }

  /// Whether there is nothing to read. Reading thread only.
  var isEmpty: Bool {
    head.load(ordering: .relaxed) == tail.load(ordering: .sequentiallyConsistent)
  }
}
