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

  @Test(arguments: CaptureFiles.present)
  func rpcs(name: String) throws {
    let found = Set(try CaptureFiles.decoded(name).filter { !$0.rpc.isEmpty }.map(\.frame))
    let theirs = try Tshark.rows(CaptureFiles.path(name)).filter {
      $0.opcode == Self.sendOnly && Tshark.isRPC($0)
    }
    // Whatever tshark takes for an RPC we do too, but for packets that were sent again.
    let missed = theirs.filter { !found.contains($0.frame) }.count
    #expect(missed <= theirs.count / 20)
    #expect(theirs.count >= Self.minimumRPCs[name] ?? 10)
  }

  /// How many RPCs at least fit one packet.
  static let minimumRPCs = [
    "01-lctl-ping-o2ib": 0, "06-recover-o2ib": 4, "17-stale-depth-o2ib": 5,
    "10-server-crash-replay-o2ib": 150, "16-two-servers-register-o2ib": 250,
  ]

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
