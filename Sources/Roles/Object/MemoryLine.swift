internal import BasicContainers
internal import Structures

/// In which order the object targets of a node get bulk memory when there is too little for all: one request of each in
/// turn, so that no target starves behind another's many.
struct MemoryLine: ~Copyable {
  /// Targets that wait, the next one in front; one that does not want any memory now may be among them.
  private var line: FixedQueue<UInt16>
  private var isInLine: RigidArray<Bool>
  private var isWanting: RigidArray<Bool>
  /// Who waits in front has come there since this was last asked: it may have been looked at before.
  private var hasMoved = false

  init(targets: Int) {
    var places = 1
    while places < targets { places *= 2 }
    line = FixedQueue(capacity: places, filler: 0)
    isInLine = RigidArray(capacity: targets)
    isWanting = RigidArray(capacity: targets)
    for _ in 0..<targets {
      isInLine.append(false)
      isWanting.append(false)
    }
  }

  /// Requests of a target that may take memory now: as many as it likes when no other target waits.
  mutating func share(of target: Int) -> Int {
    guard let first = line.first else { return .max }
    guard Int(first) == target else { return 0 }
    return line.count == 1 ? .max : 1
  }

  /// What became of a target's share, and whether it waits for nothing but memory.
  mutating func note(_ target: Int, hasTaken: Bool, isWanting wants: Bool) {
    isWanting[target] = wants
    if hasTaken, let first = line.first, Int(first) == target { leave() }
    if wants, !isInLine[target] {
      let isTaken = line.append(UInt16(target))
      precondition(isTaken, "more targets in line than there are")
      isInLine[target] = true
    }
    while let first = line.first, !isWanting[Int(first)] { leave() }
  }

  /// Whether the target in front, if any, is another one than when this was asked last.
  mutating func takeMove() -> Bool {
    defer { hasMoved = false }
    return hasMoved && line.first != nil
  }

  private mutating func leave() {
    guard let first = line.popFirst() else { return }
    hasMoved = true
    isInLine[Int(first)] = false
  }
}
