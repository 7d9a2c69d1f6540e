// Property: what real nodes sent decodes, encodes back byte for byte, and never traps when cut off or changed.
// Method: golden vectors of every distinct message of the captures (RPC payloads as zeros).

import LustreWire
import Testing

@Suite struct CapturedMessageTests {
  static let vectors = GoldenFile.vectors("captured-messages.txt")
  static let messages = vectors.filter { $0.name != "REJ" }
  static let rejects = vectors.filter { $0.name == "REJ" }

  @Test func encodeToTheSameBytes() throws {
    #expect(Self.messages.count > 1000)
    for vector in Self.messages {
      #expect(try reencoded(vector.bytes) == vector.bytes, "\(vector.source)")
    }
  }

  @Test func rejectsEncodeToTheSameBytes() throws {
    #expect(Self.rejects.count == 2)
    for vector in Self.rejects {
      let reject = try decodedReject(vector.bytes)
      var bytes = [UInt8](repeating: 0xA5, count: 24)
      bytes.withMutableRawSpan { _ = reject.encode(into: &$0) }
      #expect(bytes == vector.bytes, "\(vector.source)")
    }
  }

  @Test func otherByteOrderDecodesToTheSameValues() throws {
    for vector in Self.messages {
      let swapped = swappedMessage(vector.bytes)
      let theirs = try decodedMessage(swapped)
      #expect(theirs.swapped)
      #expect(theirs.envelope == (try decodedMessage(vector.bytes)).envelope, "\(vector.source)")
      #expect(try decodedFragments(swapped) == decodedFragments(vector.bytes))
    }
  }

  @Test func everyTruncatedLengthOfEveryType() {
    for type in O2IBMessageType.allCases {
      for vector in Self.messages.filter({ $0.bytes[6] == type.rawValue }).prefix(20) {
        for length in 0..<vector.bytes.count {
          let error = BadMessageTests.failure(Array(vector.bytes[..<length]))
          #expect(error != nil, "\(vector.source) at \(length)")
        }
      }
    }
  }

  @Test func pingInfosEncodeToTheSameBytes() throws {
    var count = 0
    for vector in Self.messages where vector.bytes[6] == 0xD1 && vector.bytes.count > 124 {
      let payload = Array(vector.bytes[120...])
      guard payload.starts(with: [0x67, 0x6E, 0x69, 0x70]) else { continue }
      let info = try decodedPing(payload)
      var bytes = [UInt8](repeating: 0xA5, count: payload.count)
      #expect(bytes.withMutableRawSpan { info.encode(into: &$0) } == payload.count)
      #expect(bytes == payload, "\(vector.source)")
      count += 1
    }
    #expect(count > 20)
  }
}
