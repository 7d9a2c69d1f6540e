// Property: every message of the captures is found, once, and nothing in them is an error.
// Method: messages per type of each capture; every WRITE has its completion; lines by example.

import Capture
import Testing

@Suite struct CaptureCountTests {
  static let expected: [String: [String: Int]] = [
    "01-lctl-ping-o2ib": ["CM RTU": 1, "CONNACK": 1, "CONNREQ": 1, "IMMEDIATE": 6],
    "03-mount-io-umount-o2ib": [
      "CM RTU": 1, "CONNACK": 1, "CONNREQ": 1, "GET_DONE": 1, "GET_REQ": 1, "IMMEDIATE": 88,
      "PUT_ACK": 5, "PUT_DONE": 5, "PUT_REQ": 5, "WRITE": 6,
    ],
    "05-ost-restart-o2ib": ["GET_DONE": 1, "GET_REQ": 1, "IMMEDIATE": 44, "WRITE": 1],
    "06-recover-o2ib": ["IMMEDIATE": 6],
    "07-evict-ost-o2ib": ["GET_DONE": 1, "GET_REQ": 1, "IMMEDIATE": 44, "WRITE": 1],
    "09-idle-ping-o2ib": ["IMMEDIATE": 10],
    "10-server-crash-replay-o2ib": [
      "CM REJ": 2, "CM RTU": 1, "CONNACK": 1, "CONNREQ": 3, "IMMEDIATE": 334, "NOOP": 3,
      "PUT_ACK": 10, "PUT_DONE": 10, "PUT_REQ": 10, "WRITE": 10,
    ],
    "16-two-servers-register-o2ib": [
      "CM RTU": 2, "CONNACK": 2, "CONNREQ": 2, "GET_DONE": 7, "GET_REQ": 7, "IMMEDIATE": 617,
      "NOOP": 1, "PUT_ACK": 72, "PUT_DONE": 72, "PUT_REQ": 72, "WRITE": 79,
    ],
    "17-stale-depth-o2ib": [
      "CM DREP": 4, "CM DREQ": 4, "CM REJ": 1, "CM RTU": 5, "CONNACK": 5, "CONNREQ": 8,
      "IMMEDIATE": 26, "NOOP": 14, "REJ": 2,
    ],
  ]

  @Test(arguments: CaptureFiles.present)
  func messagesPerType(name: String) throws {
    var counts: [String: Int] = [:]
    for message in try CaptureFiles.decoded(name) {
      #expect(message.kind != .error, "frame \(message.frame): \(message.summary)")
      #expect(!message.summary.contains("identity is not"))
      counts[message.name, default: 0] += 1
    }
    #expect(counts == Self.expected[name])
  }

  @Test(arguments: CaptureFiles.present)
  func everyWriteHasItsCompletion(name: String) throws {
    let messages = try CaptureFiles.decoded(name)
    let writes = messages.filter { $0.name == "WRITE" }
    let done = messages.filter { $0.name == "PUT_DONE" || $0.name == "GET_DONE" }
    func value(_ message: DecodedMessage, _ field: String) -> String? {
      message.fields.first { $0.name == field }?.value
    }
    #expect(
      writes.map { value($0, "reth.dma_length") } == done.map { value($0, "lnet.o2ib.status") })
  }

  @Test func lines() throws {
    let messages = try CaptureFiles.decoded("17-stale-depth-o2ib")
    let start = try #require(messages.first).timeNanoseconds
    #expect(start == 1_795_355_797_110_845_000)
    let lines = messages.map { $0.line(since: start) }
    #expect(
      lines[6]
        == "24 0.096941 192.168.50.20@o2ib > 192.168.50.22@o2ib IMMEDIATE credits 1 REPLY bytes 64"
        + " ping info features 0x1e [0@lo 192.168.50.20@o2ib 192.168.50.20@tcp]")
    #expect(
      lines[8]
        == "31 0.490594 192.168.50.21 > 192.168.50.22 REJ CONN_STALE"
        + " incarnation 0x660ddb4351b13 depth 8 frags 257 size 4096")
    #expect(lines[1] == "16 0.008767 192.168.50.20 > 192.168.50.22 CM REJ reason 10")
  }
}
