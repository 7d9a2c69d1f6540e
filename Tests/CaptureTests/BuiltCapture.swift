// Support: a capture that our frame builder makes: set-up, the worked examples, a WRITE, the end.

import Capture
import Foundation
import LustreWire

enum BuiltCapture {
  static let us: UInt32 = 0x0A0A_0005
  static let real: UInt32 = 0x0A0A_0001

  struct Example {
    var name: String
    var bytes: [UInt8]
    var fromUs: Bool
  }

  /// The o2iblnd messages among the worked examples of spec 04 E.
  static let examples: [Example] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/worked-examples.txt")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
    var result: [Example] = []
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      if line.hasPrefix("@") {
        let name = line.dropFirst().prefix { $0 != "|" }.trimmingCharacters(in: .whitespaces)
        result.append(Example(name: name, bytes: [], fromUs: false))
      } else {
        result[result.count - 1].bytes += line.split(separator: " ").compactMap {
          UInt8($0, radix: 16)
        }
      }
    }
    result.removeAll { !$0.bytes.starts(with: [0x91, 0x1B]) || $0.name == "REJ" }
    return result.map {
      var example = $0
      example.fromUs = $0.bytes[16] == 5
      return example
    }
  }()

  static let request = CMMessage.Request(
    localID: 0x1234_5678, serviceID: CMMessage.tcpService + 987, queuePair: 0x11,
    startingSequence: 0xFF_FFFE,
    ip: CMMessage.IPHeader(sourcePort: 1023, source: us, destination: real),
    privateData: examples[0].bytes)

  static let reply = CMMessage.Reply(
    ids: CMMessage.Pair(local: 0x8765_4321, remote: 0x1234_5678), queuePair: 0x22,
    startingSequence: 0x12_3456, privateData: examples[1].bytes)

  static let writeAddress: UInt64 = 0x1_2345_A000
  static let data = (0..<8193).map { UInt8(truncatingIfNeeded: $0) }

  /// The file: two datagrams, RTU, all messages with their acknowledgements, one WRITE, DREQ and DREP.
  static func file(pathMTU: Int) throws -> [UInt8] {
    var toReal = RoCEFlow(
      source: us, destination: real, destinationQueuePair: 0x22,
      nextSequence: reply.startingSequence, pathMTU: pathMTU)
    var toUs = RoCEFlow(
      source: real, destination: us, destinationQueuePair: 0x11,
      nextSequence: request.startingSequence, pathMTU: pathMTU)
    var writer = PcapWriter()
    var time: UInt64 = 1_795_355_797_000_000_000
    func add(_ frame: [UInt8]) {
      writer.append(frame: frame, timeNanoseconds: time)
      time += 1_000
    }
    func step(_ message: CMMessage, fromUs: Bool) {
      add(
        RoCEFrameBuilder.connectionManager(
          message, from: fromUs ? us : real, to: fromUs ? real : us))
    }
    step(.request(request), fromUs: true)
    step(.reply(reply), fromUs: false)
    let ids = CMMessage.Pair(local: 0x1234_5678, remote: 0x8765_4321)
    step(.readyToUse(ids), fromUs: true)
    for (index, example) in examples.dropFirst(2).enumerated() {
      if example.name == "PUT_DONE" {
        let span = data.span
        for frame in RoCEFrameBuilder.write(
          span.bytes, to: writeAddress, remoteKey: 0x0018_1207, on: &toReal)
        { add(frame) }
      }
      let span = example.bytes.span
      let frames =
        example.fromUs
        ? RoCEFrameBuilder.send(span.bytes, on: &toReal)
        : RoCEFrameBuilder.send(span.bytes, on: &toUs)
      for frame in frames { add(frame) }
      let flow = example.fromUs ? toUs : toReal
      let last = ((example.fromUs ? toReal : toUs).nextSequence &- 1) & 0xFF_FFFF
      add(
        RoCEFrameBuilder.acknowledge(
          sequence: last, messageSequence: UInt32(index + 1), on: flow))
    }
    step(.disconnectRequest(ids, remoteQueuePair: 0x22), fromUs: true)
    step(
      .disconnectReply(CMMessage.Pair(local: ids.remote, remote: ids.local)), fromUs: false)
    return writer.bytes
  }
}
