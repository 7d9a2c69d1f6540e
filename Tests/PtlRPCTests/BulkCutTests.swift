// Property: data is cut into operations, and match bits give their number, as spec 13 §3 and §4 say.
// Method: tables by hand; each cut is also checked to be whole and in order.
import Testing

@testable import PtlRPC

@Suite struct BulkCutTests {
  struct Row: Sendable {
    var byteCount: Int
    var pageOffset: Int
    var lengths: [Int]
  }

  static let mebibyte = 1 << 20

  static let rows: [Row] = [
    Row(byteCount: 0, pageOffset: 0, lengths: [0]),
    Row(byteCount: 1, pageOffset: 0, lengths: [1]),
    Row(byteCount: 4096, pageOffset: 0, lengths: [4096]),
    Row(byteCount: mebibyte, pageOffset: 0, lengths: [mebibyte]),
    Row(byteCount: mebibyte + 1, pageOffset: 0, lengths: [mebibyte, 1]),
    // Capture: 4 GETs for 4 MiB with a shorter tail (13 §B.3).
    Row(
      byteCount: 3 * mebibyte + 1_024_000, pageOffset: 0,
      lengths: [mebibyte, mebibyte, mebibyte, 1_024_000]),
    // A start inside a page makes the first one shorter, and may add one.
    Row(byteCount: 100, pageOffset: 4000, lengths: [100]),
    Row(byteCount: mebibyte, pageOffset: 512, lengths: [mebibyte - 512, 512]),
    Row(byteCount: mebibyte - 512, pageOffset: 512, lengths: [mebibyte - 512]),
    Row(
      byteCount: 2 * mebibyte, pageOffset: 4095, lengths: [mebibyte - 4095, mebibyte, 4095]),
  ]

  @Test(arguments: rows)
  func cuts(_ row: Row) {
    let cut = BulkCut(byteCount: row.byteCount, pageOffset: row.pageOffset)
    #expect(cut.count == row.lengths.count)
    #expect((0..<cut.count).map { cut.range(of: $0).count } == row.lengths)
    var end = 0
    for index in 0..<cut.count {
      #expect(cut.range(of: index).lowerBound == end)
      end = cut.range(of: index).upperBound
    }
    #expect(end == row.byteCount)
    // Operations beyond the data are empty (§3).
    #expect(cut.range(of: cut.count).isEmpty)
    #expect(cut.range(of: 64).isEmpty)
  }

  /// Last match bits, operation limit; the first and how many.
  @Test(
    arguments: [
      (0x80, 1, 0x80, 1), (0x80, 4, 0x80, 1), (0x83, 4, 0x80, 4), (0x82, 4, 0x80, 3),
      (0x0006_B02E_54B0_0C80, 4, 0x0006_B02E_54B0_0C80, 1), (0xC0, 128, 0x80, 65),
      // Not cut as the limit says: the bits name the operations from its last multiple on.
      (0x87, 4, 0x84, 4),
    ] as [(UInt64, Int, UInt64, Int)])
  func matchBits(last: UInt64, limit: Int, first: UInt64, count: Int) throws {
    let bits = try #require(BulkMatchBits(last: last, operationLimit: limit))
    #expect(bits.first == first)
    #expect(bits.count == count)
  }

  @Test(
    arguments: [(0x80, 0), (0x80, 3), (0x80, -1), (0xFF, 128), (.max, 65536)] as [(UInt64, Int)])
  func nonsense(last: UInt64, limit: Int) {
    #expect(BulkMatchBits(last: last, operationLimit: limit) == nil)
  }
}
