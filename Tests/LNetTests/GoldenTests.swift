// What we put on the wire equals the worked examples of spec 04, byte for byte behind the driver's
// envelope.
// Method: the examples' requests are fed in; header and payload of our answer are encoded and compared.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct GoldenTests {
  /// A hex dump without its offsets.
  private func dump(_ text: String) -> [UInt8] {
    text.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
  }

  /// What the driver sends behind its envelope of 48 bytes.
  private func encode(_ message: LNDMessage, at node: TestNode) -> [UInt8] {
    var raw = [UInt8](repeating: 0, count: 72)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      message.header.encode(into: &bytes)
    }
    return raw + node.bytes(message.payload)
  }

  // E.4 from offset 30 on: our GET.
  private let e4 = """
    01 00 0a 0a 00 00 05 00  05 00 0a 0a 00 00 05 00
    39 30 00 00 39 30 00 00  02 00 00 00 00 00 00 00
    e5 d4 c3 b2 a1 f0 77 18  01 10 00 00 00 00 00 00
    00 00 00 00 00 00 00 80  00 00 00 00 00 00 00 00
    10 01 00 00 00 00 00 00
    """
  // E.5: the REPLY.
  private let e5 = """
    05 00 0a 0a 00 00 05 00  01 00 0a 0a 00 00 05 00
    39 30 00 00 39 30 00 00  03 00 00 00 30 00 00 00
    e5 d4 c3 b2 a1 f0 77 18  01 10 00 00 00 00 00 00
    00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00  67 6e 69 70 1e 00 00 00
    39 30 00 00 02 00 00 00  00 00 00 00 00 00 09 00
    01 00 00 00 00 00 00 00  01 00 0a 0a 00 00 05 00
    de c0 aa 15 00 00 00 00
    """
  // E.10: a push.
  private let e10 = """
    05 00 0a 0a 00 00 05 00  01 00 0a 0a 00 00 05 00
    39 30 00 00 39 30 00 00  01 00 00 00 30 00 00 00
    f0 e0 d0 c0 b0 a0 66 18  a1 02 00 00 00 00 00 00
    00 00 00 00 00 00 00 80  00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00  67 6e 69 70 1e 00 00 00
    39 30 00 00 02 00 00 00  00 00 00 00 00 00 09 00
    01 00 00 00 00 00 00 00  01 00 0a 0a 00 00 05 00
    de c0 aa 15 00 00 00 00
    """
  // E.11: its ACK.
  private let e11 = """
    01 00 0a 0a 00 00 05 00  05 00 0a 0a 00 00 05 00
    39 30 00 00 39 30 00 00  00 00 00 00 00 00 00 00
    f0 e0 d0 c0 b0 a0 66 18  a1 02 00 00 00 00 00 00
    00 00 00 00 00 00 00 80  30 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00
    """
  // E.6: the ping info of a node without multi-rail.
  private let e6 = """
    67 6e 69 70 06 00 00 00  39 30 00 00 02 00 00 00
    00 00 00 00 00 00 09 00  01 00 00 00 00 00 00 00
    05 00 0a 0a 00 00 05 00  de c0 aa 15 00 00 00 00
    """

  @Test func thePingReplyIsE5() throws {
    let node = TestNode([real], cookie: 0x1866_A0B0_C0D0_E0F0)
    node.receive(bytes: dump(e4), from: us)
    let reply = try #require(node.takeOutbox().only)
    #expect(encode(reply, at: node) == dump(e5))
    #expect(reply.peer == us)
  }

  @Test func thePingInfoWithoutMultiRailIsE6() throws {
    let node = TestNode([us], features: [.interfaceStatus, .routingDisabled])
    node.receive(.get(from: real, to: us, portal: 0, matchBits: 1 << 63, sink: 3960))
    let reply = try #require(node.takeOutbox().only)
    #expect(node.bytes(reply.payload) == dump(e6))
  }

  @Test func theAckOfAPushIsE11() throws {
    let node = TestNode([us])
    node.receive(bytes: dump(e10), from: real)
    let messages = node.takeOutbox()
    // The push is answered first; then our own list goes to the peer that now is known.
    let ack = try #require(messages.first)
    #expect(encode(ack, at: node) == dump(e11) && ack.peer == real)
  }

  @Test func ourPingIsE4ButForItsHandle() throws {
    let node = TestNode([us], pingsBeforeSending: true)
    try node.lnet.discover(real, tag: 1, turn: &node.turn)
    var bytes = encode(try #require(node.takeOutbox().only), at: node)
    let expected = dump(e4)
    // The interface cookie is ours; the object cookie is any.
    #expect(bytes[32..<40] == expected[32..<40])
    bytes.replaceSubrange(40..<48, with: expected[40..<48])
    #expect(bytes == expected)
  }

  @Test func ourPushIsE10ButForItsHandle() throws {
    let node = TestNode([real], cookie: 0x1866_A0B0_C0D0_E0F0)
    try node.lnet.discover(us, tag: 1, turn: &node.turn)
    let get = try #require(node.takeOutbox().only)
    node.finish(get)
    guard case .get(let body) = get.header.body else {
      Issue.record("discovery begins with a GET")
      return
    }
    var info = dump(e6)
    info[4] = 0x1E
    node.receive(
      .reply(from: us, to: real, handle: body.returnHandle, length: info.count), info)
    var bytes = encode(try #require(node.takeOutbox().only), at: node)
    let expected = dump(e10)
    bytes.replaceSubrange(40..<48, with: expected[40..<48])
    #expect(bytes == expected)
  }
}
