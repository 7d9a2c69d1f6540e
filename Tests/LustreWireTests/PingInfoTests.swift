// Property: ping infos decode whole, truncated, swapped and with large NIDs; corrupt ones are typed errors.
// Method: hand-made bytes after spec 01 §6.2, every truncated length, every check of spec 01 §6.4.

import LustreWire
import Testing

@Suite struct PingInfoTests {
  static let nids: [NID] = (1...15).map { .o2ib(0x0A0A_0000 + $0) }
  static let ipv6 = LargeNID(
    sizeField: 12, lndType: .tcp, netNumber: 3, addressHigh: 0xFD00_0000_0000_0000, addressLow: 7)

  static func encoded(_ info: PingInfo, limit: Int? = nil) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xA5, count: limit ?? info.byteCount)
    let written = bytes.withMutableRawSpan { info.encode(into: &$0) }
    return Array(bytes[..<written])
  }

  static func failure(_ bytes: [UInt8]) -> WireError? {
    do throws(WireError) {
      _ = try decodedPing(bytes)
      return nil
    } catch {
      return error
    }
  }

  static let withLarge: PingInfo = {
    var info = PingInfo(nids: [nids[0]], sequence: 3)
    info.features.insert(.largeAddresses)
    info.largeEntries = [
      LargePingEntry(status: .up, nid: ipv6),
      LargePingEntry(status: .down, nid: LargeNID(nids[1])),
    ]
    info.entries[0].messageByteCount = UInt32(info.byteCount)
    return info
  }()

  @Test(arguments: [0, 1, 2, 15])
  func roundTrip(count: Int) throws {
    let info = PingInfo(nids: Array(Self.nids.prefix(count)), sequence: 7)
    #expect(info.byteCount == 32 + 16 * count)
    #expect(try decodedPing(Self.encoded(info)) == info)
    #expect(info.sequence == 7)
    #expect(info.primaryNID == (count > 0 ? Self.nids[0] : nil))
  }

  @Test func workedExample() throws {
    let bytes = try WorkedExampleTests.bytes("PING-INFO")
    let info = PingInfo(
      nids: [WorkedExampleTests.us], sequence: 1, features: [.interfaceStatus, .routingDisabled])
    #expect(try decodedPing(bytes) == info)
    #expect(Self.encoded(info) == bytes)
  }

  @Test func largeEntries() throws {
    #expect(Self.withLarge.byteCount == 48 + 24 + 12)
    let bytes = Self.encoded(Self.withLarge)
    #expect(Array(bytes[52..<60]) == [12, 2, 0, 3, 0xFD, 0, 0, 0])
    #expect(try decodedPing(bytes) == Self.withLarge)
    // What follows the declared size is metadata and not looked at.
    #expect(try decodedPing(bytes + [1, 2, 3, 4]) == Self.withLarge)
  }

  @Test func tooLargeNIDIsSkipped() throws {
    var bytes = Self.encoded(Self.withLarge)
    bytes[52] = 13  // 21 bytes in use: with its status 25, padded to 28.
    bytes.insert(contentsOf: [0, 0, 0, 0], at: 72)
    let size = UInt32(bytes.count)
    bytes.withMutableRawSpan { $0.storeNative(size, at: 28) }
    #expect(try decodedPing(bytes).largeEntries == [Self.withLarge.largeEntries[1]])
  }

  @Test func sequenceOfANodeThatTalksToItself() throws {
    var info = PingInfo(nids: [Self.nids[0]], sequence: 1)
    info.entries[0].status = .up
    #expect(info.sequence == nil)
    #expect(try decodedPing(Self.encoded(info)) == info)
  }

  @Test func encodeCutsOffAtTheSinkLength() {
    for info in [PingInfo(nids: Self.nids, sequence: 1), Self.withLarge] {
      let whole = Self.encoded(info)
      for limit in 0...whole.count {
        #expect(Self.encoded(info, limit: limit) == Array(whole[..<limit]))
      }
    }
  }

  @Test func everyTruncatedLength() throws {
    for info in [PingInfo(nids: Self.nids, sequence: 1), Self.withLarge] {
      let whole = Self.encoded(info)
      for length in 0..<whole.count {
        let bytes = Array(whole[..<length])
        guard length >= 32 else {
          #expect(
            Self.failure(bytes) == .truncated(.pingInfo, needed: 32, available: UInt32(length)))
          continue
        }
        let part = try decodedPing(bytes)
        #expect(part.entries == Array(info.entries.prefix((length - 16) / 16)))
        #expect(part.largeEntries == Array(info.largeEntries.prefix(part.largeEntries.count)))
        let span = bytes.span
        let reader = try PingInfoReader(decoding: span.bytes)
        #expect(reader.isTruncated)
        #expect(reader.declaredEntries == info.entries.count)
      }
    }
  }

  @Test func otherByteOrder() throws {
    var bytes = Self.encoded(Self.withLarge)
    func swap(_ offset: Int, _ size: Int) {
      bytes.replaceSubrange(offset..<offset + size, with: bytes[offset..<offset + size].reversed())
    }
    for offset in [0, 4, 8, 12, 24, 28, 40, 44, 48, 72] { swap(offset, 4) }
    for offset in [16, 32] { swap(offset, 8) }
    #expect(try decodedPing(bytes) == Self.withLarge)
  }

  @Test func corrupt() {
    let good = Self.encoded(PingInfo(nids: [Self.nids[0]], sequence: 1))
    func changed(_ value: UInt32, at offset: Int) -> WireError? {
      var bytes = good
      bytes.withMutableRawSpan { $0.storeNative(value, at: offset) }
      return Self.failure(bytes)
    }
    #expect(changed(0x7069_6E68, at: 0) == .badMagic(.pingInfo, found: 0x7069_6E68))
    #expect(changed(0xFFFF_FFFD, at: 4) == .pingWithoutStatus(features: 0xFFFF_FFFD))
    for count in [0, 201, UInt32.max] {
      #expect(changed(count, at: 12) == .pingEntryCount(count))
    }
    #expect(changed(200, at: 12) == nil)
    #expect(
      changed(1, at: 16) == .pingFirstEntry(NID(rawValue: NID.loopback.rawValue + 1)))
    #expect(changed(0xFFFF_FFFF, at: 28) == nil)
  }

  @Test func declaredSizeOfLargeEntriesIsNotTrusted() throws {
    for size in [0, 1, 47, 48, 52, 56, UInt32.max] {
      var bytes = Self.encoded(Self.withLarge)
      bytes.withMutableRawSpan { $0.storeNative(size, at: 28) }
      #expect(try decodedPing(bytes).entries.count == 2)
    }
  }
}
