// Property: the table of NIDs, lists of NIDs and keys encode to the bytes of real nodes; bad ones are typed errors.
// Method: the entry that spec 11 §14 prints; lengths, counts and sizes spoilt one by one.

import LustreWire
import Testing

@Suite struct ConfigTableTests {
  /// Spec 11 §14: MDT0 with an o2ib and a tcp NID, version 3, instance 1, 64 bytes.
  static let entry = GoldenFile.hexBytes(
    """
    03 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 40 00 00 00 01 01 14 02
    00 05 00 00 c0 a8 32 0a 00 00 00 00 00 00 00 00 00 00 00 00
    00 02 00 00 c0 a8 32 0a 00 00 00 00 00 00 00 00 00 00 00 00
    """)

  static func failure(_ bytes: [UInt8], swapped: Bool = false) -> WireError? {
    do throws(WireError) {
      _ = try NIDTableEntry(decoding: bytes.rawBytes, at: 0, swapped: swapped)
      return nil
    } catch { return error }
  }

  @Test func theSpecsEntry() throws {
    let entry = try NIDTableEntry(decoding: Self.entry.rawBytes, at: 0)
    let made = NIDTableEntry(
      version: 3, instance: 1, index: 0, targetType: 1, largeNIDs: true, nidCount: 2)
    #expect(entry == made)
    let nids = try (0..<2).map { try entry.nid($0, at: 0, in: Self.entry.rawBytes) }
    #expect(nids.map(\.small) == [.o2ib(0xC0A8_320A), .tcp(0xC0A8_320A)])
    var bytes = [UInt8](repeating: 0xA5, count: 64)
    bytes.withMutableRawSpan { output in
      made.encode(into: &output, at: 0)
      for (number, nid) in nids.enumerated() { made.encode(nid, number, into: &output, at: 0) }
    }
    #expect(bytes == Self.entry)
  }

  @Test func smallNIDs() throws {
    let made = NIDTableEntry(
      version: 9, instance: 2, index: 7, targetType: 2, largeNIDs: false, nidCount: 1)
    #expect(made.byteCount == 32)
    var bytes = [UInt8](repeating: 0xA5, count: 32)
    bytes.withMutableRawSpan { output in
      made.encode(into: &output, at: 0)
      made.encode(LargeNID(.o2ib(0x0A00_0001)), 0, into: &output, at: 0)
    }
    let entry = try NIDTableEntry(decoding: bytes.rawBytes, at: 0)
    let nid = try entry.nid(0, at: 0, in: bytes.rawBytes)
    #expect(entry == made && nid.small == .o2ib(0x0A00_0001))
  }

  @Test func badEntries() {
    for length in 0..<64 {
      #expect(
        Self.failure(Array(Self.entry[..<length]))
          == .truncated(
            .nidTableEntry, needed: length < 24 ? 24 : 64, available: UInt32(length)))
    }
    func spoilt(_ value: UInt8, at offset: Int) -> WireError? {
      var bytes = Self.entry
      bytes[offset] = value
      return Self.failure(bytes)
    }
    #expect(spoilt(0, at: 23) == .illegalLength(.nidTableEntry, length: 64))
    #expect(spoilt(3, at: 23) == .illegalLength(.nidTableEntry, length: 64))
    #expect(spoilt(8, at: 22) == .illegalLength(.nidTableEntry, length: 64))
    #expect(spoilt(0, at: 21) == .illegalLength(.nidTableEntry, length: 64))
    #expect(spoilt(0x3F, at: 16) == .illegalLength(.nidTableEntry, length: 63))
    #expect(spoilt(0x10, at: 17) == .illegalLength(.nidTableEntry, length: 4160))
    #expect(spoilt(0x0F, at: 17) == .truncated(.nidTableEntry, needed: 3904, available: 64))
    #expect(spoilt(0xFF, at: 19) == .illegalLength(.nidTableEntry, length: 0xFF00_0040))
  }

  @Test func nidLists() throws {
    let nid = try #require(WireText<64>("192.168.50.21@o2ib"))
    var bytes = [UInt8](repeating: 0xA5, count: 72)
    bytes.withMutableRawSpan { _ = TargetNIDList.encode([nid], into: &$0) }
    let head = try TargetNIDList.head(of: bytes.rawBytes)
    let first = TargetNIDList.text(at: 0, in: bytes.rawBytes)
    #expect(head.flags == 0 && head.count == 1 && first == nid)
    func failure(_ bytes: [UInt8]) -> WireError? {
      do throws(WireError) {
        _ = try TargetNIDList.head(of: bytes.rawBytes)
        return nil
      } catch { return error }
    }
    #expect(
      failure(Array(bytes[..<71])) == .truncated(.targetNIDList, needed: 72, available: 71))
    #expect(failure([0, 0, 0]) == .truncated(.targetNIDList, needed: 8, available: 3))
    bytes[7] = 0xFF
    #expect(failure(bytes) == .truncated(.targetNIDList, needed: .max, available: 72))
    bytes[0] = UInt8(TargetNIDList.inBulk)
    #expect(failure(bytes) == nil)
  }

  static func key(_ bytes: [UInt8]) throws(WireError) -> InfoKey { try InfoKey(bytes.rawBytes) }

  @Test func keys() throws {
    #expect(try Self.key(Array("last_fid\0".utf8)) == .lastFID)
    #expect(try Self.key(Array("grant_shrink".utf8)) == .grantShrink)
    #expect(throws: WireError.illegalLength(.infoKey, length: 0)) { try Self.key([0]) }
    #expect(throws: WireError.illegalLength(.infoKey, length: 64)) {
      try Self.key([UInt8](repeating: 65, count: 64))
    }
    #expect(try Self.key([UInt8](repeating: 65, count: 63)).description.utf8.count == 63)
  }
}
