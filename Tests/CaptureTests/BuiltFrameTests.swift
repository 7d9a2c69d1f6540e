// Property: what the frame builder writes, the decoder reads back, at every path MTU; frames are like real ones.
// Method: round trip of the worked examples over sequence numbers that wrap; checksums of captured frames.

import Capture
import LustreWire
import Testing

@Suite struct BuiltFrameTests {
  @Test(arguments: [256, 512, 1024, 2048, 4096])
  func roundTrip(pathMTU: Int) throws {
    let messages = Array(try Decoder(try BuiltCapture.file(pathMTU: pathMTU)))
    let decoded = messages.filter { $0.kind == .message }
    #expect(decoded.map(\.bytes) == BuiltCapture.examples.map(\.bytes))
    #expect(decoded.dropFirst().allSatisfy { $0.connection == 1 })
    #expect(messages.filter { $0.kind == .error } == [])
    #expect(!messages.contains { $0.summary.contains("identity is not") })
    let steps = messages.filter { $0.kind == .connectionManager }.map(\.name)
    #expect(steps == ["CM RTU", "CM DREQ", "CM DREP"])
    let write = try #require(messages.first { $0.kind == .write })
    #expect(write.summary == "bytes 8193 key 0x181207 address 0x12345a000")
  }

  @Test func managerMessages() throws {
    let ids = CMMessage.Pair(local: 1, remote: 2)
    let all: [CMMessage] = [
      .request(BuiltCapture.request), .readyToUse(ids), .disconnectReply(ids),
      .disconnectRequest(ids, remoteQueuePair: 0xABCDEF),
      .reject(
        CMMessage.Reject(
          ids: ids, rejected: 1, reason: 28, privateData: [UInt8](repeating: 7, count: 148))),
      .reply(
        CMMessage.Reply(
          ids: ids, queuePair: 5, startingSequence: 0xFF_FFFF, responderResources: 1,
          initiatorDepth: 2, rnrRetryCount: 7, privateData: [UInt8](repeating: 9, count: 196))),
    ]
    for message in all {
      var bytes = [UInt8](repeating: 0xA5, count: 300)
      bytes.withMutableRawSpan { message.encode(into: &$0, at: 13) }
      #expect(Self.managerMessage(bytes) == message)
      #expect(Self.managerMessage(Array(bytes[..<268])) == nil)
    }
  }

  static func managerMessage(_ bytes: [UInt8]) -> CMMessage? {
    let span = bytes.span
    return CMMessage(at: 13, in: span.bytes)
  }

  @Test(arguments: CaptureFiles.small)
  func checksumsOfRealFrames(name: String) throws {
    var reader = try PcapReader(try CaptureFiles.bytes(name))
    var count = 0
    while let record = try reader.next() {
      let frame = Array(reader.bytes[record.range])
      guard let (computed, carried) = try Self.checksums(frame) else { continue }
      #expect(computed == carried, "frame \(record.number)")
      count += 1
    }
    #expect(count >= 15)
  }

  static func checksums(_ frame: [UInt8]) throws -> (UInt32, UInt32)? {
    let span = frame.span
    guard try RoCEPacket(frame: 0..<frame.count, in: span.bytes) != nil else { return nil }
    let end = frame.count - 4
    return (
      InvariantCRC.compute(from: 14, to: end, in: span.bytes),
      span.bytes.little(UInt32.self, at: end)
    )
  }
}
