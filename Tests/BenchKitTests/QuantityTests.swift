// Property: sizes, durations and ranges are read as people write them, and everything else is refused.
// Method: tables of texts and values; what is printed reads back as the same value.
import BenchKit
import Testing

@Suite struct QuantityTests {
  @Test(arguments: [
    ("0", 0), ("64", 64), ("4K", 4096), ("1M", 1 << 20), ("1MiB", 1 << 20), ("2G", 2 << 30),
    ("2^0", 1), ("2^20", 1 << 20), ("100B", 100), ("12KiB", 12288),
  ])
  func sizes(text: String, bytes: Int) throws {
    #expect(try Quantity.byteCount(text) == bytes)
  }

  @Test(arguments: [
    "", "K", "-1", "+1", "4Q", "1.5K", "4 K", "0x10", "3^2", "2^41", "2^", "9999999999999999999",
    "9223372036854775807K",
  ])
  func wrongSizes(text: String) {
    #expect(throws: QuantityError.self) { try Quantity.byteCount(text) }
  }

  @Test func aWrongSizeSaysWhatWasGivenAndWhatIsLegal() {
    let error = #expect(throws: QuantityError.self) { try Quantity.byteCount("4Q") }
    #expect(error?.description.contains("'4Q'") == true)
    #expect(error?.description.contains("4K") == true)
  }

  @Test(arguments: [
    ("64", [64]), ("64,4K", [64, 4096]), ("1K..4K", [1024, 2048, 4096]),
    ("2^1..2^3", [2, 4, 8]), ("3..10", [3, 6, 10]), ("8..8,1M", [8, 1 << 20]),
  ])
  func ranges(text: String, sizes: [Int]) throws {
    #expect(try Quantity.byteCounts(text) == sizes)
  }

  @Test(arguments: ["", "4K..", "..4K", "4K..1K", "0..4", "1.2", "1,,2", "1..2..4"])
  func wrongRanges(text: String) {
    #expect(throws: QuantityError.self) { try Quantity.byteCounts(text) }
  }

  @Test func aListHasALimit() {
    let text = Array(repeating: "1", count: Quantity.stepCountMax + 1).joined(separator: ",")
    #expect(throws: QuantityError.self) { try Quantity.byteCounts(text) }
  }

  @Test(
    arguments: [
      ("250ms", 250_000_000), ("10s", 10_000_000_000), ("10", 10_000_000_000), ("50ns", 50),
      ("1.5s", 1_500_000_000), ("2min", 120_000_000_000), ("2m", 120_000_000_000),
      ("1h", 3_600_000_000_000), ("0.25us", 250), ("7us", 7000),
    ] as [(String, UInt64)])
  func durations(text: String, nanoseconds: UInt64) throws {
    #expect(try Quantity.nanoseconds(text) == nanoseconds)
  }

  @Test(arguments: ["", "s", "-1s", "1.s", "1.2.3s", "1d", "1e3s", "99999999999h"])
  func wrongDurations(text: String) {
    #expect(throws: QuantityError.self) { try Quantity.nanoseconds(text) }
  }

  @Test(arguments: [1, 64, 1000, 1024, 4096, 5000, 1 << 20, 3 << 30])
  func printedSizesReadBack(bytes: Int) throws {
    #expect(try Quantity.byteCount(Quantity.text(bytes: bytes)) == bytes)
  }

  @Test(arguments: [0, 1, 999, 1000, 250_000_000, 90_000_000_000, 7_200_000_000_000] as [UInt64])
  func printedDurationsReadBack(nanoseconds: UInt64) throws {
    #expect(try Quantity.nanoseconds(Quantity.text(nanoseconds: nanoseconds)) == nanoseconds)
  }
}
