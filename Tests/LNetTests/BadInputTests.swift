// Property: no bytes from a peer make a node trap, leak, or tell its consumers what did not happen.
// Method: seeded random and mutated messages, pushes and ping answers among them; tables and memory
// compared before and after.
import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@Suite struct BadInputTests {
  private func encode(_ header: LNetHeader) -> [UInt8] {
    var raw = [UInt8](repeating: 0, count: 72)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      header.encode(into: &bytes)
    }
    return raw
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func anythingMayArrive(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    func upTo(_ bound: UInt64) -> UInt64 { random.next() % bound }
    let node = TestNode([us], pingsBeforeSending: seed % 2 == 0)
    node.lnet.setLazy(.ostRequest, true, turn: &node.turn)
    let memory = node.bulk(count: 8192)
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7),
      MemoryDescriptor(memory: memory, options: [.put, .get, .truncate, .remoteOffset]),
      turn: &node.turn)
    // One PUT of ours waits for an ACK that never comes: its handle can be guessed.
    let source = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(pattern(64)), threshold: 2))
    try node.lnet.addPeer(primary: real, turn: &node.turn)
    try node.lnet.put(
      PutRequest(
        descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7,
        wantsAcknowledge: true), turn: &node.turn)
    for message in node.takeOutbox() { node.finish(message) }
    _ = node.takeEvents()
    let stranger = NID.o2ib(0x0A0A_0077)
    let guess = WireHandle(
      interfaceCookie: 0x1877_F0A1_B2C3_D4E5, objectCookie: source.raw)
    let info = PingInfo(nids: [stranger, .o2ib(0x0A0A_0078)], sequence: 2)
    var infoBytes = [UInt8](repeating: 0, count: info.byteCount)
    do {
      var span = infoBytes.mutableSpan
      var bytes = span.mutableBytes
      info.encode(into: &bytes)
    }
    for _ in 0..<400 {
      var header: LNetHeader
      var payload = pattern(Int(upTo(200)))
      switch upTo(6) {
      case 0:
        header = .put(
          from: stranger, to: us, portal: UInt32(upTo(70)), matchBits: upTo(9),
          offset: UInt32(truncatingIfNeeded: random.next()), length: payload.count,
          ack: upTo(2) == 0 ? peerHandle : .none)
      case 1:
        header = .get(
          from: stranger, to: us, portal: UInt32(upTo(70)), matchBits: upTo(9),
          offset: UInt32(truncatingIfNeeded: random.next()),
          sink: UInt32(truncatingIfNeeded: random.next()))
      case 2: header = .reply(from: stranger, to: us, handle: guess, length: payload.count)
      case 3: header = .ack(from: stranger, to: us, handle: guess, length: 64)
      case 4:
        payload = infoBytes
        header = .put(
          from: stranger, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits,
          length: payload.count, ack: upTo(2) == 0 ? peerHandle : .none)
      default:
        header = .get(
          from: stranger, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits,
          sink: UInt32(upTo(5000)))
      }
      var bytes = encode(header) + payload
      for _ in 0..<upTo(4) where !bytes.isEmpty {
        bytes[Int(upTo(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next())
      }
      if upTo(10) == 0 { bytes = Array(bytes.prefix(Int(upTo(UInt64(bytes.count))))) }
      let kind: LNDEvent.Kind = [.immediate, .immediate, .putRequest, .getRequest][Int(upTo(4))]
      let answer = node.receive(bytes: bytes, kind: kind, from: stranger)
      switch answer {
      case .acceptPut(let sink, let ticket):
        #expect(kind == .putRequest && sink.isBulk)
        node.putDone(ticket, status: upTo(2) == 0 ? -5 : Int32(sink.length), from: stranger)
      case .serveGet(_, let ticket):
        node.lnet.getServed(
          LNDEvent(kind: .getServed, peer: stranger, status: 0, ticket: ticket), turn: &node.turn)
      case .held, .consumed, .refusePut, .refuseGet, .protocolError: break
      }
      for message in node.takeOutbox() {
        // Our pings and pushes go to any NID that the stranger said it has; answers do not.
        let isAnswer = message.header.body.type == 0 || message.header.body.type == 3
        #expect(
          (message.peer == stranger || !isAnswer) && message.peer != real,
          "an answer went to somebody else: \(message)")
        node.finish(message, upTo(8) == 0 ? .networkTimeout : .success)
      }
      for event in node.takeEvents() {
        // Whoever was not asked cannot end what waits.
        #expect(event.descriptor != source)
      }
      while node.lnet.log.popFirst() != nil {}
    }
    node.lnet.setLazy(.ostRequest, false, turn: &node.turn)
    node.collect()
    #expect(node.waiting.isEmpty && node.lnet.heldMessageCount == 0)
    #expect(node.isLive(source) && node.lnet.descriptorCount >= 2)
    node.advance(to: 120 * second)
    for message in node.takeOutbox() { node.finish(message) }
    node.advance(to: 240 * second)
    for message in node.takeOutbox() { node.finish(message) }
    node.advance(to: 300 * second)
    #expect(node.lnet.operationCount == 0 && node.lnet.parkedMessageCount == 0)
  }
}
