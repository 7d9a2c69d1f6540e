// The ring that two threads share keeps order and bounds, and loses nothing.
// Method: by hand up to full and round the end; two threads that push and pop as fast as they can.
import CLinuxShims
import Rings
import Testing

@Suite struct SPSCRingTests {
  @Test func aFullRingRefusesAndKeepsOrder() {
    let ring = SPSCRing<Int>(capacity: 4)
    #expect((0..<6).map { ring.push($0) } == [true, true, true, true, false, false])
    #expect(ring.pop() == 0)
    #expect(ring.push(6))
    #expect((0..<5).map { _ in ring.pop() } == [1, 2, 3, 6, nil])
    #expect(ring.isEmpty)
  }

  final class Writer: Sendable {
    let ring = SPSCRing<Int>(capacity: 64)
    static let count = 20_000
  }

  @Test func twoThreadsSeeEveryElementInOrder() {
    let writer = Writer()
    var thread: UInt = 0
    let context = Unmanaged.passRetained(writer).toOpaque()
    let started = clinux_thread_start(
      &thread, "writer",
      { context in
        guard let context else { return nil }
        let writer = Unmanaged<Writer>.fromOpaque(context).takeRetainedValue()
        var next = 0
        while next < Writer.count { if writer.ring.push(next) { next += 1 } }
        return nil
      }, context)
    #expect(started == 0)
    var next = 0
    while next < Writer.count {
      guard let element = writer.ring.pop() else { continue }
      if element != next { break }
      next += 1
    }
    clinux_thread_join(thread)
    #expect(next == Writer.count)
  }
}
