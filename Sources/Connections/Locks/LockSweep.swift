internal import BasicContainers
internal import LustreWire

/// A lock that waits for a resource, as far as it decides who stands in whose way. Not nested in what has it: other
/// modules destroy that, and the compiler cannot name a private type there.
struct SweptLock: BitwiseCopyable {
  var lock: UInt32
  /// The bit of its mode.
  var mode: UInt32
  var first: UInt64
  var last: UInt64
  var group: UInt64
  var order: UInt64
  /// How many locks begin before it; equal ones in any order.
  var rank: UInt32
}

/// The locks that wait for one resource, so laid out that each can be asked in few steps which of some others stands in
/// its way: clients choose how many there are, and which parts they cover.
///
/// Locks are added, then `prepare` sorts them by their first byte. Those that are `entered` are in one tree for each
/// mode, which knows of all locks that begin up to some byte the one that ends last. A tree has four bytes for each
/// lock, and takes a number of steps that grows as the logarithm of their number.
struct LockSweep: ~Copyable {
  /// Modes that clients ask for: EX to GROUP.
  private static let modeCount = 7
  private static let groupMode = 6

  private var entries: RigidArray<SweptLock>
  private var sorted: RigidArray<UInt32>
  /// In the order in which they came.
  private var arrivals: RigidArray<UInt32>
  /// Trees one after the other: entries, or `noRecord`.
  private var latest: RigidArray<UInt32>
  /// Modes of those that are entered, and two of different groups if there are such.
  private var modes: UInt32 = 0
  private var lowestGroup = noRecord
  private var highestGroup = noRecord
  /// Locks looked at: what it costs.
  private(set) var stepCount: UInt64 = 0

  init(capacity: Int) {
    entries = RigidArray(capacity: capacity)
    sorted = RigidArray(capacity: capacity)
    arrivals = RigidArray(capacity: capacity)
    latest = RigidArray(capacity: capacity * Self.modeCount)
  }

  var count: Int { entries.count }

  func lock(_ index: Int) -> Int { Int(entries[index].lock) }

  func index(ofArrival number: Int) -> Int { Int(arrivals[number]) }

  mutating func removeAll() {
    entries.removeAll()
    sorted.removeAll()
    arrivals.removeAll()
  }

  mutating func add(_ lock: Int, _ descriptor: LockDescriptor, order: UInt64) {
    let extent = LockConflict.extent(of: descriptor)
    let mode = LockConflict.mode(of: descriptor).rawValue.trailingZeroBitCount
    sorted.append(UInt32(entries.count))
    entries.append(
      SweptLock(
        lock: UInt32(lock), mode: UInt32(mode), first: extent.first, last: extent.last,
        group: descriptor.policy.third, order: order, rank: 0))
    stepCount += 1
  }

  /// All are there; none is entered.
  mutating func prepare() {
    sort(byArrival: true)
    for place in 0..<sorted.count { arrivals.append(sorted[place]) }
    sort(byArrival: false)
    for place in 0..<sorted.count { entries[Int(sorted[place])].rank = UInt32(place) }
    latest.removeAll()
    for _ in 0..<(entries.count * Self.modeCount) { latest.append(noRecord) }
    modes = 0
    lowestGroup = noRecord
    highestGroup = noRecord
  }

  mutating func enter(_ index: Int) {
    let entry = entries[index]
    modes |= 1 << entry.mode
    if entry.mode == UInt32(Self.groupMode) {
      if lowestGroup == noRecord || entry.group < entries[Int(lowestGroup)].group {
        lowestGroup = UInt32(index)
      }
      if highestGroup == noRecord || entry.group > entries[Int(highestGroup)].group {
        highestGroup = UInt32(index)
      }
    }
    let start = Int(entry.mode) * entries.count
    var place = Int(entry.rank) + 1
    while place <= entries.count {
      stepCount += 1
      let known = latest[start + place - 1]
      if known == noRecord || entries[Int(known)].last < entry.last {
        latest[start + place - 1] = UInt32(index)
      }
      place += place & -place
    }
  }

  /// One of those that are entered which excludes this one; nil when none does.
  mutating func obstacle(to index: Int) -> Int? {
    let entry = entries[index]
    if entry.mode == UInt32(Self.groupMode), lowestGroup != noRecord {
      if entries[Int(lowestGroup)].group != entry.group { return Int(lowestGroup) }
      if entries[Int(highestGroup)].group != entry.group { return Int(highestGroup) }
    }
    var left = modes & ~LockConflict.compatible(with: LockMode(rawValue: 1 << entry.mode))
    guard left != 0 else { return nil }
    let end = endOfThoseThatBegin(through: entry.last)
    while left != 0 {
      let mode = left.trailingZeroBitCount
      left &= left - 1
      if let found = lastToEnd(of: mode, before: end), entries[found].last >= entry.first {
        return found
      }
    }
    return nil
  }

  /// How many begin at a byte or before it.
  private mutating func endOfThoseThatBegin(through byte: UInt64) -> Int {
    var low = 0
    var high = sorted.count
    while low < high {
      stepCount += 1
      let middle = (low + high) / 2
      if entries[Int(sorted[middle])].first <= byte { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func lastToEnd(of mode: Int, before end: Int) -> Int? {
    let start = mode * entries.count
    var best: Int?
    var place = end
    while place > 0 {
      stepCount += 1
      let known = latest[start + place - 1]
      if known != noRecord, best.map({ entries[$0].last < entries[Int(known)].last }) ?? true {
        best = Int(known)
      }
      place -= place & -place
    }
    return best
  }

  /// Sorts `sorted` by the first byte, or by arrival, in place: a heap.
  private mutating func sort(byArrival: Bool) {
    for root in stride(from: sorted.count / 2 - 1, through: 0, by: -1) {
      sink(root, end: sorted.count, byArrival)
    }
    for end in stride(from: sorted.count - 1, to: 0, by: -1) {
      sorted.swapAt(0, end)
      sink(0, end: end, byArrival)
    }
  }

  private mutating func sink(_ start: Int, end: Int, _ byArrival: Bool) {
    var root = start
    while 2 * root + 1 < end {
      stepCount += 1
      var child = 2 * root + 1
      if child + 1 < end, comes(child, before: child + 1, byArrival) { child += 1 }
      guard comes(root, before: child, byArrival) else { return }
      sorted.swapAt(root, child)
      root = child
    }
  }

  private func comes(_ one: Int, before other: Int, _ byArrival: Bool) -> Bool {
    let (mine, others) = (entries[Int(sorted[one])], entries[Int(sorted[other])])
    return byArrival ? mine.order < others.order : mine.first < others.first
  }
}
