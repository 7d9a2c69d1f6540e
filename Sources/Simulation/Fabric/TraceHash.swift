/// A running hash of everything that happened (FNV-1a over words): two runs that differ anywhere differ here.
///
/// Only what a replay repeats goes in: never an address of this process, never the order of a hash table.
package struct TraceHash: Equatable, Sendable {
  package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325
  /// How many events went in.
  package private(set) var count: UInt64 = 0

  package init() {}

  package mutating func mix(_ word: UInt64) {
    value = (value ^ word) &* 0x0000_0100_0000_01B3
    value ^= value >> 29
  }

  package mutating func event(_ kind: UInt64, _ a: UInt64, _ b: UInt64, _ c: UInt64) {
    count += 1
    mix(kind)
    mix(a)
    mix(b)
    mix(c)
  }
}
