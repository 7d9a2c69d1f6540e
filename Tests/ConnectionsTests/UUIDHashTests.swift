// Property: UUIDs that a peer has chosen to look alike do not meet in one bucket more often than by chance, and one UUID has
// one number.
// Method: many UUIDs that differ in one byte, at each of its places, are counted by the lowest and by the highest bits; the
// factors come from a seed, so that each run counts the same.
import LustreWire
import Structures
import Testing

@testable import Connections

struct UUIDHashTests {
  /// A name of so many letters, with one of them changed.
  private func uuid(_ place: Int, _ letter: UInt8) throws -> ObdUUID {
    var letters = [UInt8](repeating: 0x61, count: 38)
    letters[place] = letter
    return try #require(ObdUUID(String(decoding: letters, as: UTF8.self)))
  }

  @Test func oneNumberEach() throws {
    #expect(try UUIDHash.secret.number(uuid(3, 0x62)) == UUIDHash.secret.number(uuid(3, 0x62)))
    #expect(
      try Connections.key(uuid(3, 0x62), target: 1) != Connections.key(uuid(3, 0x62), target: 2))
  }

  /// 64 letters in each of 38 places: of 2,432 UUIDs in 4,096 buckets some 5 meet in the fullest.
  @Test(arguments: [0, 52]) func noBucketIsFull(shift: UInt64) throws {
    var random = SeededGenerator(seed: 7)
    let hash = UUIDHash { _ in random.next() }
    var numbers: Set<UInt64> = []
    var counts = [Int](repeating: 0, count: 4096)
    for place in 0..<38 {
      for letter in UInt8(0x21)..<0x61 {
        let number = try hash.number(uuid(place, letter))
        numbers.insert(number)
        counts[Int(number >> shift & 4095)] += 1
      }
    }
    #expect(numbers.count == 38 * 64)
    #expect((counts.max() ?? 0) < 24)
  }
}
