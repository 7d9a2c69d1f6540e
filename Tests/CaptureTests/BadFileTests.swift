// Property: no file makes the decoder trap or run without end; what is wrong is an error record.
// Method: a capture cut off at every length, with every byte changed, and with segments lost, doubled and
// out of place.

import Capture
import LustreWire
import Testing

@Suite struct BadFileTests {
  static func decode(_ bytes: [UInt8]) throws(CaptureError) -> [DecodedMessage] {
    Array(try Decoder(bytes))
  }

  @Test func everyLength() throws {
    let bytes = try CaptureFiles.bytes("01-lctl-ping-o2ib")
    let whole = try Self.decode(bytes)
    for length in 0..<bytes.count {
      let cut = Array(bytes[..<length])
      guard length >= 24 else {
        #expect(throws: CaptureError.noFileHeader(byteCount: length)) { try Self.decode(cut) }
        continue
      }
      let messages = try Self.decode(cut)
      let good = messages.filter { $0.kind != .error }
      #expect(good == Array(whole.prefix(good.count)))
      #expect(messages.count - good.count <= 1)
    }
  }

  @Test func everyByteChanged() throws {
    let original = try CaptureFiles.bytes("01-lctl-ping-o2ib")
    for index in original.indices {
      for value in [original[index] ^ 0xFF, original[index] ^ 0x01] {
        var bytes = original
        bytes[index] = value
        guard let messages = try? Self.decode(bytes) else { continue }
        #expect(messages.count < 100)
      }
    }
  }

  @Test func fileHeaders() throws {
    let original = try CaptureFiles.bytes("01-lctl-ping-o2ib")
    func changed(_ value: UInt32, at offset: Int) -> [UInt8] {
      var bytes = original
      bytes.withMutableRawSpan { $0.storeNative(value, at: offset) }
      return bytes
    }
    #expect(throws: CaptureError.pcapng) { try Self.decode(changed(0x0A0D_0D0A, at: 0)) }
    #expect(throws: CaptureError.unknownMagic(7)) { try Self.decode(changed(7, at: 0)) }
    #expect(throws: CaptureError.unsupportedLinkType(113)) {
      try Self.decode(changed(113, at: 20))
    }
    let long = try Self.decode(changed(262_145, at: 24 + 8))
    #expect(long.map(\.kind) == [.error])
    #expect(long[0].summary.contains("262145"))
    // Microseconds: the same number of ticks is a thousand times longer.
    let micro = try Self.decode(changed(0xA1B2_C3D4, at: 0))
    #expect(micro.count == (try Self.decode(original)).count)
  }

  @Test func otherByteOrder() throws {
    var bytes = try CaptureFiles.bytes("01-lctl-ping-o2ib")
    let expected = try Self.decode(bytes)
    var reader = try PcapReader(bytes)
    var heads = [0, 16, 20]
    while let record = try reader.next() {
      heads += (0..<4).map { record.range.lowerBound - 16 + 4 * $0 }
    }
    for offset in heads {
      bytes.replaceSubrange(offset..<offset + 4, with: bytes[offset..<offset + 4].reversed())
    }
    #expect(try Self.decode(bytes) == expected)
  }

  /// The frames of a built capture with segments, changed.
  static func rebuilt(_ change: (inout [[UInt8]]) -> Void) throws -> [DecodedMessage] {
    var reader = try PcapReader(try BuiltCapture.file(pathMTU: 1024))
    var frames: [[UInt8]] = []
    while let record = try reader.next() { frames.append(Array(reader.bytes[record.range])) }
    change(&frames)
    var writer = PcapWriter()
    for frame in frames { writer.append(frame: frame, timeNanoseconds: 1) }
    return try decode(writer.bytes)
  }

  static let opcodeOffset = 14 + 20 + 8

  @Test func framesSentAgainCountOnce() throws {
    let once = try Self.rebuilt { _ in }
    let twice = try Self.rebuilt { frames in
      frames = frames.flatMap { frame in
        frame[Self.opcodeOffset] == 0x64 ? [frame] : [frame, frame]
      }
    }
    #expect(twice.map(\.bytes) == once.map(\.bytes))
    #expect(twice.map(\.name) == once.map(\.name))
  }

  @Test func managerMessagesSentAgainAreMarked() throws {
    let messages = try Self.rebuilt { frames in frames.insert(frames[0], at: 1) }
    #expect(messages.prefix(2).map(\.name) == ["CONNREQ", "CONNREQ"])
    #expect(messages[1].summary.hasSuffix("(sent again)"))
    let replies = try Self.rebuilt { frames in frames.insert(frames[1], at: 2) }
    #expect(replies.prefix(3).map(\.name) == ["CONNREQ", "CONNACK", "CONNACK"])
    #expect(replies[2].summary.hasSuffix("(sent again)"))
  }

  @Test func aLostSegmentIsAnErrorAndTheNextMessageIsFound() throws {
    let whole = try Self.rebuilt { _ in }
    let messages = try Self.rebuilt { frames in
      frames.removeAll { $0[Self.opcodeOffset] == 0x06 }
    }
    #expect(
      messages.filter { $0.kind == .error }.map(\.summary) == [
        "1 packets are missing from the capture"
      ])
    #expect(!messages.contains { $0.kind == .write })
    let left = messages.filter { $0.kind == .message }.map(\.bytes)
    #expect(left == whole.filter { $0.kind == .message }.map(\.bytes))
  }

  @Test func withoutSetUpMessagesAreStillFound() throws {
    let messages = try Self.rebuilt { frames in frames.removeFirst(2) }
    let decoded = messages.filter { $0.kind == .message }
    #expect(decoded.map(\.bytes) == BuiltCapture.examples.dropFirst(2).map(\.bytes))
    #expect(decoded.allSatisfy { $0.connection == nil })
    #expect(!messages.contains { $0.kind == .error })
  }

  @Test func foreignTrafficIsNoError() throws {
    let messages = try Self.rebuilt { frames in
      frames.removeFirst(2)
      for index in frames.indices where frames[index][Self.opcodeOffset] == 0x04 {
        frames[index][Self.opcodeOffset + 12] = 0
      }
    }
    #expect(messages.isEmpty)
  }

  @Test func aBadMessageIsAnErrorWithItsNumbers() throws {
    let messages = try Self.rebuilt { frames in
      for index in frames.indices where frames[index][Self.opcodeOffset] == 0x04 {
        frames[index][Self.opcodeOffset + 12 + 6] = 0xEE
      }
    }
    let errors = messages.filter { $0.kind == .error }
    #expect(errors.count == BuiltCapture.examples.count - 2)
    #expect(errors.allSatisfy { $0.summary == "ibm_type 0xee is unknown" && $0.connection == 1 })
  }

  @Test func anotherIdentityIsNoted() throws {
    let messages = try Self.rebuilt { frames in
      for index in frames.indices where frames[index][Self.opcodeOffset] == 0x04 {
        frames[index][Self.opcodeOffset + 12 + 24] ^= 1
      }
    }
    let noted = messages.filter { $0.summary.contains("identity is not the connection's") }
    #expect(noted.count == BuiltCapture.examples.count - 2)
  }
}
