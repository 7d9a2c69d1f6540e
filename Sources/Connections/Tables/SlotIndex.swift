internal import BasicContainers

/// "No record", in links between records.
let noRecord = UInt32.max

/// Finds slots by a key: a hash table of fixed size with chains through arrays, that is only ever asked and never
/// walked. Several slots may have one key; the caller compares what the key stands for.
struct SlotIndex: ~Copyable {
  private var buckets: RigidArray<UInt32>
  private var nexts: RigidArray<UInt32>
  private var previouses: RigidArray<UInt32>
  private var keys: RigidArray<UInt64>
  private let mask: UInt64

  /// - Parameter capacity: slots that can be entered, 0 to `capacity` - 1.
  init(capacity: Int) {
    var bucketCount = 16
    while bucketCount < capacity { bucketCount <<= 1 }
    mask = UInt64(bucketCount - 1)
    buckets = RigidArray(capacity: bucketCount)
    for _ in 0..<bucketCount { buckets.append(noRecord) }
    nexts = RigidArray(capacity: capacity)
    previouses = RigidArray(capacity: capacity)
    keys = RigidArray(capacity: capacity)
    for _ in 0..<capacity {
      nexts.append(noRecord)
      previouses.append(noRecord)
      keys.append(0)
    }
  }

  /// Spreads keys that differ in a few bits only: cookies step by 7, NIDs by 1.
  private func bucket(_ key: UInt64) -> Int {
    var mixed = key
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ mixed >> 31) & mask)
  }

  mutating func insert(_ slot: Int, key: UInt64) {
    let place = bucket(key)
    keys[slot] = key
    let next = buckets[place]
    nexts[slot] = next
    previouses[slot] = noRecord
    if next != noRecord { previouses[Int(next)] = UInt32(slot) }
    buckets[place] = UInt32(slot)
  }

  /// Takes out a slot that was entered with this key: at once, however many have the same.
  mutating func remove(_ slot: Int, key: UInt64) {
    precondition(keys[slot] == key, "entered with another key")
    let previous = previouses[slot]
    let next = nexts[slot]
    if previous == noRecord {
      let place = bucket(key)
      precondition(buckets[place] == UInt32(slot), "never entered")
      buckets[place] = next
    } else {
      nexts[Int(previous)] = next
    }
    if next != noRecord { previouses[Int(next)] = previous }
  }

  /// The slot entered last with this key.
  func first(_ key: UInt64) -> Int? { find(key, from: buckets[bucket(key)]) }

  /// The one before it.
  func next(after slot: Int) -> Int? { find(keys[slot], from: nexts[slot]) }

  private func find(_ key: UInt64, from start: UInt32) -> Int? {
    var here = start
    while here != noRecord {
      if keys[Int(here)] == key { return Int(here) }
      here = nexts[Int(here)]
    }
    return nil
  }
}
