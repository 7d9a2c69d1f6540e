// Property: large NIDs, the 96-byte header and the checksum match their layouts.
// Method: hand-made bytes after spec 01 §1.3, §3.3 and spec 02 §12; every truncated length.

import LustreWire
import Testing

@Suite struct LargeFormTests {
  static let ipv6 = LargeNID(
    sizeField: 12, lndType: .tcp, netNumber: 0x0102, addressHigh: 0x2001_0DB8_0000_0000,
    addressLow: 0x0000_0000_0000_0A05)

  static func encoded(_ nid: LargeNID) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xA5, count: 20)
    bytes.withMutableRawSpan { _ = nid.encode(into: &$0) }
    return bytes
  }

  static func decode(_ bytes: [UInt8]) throws(WireError) -> LargeNID {
    let span = bytes.span
    return try LargeNID(decoding: span.bytes)
  }

  static func decodeHeader(_ bytes: [UInt8]) throws(WireError) -> LNetLargeHeader {
    let span = bytes.span
    return try LNetLargeHeader(decoding: span.bytes)
  }

  @Test func smallNIDIsItsBigEndianForm() throws {
    let large = LargeNID(.o2ib(0x0A0A_0005, number: 3))
    let bytes = Self.encoded(large)
    #expect(bytes == [0, 5, 0, 3, 10, 10, 0, 5] + [UInt8](repeating: 0, count: 12))
    #expect(try Self.decode(bytes) == large)
    #expect(large.small == .o2ib(0x0A0A_0005, number: 3))
    #expect(large.description == "10.10.0.5@o2ib3")
  }

  @Test func wildcard() throws {
    #expect(LargeNID(.any) == .any)
    #expect(Self.encoded(.any) == [UInt8](repeating: 0xFF, count: 20))
    #expect(try Self.decode([UInt8](repeating: 0xFF, count: 20)).small == .any)
  }

  @Test func longAddress() throws {
    let bytes = Self.encoded(Self.ipv6)
    #expect(
      bytes == [12, 2, 1, 2, 0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0A, 0x05])
    #expect(try Self.decode(bytes) == Self.ipv6)
    #expect(Self.ipv6.small == nil)
    #expect(Self.ipv6.description == "2001:db8::a05@tcp258")
  }

  @Test func everySize() {
    var bytes = Self.encoded(Self.ipv6)
    for size in 0...255 as ClosedRange<UInt8> {
      bytes[0] = size
      if size <= 12 {
        #expect(throws: Never.self) { try Self.decode(bytes) }
      } else {
        #expect(throws: WireError.nidSize(size)) { try Self.decode(bytes) }
      }
    }
  }

  @Test func header() throws {
    let header = LNetLargeHeader(
      destinationNID: Self.ipv6, sourceNID: LargeNID(.tcp(1)), destinationPID: 12345,
      sourcePID: 12346, payloadLength: 17,
      body: .put(
        LNetPut(
          acknowledgeHandle: .none, matchBits: 1, headerData: 2, portal: .out, offset: 3)))
    var bytes = [UInt8](repeating: 0xA5, count: 96)
    #expect(bytes.withMutableRawSpan { header.encode(into: &$0) } == 96)
    #expect(Array(bytes[40..<56]) == [0x39, 0x30, 0, 0, 0x3A, 0x30, 0, 0, 1, 0, 0, 0, 17, 0, 0, 0])
    #expect(bytes[88] == 24)
    #expect(try Self.decodeHeader(bytes) == header)
    for length in 0..<96 {
      #expect(
        throws: WireError.truncated(.lnetLargeHeader, needed: 96, available: UInt32(length))
      ) { try Self.decodeHeader(Array(bytes[..<length])) }
    }
    for type in 5...255 as ClosedRange<UInt8> {
      bytes[48] = type
      #expect(throws: WireError.unknownHeaderType(UInt32(type))) { try Self.decodeHeader(bytes) }
    }
  }

  @Test func hello() throws {
    var bytes = [UInt8](repeating: 0xA5, count: 72)
    let header = LNetHeader(
      destination: ProcessID(nid: .tcp(1)), source: ProcessID(nid: .tcp(2)), payloadLength: 4,
      body: .hello(LNetHello(incarnation: 0x0102_0304_0506_0708, connectionType: 2)))
    bytes.withMutableRawSpan { _ = header.encode(into: &$0) }
    #expect(Array(bytes[32..<44]) == [8, 7, 6, 5, 4, 3, 2, 1, 2, 0, 0, 0])
    let span = bytes.span
    let decoded = try LNetHeader(decoding: span.bytes)
    #expect(decoded == header)
  }

  @Test func checksum() {
    // By hand: bytes 1, 2, 0x80 as sums 1; 2+2 = 4; 8 + 128 = 136 or 8 - 128 = -120.
    let bytes: [UInt8] = [1, 2, 0x80]
    let span = bytes.span
    let unsigned = O2IBChecksum.compute(over: span.bytes, count: 3, sign: .unsigned)
    let signed = O2IBChecksum.compute(over: span.bytes, count: 3, sign: .signed)
    #expect(unsigned == 136)
    #expect(signed == UInt32(bitPattern: -120))
    let zeros = [UInt8](repeating: 0, count: 48)
    let zeroSpan = zeros.span
    let one = O2IBChecksum.compute(over: zeroSpan.bytes, count: 48, sign: .unsigned)
    #expect(one == 1)
    var field = zeros
    field[13] = 0xFF
    let fieldSpan = field.span
    let ignored = O2IBChecksum.compute(over: fieldSpan.bytes, count: 48, sign: .signed)
    #expect(ignored == 1)
  }
}
