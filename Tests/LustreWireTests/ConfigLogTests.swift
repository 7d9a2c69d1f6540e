// Property: headers, chunks and records of configuration logs decode, and encode back to the bytes that a real
// management server writes; bad ones are typed errors.
// Method: logs of the captures and the spec's example record; bits, lengths and tails spoilt one by one.

import LustreWire
import Testing

@Suite struct ConfigLogTests {
  static func remadeHeader(_ content: [UInt8]) throws(WireError) -> [UInt8] {
    var swapped = true
    let header = try LogHeader(decoding: content.rawBytes, swapped: &swapped)
    #expect(!swapped)
    var result = [UInt8](repeating: 0xA5, count: LogHeader.byteCount)
    result.withMutableRawSpan { header.encode(into: &$0) }
    var set: UInt32 = 0
    for index in 0..<LogHeader.maximumRecords
    where LogHeader.isSet(index, in: content.rawBytes) {
      result.withMutableRawSpan { LogHeader.set(index, into: &$0) }
      set += 1
    }
    #expect(set == header.count)
    return result
  }

  static func remadeRecord(_ bytes: [UInt8], _ range: Range<Int>) throws(WireError) -> [UInt8] {
    let record = try ConfigRecord(decoding: bytes.rawBytes, in: range)
    var buffers: [[UInt8]] = []
    for index in 0..<record.bufferCount {
      var content = Array(bytes[record.range(of: index, in: bytes.rawBytes)])
      switch (record.command, index) {
      case (.marker, 1): content = try RPCBufferTests.remade(ConfigMarker.self, content)
      case (.setup, 1) where content.count == LayoutDescriptor.byteCount:
        content = try RPCBufferTests.remade(LayoutDescriptor.self, content)
      default:
        // Every other buffer is a text.
        if let text = record.text(index, in: bytes.rawBytes) {
          content = ConfigRecord.buffer(text)
        }
      }
      buffers.append(content)
    }
    #expect(record.command.name != nil)
    return ConfigRecord.encode(
      record.command, number: record.number, nid: record.nid, buffers: buffers)
  }

  /// The chunk made again from its records; the rest is zero.
  static func remadeChunk(_ content: [UInt8]) throws(WireError) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: content.count)
    var start = 0
    while start + LogRecordHeader.overheadByteCount <= content.count,
      content[start..<start + 4].contains(where: { $0 != 0 })
    {
      let header = try LogRecordHeader(
        record: content.rawBytes, at: start, before: content.count)
      result.withMutableRawSpan { header.encodeEnds(into: &$0, at: start) }
      let range = header.content(at: start)
      if header.type == .configuration {
        let record = try remadeRecord(content, range)
        result.replaceSubrange(range.prefix(record.count), with: record)
      }
      start += Int(header.length)
    }
    return result
  }

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
    #expect(try Self.remadeChunk(Self.example) == Self.example)
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
