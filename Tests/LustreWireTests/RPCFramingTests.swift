// Property: header and body of every RPC of real nodes decode, and encode back to the same bytes; other byte orders
// give the same values; no bytes make the decoder trap.
// Method: golden vectors of the captures and the spec's examples; every truncation, counts and lengths out of range.

import LustreWire
import Testing

@Suite struct RPCFramingTests {
  static func failure(_ bytes: [UInt8]) -> WireError? {
    do throws(WireError) {
      _ = try decodedBody(bytes)
      return nil
    } catch { return error }
  }

  static func storing(_ value: UInt32, at offset: Int, in bytes: [UInt8]) -> [UInt8] {
    var result = bytes
    result.withMutableRawSpan { $0.storeNative(value, at: offset) }
    return result
  }

  @Test func encodeToTheSameBytes() throws {
    #expect(RPCVectors.captured.count > 80)
    for vector in RPCVectors.all {
      #expect(try reframed(vector.bytes) == vector.bytes, "\(vector.source)")
    }
  }

  @Test func otherByteOrderGivesTheSameValues() throws {
    for vector in RPCVectors.all {
      let theirs = try swappedRPC(vector.bytes)
      let message = try decodedRPC(theirs)
      var ours = try decodedRPC(vector.bytes)
      ours.swapped = true
      #expect(message == ours)
      #expect(try decodedBody(theirs) == decodedBody(vector.bytes), "\(vector.source)")
      for index in 1..<max(1, message.bufferCount) {
        #expect(try buffer(index, of: theirs) == buffer(index, of: vector.bytes))
      }
    }
  }

  @Test func everyTruncatedLength() throws {
    for vector in RPCVectors.all {
      let header = RPCMessage.headerByteCount(buffers: try decodedRPC(vector.bytes).bufferCount)
      for length in stride(from: 0, to: vector.bytes.count, by: vector.bytes.count > 1000 ? 7 : 1) {
        let error = Self.failure(Array(vector.bytes[..<length]))
        let needed = length < 32 ? 32 : length < header ? header : vector.bytes.count
        #expect(
          error
            == .truncated(
              length < header ? .rpcHeader : .rpcMessage, needed: UInt32(needed),
              available: UInt32(length)))
      }
    }
  }

  @Test func trailingBytesAreIgnored() throws {
    for vector in RPCVectors.examples {
      let message = try decodedRPC(vector.bytes + [1, 2, 3])
      #expect(message.byteCount == vector.bytes.count)
    }
  }

  @Test func bufferCounts() throws {
    let ping = RPCVectors.example("OBD_PING request")
    for count in [0, 33, 1 << 16, UInt32.max] as [UInt32] {
      #expect(Self.failure(Self.storing(count, at: 0, in: ping)) == .bufferCount(count))
    }
    var many = [UInt8](repeating: 0, count: 32 + 4 * 32 + 184)
    many.withMutableRawSpan { output in
      var encoder = RPCMessageEncoder(RPCHeader(), bufferCount: 32, into: &output)
      encoder.add(RPCBody(request: .ping), into: &output)
      for _ in 1..<32 { encoder.addEmpty(into: &output) }
    }
    #expect(try decodedRPC(many).bufferCount == 32)
    #expect(try buffer(31, of: many) == [])
    #expect(throws: WireError.missingBuffer(index: 32, of: 32)) { try buffer(32, of: many) }
  }

  @Test func bufferLengths() {
    let ping = RPCVectors.example("OBD_PING request")
    for length in [1_024_001, 1 << 31, UInt32.max] as [UInt32] {
      #expect(
        Self.failure(Self.storing(length, at: 32, in: ping))
          == .bufferTooLong(index: 0, length: length))
    }
    #expect(
      Self.failure(Self.storing(185, at: 32, in: ping))
        == .truncated(.rpcMessage, needed: 232, available: 224))
    #expect(
      Self.failure(Self.storing(151, at: 32, in: ping))
        == .truncated(.rpcBody, needed: 152, available: 151))
  }

  @Test func lengthsThatOverflowTogether() {
    var bytes = [UInt8](repeating: 0, count: 160)
    bytes.withMutableRawSpan { output in
      _ = RPCMessageEncoder(RPCHeader(), bufferCount: 32, into: &output)
      for index in 0..<32 { output.storeNative(UInt32(1_024_000), at: 32 + 4 * index) }
    }
    #expect(
      Self.failure(bytes) == .truncated(.rpcMessage, needed: 160 + 32 * 1_024_000, available: 160))
  }

  @Test func theOlderBodyHasNoJob() throws {
    var bytes = RPCVectors.example("OBD_PING request")
    for index in bytes.count - 32..<bytes.count { bytes[index] = 0x41 }
    #expect(try decodedBody(bytes).jobID.count == 32)
    let older = Self.storing(152, at: 32, in: bytes)
    #expect(try decodedBody(older).jobID.isEmpty)
    var body = try decodedBody(bytes)
    body.jobID = WireText()
    #expect(try decodedBody(older) == body)
  }

  @Test func magicVersionAndType() {
    let ping = RPCVectors.example("OBD_PING request")
    for magic in [0, 0x0BD0_0BD0, 0xD00B_D00B] as [UInt32] {
      #expect(
        Self.failure(Self.storing(magic, at: 8, in: ping))
          == .badMagic(.rpcHeader, found: magic))
    }
    for version in [0x1_0000, 0x1_0002, 0x1_0004, 0x3_FFFF] as [UInt32] {
      #expect(
        Self.failure(Self.storing(version, at: 40 + 12, in: ping))
          == .unsupportedVersion(.rpcBody, found: UInt16(truncatingIfNeeded: version)))
    }
    for type in [0, 4710, 4714, UInt32.max] as [UInt32] {
      #expect(
        Self.failure(Self.storing(type, at: 40 + 8, in: ping))
          == .unknownValue(.rpcBody, field: .type, found: type))
    }
  }

  @Test func everyByteReplaced() throws {
    for vector in RPCVectors.all where vector.bytes.count < 600 {
      for index in vector.bytes.indices {
        for value in [0x00, 0x7F, 0x80, 0xFF] as [UInt8] {
          var bytes = vector.bytes
          bytes[index] = value
          guard let message = try? decodedRPC(bytes) else { continue }
          for number in 0...message.bufferCount { _ = try? buffer(number, of: bytes) }
          _ = try? decodedBody(bytes)
        }
      }
    }
  }

  @Test func paddingIsWrittenAsZero() {
    var bytes = [UInt8](repeating: 0xA5, count: RPCMessage.byteCount(of: [184, 3, 0, 9, 8]))
    bytes.withMutableRawSpan { output in
      var encoder = RPCMessageEncoder(RPCHeader(), bufferCount: 5, into: &output)
      encoder.add(RPCBody(.reply, to: .ping), into: &output)
      #expect(encoder.add(length: 3, into: &output) == 56 + 184)
      encoder.addEmpty(into: &output)
      #expect(encoder.add(length: 9, into: &output) == 56 + 184 + 8)
      #expect(!encoder.isComplete)
      encoder.add(Cookie(rawValue: 1), into: &output)
      #expect(encoder.isComplete && encoder.byteCount == output.byteCount)
    }
    #expect(Array(bytes[52..<56]) == [0, 0, 0, 0])
    #expect(Array(bytes[240..<248]) == [0, 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(bytes[256..<264]) == [0, 0, 0, 0, 0, 0, 0, 0])
  }
}
