// Property: our decoder and tshark's lnet dissector say the same of every message that fits one packet.
// Method: both read the captures of real nodes, and a capture that our frame builder made; fields compared
// number by number.

import Capture
import Foundation
import LustreWire
import Testing

@Suite(.enabled(if: Tshark.path != nil, "tshark is not installed"))
struct TsharkTests {
  static let sendOnly: UInt64 = 4
  static let datagram: UInt64 = 100

  /// Compares a file and returns how many messages both decoded.
  static func compare(_ file: String, _ messages: [DecodedMessage]) throws -> Int {
    let rows = try Tshark.rows(file)
    let byFrame = Dictionary(uniqueKeysWithValues: rows.map { ($0.frame, $0) })
    var compared = Set<Int>()
    for message in messages where message.kind == .message && message.name != "REJ" {
      let row = try #require(byFrame[message.frame])
      guard row.opcode == sendOnly || row.opcode == datagram else { continue }
      #expect(Tshark.differences(message, row) == [])
      compared.insert(message.frame)
    }
    // tshark takes the private data of a reject for a message, and counts what was sent again twice.
    for message in messages where message.name == "REJ" { compared.insert(message.frame) }
    var packets = Set<String>()
    let missed = rows.filter { row in
      guard row.opcode == sendOnly || row.opcode == datagram else { return false }
      let isNew = row.opcode == datagram || packets.insert(row.packet).inserted
      let isLNet = !(row.values["lnet.ib.type"] ?? []).isEmpty
      return isNew && isLNet && !compared.contains(row.frame)
    }
    #expect(missed.map(\.frame) == [])
    return compared.count - messages.count { $0.name == "REJ" }
  }

  @Test(arguments: CaptureFiles.present)
  func captures(name: String) throws {
    let count = try Self.compare(CaptureFiles.path(name), CaptureFiles.decoded(name))
    #expect(count >= 6)
  }

  @Test func builtFrames() throws {
    let bytes = try BuiltCapture.file(pathMTU: 4096)
    let file = FileManager.default.temporaryDirectory
      .appending(path: "verbena-built-\(ProcessInfo.processInfo.processIdentifier).pcap")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(bytes).write(to: file)
    let messages = Array(try Decoder(bytes))
    #expect(try Self.compare(file.path, messages) == BuiltCapture.examples.count)
    for row in try Tshark.rows(file.path) where row.isMalformed {
      // Known gaps: it reads GET_REQ 4 bytes early, and expects no payload on portal 0.
      let message = try #require(messages.first { $0.frame == row.frame })
      let isPush = message.summary.contains("ping info")
      #expect(message.name == "GET_REQ" || isPush, "frame \(row.frame)")
    }
  }
}
