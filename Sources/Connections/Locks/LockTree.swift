internal import BasicContainers
internal import LustreWire

/// How a lock stands towards those that want its place.
enum LockStanding: UInt8, BitwiseCopyable, CaseIterable {
  /// Its holder has it, and was not asked yet to give it up.
  case free
  /// Its holder was asked to give it up.
  case asked
  /// Its holder does not know yet that it is granted.
  case told
  case waiting
}

/// A lock's place in the order of a `LockTree`. Those that are looked for together follow each other, by their first
/// byte; the order of arrival makes them all different.
struct LockPlace: BitwiseCopyable {
  var resource: ResourceID
  var target: UInt32
  var standing: LockStanding
  /// The bit of its mode.
  var mode: UInt8
  var first: UInt64
  var order: UInt64

  static func < (one: LockPlace, other: LockPlace) -> Bool {
    let (mine, others) = (one.resource, other.resource)
    if mine.third != others.third { return mine.third < others.third }
    if mine.first != others.first { return mine.first < others.first }
    if mine.second != others.second { return mine.second < others.second }
    if mine.fourth != others.fourth { return mine.fourth < others.fourth }
    if one.target != other.target { return one.target < other.target }
    if one.standing != other.standing { return one.standing.rawValue < other.standing.rawValue }
    if one.mode != other.mode { return one.mode < other.mode }
    if one.first != other.first { return one.first < other.first }
    return one.order < other.order
  }
}

/// A lock in a `LockTree`. Not nested in what has it: other modules destroy that, and the compiler cannot name a private
/// type there.
struct LockNode: BitwiseCopyable {
  var place: LockPlace
  var last: UInt64
  var group: UInt64
  /// The slot of its client's export; `noRecord` for a target's own.
  var owner: UInt32
  var priority: UInt32
  var left = noRecord
  var right = noRecord
  /// Of those below it and itself: who ends last, and whose groups are the lowest and the highest.
  var latest = noRecord
  var lowestGroup = noRecord
  var highestGroup = noRecord

  static let filler = LockNode(
    place: LockPlace(
      resource: ResourceID(), target: 0, standing: .free, mode: 0, first: 0, order: 0),
    last: 0, group: 0, owner: noRecord, priority: 0)
}

/// All locks of a node's targets, so ordered that who stands in a lock's way is found in few steps, however many locks
/// there are and whatever parts of a resource they cover: clients choose both.
///
/// A treap: a search tree by place that is a heap by priority, too. Priorities are drawn with a secret, so that nobody
/// can make it deep: a look takes a number of steps that grows as the logarithm of the number of locks. What it finds
/// does not depend on its shape.
struct LockTree: ~Copyable {
  static let groupMode: UInt8 = 6

  private enum Rank { case endsLast, lowestGroup, highestGroup }

  private var nodes: RigidArray<LockNode>
  private var root = noRecord
  private let secret: UInt64
  /// Locks looked at: what it costs.
  private(set) var stepCount: UInt64 = 0

  /// The process's own: as for UUIDs, peers must not know it.
  private static let drawn: UInt64 = {
    var hasher = Hasher()
    hasher.combine(12)
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }()

  init(capacity: Int) {
    nodes = RigidArray(capacity: capacity)
    for _ in 0..<capacity { nodes.append(.filler) }
    secret = Self.drawn
  }

  // MARK: - Changes

  mutating func insert(_ lock: Int, _ record: ServerLock) {
    let extent = LockConflict.extent(of: record.descriptor)
    let mode = LockConflict.mode(of: record.descriptor).rawValue.trailingZeroBitCount
    let place = LockPlace(
      resource: record.descriptor.resource, target: record.target, standing: record.standing,
      mode: UInt8(mode), first: extent.first, order: record.order)
    nodes[lock] = LockNode(
      place: place, last: extent.last, group: record.descriptor.policy.third, owner: record.export,
      priority: priority(record.order))
    settle(lock)
    let (before, behind) = split(root, at: place)
    root = merge(merge(before, UInt32(lock)), behind)
  }

  mutating func remove(_ lock: Int) { root = without(lock, in: root) }

  private func priority(_ order: UInt64) -> UInt32 {
    var mixed = order ^ secret
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return UInt32(truncatingIfNeeded: mixed >> 31 ^ secret >> 32)
  }

  private mutating func split(_ here: UInt32, at place: LockPlace) -> (UInt32, UInt32) {
    guard here != noRecord else { return (noRecord, noRecord) }
    stepCount += 1
    let node = Int(here)
    if nodes[node].place < place {
      let (before, behind) = split(nodes[node].right, at: place)
      nodes[node].right = before
      settle(node)
      return (here, behind)
    }
    let (before, behind) = split(nodes[node].left, at: place)
    nodes[node].left = behind
    settle(node)
    return (before, here)
  }

  /// All of one come before all of the other.
  private mutating func merge(_ one: UInt32, _ other: UInt32) -> UInt32 {
    guard one != noRecord else { return other }
    guard other != noRecord else { return one }
    stepCount += 1
    if nodes[Int(one)].priority > nodes[Int(other)].priority {
      nodes[Int(one)].right = merge(nodes[Int(one)].right, other)
      settle(Int(one))
      return one
    }
    nodes[Int(other)].left = merge(one, nodes[Int(other)].left)
    settle(Int(other))
    return other
  }

  private mutating func without(_ lock: Int, in here: UInt32) -> UInt32 {
    precondition(here != noRecord, "a lock that was never entered")
    let node = Int(here)
    if node == lock { return merge(nodes[node].left, nodes[node].right) }
    stepCount += 1
    if nodes[lock].place < nodes[node].place {
      nodes[node].left = without(lock, in: nodes[node].left)
    } else {
      nodes[node].right = without(lock, in: nodes[node].right)
    }
    settle(node)
    return here
  }

  /// What a node knows of those below it.
  private mutating func settle(_ node: Int) {
    let (left, right) = (nodes[node].left, nodes[node].right)
    func best(_ rank: Rank) -> UInt32 {
      var best = UInt32(node)
      if left != noRecord { best = better(best, winner(rank, below: left), rank) }
      if right != noRecord { best = better(best, winner(rank, below: right), rank) }
      return best
    }
    nodes[node].latest = best(.endsLast)
    nodes[node].lowestGroup = best(.lowestGroup)
    nodes[node].highestGroup = best(.highestGroup)
  }

  private func winner(_ rank: Rank, below here: UInt32) -> UInt32 {
    switch rank {
    case .endsLast: nodes[Int(here)].latest
    case .lowestGroup: nodes[Int(here)].lowestGroup
    case .highestGroup: nodes[Int(here)].highestGroup
    }
  }

  /// Of two that are equal, the younger one.
  private func better(_ one: UInt32, _ other: UInt32, _ rank: Rank) -> UInt32 {
    guard one != noRecord else { return other }
    func value(_ here: UInt32) -> UInt64 {
      switch rank {
      case .endsLast: nodes[Int(here)].last
      case .lowestGroup: ~nodes[Int(here)].group
      case .highestGroup: nodes[Int(here)].group
      }
    }
    let (mine, others) = (value(one), value(other))
    if mine != others { return mine > others ? one : other }
    return nodes[Int(one)].place.order > nodes[Int(other)].place.order ? one : other
  }

  // MARK: - Looks

  /// A lock of the same resource that stands so and excludes this one; nil when none does.
  mutating func obstacle(to record: ServerLock, _ standing: LockStanding) -> Int? {
    guard first(like: record, standing) != nil else { return nil }
    let mode = LockConflict.mode(of: record.descriptor)
    if mode == .group {
      let range = Self.range(record, standing, Self.groupMode, through: .max)
      for rank in [Rank.lowestGroup, .highestGroup] {
        let found = best(rank, range)
        if found != noRecord, nodes[Int(found)].group != record.descriptor.policy.third {
          return Int(found)
        }
      }
    }
    let extent = LockConflict.extent(of: record.descriptor)
    var left = ~LockConflict.compatible(with: mode) & 0x7F
    while left != 0 {
      let bit = UInt8(left.trailingZeroBitCount)
      left &= left - 1
      let found = best(.endsLast, Self.range(record, standing, bit, through: extent.last))
      if found != noRecord, nodes[Int(found)].last >= extent.first { return Int(found) }
    }
    return nil
  }

  /// Of the locks of a resource with a mode that stand so, the one that ends last; not one of a target's own, nor one of
  /// this client.
  mutating func latest(
    like record: ServerLock, _ standing: LockStanding, _ mode: LockMode
  ) -> Int? {
    let bit = UInt8(mode.rawValue.trailingZeroBitCount)
    let range = Self.range(record, standing, bit, through: .max)
    let found = best(.endsLast, range, besides: record.export)
    return found == noRecord ? nil : Int(found)
  }

  /// The first lock of a resource that stands so, behind another one.
  mutating func first(
    like record: ServerLock, _ standing: LockStanding, after other: Int? = nil
  ) -> Int? {
    var range = Self.range(record, standing, 0, through: .max)
    range.high.mode = .max
    let low = other.map { nodes[$0].place } ?? range.low
    var found = noRecord
    var here = root
    while here != noRecord {
      stepCount += 1
      if low < nodes[Int(here)].place {
        found = here
        here = nodes[Int(here)].left
      } else {
        here = nodes[Int(here)].right
      }
    }
    return found != noRecord && nodes[Int(found)].place < range.high ? Int(found) : nil
  }

  /// Places of locks with a mode that begin at a byte or before it. No lock has the order of either end.
  private static func range(
    _ record: ServerLock, _ standing: LockStanding, _ mode: UInt8, through byte: UInt64
  ) -> (low: LockPlace, high: LockPlace) {
    let low = LockPlace(
      resource: record.descriptor.resource, target: record.target, standing: standing, mode: mode,
      first: 0, order: 0)
    var high = low
    high.first = byte
    high.order = .max
    return (low, high)
  }

  /// - Parameter client: whose locks are passed over, and those of targets with them: as few steps more as these are.
  private mutating func best(
    _ rank: Rank, _ range: (low: LockPlace, high: LockPlace), besides client: UInt32? = nil
  ) -> UInt32 {
    look(root, (rank, range.low, range.high, client), (false, false), noRecord)
  }

  /// - Parameters:
  ///   - isInside: whether all below `here` lie behind the beginning of what is looked for, and before its end.
  ///   - known: the best one so far.
  private mutating func look(
    _ here: UInt32, _ goal: (rank: Rank, low: LockPlace, high: LockPlace, client: UInt32?),
    _ isInside: (low: Bool, high: Bool), _ known: UInt32
  ) -> UInt32 {
    guard here != noRecord else { return known }
    let best = winner(goal.rank, below: here)
    if known != noRecord, better(known, best, goal.rank) == known { return known }
    if isInside.low, isInside.high, isWanted(best, goal.client) { return best }
    stepCount += 1
    let node = Int(here)
    if !isInside.low, nodes[node].place < goal.low {
      return look(nodes[node].right, goal, isInside, known)
    }
    if !isInside.high, goal.high < nodes[node].place {
      return look(nodes[node].left, goal, isInside, known)
    }
    var found = known
    if isWanted(here, goal.client) { found = better(found, here, goal.rank) }
    found = look(nodes[node].right, goal, (true, isInside.high), found)
    return look(nodes[node].left, goal, (isInside.low, true), found)
  }

  private func isWanted(_ here: UInt32, _ client: UInt32?) -> Bool {
    guard let client else { return true }
    return nodes[Int(here)].owner != noRecord && nodes[Int(here)].owner != client
  }
}
