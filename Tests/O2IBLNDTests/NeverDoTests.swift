// Property: we never do to a real peer what crashes, hangs or confuses it: the twelve items of spec 02 §15.
// Method: for each item a scripted peer gives the driver every reason to do it.

import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import O2IBLND

struct NeverDoTests {
  @Test("§15.1 never a credit-consuming message without credit")
  func credit() {
    let node = OneNode()
    node.accept()
    for _ in 0..<40 { node.send(.ack) }
    for _ in 0..<8 { node.completeSends() }
    #expect(node.sends.filter { $0.type == .immediate }.count == 8)
    node.send(.put(8192))
    node.send(.get(8192))
    #expect(node.sends.filter { $0.type != .immediate }.isEmpty)
    // One credit, one message; and no more than the peer has returned in all.
    for returned in 1...8 {
      node.deliver(PeerMessage.noop(1).bytes)
      node.completeSends()
      #expect(node.sends.filter { $0.type == .immediate }.count == 8 + returned)
    }
  }

  @Test("§15.1 never more requests than there are buffers for their answers")
  func reservation() {
    let node = OneNode()
    node.accept()
    for _ in 0..<12 { node.send(.get(8192)) }
    for _ in 0..<4 { node.completeSends() }
    node.deliver(PeerMessage.noop(8).bytes)
    node.completeSends()
    #expect(node.sends.filter { $0.type == .getRequest }.count == 8)
    // A message that needs no answer may still go.
    node.send(.ack)
    #expect(node.sends.last?.type == .immediate)
    node.deliver(PeerMessage.completion(0xD7, firstCookie(node), 8192).bytes)
    #expect(node.sends.filter { $0.type == .getRequest }.count == 9)
  }

  @Test("§15.2 GET_DONE never says more than the GET's sink takes")
  func getDoneStatus() {
    for (sink, source) in [(100, 101), (4096, 8192), (1, 1 << 20)] {
      let node = OneNode()
      node.accept()
      node.deliver(PeerMessage.getRequest(1, [(UInt32(sink), 0x1000)]).bytes)
      let run = BufferRef(slot: 1 << 31, generation: 0, offset: 0, length: UInt32(source))
      answerLast(node, .serveGet(source: run, ticket: 3))
      #expect(node.sends.map(\.type) == [.getDone])
      #expect(node.sends[0].message?.body == .getDone(O2IBCompletion(cookie: 1, status: -71)))
      node.completeSends()
      #expect(node.takeEvents(.getServed).map(\.status) == [-71])
    }
  }

  @Test("§15.3 never two PUT_ACKs for one PUT_REQ")
  func twoAcknowledges() async {
    let node = OneNode()
    node.accept()
    node.deliver(PeerMessage.putRequest(7).bytes)
    acceptPut(node)
    for _ in 0..<8 { node.completeSends() }
    node.pass(seconds: 20)
    #expect(node.sends.filter { $0.type == .putAcknowledge }.count == 1)
    // A second answer to one reception is our own bug, and traps.
    await #expect(processExitsWith: .failure) {
      let node = OneNode()
      node.accept()
      node.deliver(PeerMessage.putRequest(7).bytes)
      let id = node.events[0].reception
      node.lnd.refusePut(id, status: 0, &node.turn)
      node.lnd.refusePut(id, status: 0, &node.turn)
    }
  }

  @Test("§15.4 never more credits returned than received")
  func returnedCredits() {
    let node = OneNode()
    node.accept()
    var received = 0
    for round in 0..<50 {
      let outstanding = received - node.sends.reduce(0) { $0 + Int($1.credits) }
      if outstanding < 8 {
        node.deliver(PeerMessage.immediate(0, payload: round * 7).bytes)
        received += 1
      }
      node.completeSends()
      let returned = node.sends.reduce(0) { $0 + Int($1.credits) }
      #expect(returned <= received)
    }
    #expect(received > 40)
  }

  @Test("§15.5 every message names both NIDs and both stamps")
  func identities() {
    let node = OneNode()
    node.accept()
    node.send(.ack)
    node.send(.put(8192))
    let put = lastCookie(node, offset: 120)
    node.send(.get(8192))
    node.completeSends()
    node.deliver(PeerMessage.putAcknowledge(put, 1, [(8192, 0x1000)]).bytes)
    node.deliver(PeerMessage.putRequest(7).bytes)
    acceptPut(node)
    node.deliver(PeerMessage.putRequest(8).bytes)
    answerLast(node, .refusePut(status: 0))
    node.deliver(PeerMessage.getRequest(9, [(10, 0x1000)]).bytes)
    answerLast(node, .refuseGet(status: -61))
    for _ in 0..<4 { node.deliver(PeerMessage.immediate().bytes) }
    node.completeSends()
    node.pass(seconds: 13)
    let messages = node.sends.compactMap(\.message)
    #expect(Set(messages.map(\.envelope.type)).count == 8)
    for message in messages {
      let envelope = message.envelope
      #expect(envelope.sourceNID == OneNode.nid && envelope.sourceStamp == OneNode.stamp)
      #expect(
        envelope.destinationNID == OneNode.peer
          && envelope.destinationStamp == OneNode.peerStamp)
      #expect(envelope.version == 0x12 && envelope.checksum == 0)
    }
  }

  @Test("§15.6 the LNet header goes out as LNet gave it")
  func header() {
    let node = OneNode()
    node.accept()
    for kind in [OneNode.MessageKind.ack, .put(100), .put(8192), .get(8192), .putInPlace(9)] {
      node.send(kind)
      guard let sent = node.sends.last else { continue }
      let header = try? sent.message?.lnetHeader(in: sent.bytes.span.bytes)
      #expect(header == OneNode.outgoing(kind, to: OneNode.peer))
      #expect(header?.destination.nid == OneNode.peer)
    }
  }

  @Test("§15.7 never a depth below 8 of our own making, and no NOOP storm at any depth")
  func depthAndStorm() {
    let node = OneNode()
    node.send(.ack)
    node.ready(node.prepared() ?? 0)
    guard case .connectRequest(let asked)? = node.connectRequest()?.body else {
      Issue.record("no CONNREQ")
      return
    }
    #expect(asked.queueDepth >= 8)
    // Two drivers at depth 1, one message each way: the NOOPs die out.
    for depth: UInt16 in [1, 2, 3] {
      let node = OneNode()
      node.accept(depth: depth)
      node.deliver(PeerMessage.immediate().bytes)
      var noops = 0
      for _ in 0..<50 {
        node.completeSends()
        noops += node.takeSends().filter { $0.type == .noop }.count
        node.deliver(PeerMessage.noop(0).bytes)
      }
      #expect(noops <= 1, "depth \(depth)")
    }
  }

  @Test("§15.8 2·Q + 2 receives before connect and accept, and a credit only after its buffer")
  func receives() {
    for depth in [8, 32, 255] {
      let configuration = O2IBLNDTests.depth(depth)
      let node = OneNode(configuration: configuration, messagePieces: 1024)
      node.send(.ack)
      node.ready(node.prepared() ?? 0, node.granted(receives: 4096))
      #expect(node.connectRequest() != nil && node.receives.count == 2 * depth + 2)
    }
    // The buffers of a connection find room only over several turns: the connect waits for the last.
    let small = OneNode(batch: 5)
    small.send(.ack)
    small.ready(small.prepared() ?? 0)
    for turn in 1...4 {
      #expect((small.connectRequest() != nil) == (small.receives.count == 18), "turn \(turn)")
      small.endTurn()
    }
    #expect(small.connectRequest() != nil && small.receives.count == 18)
    // No room for the buffer: no credit goes out, not even with another message.
    let full = OneNode(batch: 20)
    full.accept()
    full.answer = nil
    full.deliver(PeerMessage.immediate().bytes)
    while full.turn.receives.freeCapacity > 0 {
      full.turn.receives.append(
        ReceiveRequest(queuePair: .none, segment: .empty, id: 0))
    }
    full.lnd.consumed(full.events[0].reception, &full.turn)
    full.send(.ack)
    #expect(full.takeSends().map(\.credits) == [0])
    full.completeSends()
    full.send(.ack)
    #expect(full.takeSends().map(\.credits) == [1])
  }

  @Test("§15.9 PUT_REQ, GET_REQ and PUT_ACK are answered in the turn that LNet answers")
  func prompt() {
    let node = OneNode()
    node.accept()
    // The credits are gone: answers go all the same.
    for _ in 0..<9 { node.send(.ack) }
    node.completeSends()
    node.sends = []
    node.deliver(PeerMessage.putRequest(1).bytes)
    acceptPut(node)
    node.deliver(PeerMessage.getRequest(2, [(10, 0x1000)]).bytes)
    answerLast(node, .refuseGet(status: -61))
    #expect(node.sends.map(\.type) == [.putAcknowledge, .getDone])
  }

  @Test("§15.10 never a WRITE outside the fragments, nor after the DONE")
  func writes() {
    let node = OneNode()
    node.accept()
    let fragments: [(UInt32, UInt64)] = [(10, 0x100), (20, 0x200), (30, 0x300)]
    node.deliver(PeerMessage.getRequest(1, fragments).bytes)
    guard let run = node.turn.memory.bulk.allocateRun(byteCount: 45) else { return }
    answerLast(node, .serveGet(source: run, ticket: 1))
    node.completeSends()
    #expect(node.sends.map(\.request.operation) == [.rdmaWrite, .rdmaWrite, .rdmaWrite, .send])
    #expect(node.sends.map(\.bytes.count) == [10, 20, 15, 60])
    #expect(node.sends.prefix(3).map(\.request.remoteAddress) == [0x100, 0x200, 0x300])
  }

  @Test(
    "§15.11 the descriptor of a GET_REQ is as long as LNet's sink, which is as long as its data")
  func sinkLength() {
    let node = OneNode()
    node.accept()
    node.send(.get(12345))
    guard let sent = node.sends.last, case .getRequest(let request)? = sent.message?.body else {
      Issue.record("no GET_REQ")
      return
    }
    #expect(request.descriptor.totalByteCount(in: sent.bytes.span.bytes) == 12345)
    let header = try? LNetHeader(decoding: sent.bytes.span.bytes, at: 48)
    guard case .get(let get)? = header?.body else {
      Issue.record("no GET")
      return
    }
    #expect(get.sinkLength == 12345)
  }

  @Test("§15.12 a sink stays LNet's to keep until DONE or until the queue pair is in ERROR")
  func sinkMemory() {
    let node = OneNode()
    let owner = node.accept() ?? 0
    let get = node.send(.get(8192))
    node.deliver(PeerMessage.putRequest(5).bytes)
    acceptPut(node)
    node.completeSends()
    node.events = []
    node.lnd.closePeer(OneNode.peer, interface: 0, &node.turn)
    node.endTurn()
    // Closing, and the peer may still write: nothing is given back.
    #expect(node.takeEvents(.finished).isEmpty && node.takeEvents(.putDone).isEmpty)
    let posted = node.receives
    node.receives = []
    for request in posted.dropLast() { node.complete(request, byteCount: 0, status: .flushed) }
    node.endTurn()
    #expect(node.takeEvents(.finished).isEmpty && node.takeEvents(.putDone).isEmpty)
    // The last buffer is flushed: the queue pair is in ERROR and empty.
    for request in posted.suffix(1) { node.complete(request, byteCount: 0, status: .flushed) }
    node.endTurn()
    #expect(node.takeEvents(.finished).map(\.message) == [get])
    #expect(node.takeEvents(.putDone).map(\.status) == [-103])
    node.cm(owner, .disconnected)
    node.cm(owner, .released)
    #expect(node.release())
  }

  private func firstCookie(_ node: OneNode) -> UInt64 {
    guard let first = node.sends.first(where: { $0.type == .getRequest }) else { return .max }
    return first.bytes.span.bytes.native(UInt64.self, at: 120)
  }
}
