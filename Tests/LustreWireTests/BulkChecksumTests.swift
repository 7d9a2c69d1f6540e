// Property: each kind of checksum is the one that real servers compute; cutting data in pieces changes nothing; match
// bits of bulk are those of the spec.
// Method: published check values, the inline writes and reads of the captures, every cut of a buffer.

import LustreWire
import Testing

@Suite struct BulkChecksumTests {
  static let digits = Array("123456789".utf8)

  static func sum(_ kind: BulkChecksumKind, _ bytes: [UInt8], at offset: UInt64 = 0) -> UInt32 {
    BulkChecksum.compute(kind, over: bytes.rawBytes, at: offset)
  }

  @Test func publishedValues() {
    // CRC-32 of the digits is 0xCBF43926, and here lacks the final inversion.
    #expect(Self.sum(.crc32, Self.digits) == ~0xCBF4_3926)
    #expect(Self.sum(.crc32c, Self.digits) == 0xE306_9283)
    #expect(Self.sum(.adler, Self.digits) == 0x091E_01DE)
    // CRC-16/T10-DIF of the digits is 0xD0DB; Adler-32 over its two bytes, the high one first.
    #expect(Self.sum(.t10CRC512, Self.digits) == Self.sum(.adler, [0xD0, 0xDB]))
    // 0x0001 + 0xf203 + 0xf4f5 + 0xf6f7 = 0x2ddf0, folded 0xddf2, complement 0x220d (RFC 1071, big-endian words).
    let words: [UInt8] = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]
    #expect(Self.sum(.t10IP512, words) == Self.sum(.adler, [0x22, 0x0D]))
    #expect(Self.sum(.adler, []) == 1 && Self.sum(.crc32c, []) == 0)
  }

  @Test func longDataAgainstThePlainDefinition() {
    let data = (0..<20_003).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 5 | 0x80) }
    var low: UInt32 = 1
    var high: UInt32 = 0
    var crc = UInt32.max
    for byte in data {
      low = (low + UInt32(byte)) % 65521
      high = (high + low) % 65521
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    #expect(Self.sum(.adler, data) == high << 16 | low)
    #expect(Self.sum(.crc32, data) == crc)
  }

  @Test(arguments: BulkChecksumKind.allCases)
  func piecesGiveTheSame(kind: BulkChecksumKind) {
    let data = (0..<1300).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 3) }
    for offset in [0, 1, 511, 4095, 4096, 5000] as [UInt64] {
      let whole = Self.sum(kind, data, at: offset)
      for cut in 0...data.count {
        var checksum = BulkChecksum(kind)
        checksum.begin(at: offset)
        checksum.add(Array(data[..<cut]).rawBytes)
        checksum.begin(at: offset + UInt64(cut))
        checksum.add(Array(data[cut...]).rawBytes)
        #expect(checksum.finish() == whole, "\(kind) at \(offset), cut at \(cut)")
      }
    }
  }

  @Test func sectorsAreThoseOfTheObject() {
    let data = [UInt8](repeating: 0x5A, count: 700)
    let tags = [Array(data[..<212]), Array(data[212...])].flatMap { piece -> [UInt8] in
      var sum = 0
      for (index, byte) in piece.enumerated() { sum += Int(byte) << (index % 2 * 8) }
      while sum > 0xFFFF { sum = sum >> 16 + sum & 0xFFFF }
      return [UInt8(truncatingIfNeeded: ~sum), UInt8(truncatingIfNeeded: ~sum >> 8)]
    }
    #expect(Self.sum(.t10IP512, data, at: 300) == Self.sum(.adler, tags))
    // Ranges that do not follow each other have sectors of their own.
    var apart = BulkChecksum(.t10IP512)
    apart.begin(at: 0)
    apart.add(Array(data[..<100]).rawBytes)
    apart.begin(at: 8192)
    apart.add(Array(data[100..<200]).rawBytes)
    var joined = BulkChecksum(.t10IP512)
    joined.begin(at: 0)
    joined.add(Array(data[..<200]).rawBytes)
    #expect(apart.finish() != joined.finish())
  }

  /// Real clients' and servers' sums over the data that travels in the messages themselves.
  @Test func inlineDataOfTheCaptures() throws {
    var count = 0
    for vector in RPCVectors.captured
    where vector.name == "OST_WRITE request" || vector.name == "OST_READ reply" {
      let span = vector.bytes.rawBytes
      let message = try RPCMessage(decoding: span)
      let attributes = try message.value(ObjectAttributes.self, at: 1, in: span)
      let index = vector.name == "OST_WRITE request" ? 5 : 2
      guard message.length(of: index, in: span) > 0, attributes.valid.contains(.checksum) else {
        continue
      }
      let data = try buffer(index, of: vector.bytes)
      #expect(
        Self.sum(attributes.flags.checksumKind, data) == attributes.checksum, "\(vector.source)")
      count += 1
    }
    #expect(count > 0)
  }

  @Test func kindNumbers() {
    #expect(BulkChecksumKind(field: 3) == .adler && BulkChecksumKind(field: 0) == .adler)
    var flags: ObjectFlags = .shortIO
    flags.checksumKind = .t10IP512
    #expect(flags.rawValue == 0x40_5000)
    flags.checksumKind = .adler
    #expect(flags.rawValue == 0x40_2000 && flags.checksumKind == .adler)
    let all = BulkChecksumKind.allCases.reduce(ChecksumTypes()) { $0.union($1.type) }
    #expect(all == .all)
  }

  @Test func earlyReplies() throws {
    // Spec 10 §16.6 tells the sum of a body whose fields it lists: opcode 40, timeout 37, service time 7.
    var body = RPCBody(.reply, to: .mdsGetRoot)
    body.timeout = 37
    body.serviceTime = 7
    var bytes = [UInt8](repeating: 0, count: 224)
    bytes.withMutableRawSpan { _ = RPCMessage.encode(RPCHeader(), body, into: &$0) }
    let checksum = try decodedRPC(bytes).earlyReplyChecksum(in: bytes.rawBytes)
    #expect(checksum == 0x89D9_405B)
  }

  @Test func matchBits() {
    let bits = BulkMatchBits(first: 0x6B0_2E54_B00C80, count: 4)
    #expect(bits.last == 0x6B0_2E54_B00C83)
    #expect(BulkMatchBits(last: bits.last, limit: 4) == bits)
    #expect(BulkMatchBits(last: bits.first, limit: 4)?.count == 1)
    #expect(BulkMatchBits(last: 0x7F, limit: 128) == BulkMatchBits(first: 0, count: 128))
    #expect(BulkMatchBits(last: .max, limit: 65536)?.first == UInt64.max - 65535)
    for limit in [0, 3, 12, .max] as [UInt32] {
      #expect(BulkMatchBits(last: 1, limit: limit) == nil)
    }
    var object = ObjectRequest()
    object.bulkLimit = 4
    #expect(object.maximumBulk == 0x3_0000 && object.bulkLimit == 4)
    object.maximumBulk = 0xFFFF_0000
    #expect(object.bulkLimit == 65536)
  }
}
