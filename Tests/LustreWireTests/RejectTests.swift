// Property: every reject decodes to what was sent, or to a typed error; all 256 reasons survive.
// Method: exhaustive over reasons, versions and truncated lengths of the worked example.

import LustreWire
import Testing

@Suite struct RejectTests {
  static func failure(_ bytes: [UInt8]) -> WireError? {
    do throws(WireError) {
      _ = try decodedReject(bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test func everyReason() throws {
    var bytes = try WorkedExampleTests.bytes("REJ")
    for value in 0...255 as ClosedRange<UInt8> {
      bytes[6] = value
      let reason = try decodedReject(bytes).reason
      #expect(reason.rawValue == value)
      if case .unknown = reason {
        #expect(value == 0 || value > 9)
      } else {
        #expect((1...9).contains(value))
      }
    }
  }

  @Test func names() {
    let expected = [
      "reason 0", "CONN_RACE", "NO_RESOURCES", "FATAL", "CONN_UNCOMPAT", "CONN_STALE",
      "RDMA_FRAGS", "MSG_QUEUE_SIZE", "INVALID_SRV_ID", "EARLY", "reason 10",
    ]
    #expect((0...10).map { RejectReason(rawValue: $0).description } == expected)
  }

  @Test func everyVersion() throws {
    let original = try WorkedExampleTests.bytes("REJ")
    for version in 0...0xFFFF as ClosedRange<UInt16> {
      var bytes = original
      bytes.withMutableRawSpan { $0.storeNative(version, at: 4) }
      let legal = version == 0x11 || version == 0x12
      #expect(
        Self.failure(bytes) == (legal ? nil : .unsupportedVersion(.o2ibReject, found: version)))
    }
  }

  @Test func versionOneHasNoMoreThanItsReason() throws {
    var bytes = Array(try WorkedExampleTests.bytes("REJ")[..<8])
    bytes[4] = 0x11
    let reject = try decodedReject(bytes)
    #expect(reject.version == 0x11)
    #expect(reject.reason == .queueDepth)
    #expect(reject.incarnation == 0)
    #expect(reject.parameters.queueDepth == 0)
  }

  @Test func everyTruncatedLength() throws {
    let bytes = try WorkedExampleTests.bytes("REJ")
    for length in 0..<24 {
      #expect(
        Self.failure(Array(bytes[..<length]))
          == .truncated(
            .o2ibReject, needed: length < 8 ? 8 : 24, available: UInt32(length)))
    }
  }

  @Test func otherByteOrder() throws {
    let bytes = try WorkedExampleTests.bytes("REJ")
    var swapped = bytes
    for (offset, size) in [(0, 4), (4, 2), (8, 8), (16, 2), (18, 2), (20, 4)] {
      swapped.replaceSubrange(
        offset..<offset + size, with: bytes[offset..<offset + size].reversed())
    }
    #expect(try decodedReject(swapped) == decodedReject(bytes))
  }

  @Test func foreignMagic() throws {
    var bytes = try WorkedExampleTests.bytes("REJ")
    bytes.withMutableRawSpan { $0.storeNative(O2IBProtocol.probeMagic, at: 0) }
    #expect(Self.failure(bytes) == .badMagic(.o2ibReject, found: 0x4572_6963))
  }
}
