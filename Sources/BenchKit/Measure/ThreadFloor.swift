internal import CLinuxShims
internal import Foundation
internal import Glibc
internal import Synchronization

/// The least that a message between two threads can cost on this machine: one 64-byte line each way, half a
/// round trip. What stands above it in a message's latency is ours.
package enum ThreadFloor {
  private static let wordCount = 8

  /// Of what it may last: on a machine with many others on it a round trip takes as long as their turns.
  private static let nanosecondsMax: UInt64 = 500_000_000
  /// Round trips between two looks at the clock.
  private static let roundTripsPerLook = 64

  /// The mean of so many round trips, or as many as half a second allows, halved, in nanoseconds. Blocks the caller,
  /// and needs two processors.
  package static func measure(roundTrips: Int) -> Double {
    let there = Line()
    let back = Line()
    let echo = Thread {
      for round in 1...roundTrips {
        guard there.await(UInt64(round)) else { return }
        back.write(UInt64(round))
      }
    }
    echo.start()
    let start = clinux_monotonic_nanoseconds()
    var elapsed: UInt64 = 0
    var count = 0
    while count < roundTrips, elapsed < nanosecondsMax {
      let end = min(count + roundTripsPerLook, roundTrips)
      while count < end {
        count += 1
        there.write(UInt64(count))
        _ = back.await(UInt64(count))
      }
      elapsed = clinux_monotonic_nanoseconds() - start
    }
    there.write(Line.end)
    return Double(elapsed) / Double(count) / 2
  }

  /// A cache line that one thread writes and another reads.
  @safe
  private final class Line: Sendable {
    /// Written when nothing more follows.
    static let end = UInt64.max
    // Lines are fetched in pairs by some processors: two of them, so that nobody else's is among them.
    private nonisolated(unsafe) let words: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
      // SAFETY: the memory is of the size and alignment of two lines, made of words that are all initialised
      // here and given back in deinit.
      let memory = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 128)
      unsafe words = memory.bindMemory(to: Atomic<UInt64>.self, capacity: wordCount)
      for index in 0..<wordCount { unsafe (words + index).initialize(to: Atomic(0)) }
    }

    deinit { unsafe words.deallocate() }

    func write(_ number: UInt64) {
      // SAFETY: the words live as long as the line, and are atomic.
      for index in 1..<wordCount { unsafe words[index].store(number, ordering: .relaxed) }
      unsafe words[0].store(number, ordering: .releasing)
    }

    /// Waits for a number, and reads the whole line; false when there will be none any more.
    func await(_ number: UInt64) -> Bool {
      var spins = 0
      while true {
        // SAFETY: as above.
        let found = unsafe words[0].load(ordering: .acquiring)
        if found == Self.end { return false }
        if found == number {
          return unsafe words[wordCount - 1].load(ordering: .relaxed) == number
        }
        spins += 1
        // Where there are fewer processors than threads that want one, the other thread has to get it.
        if spins & 0xFFF == 0 { sched_yield() }
      }
    }
  }
}
