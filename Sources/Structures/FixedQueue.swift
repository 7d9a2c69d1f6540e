public import BasicContainers

/// A first-in first-out queue of fixed capacity.
///
/// For elements that are trivially copied; it allocates when it is made and never again. `public` so that other
/// modules specialize it, as `SlotTable`.
public struct FixedQueue<Element: BitwiseCopyable>: ~Copyable {
  public var cells: RigidArray<Element>
  @usableFromInline let mask: Int
  @usableFromInline var head: Int
  @usableFromInline var tail: Int

  /// - Parameters:
  ///   - capacity: elements, a power of two.
  ///   - filler: any value; it fills the unused cells.
  public init(capacity: Int, filler: Element) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0, "capacity: a power of two")
    cells = RigidArray(capacity: capacity)
    for _ in 0..<capacity { cells.append(filler) }
    mask = capacity - 1
    head = 0
    tail = 0
  }

  @inlinable public var count: Int { tail &- head }
  @inlinable public var isEmpty: Bool { tail == head }
  @inlinable public var isFull: Bool { tail &- head > mask }
  @inlinable public var capacity: Int { mask &+ 1 }
  @inlinable public var freeCapacity: Int { mask &+ 1 &- count }

  /// Appends; false when the queue is full.
  @inlinable
  @discardableResult
  public mutating func append(_ element: Element) -> Bool {
    guard !isFull else { return false }
    cells[tail & mask] = element
    tail &+= 1
    return true
  }

  /// Where the first element lies in `cells`, to be used there and then dropped: a copy of a large element that was
  /// just written waits for the writes.
  @inlinable public var firstIndex: Int { head & mask }

  /// Takes the first element out; there must be one.
  @inlinable
  public mutating func dropFirst() {
    precondition(!isEmpty)
    head &+= 1
  }

  @inlinable
  public var first: Element? { isEmpty ? nil : cells[head & mask] }

  @inlinable
  public mutating func popFirst() -> Element? {
    guard !isEmpty else { return nil }
    let element = cells[head & mask]
    head &+= 1
    return element
  }

  public mutating func removeAll() { head = tail }
}
