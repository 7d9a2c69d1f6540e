// Property: the wheel reports exactly the deadlines that have passed, each once, whatever was done to it.
// Method: seeded random operations on the wheel and on a list, with short steps and long jumps of time.
import Structures
import Testing

/// What the wheel must do, by looking at everything.
private struct NaiveTimers {
  var deadlines: [UInt32: UInt64] = [:]

  mutating func expire(at now: UInt64) -> [UInt32] {
    let due = deadlines.filter { $0.value <= now }.map(\.key).sorted()
    for owner in due { deadlines[owner] = nil }
    return due
  }
}

private func drain(_ wheel: inout TimerWheel, at now: UInt64) -> [UInt32] {
  var owners: [UInt32] = []
  while let expiry = wheel.expire(at: now) {
    #expect(expiry.kind == UInt8(expiry.owner % 7))
    owners.append(expiry.owner)
  }
  return owners.sorted()
}

/// Distances from microseconds to weeks, each order of magnitude as likely as the others.
private func distance(_ random: inout SeededGenerator, maxBits: UInt64) -> UInt64 {
  random.next() & ((1 << (random.next() % maxBits)) - 1)
}

@Suite struct TimerWheelTests {
  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func agreesWithAList(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var now = random.next() >> 20
    let count = 50
    var wheel = TimerWheel(capacity: count, now: now)
    var model = NaiveTimers()
    var ids: [TimerID] = []
    for owner in 0..<UInt32(count) { ids.append(wheel.make(kind: UInt8(owner % 7), owner: owner)!) }
    #expect(wheel.make(kind: 0, owner: 0) == nil)
    for _ in 0..<1500 {
      let owner = UInt32(random.next() % UInt64(count))
      let id = ids[Int(owner)]
      switch random.next() % 8 {
      case 0...3:
        let ahead = distance(&random, maxBits: 50)
        let deadline = random.next() % 16 == 0 ? now - min(now, ahead) : now + ahead
        wheel.arm(id, at: deadline)
        model.deadlines[owner] = deadline
      case 4:
        wheel.disarm(id)
        model.deadlines[owner] = nil
      case 5:
        // An entry given back and taken again, armed or not.
        wheel.free(id)
        model.deadlines[owner] = nil
        ids[Int(owner)] = wheel.make(kind: UInt8(owner % 7), owner: owner)!
      default:
        now += distance(&random, maxBits: random.next() % 50 == 0 ? 52 : 26)
        #expect(drain(&wheel, at: now) == model.expire(at: now))
      }
      #expect(wheel.deadline(of: ids[Int(owner)]) == model.deadlines[owner])
      #expect(wheel.armedCount == model.deadlines.count)
      if let next = wheel.nextDeadline() {
        #expect(next <= max(now, model.deadlines.values.min()!))
      } else {
        #expect(model.deadlines.isEmpty)
      }
    }
  }

  /// A loop that sleeps until `nextDeadline`, or a tick, reaches every deadline in few steps.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func sleepingReachesEveryDeadline(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var now = random.next() >> 24
    var wheel = TimerWheel(capacity: 8, now: now)
    var model = NaiveTimers()
    for owner in 0..<8 as Range<UInt32> {
      let id = wheel.make(kind: UInt8(owner % 7), owner: owner)!
      let deadline = now + distance(&random, maxBits: 55)
      wheel.arm(id, at: deadline)
      model.deadlines[owner] = deadline
    }
    var steps = 0
    while let next = wheel.nextDeadline() {
      now = max(next, now + 1 << 20)
      #expect(drain(&wheel, at: now) == model.expire(at: now))
      steps += 1
      guard steps < 200 else { break }
    }
    #expect(model.deadlines.isEmpty)
    #expect(steps < 200)
  }

  @Test func movingLaterKeepsTheEntryAndMovingEarlierFilesItAnew() {
    var wheel = TimerWheel(capacity: 1, now: 0)
    let id = wheel.make(kind: 3, owner: 3)!
    let second: UInt64 = 1_000_000_000
    wheel.arm(id, at: 10 * second)
    wheel.arm(id, at: 1000 * second)
    #expect(wheel.expire(at: 999 * second) == nil)
    wheel.arm(id, at: 999 * second + 1)
    #expect(wheel.expire(at: 999 * second) == nil)
    #expect(wheel.expire(at: 999 * second + 1)?.owner == 3)
    #expect(wheel.expire(at: .max) == nil)
  }
}
