internal import BasicContainers

/// Deadlines of any number of objects, one entry each.
///
/// A hierarchical wheel: 8 levels of 64 buckets, the finest 2²⁰ ns (about a millisecond) wide, so that
/// every deadline of the next 70,000 years has a bucket. Moving a deadline later only writes a
/// field, and the entry is put right when its old bucket comes up; moving it earlier links it anew.
/// Nothing ever walks all entries.
package struct TimerWheel: ~Copyable {
  /// Whose deadline has passed: what `make` was told.
  package struct Expiry: Equatable, BitwiseCopyable {
    package var kind: UInt8
    package var owner: UInt32
  }

  // Internal, not private: other modules destroy wheels, and a release build then refers to this
  // type from there; a private one does not link.
  struct Entry: BitwiseCopyable {
    var deadline: UInt64
    /// The deadline by which the entry is filed: never later than `deadline`.
    var filed: UInt64
    var next: UInt32
    var previous: UInt32
    /// Level · 64 + bucket where the entry is filed; `unfiled` else.
    var bucket: UInt16
    var kind: UInt8
    var owner: UInt32
  }

  private static let end = UInt32.max
  private static let unfiled = UInt16.max
  private static let tickShift: UInt64 = 20
  private static let levels = 8

  private var entries: RigidArray<Entry>
  private var firstFree: UInt32
  private var buckets: RigidArray<UInt32>
  /// One word a level: which buckets hold entries.
  private var occupied: RigidArray<UInt64>
  /// All ticks before this one have been expired.
  private var tick: UInt64
  package private(set) var armedCount = 0

  /// - Parameters:
  ///   - capacity: entries, one for each object that has a deadline.
  ///   - now: nanoseconds.
  package init(capacity: Int, now: UInt64) {
    entries = RigidArray(capacity: capacity)
    for slot in 0..<capacity {
      let next = slot + 1 == capacity ? Self.end : UInt32(slot + 1)
      entries.append(
        Entry(
          deadline: .max, filed: .max, next: next, previous: Self.end, bucket: Self.unfiled,
          kind: 0, owner: 0))
    }
    firstFree = capacity == 0 ? Self.end : 0
    buckets = RigidArray(capacity: Self.levels * 64)
    for _ in 0..<Self.levels * 64 { buckets.append(Self.end) }
    occupied = RigidArray(capacity: Self.levels)
    for _ in 0..<Self.levels { occupied.append(0) }
    tick = now >> Self.tickShift
  }

  /// Takes an entry for an object; nil when all are taken.
  package mutating func make(kind: UInt8, owner: UInt32) -> TimerID? {
    guard firstFree != Self.end else { return nil }
    let id = firstFree
    firstFree = entries[Int(id)].next
    entries[Int(id)] = Entry(
      deadline: .max, filed: .max, next: Self.end, previous: Self.end, bucket: Self.unfiled,
      kind: kind, owner: owner)
    return TimerID(raw: id)
  }

  /// Gives an entry back, armed or not.
  package mutating func free(_ id: TimerID) {
    disarm(id)
    entries[Int(id.raw)].next = firstFree
    firstFree = id.raw
  }

  /// Sets the deadline, in nanoseconds; replaces an earlier one.
  package mutating func arm(_ id: TimerID, at deadline: UInt64) {
    let index = Int(id.raw)
    entries[index].deadline = deadline
    if entries[index].bucket != Self.unfiled {
      if entries[index].filed <= deadline { return }
      unlink(index)
    }
    file(index)
  }

  package mutating func disarm(_ id: TimerID) {
    let index = Int(id.raw)
    entries[index].deadline = .max
    if entries[index].bucket != Self.unfiled { unlink(index) }
  }

  /// The deadline of an entry; nil when it is not armed.
  package func deadline(of id: TimerID) -> UInt64? {
    let entry = entries[Int(id.raw)]
    return entry.bucket == Self.unfiled ? nil : entry.deadline
  }

  /// Takes out one entry whose deadline has passed; nil when there is none left.
  ///
  /// An entry is reported at most one tick late and never early.
  package mutating func expire(at now: UInt64) -> Expiry? {
    let current = now >> Self.tickShift
    while tick <= current {
      let bucket = Int(tick & 63)
      if let expiry = takeExpired(bucket: bucket, now: now) { return expiry }
      // The current tick is not over: more of it may pass before the next call.
      if tick == current { return nil }
      guard advance(to: current) else { return nil }
    }
    return nil
  }

  /// A time not later than the next deadline, or in the present tick, for sleeping; nil when nothing is
  /// armed.
  package func nextDeadline() -> UInt64? {
    guard armedCount > 0 else { return nil }
    for level in 0..<Self.levels where occupied[level] != 0 {
      let shift = UInt64(6 * level)
      let position = tick >> shift
      let distance = distanceToOccupied(level: level, from: position)
      return ((position &+ distance) << shift) << Self.tickShift
    }
    return nil
  }

  // MARK: - Buckets

  private func distanceToOccupied(level: Int, from position: UInt64) -> UInt64 {
    let start = Int(position & 63)
    let word = occupied[level]
    let rotated = start == 0 ? word : word >> UInt64(start) | word << UInt64(64 - start)
    return UInt64(rotated.trailingZeroBitCount)
  }

  /// Takes the first due entry out of a finest bucket and files the others anew.
  private mutating func takeExpired(bucket: Int, now: UInt64) -> Expiry? {
    var index = buckets[bucket]
    while index != Self.end {
      let entry = entries[Int(index)]
      if entry.deadline <= now {
        unlink(Int(index))
        return Expiry(kind: entry.kind, owner: entry.owner)
      }
      if entry.deadline >> Self.tickShift > tick {
        // It was moved later after it had been filed.
        unlink(Int(index))
        file(Int(index))
      }
      index = entry.next
    }
    return nil
  }

  /// Goes to the next tick that may hold entries, at most to `limit`; spreads coarser buckets.
  private mutating func advance(to limit: UInt64) -> Bool {
    var next = tick &+ 1
    if armedCount == 0 {
      next = limit
    } else {
      // Nothing is due before the finest level that holds something comes to its next bucket.
      var level = 0
      while level < Self.levels - 1 && occupied[level] == 0 { level += 1 }
      let windowEnd = (tick | ((1 << UInt64(6 * level)) - 1)) &+ 1
      next = windowEnd < limit ? windowEnd : limit
    }
    let crossed = next ^ tick
    tick = next
    var level = 1
    while level < Self.levels && crossed >> UInt64(6 * level) != 0 {
      spread(level: level)
      level += 1
    }
    return tick <= limit
  }

  /// Files the entries of the bucket that begins now among the finer levels.
  private mutating func spread(level: Int) {
    let bucket = level * 64 + Int(tick >> UInt64(6 * level) & 63)
    var index = buckets[bucket]
    while index != Self.end {
      let next = entries[Int(index)].next
      unlink(Int(index))
      file(Int(index))
      index = next
    }
  }

  private mutating func file(_ index: Int) {
    let deadline = entries[index].deadline
    let target = max(deadline >> Self.tickShift, tick)
    let difference = target ^ tick
    var level = 0
    while level < Self.levels - 1 && difference >> UInt64(6 * (level + 1)) != 0 { level += 1 }
    let bucket = level * 64 + Int(target >> UInt64(6 * level) & 63)
    let head = buckets[bucket]
    entries[index].filed = deadline
    entries[index].next = head
    entries[index].previous = Self.end
    entries[index].bucket = UInt16(bucket)
    if head != Self.end { entries[Int(head)].previous = UInt32(index) }
    buckets[bucket] = UInt32(index)
    occupied[bucket / 64] |= 1 << UInt64(bucket & 63)
    armedCount += 1
  }

  private mutating func unlink(_ index: Int) {
    let entry = entries[index]
    let bucket = Int(entry.bucket)
    if entry.previous == Self.end {
      buckets[bucket] = entry.next
      if entry.next == Self.end { occupied[bucket / 64] &= ~(1 << UInt64(bucket & 63)) }
    } else {
      entries[Int(entry.previous)].next = entry.next
    }
    if entry.next != Self.end { entries[Int(entry.next)].previous = entry.previous }
    entries[index].bucket = Self.unfiled
    entries[index].next = Self.end
    entries[index].previous = Self.end
    armedCount -= 1
  }
}

/// An entry of a timer wheel.
package struct TimerID: Equatable, Sendable, BitwiseCopyable {
  package var raw: UInt32
}
