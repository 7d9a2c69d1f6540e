/// Values by key, walked in an order that depends on nothing but the changes made: by cell.
///
/// A cell that was freed is used again, the last freed first.
struct IndexedTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  struct Cell: Sendable {
    var key: Key
    var value: Value
  }

  private var index: [Key: Int] = [:]
  private(set) var cells: [Cell?] = []
  private var free: [Int] = []

  var count: Int { index.count }

  func contains(_ key: Key) -> Bool { index[key] != nil }

  subscript(key: Key) -> Value? {
    guard let at = index[key] else { return nil }
    return cells[at]?.value
  }

  /// Adds, or takes the place of the key's former value.
  mutating func set(_ key: Key, _ value: Value) {
    if let at = index[key] {
      cells[at]?.value = value
    } else if let at = free.popLast() {
      cells[at] = Cell(key: key, value: value)
      index[key] = at
    } else {
      index[key] = cells.count
      cells.append(Cell(key: key, value: value))
    }
  }

  /// Changes a value where it lies; false when there is none.
  @discardableResult
  mutating func update(_ key: Key, _ body: (inout Value) -> Void) -> Bool {
    guard let at = index[key] else { return false }
    // swift-format-ignore: NeverForceUnwrap
    body(&cells[at]!.value)
    return true
  }

  mutating func remove(_ key: Key) {
    guard let at = index.removeValue(forKey: key) else { return }
    cells[at] = nil
    free.append(at)
  }

  /// All that is there, in the order of the cells.
  var elements: [Cell] { cells.compactMap { $0 } }
}
