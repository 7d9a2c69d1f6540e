// Property: what passes on a node's connections is in its capture, byte for byte, in order, both directions.
// Method: messages of a real capture are sent again; our decoder, and tshark if it is here, read what was written.
import Capture
import EmulatedTransport
import Foundation
import RDMATransport
import Testing
import TransportTools

private final class File {
  var bytes: [UInt8] = []
}

private func capturing(_ fabric: String, _ address: UInt32, _ file: File) throws
  -> Node<Capturing<EmulatedTransport>>
{
  var time: UInt64 = 1_700_000_000_000_000_000
  let transport = Capturing(
    try openFabric(fabric, address),
    now: {
      time += 1000
      return time
    }, sink: { file.bytes += $0 })
  return try Node(transport, address: address)
}

private let golden = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().appending(path: "Golden/captures/01-lctl-ping-o2ib.pcap")

@Suite struct CapturingTests {
  /// Sends what the capture has between its two nodes; gives both nodes' captures and the messages.
  private func replay() throws -> (active: [UInt8], passive: [UInt8], sent: [DecodedMessage]) {
    let real = Array(try Decoder(Array(try Data(contentsOf: golden)))).filter {
      $0.kind == .message
    }
    let connect = try #require(real.first)
    let accept = try #require(real.dropFirst().first)
    let files = (File(), File())
    let fabric = uniqueFabric()
    let a = try capturing(fabric, connect.sourceAddress, files.0)
    let b = try capturing(fabric, connect.destinationAddress, files.1)
    var conversation = Conversation(a, b)
    try conversation.connect(
      PrivateData(connect.bytes.span.bytes), reply: PrivateData(accept.bytes.span.bytes))
    let messages = real.dropFirst(2).filter { $0.connection == accept.connection }
    for message in messages {
      let before = (a.completions.count, b.completions.count)
      if message.sourceAddress == a.address {
        a.send(conversation.qa, id: 1, message.bytes)
      } else {
        b.send(conversation.qb, id: 1, message.bytes)
      }
      conversation.settle {
        a.completions.count > before.0 && b.completions.count > before.1
      }
    }
    let sent = [connect, accept] + messages
    let write = SendRequest(
      queuePair: conversation.qa, operation: .rdmaWrite, id: 2, segment: a.piece(40, length: 4096),
      second: a.piece(41, length: 904), remoteAddress: b.memory.address,
      remoteKey: b.memory.remoteKey)
    #expect(a.transport.post(sends: [write].span) == .posted)
    a.execute(.disconnect(owner: 1))
    conversation.settle {
      a.names(of: 1).contains("disconnected") && b.names(of: 2).contains("disconnected")
    }
    return (files.0.bytes, files.1.bytes, sent)
  }

  @Test func ourDecoderReadsBackWhatWasSent() throws {
    let (active, passive, sent) = try replay()
    for file in [active, passive] {
      let read = Array(try Decoder(file))
      let problems = read.filter { $0.kind == .error }.map(\.summary)
      #expect(problems == [])
      let messages = read.filter { $0.kind == .message }
      #expect(messages.map(\.name) == sent.map(\.name))
      #expect(messages.map(\.sourceAddress) == sent.map(\.sourceAddress))
      for (message, original) in zip(messages, sent) {
        #expect(message.bytes == original.bytes, "\(original.name)")
      }
      #expect(messages.count > 3)
      #expect(messages.dropFirst().allSatisfy { $0.connection == 1 })
    }
    // The WRITE is in the capture of who made it.
    #expect(try Decoder(active).filter { $0.kind == .write }.count == 1)
    #expect(try Decoder(passive).filter { $0.kind == .write }.isEmpty)
  }

  private static let tshark = ["/usr/bin/tshark", "/usr/local/bin/tshark"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  @Test(.enabled(if: tshark != nil, "tshark is not installed"))
  func tsharkReadsTheSame() throws {
    let (active, _, sent) = try replay()
    let file = FileManager.default.temporaryDirectory.appending(
      path: "capturing-\(UUID().uuidString).pcap")
    try Data(active).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.tshark))
    process.arguments = [
      "-r", file.path, "-Y", "lnet", "-T", "fields", "-e", "lnet.ib.type", "-e", "_ws.malformed",
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let lines = text.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(lines.count == sent.count)
    #expect(lines.allSatisfy { $0.count == 1 }, "malformed: \(text)")
  }
}
