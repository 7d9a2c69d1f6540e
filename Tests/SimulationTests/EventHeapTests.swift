// Events come out in the order of their times, and at one time in the order of their coming in.
// Method: random times against a stable sort.
import Simulation
import Structures
import Testing

@Suite struct EventHeapTests {
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func likeAStableSort(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var heap = EventHeap<Int>()
    var model: [(time: UInt64, element: Int)] = []
    for element in 0..<200 {
      let time = UInt64.random(in: 0..<20, using: &random)
      heap.add(element, at: time)
      model.append((time, element))
      if Bool.random(using: &random) {
        let first = model.indices.min { (model[$0].time, $0) < (model[$1].time, $1) }
        let expected = first.map { model.remove(at: $0) }
        #expect(heap.nextTime == expected?.time)
        #expect(heap.popFirst()?.element == expected?.element)
      }
    }
    while let first = heap.popFirst() {
      let place = model.indices.min { (model[$0].time, $0) < (model[$1].time, $1) }
      #expect(first.element == place.map { model.remove(at: $0).element })
    }
    #expect(model.isEmpty)
  }

  @Test func aFifoKeepsItsOrder() {
    var fifo = Fifo<Int>()
    var next = 0
    for element in 0..<500 {
      fifo.append(element)
      if element % 3 != 0 {
        #expect(fifo.popFirst() == next)
        next += 1
      }
    }
    while let element = fifo.popFirst() {
      #expect(element == next)
      next += 1
    }
    #expect(next == 500)
    #expect(fifo.isEmpty)
  }
}
