// Property: every RPC of the captures decodes and encodes back byte for byte, every structure of it, and
// Tests/Golden/captured-rpcs.txt holds one of each shape.
// Method: the file is made again from the captures and compared; VERBENA_WRITE_GOLDEN=1 writes it. A shape is type,
// opcode, status and buffer lengths; runs of zeros are written as +N.

import Capture
import Foundation
import LustreWire
import Testing
import WireSupport

@Suite struct RPCVectorTests {
  static let file = CapturedVectorTests.file.deletingLastPathComponent()
    .appending(path: "captured-rpcs.txt")

  static let head = """
    # One RPC of each shape (type, opcode, status, buffer lengths) of nine captures of real 2.17.0 nodes.
    # '@' starts a vector: its name, its buffer lengths, and the capture and frame of the first of its shape.
    # Hexadecimal bytes follow; +N stands for N zeros.

    """

  static func text(_ bytes: [UInt8]) -> String {
    var lines: [String] = []
    var start = 0
    while start < bytes.count {
      let zeros = bytes[start...].prefix { $0 == 0 }.count
      if zeros >= 48 {
        lines.append("+\(zeros)")
        start += zeros
        continue
      }
      let end = min(start + 48, bytes.count)
      lines.append(bytes[start..<end].map { String(format: "%02x", $0) }.joined())
      start = end
    }
    return lines.joined(separator: "\n")
  }

  static func shape(_ bytes: [UInt8]) throws -> (name: String, lengths: String, status: Int32) {
    let span = bytes.span.bytes
    let message = try RPCMessage(decoding: span)
    let body = try RPCBody(message, in: span)
    let lengths = (0..<message.bufferCount).map { "\(message.length(of: $0, in: span))" }
    // A request's status is a process id.
    return (
      "\(body.opcode) \(body.type.name)", lengths.joined(separator: " "),
      body.type == .request ? 0 : body.status
    )
  }

  @Test(.enabled(if: CaptureFiles.allArePresent, "the captures are not all there"))
  func fileHoldsEveryShape() throws {
    var seen: Set<String> = []
    var text = Self.head
    var count = 0
    for name in CaptureFiles.present.sorted() {
      for message in try CaptureFiles.decoded(name) {
        let bytes = message.rpc
        guard !bytes.isEmpty else { continue }
        count += 1
        #expect(try reencodedRPC(bytes) == bytes, "\(name) frame \(message.frame)")
        let shape = try Self.shape(bytes)
        guard seen.insert("\(shape)").inserted else { continue }
        text += "\n@ \(shape.name) | \(shape.lengths) | \(name).pcap frame \(message.frame)\n"
        text += Self.text(bytes) + "\n"
      }
    }
    if ProcessInfo.processInfo.environment["VERBENA_WRITE_GOLDEN"] == "1" {
      try text.write(to: Self.file, atomically: true, encoding: .utf8)
    }
    #expect(count > 900)
    let committed = try String(contentsOf: Self.file, encoding: .utf8)
    #expect(committed == text)
  }
}
