// Property: headers, chunks and records of configuration logs decode, and encode back to the bytes that a real
// management server writes; bad ones are typed errors.
// Method: logs of the captures and the spec's example record; bits, lengths and tails spoilt one by one.

import LustreWire
import Testing
import WireSupport

@Suite struct ConfigLogTests {
  /// The ADD_UUID record that spec 11 §12.1 prints.
  static let example = GoldenFile.hexBytes(
    """
    58 00 00 00 0d 00 00 00 00 00 62 10 00 00 00 00 01 00 f6 1c 05 f0 0c 00 00 00 00 00 00 00 00 00
    0a 01 a8 c0 00 00 02 00 00 00 00 00 02 00 00 00 00 00 00 00 11 00 00 00 31 39 32 2e 31 36 38 2e
    31 2e 31 30 40 74 63 70 00 00 00 00 00 00 00 00 58 00 00 00 0d 00 00 00
    """)

  static func record(_ bytes: [UInt8]) throws(WireError) -> (LogRecordHeader, ConfigRecord) {
    let header = try LogRecordHeader(record: bytes.rawBytes, at: 0, before: bytes.count)
    return (header, try ConfigRecord(decoding: bytes.rawBytes, in: header.content(at: 0)))
  }

  static func failure(_ bytes: [UInt8]) -> WireError? {
    do throws(WireError) {
      _ = try record(bytes)
      return nil
    } catch { return error }
  }

  @Test func theSpecsRecord() throws {
    let (header, record) = try Self.record(Self.example)
    #expect(header == LogRecordHeader(.configuration, length: 88, index: 13))
    #expect(record.command == .addUUID && record.command.isRequired)
    #expect(record.nid == .tcp(0xC0A8_010A))
    #expect(record.bufferCount == 2)
    let texts = (0..<3).map { record.text($0, in: Self.example.rawBytes) }
    #expect(texts == [nil, "192.168.1.10@tcp", nil])
    #expect(try remadeLogChunk(Self.example) == Self.example)
  }

  @Test func theOtherByteOrder() throws {
    // A record as a server of the other byte order would have written it.
    var bytes = Self.example
    let fields =
      StructureCases.run(0, 4, 4) + StructureCases.run(16, 4, 4) + [(32, 8)]
      + StructureCases.run(40, 4, 4) + StructureCases.run(80, 2, 4)
    for (offset, size) in fields {
      bytes.replaceSubrange(
        offset..<offset + size, with: Self.example[offset..<offset + size].reversed())
    }
    let header = try LogRecordHeader(
      record: bytes.rawBytes, at: 0, before: bytes.count, swapped: true)
    let record = try ConfigRecord(decoding: bytes.rawBytes, in: header.content(at: 0))
    #expect(header == LogRecordHeader(.configuration, length: 88, index: 13))
    #expect(record.swapped && record.command == .addUUID && record.nid == .tcp(0xC0A8_010A))
    let text = record.text(1, in: bytes.rawBytes)
    #expect(text == "192.168.1.10@tcp")
  }

  @Test func badRecords() {
    for length in 0..<88 { #expect(Self.failure(Array(Self.example[..<length])) != nil) }
    func spoilt(_ value: UInt32, at offset: Int) -> WireError? {
      Self.failure(RPCFramingTests.storing(value, at: offset, in: Self.example))
    }
    #expect(spoilt(0, at: 0) == .illegalLength(.logRecord, length: 0))
    #expect(spoilt(84, at: 0) == .illegalLength(.logRecord, length: 84))
    #expect(spoilt(96, at: 0) == .truncated(.logRecord, needed: 96, available: 88))
    #expect(spoilt(80, at: 80) == .illegalLength(.logRecord, length: 80))
    #expect(spoilt(14, at: 84) == .illegalLength(.logRecord, length: 88))
    #expect(spoilt(0x1CF6_0002, at: 16) == .badMagic(.configRecord, found: 0x1CF6_0002))
    #expect(spoilt(8, at: 44) == .bufferCount(8))
    #expect(spoilt(.max, at: 52) == .bufferTooLong(index: 1, length: .max))
    #expect(spoilt(32, at: 52) == .truncated(.configRecord, needed: 72, available: 64))
  }
}
