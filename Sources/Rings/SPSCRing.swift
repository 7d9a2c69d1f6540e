public import Synchronization

/// A bounded ring between one writing and one reading thread.
///
/// The elements are copied; neither side ever waits. A room of its own, since the rooms below are pure and have no
/// atomics, and those above do not know each other. `public` so that other modules specialize it.
///
/// One thread calls `push`, one `pop`; each index is written by one of them only, and the atomics order the
/// elements behind them. So it may be sent to both.
@safe
public final class SPSCRing<Element: BitwiseCopyable>: @unchecked Sendable {
  @usableFromInline let cells: UnsafeMutablePointer<Element>
  @usableFromInline let mask: Int
  @usableFromInline let head = Atomic<Int>(0)
  @usableFromInline let tail = Atomic<Int>(0)

  /// - Parameter capacity: elements, a power of two.
  public init(capacity: Int) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0, "capacity: a power of two")
    // SAFETY: freed in deinit; cells between head and tail are initialised, and trivial to destroy.
    unsafe cells = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    mask = capacity - 1
  }

  deinit {
    // SAFETY: the last reference is gone, so neither side uses it.
    unsafe cells.deallocate()
  }

  /// Appends; false when the ring is full. Writing thread only.
  @inlinable
  public func push(_ element: Element) -> Bool {
    let at = tail.load(ordering: .relaxed)
    if at &- head.load(ordering: .acquiring) > mask { return false }
    // SAFETY: the cell lies outside head..<tail, so the reader does not look at it.
    unsafe (cells + (at & mask)).initialize(to: element)
    tail.store(at &+ 1, ordering: .sequentiallyConsistent)
    return true
  }

  /// Takes the oldest; nil when the ring is empty. Reading thread only.
  @inlinable
  public func pop() -> Element? {
    let at = head.load(ordering: .relaxed)
    if at == tail.load(ordering: .acquiring) { return nil }
    // SAFETY: the cell lies inside head..<tail, so the writer does not touch it.
    let element = unsafe cells[at & mask]
    head.store(at &+ 1, ordering: .releasing)
    return element
  }

  /// Whether there is nothing to read. Reading thread only.
  @inlinable
  public var isEmpty: Bool {
    head.load(ordering: .relaxed) == tail.load(ordering: .sequentiallyConsistent)
  }
}
