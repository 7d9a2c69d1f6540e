public import BasicContainers

/// A table of fixed capacity whose elements are named by handles.
///
/// Taking and freeing a slot is a few instructions and allocates nothing. Free slots are used again in
/// the order in which they were freed, so that a generation repeats as late as possible.
///
/// `public`, though nothing outside the package uses it: a generic that is only `package` is not specialized
/// in other modules, which cost 200 ns instead of 3 for an insertion, an access and a removal.
public struct SlotTable<Element>: ~Copyable {
  @usableFromInline
  struct Slot {
    @usableFromInline var generation: UInt32
    @usableFromInline var nextFree: UInt32
    @usableFromInline var element: Element?

    @inlinable
    init(generation: UInt32, nextFree: UInt32, element: Element?) {
      self.generation = generation
      self.nextFree = nextFree
      self.element = element
    }
  }

  @usableFromInline static var end: UInt32 { .max }

  @usableFromInline var slots: RigidArray<Slot>
  @usableFromInline var firstFree: UInt32
  @usableFromInline var lastFree: UInt32
  public private(set) var capacity: Int
  public var count: Int

  /// - Parameter capacity: slots, 1 to `Handle.slotCountMax`.
  public init(capacity: Int) {
    precondition(capacity > 0 && capacity <= Handle.slotCountMax)
    slots = RigidArray(capacity: capacity)
    self.capacity = capacity
    for slot in 0..<capacity {
      let next = slot + 1 == capacity ? Self.end : UInt32(slot + 1)
      slots.append(Slot(generation: 0, nextFree: next, element: nil))
    }
    firstFree = 0
    lastFree = UInt32(capacity - 1)
    count = 0
  }

  /// Takes a free slot; nil when the table is full.
  @inlinable
  public mutating func insert(_ element: Element) -> Handle? {
    guard firstFree != Self.end else { return nil }
    let slot = Int(firstFree)
    firstFree = slots[slot].nextFree
    if firstFree == Self.end { lastFree = Self.end }
    slots[slot].element = element
    count += 1
    return Handle(slot: slot, generation: slots[slot].generation)
  }

  /// Frees the slot and hands its element out; nil for a stale handle.
  @inlinable
  @discardableResult
  public mutating func remove(_ handle: Handle) -> Element? {
    guard contains(handle) else { return nil }
    let slot = handle.slot
    let element = slots[slot].element
    slots[slot].element = nil
    slots[slot].generation = (slots[slot].generation + 1) & 0xFFF
    if handle.raw == Handle.none.raw &- (1 << 20) {
      // The handle after this one would read as `.none`.
      slots[slot].generation = 0
    }
    slots[slot].nextFree = Self.end
    if lastFree == Self.end {
      firstFree = UInt32(slot)
    } else {
      slots[Int(lastFree)].nextFree = UInt32(slot)
    }
    lastFree = UInt32(slot)
    count -= 1
    return element
  }

  @inlinable
  public func contains(_ handle: Handle) -> Bool {
    let slot = handle.slot
    return slot < slots.count && slots[slot].generation == handle.generation
      && slots[slot].element != nil
  }

  /// The element of a live handle; a stale one is the caller's bug and traps.
  @inlinable
  public subscript(handle: Handle) -> Element {
    get {
      let slot = handle.slot
      precondition(slots[slot].generation == handle.generation, "stale handle")
      guard let element = slots[slot].element else { preconditionFailure("stale handle") }
      return element
    }
    _modify {
      let slot = handle.slot
      precondition(
        slots[slot].generation == handle.generation && slots[slot].element != nil, "stale handle")
      // swift-format-ignore: NeverForceUnwrap
      yield &slots[slot].element!
    }
  }

  /// The handle of the element that lives in a slot, for walks in slot order.
  @inlinable
  public func handle(at slot: Int) -> Handle? {
    slots[slot].element == nil ? nil : Handle(slot: slot, generation: slots[slot].generation)
  }
}
