// Property: segments make the message that was sent or a named problem; sequence numbers wrap; nothing grows
// without bound.
// Method: hand-made packets into one stream.

import Capture
import LustreWire
import Testing

@Suite struct ReassemblerTests {
  /// Feeds packets of (opcode, sequence, payload) and collects what is not `.none`.
  static func run(
    start: UInt32? = 0, _ packets: [(RoCEOpcode, UInt32, [UInt8])]
  ) -> [String] {
    var stream = StreamReassembler(startingSequence: start)
    var result: [String] = []
    for (opcode, sequence, payload) in packets {
      var flow = RoCEFlow(
        source: 1, destination: 2, destinationQueuePair: 3, nextSequence: sequence)
      let span = payload.span
      var frame = RoCEFrameBuilder.send(span.bytes, on: &flow)[0]
      frame[42] = opcode.rawValue
      let bytes = frame.span
      guard let packet = try? RoCEPacket(frame: 0..<frame.count, in: bytes.bytes) else {
        result.append("no packet")
        continue
      }
      let (event, gap) = stream.take(packet, in: bytes.bytes)
      if let gap { result.append("\(gap)") }
      switch event {
      case .none: break
      case .message(let message): result.append("\(message)")
      case .write(let header, let count, let content):
        #expect(content.count == count)
        result.append("write \(count) of \(header.byteCount)")
      case .problem(let problem): result.append("\(problem)")
      }
    }
    return result
  }

  static func header(_ count: UInt8) -> [UInt8] {
    [UInt8](repeating: 0, count: 15) + [count]
  }

  @Test func segments() {
    let packets: [(RoCEOpcode, UInt32, [UInt8])] = [
      (.sendFirst, 0, [1]), (.sendMiddle, 1, [2]), (.sendLast, 2, [3]), (.sendOnly, 3, [4]),
    ]
    #expect(Self.run(packets) == ["[1, 2, 3]", "[4]"])
  }

  @Test func sequenceNumbersWrap() {
    let packets: [(RoCEOpcode, UInt32, [UInt8])] = [
      (.sendFirst, 0xFF_FFFF, [1]), (.sendLast, 0, [2]), (.sendLast, 0xFF_FFFF, [9]),
      (.sendOnly, 1, [3]),
    ]
    #expect(Self.run(start: 0xFF_FFFF, packets) == ["[1, 2]", "[3]"])
  }

  @Test func gap() {
    let packets: [(RoCEOpcode, UInt32, [UInt8])] = [
      (.sendFirst, 0, [1]), (.sendLast, 2, [3]), (.sendOnly, 3, [4]), (.sendOnly, 0x50_0000, [5]),
    ]
    #expect(
      Self.run(packets) == [
        "1 packets are missing from the capture", "[4]",
        "5242876 packets are missing from the capture", "[5]",
      ])
  }

  @Test func startInTheMiddle() {
    let packets: [(RoCEOpcode, UInt32, [UInt8])] = [
      (.sendMiddle, 7, [1]), (.sendLast, 8, [3]), (.sendOnly, 9, [4]),
    ]
    #expect(Self.run(start: nil, packets) == ["[4]"])
  }

  @Test func outOfPlace() {
    let packets: [(RoCEOpcode, UInt32, [UInt8])] = [
      (.sendMiddle, 0, [1]), (.sendLast, 1, [2]), (.sendLast, 2, [3]), (.writeLast, 3, [4]),
      (.sendOnly, 4, [5]),
    ]
    #expect(
      Self.run(packets) == [
        "segment with opcode 0x1 does not continue a message",
        "segment with opcode 0x2 does not continue a message",
        "segment with opcode 0x8 does not continue a message", "[5]",
      ])
  }

  @Test func writes() {
    let packets: [(RoCEOpcode, UInt32, [UInt8])] = [
      (.writeFirst, 0, Self.header(3) + [1]), (.writeMiddle, 1, [2]), (.writeLast, 2, [3]),
      (.writeOnly, 3, Self.header(2) + [1]), (.writeOnly, 4, Self.header(0)),
    ]
    #expect(
      Self.run(packets) == ["write 3 of 3", "RDMA WRITE of 2 bytes moved 1", "write 0 of 0"])
  }

  @Test func readsDoNotDisturb() {
    let packets: [(RoCEOpcode, UInt32, [UInt8])] = [
      (.readRequest, 0, Self.header(200)), (.acknowledge, 77, [0, 0, 0, 0]),
      (.sendOnly, 9, [1]), (.sendOnly, 10, [2]),
    ]
    #expect(Self.run(packets) == ["[1]", "[2]"])
  }

  @Test func messagesAreBounded() {
    let segment = [UInt8](repeating: 1, count: 4096)
    var packets: [(RoCEOpcode, UInt32, [UInt8])] = [(.sendFirst, 0, segment)]
    for sequence in 1...40 as ClosedRange<UInt32> {
      packets.append((.sendMiddle, sequence, segment))
    }
    packets += [(.sendLast, 41, segment), (.sendOnly, 42, [7])]
    #expect(Self.run(packets) == ["segments make more than 65536 bytes", "[7]"])
  }
}
