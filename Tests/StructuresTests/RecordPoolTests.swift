// Property: a handle names its record until the slot is given back and nothing after; no slot is taken twice.
// Method: seeded random operations on the pool and on a dictionary; the edges by hand; traps by exit tests.
import Structures
import Testing

@Suite struct RecordPoolTests {
  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func agreesWithADictionary(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let capacity = Int(1 + random.next() % 20)
    var pool = RecordPool<UInt64>(capacity: capacity, filler: 0)
    var model: [Handle: UInt64] = [:]
    var dead: [Handle] = []
    for _ in 0..<3000 {
      let live = model.keys.sorted { $0.raw < $1.raw }
      switch random.next() % 4 {
      case 0, 1:
        let slot = pool.take()
        #expect((slot == nil) == (model.count == capacity))
        guard let slot else { continue }
        let handle = pool.handle(slot)
        #expect(model[handle] == nil && !live.contains { $0.slot == slot })
        pool.cells[slot] = random.next()
        model[handle] = pool[slot]
        dead.removeAll { $0 == handle }
      case 2:
        guard let handle = live.randomElement(using: &random) else { continue }
        pool.give(handle.slot)
        model[handle] = nil
        dead.append(handle)
      default:
        guard let handle = live.randomElement(using: &random) else { continue }
        pool.cells[handle.slot] &+= 1
        model[handle]! &+= 1
      }
      #expect(pool.count == model.count)
      let isRight = model.allSatisfy { pool.slot($0) == $0.slot && pool[$0.slot] == $1 }
      #expect(isRight)
      #expect(dead.allSatisfy { pool.slot($0) == nil })
    }
  }

  @Test func slotsAreTakenInTheOrderInWhichTheyWereFreed() {
    var pool = RecordPool<UInt8>(capacity: 3, filler: 0)
    #expect([pool.take(), pool.take(), pool.take(), pool.take()] == [0, 1, 2, nil])
    for slot in [2, 0] { pool.give(slot) }
    #expect([pool.take(), pool.take(), pool.take()] == [2, 0, nil])
  }

  @Test func aSlotBeyondThePoolIsNotTaken() {
    var pool = RecordPool<UInt8>(capacity: 2, filler: 0)
    _ = pool.take()
    #expect((-1...3).map { pool.isTaken($0) } == [false, true, false, false, false])
    #expect(pool.slot(Handle(slot: 2, generation: 0)) == nil)
    #expect(pool.slot(.none) == nil)
  }

  @Test func anEmptyPoolHasNothingToGive() {
    var pool = RecordPool<UInt8>(capacity: 0, filler: 0)
    #expect(pool.take() == nil && pool.capacity == 0 && !pool.isTaken(0))
  }

  @Test func generationsComeRoundAfter4096Lives() {
    var pool = RecordPool<UInt8>(capacity: 1, filler: 0)
    _ = pool.take()
    let first = pool.handle(0)
    var repeats = 0
    for life in 1...4096 {
      pool.give(0)
      _ = pool.take()
      if pool.slot(first) != nil { repeats = life }
    }
    #expect(repeats == 4096)
  }

  @Test func givingTwiceTraps() async {
    await #expect(processExitsWith: .failure) {
      var pool = RecordPool<UInt8>(capacity: 1, filler: 0)
      _ = pool.take()
      pool.give(0)
      pool.give(0)
    }
  }
}
