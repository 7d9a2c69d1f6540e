// Property: a handle names its element until it is removed and nothing after; queues keep order and bounds.
// Method: seeded random operations on the structure and on arrays and dictionaries; traps by exit tests.
import Structures
import Testing

@Suite struct SlotTableTests {
  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func agreesWithADictionary(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let capacity = Int(1 + random.next() % 20)
    var table = SlotTable<UInt64>(capacity: capacity)
    var model: [Handle: UInt64] = [:]
    var dead: Set<Handle> = []
    for _ in 0..<5000 {
      let live = model.keys.sorted { $0.raw < $1.raw }
      switch random.next() % 4 {
      case 0, 1:
        let value = random.next()
        let handle = table.insert(value)
        #expect((handle == nil) == (model.count == capacity))
        guard let handle else { continue }
        #expect(model[handle] == nil && handle != .none && handle.slot < capacity)
        model[handle] = value
        dead.remove(handle)
      case 2:
        guard let handle = live.randomElement(using: &random) else { continue }
        #expect(table.remove(handle) == model[handle])
        model[handle] = nil
        dead.insert(handle)
        #expect(table.remove(handle) == nil)
      default:
        guard let handle = live.randomElement(using: &random) else { continue }
        table[handle] &+= 1
        model[handle]! &+= 1
      }
      #expect(table.count == model.count)
      for handle in live where model[handle] != nil {
        #expect(table.contains(handle) == true && table[handle] == model[handle])
        #expect(table.handle(at: handle.slot) == handle)
      }
    }
    for handle in dead where model[handle] == nil { #expect(table.contains(handle) == false) }
    #expect(table.contains(.none) == false)
  }

  @Test func aGenerationRepeatsOnlyAfterAllOthers() {
    var table = SlotTable<Int>(capacity: 2)
    var seen: Set<Handle> = []
    for _ in 0..<2 * 4096 {
      let handle = table.insert(0)!
      #expect(seen.insert(handle).inserted)
      table.remove(handle)
    }
    let again = table.insert(0)!
    #expect(seen.contains(again))
  }

  @Test func theHandleOfNoObjectIsNeverMade() {
    var table = SlotTable<Int>(capacity: Handle.slotCountMax)
    for _ in 0..<Handle.slotCountMax - 1 { _ = table.insert(1) }
    var last = table.insert(1)!
    #expect(last.slot == Handle.slotCountMax - 1)
    for _ in 0..<5000 {
      #expect(last != .none)
      table.remove(last)
      last = table.insert(1)!
    }
  }

  @Test func aStaleHandleTraps() async {
    await #expect(processExitsWith: .failure) {
      var table = SlotTable<Int>(capacity: 2)
      let handle = table.insert(1)!
      table.remove(handle)
      _ = table[handle]
    }
    await #expect(processExitsWith: .failure) {
      var table = SlotTable<Int>(capacity: 1)
      let handle = table.insert(1)!
      table.remove(handle)
      _ = table.insert(2)
      table[handle] = 3
    }
  }
}

@Suite struct FixedQueueTests {
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func agreesWithAnArray(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let capacity = 1 << Int(random.next() % 6)
    var queue = FixedQueue<UInt64>(capacity: capacity, filler: 0)
    var model: [UInt64] = []
    for _ in 0..<3000 {
      switch random.next() % 32 {
      case 0:
        queue.removeAll()
        model = []
      case 1...16:
        let value = random.next()
        let fits = queue.append(value)
        #expect(fits == (model.count < capacity))
        if fits { model.append(value) }
      default:
        #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
      }
      #expect(queue.count == model.count && queue.isEmpty == model.isEmpty)
      #expect(queue.isFull == (model.count == capacity) && queue.first == model.first)
      #expect(queue.freeCapacity == capacity - model.count)
    }
  }

  @Test func aCapacityThatIsNoPowerOfTwoTraps() async {
    await #expect(processExitsWith: .failure) { _ = FixedQueue<Int>(capacity: 6, filler: 0) }
  }
}
