// Property: Tests/Golden/captured-messages.txt holds every distinct o2iblnd message of the captures.
// Method: the file is made again from the captures and compared; VERBENA_WRITE_GOLDEN=1 writes it. RPC payloads
// are left out (+N: N bytes that do not matter here), ping infos are kept.

import Capture
import Foundation
import Testing

@Suite struct CapturedVectorTests {
  static let file = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Golden/captured-messages.txt")

  static let head = """
    # Every distinct LNet and o2iblnd message of nine captures of real 2.17.0 nodes over soft-RoCE.
    # '@' starts a vector: its type, what it is, and the capture and frame that it was first seen in.
    # Hexadecimal bytes follow; +N stands for N bytes of RPC payload, which do not matter at this layer.

    """

  /// The vector of a message: its bytes, but N for an RPC payload.
  static func body(of message: DecodedMessage) -> String {
    let isPing = message.fields.contains { $0.name == "pi_features" }
    let elides = message.name == "IMMEDIATE" && !isPing && message.bytes.count > 120
    let kept = elides ? Array(message.bytes[..<120]) : message.bytes
    var lines: [String] = []
    for start in stride(from: 0, to: kept.count, by: 48) {
      let line = kept[start..<min(start + 48, kept.count)]
      lines.append(line.map { String(format: "%02x", $0) }.joined())
    }
    if elides { lines.append("+\(message.bytes.count - 120)") }
    return lines.joined(separator: "\n")
  }

  @Test(.enabled(if: CaptureFiles.allArePresent, "the captures are not all there"))
  func fileHoldsEveryMessage() throws {
    var seen: Set<String> = []
    var text = Self.head
    for name in CaptureFiles.present.sorted() {
      for message in try CaptureFiles.decoded(name) where message.kind == .message {
        let body = Self.body(of: message)
        guard seen.insert(body).inserted else { continue }
        let what = message.fields.first { $0.name == "lnet.msg_type" }?.value
        let kind = what.map { "LNet type \($0)" } ?? "no LNet header"
        text += "\n@ \(message.name) | \(kind)"
        text += " | \(name).pcap frame \(message.frame)\n\(body)\n"
      }
    }
    if ProcessInfo.processInfo.environment["VERBENA_WRITE_GOLDEN"] == "1" {
      try text.write(to: Self.file, atomically: true, encoding: .utf8)
    }
    #expect(seen.count > 1000)
    let committed = try String(contentsOf: Self.file, encoding: .utf8)
    #expect(committed == text)
  }
}
