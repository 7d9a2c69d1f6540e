// The ring of request names retires what an ordered queue has finished.
// Method: against an array as model, with seeded choices.
import Structures
import Testing

@testable import VerbsTransport

@Suite struct IDRingTests {
  @Test(arguments: 1...20)
  func namesRetireInOrder(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var ring = IDRing(capacity: 5)
    defer { ring.free() }
    // The model: name and place of each request in flight.
    var model: [(id: UInt64, place: UInt32)] = []
    for step in 0..<2000 {
      if random.next() & 1 == 0, !ring.isFull {
        let id = random.next()
        model.append((id, ring.nextPlace))
        ring.append(id)
      } else if !model.isEmpty {
        // Those without a completion of their own retire with a later one.
        let index = Int(random.next() % UInt64(model.count))
        let retired = ring.retire(through: model[index].place)
        #expect(retired == model[index].id, "step \(step)")
        let old = model[index].place
        model.removeFirst(index + 1)
        #expect(ring.retire(through: old) == nil, "a place retired twice")
      }
      #expect(Int(ring.inFlight) == model.count)
      #expect(ring.isFull == (model.count == 5))
    }
  }

  @Test func whatTheDeviceRefusedIsTakenBack() {
    var ring = IDRing(capacity: 4)
    defer { ring.free() }
    for id in 1...4 { ring.append(UInt64(id)) }
    ring.takeBack(2)
    ring.append(30)
    #expect((0..<4).map { _ in ring.retireOldest() } == [1, 2, 30, nil])
  }
}
