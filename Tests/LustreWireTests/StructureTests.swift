// Property: every structure of fixed length keeps each of its integers and opaque bytes, writes its padding as zero, reads
// the other byte order, and refuses to be shorter.
// Method: hand-written tables of fields; bytes that differ everywhere; every truncated length.

import LustreWire
import Testing

@Suite struct StructureTests {
  /// Bytes without zeros, different at each place.
  static func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251 + 1) } }

  /// The pattern with everything zero that is not in the tables.
  static func kept(_ item: StructureCase) -> [UInt8] {
    let pattern = pattern(item.byteCount)
    var result = [UInt8](repeating: 0, count: item.byteCount)
    for (offset, size) in item.integers {
      for index in offset..<offset + size { result[index] = pattern[index] }
    }
    for range in item.opaque { for index in range { result[index] = pattern[index] } }
    return result
  }

  @Test func everyFieldIsKeptAndPaddingIsZero() {
    for item in StructureCases.all {
      #expect(item.remake(Self.pattern(item.byteCount), false) == Self.kept(item), "\(item.name)")
    }
  }

  @Test func otherByteOrder() {
    for item in StructureCases.all {
      let ours = Self.pattern(item.byteCount)
      var theirs = ours
      for (offset, size) in item.integers {
        theirs.replaceSubrange(
          offset..<offset + size, with: ours[offset..<offset + size].reversed())
      }
      #expect(item.remake(theirs, true) == Self.kept(item), "\(item.name)")
    }
  }

  @Test func everyTruncatedLength() {
    for item in StructureCases.all {
      let whole = Self.pattern(item.byteCount)
      for length in 0..<item.byteCount {
        #expect(
          item.failure(Array(whole[..<length]))
            == .truncated(
              item.structure, needed: UInt32(item.byteCount), available: UInt32(length)))
      }
      #expect(item.failure(whole + [1, 2, 3]) == nil)
    }
  }
}
