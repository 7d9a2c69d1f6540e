// Property: messages take the carrier, the sequence and the statuses of spec 02 §6.
// Method: a scripted peer plays the other half of each sequence of §6.3 and §6.4.

import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import O2IBLND

struct TransferTests {
  @Test("§6.1, 04 F.4: the carrier by kind and length")
  func carriers() {
    let cases: [(OneNode.MessageKind, O2IBMessageType, Int)] = [
      (.ack, .immediate, 120), (.put(0), .immediate, 120), (.put(3976), .immediate, 4096),
      (.put(3977), .putRequest, 128), (.put(1 << 18), .putRequest, 128),
      (.putInPlace(100), .immediate, 220), (.get(0), .immediate, 120),
      (.get(3976), .immediate, 120), (.get(3977), .getRequest, 148),
    ]
    for (kind, type, byteCount) in cases {
      let node = OneNode()
      node.accept()
      node.send(kind)
      #expect(node.sends.count == 1)
      let sent = node.sends[0]
      #expect(sent.type == type && sent.bytes.count == byteCount)
      #expect(sent.message?.envelope.byteCount == UInt32(byteCount))
      #expect(sent.message?.envelope.sourceNID == OneNode.nid)
      #expect(sent.message?.envelope.sourceStamp == OneNode.stamp)
      #expect(sent.message?.envelope.destinationNID == OneNode.peer)
      #expect(sent.message?.envelope.destinationStamp == OneNode.peerStamp)
      let header = try? sent.message?.lnetHeader(in: sent.bytes.span.bytes)
      #expect(header == OneNode.outgoing(kind, to: OneNode.peer))
    }
  }

  @Test func smallMessagesGoInlineWhereTheQueuePairAllows() {
    let node = OneNode()
    node.accept(attributes: node.granted(inline: 128))
    node.send(.ack)
    node.send(.putInPlace(100))
    #expect(node.sends.map(\.request.isInline) == [true, false])
  }

  @Test func aPayloadBehindHeadroomIsSentWhereItLies() {
    let node = OneNode()
    node.accept()
    let free = node.turn.memory.messages.freePieceCount
    node.send(.putInPlace(100))
    #expect(node.turn.memory.messages.freePieceCount == free - 1)
    #expect(node.lnd.counters.payloadsCopied == 0)
    node.send(.putCopied(100))
    #expect(node.lnd.counters.payloadsCopied == 1)
  }

  @Test("§6.3: PUT_REQ, PUT_ACK, WRITE, PUT_DONE as the source")
  func putAsSource() {
    let node = OneNode()
    node.accept()
    let id = node.send(.put(8192))
    let cookie = lastCookie(node, offset: 120)
    node.completeSends()
    node.sends = []
    // The sink takes less than there is, in three fragments.
    let fragments: [(UInt32, UInt64)] = [(100, 0x1001), (4096, 0x8000), (4, 0x10)]
    node.deliver(PeerMessage.putAcknowledge(cookie, 0x77, fragments, key: 99).bytes)
    let writes = node.sends.filter { $0.request.operation == .rdmaWrite }
    #expect(writes.map(\.request.remoteAddress) == [0x1001, 0x8000, 0x10])
    #expect(writes.map(\.bytes.count) == [100, 4096, 4])
    #expect(writes.allSatisfy { $0.request.remoteKey == 99 && !$0.request.isSignaled })
    guard let done = node.sends.last, case .putDone(let completion)? = done.message?.body else {
      Issue.record("no PUT_DONE")
      return
    }
    #expect(completion == O2IBCompletion(cookie: 0x77, status: 4200))
    #expect(done.request.isSignaled)
    #expect(node.takeEvents(.finished).isEmpty)
    node.completeSends()
    let finished = node.takeEvents(.finished)
    #expect(finished.map(\.message) == [id] && finished[0].outcome == .success)
    #expect(node.release())
  }

  @Test("§6.3: the answer overtakes the completion of the request")
  func earlyAnswers() {
    let node = OneNode()
    node.accept()
    let put = node.send(.put(8192))
    let putCookie = lastCookie(node, offset: 120)
    let get = node.send(.get(8192))
    let getCookie = lastCookie(node, offset: 120)
    node.sends = []
    node.deliver(PeerMessage.putAcknowledge(putCookie, 1, [(8192, 0x1000)]).bytes)
    node.deliver(PeerMessage.completion(0xD7, getCookie, 8192).bytes)
    #expect(node.sends.isEmpty && node.takeEvents(.finished).isEmpty)
    node.completeSends()
    #expect(node.sends.map(\.request.operation) == [.rdmaWrite, .send])
    #expect(node.takeEvents(.getReply).map(\.status) == [8192])
    #expect(node.takeEvents(.finished).map(\.message) == [get])
    node.completeSends()
    #expect(node.takeEvents(.finished).map(\.message) == [put])
    #expect(node.release())
  }

  @Test(
    "§6.3: statuses of PUT_NAK",
    arguments: [(Int32(0), SendOutcome.success), (-12, .remoteError), (-14, .remoteError)])
  func putNak(status: Int32, outcome: SendOutcome) {
    let node = OneNode()
    node.accept()
    node.send(.put(8192))
    node.completeSends()
    node.deliver(PeerMessage.completion(0xD3, lastCookie(node, offset: 120), status).bytes)
    let finished = node.takeEvents(.finished)
    #expect(finished.map(\.outcome) == [outcome] && finished[0].status == status)
    #expect(node.states() == [.established])
    #expect(node.release())
  }

  @Test(
    "§6.4: statuses of GET_DONE",
    arguments: [
      (Int32(8192), SendOutcome.success), (100, .success), (0, .success), (-61, .remoteError),
      (-5, .remoteError),
    ])
  func getDone(status: Int32, outcome: SendOutcome) {
    let node = OneNode()
    node.accept()
    node.send(.get(8192))
    node.completeSends()
    node.deliver(PeerMessage.completion(0xD7, lastCookie(node, offset: 120), status).bytes)
    #expect(node.takeEvents(.getReply).map(\.status) == [status])
    #expect(node.takeEvents(.finished).map(\.outcome) == [outcome])
    #expect(node.release())
  }

  @Test("an errno of a peer is one: none is beyond 4095", arguments: [Int32.min, -4096, -4095])
  func boundedErrnos(status: Int32) {
    let node = OneNode()
    node.accept()
    node.send(.get(8192))
    node.completeSends()
    node.deliver(PeerMessage.completion(0xD7, lastCookie(node, offset: 120), status).bytes)
    #expect(node.takeEvents(.getReply).map(\.status) == [-4095])
    #expect(node.takeEvents(.finished).map(\.outcome) == [.remoteError])
    node.send(.put(8192))
    node.completeSends()
    node.deliver(PeerMessage.completion(0xD3, lastCookie(node, offset: 120), status).bytes)
    #expect(node.takeEvents(.finished).map(\.status) == [-4095])
    #expect(node.release())
  }

  @Test("§6.3: PUT_REQ as the sink, to its PUT_DONE", arguments: [8192, 100, -71, -90])
  func putAsSink(status: Int32) {
    let node = OneNode()
    node.accept()
    node.deliver(PeerMessage.putRequest(0xFEED).bytes)
    acceptPut(node, byteCount: 8192)
    guard let sent = node.sends.last,
      case .putAcknowledge(let acknowledge)? = sent.message?.body
    else {
      Issue.record("no PUT_ACK")
      return
    }
    #expect(acknowledge.sourceCookie == 0xFEED)
    #expect(acknowledge.descriptor.fragmentCount == 1)
    #expect(acknowledge.descriptor.remoteKey == TestMemory.remoteKey)
    let fragment = acknowledge.descriptor.fragment(at: 0, in: sent.bytes.span.bytes)
    #expect(fragment.byteCount == 8192)
    #expect(
      node.memory.allowsWrite(
        key: TestMemory.remoteKey, address: fragment.address, byteCount: 8192))
    node.completeSends()
    node.deliver(PeerMessage.completion(0xD5, acknowledge.sinkCookie, status).bytes)
    let done = node.takeEvents(.putDone)
    #expect(done.map(\.ticket) == [77] && done[0].status == status)
    #expect(node.release())
  }

  @Test("§6.3: PUT_REQ refused, dropped, or into memory that no peer may reach")
  func putRefused() {
    for (answer, status) in [
      (ReceptionAnswer.refusePut(status: 0), Int32(0)), (.refusePut(status: -12), -12),
      (.acceptPut(sink: .none, ticket: 5), 0),
      (.acceptPut(sink: BufferRef(slot: 1, generation: 0, offset: 0, length: 9), ticket: 5), -14),
    ] {
      let node = OneNode()
      node.accept()
      node.deliver(PeerMessage.putRequest(0xFEED).bytes)
      answerLast(node, answer)
      guard case .putNak(let completion)? = node.sends.last?.message?.body else {
        Issue.record("no PUT_NAK")
        return
      }
      #expect(completion == O2IBCompletion(cookie: 0xFEED, status: status))
      if case .acceptPut = answer {
        #expect(node.takeEvents(.putDone).map(\.status) == [status])
      }
      #expect(node.release())
    }
  }

  @Test("§6.4: GET_REQ as the source, any number of fragments", arguments: [1, 2, 60, 200, 257])
  func getAsSource(count: Int) {
    let node = OneNode()
    node.accept()
    let fragments: [(UInt32, UInt64)] = (0..<count).map { index in
      (UInt32(16 + index % 3), UInt64(0x1000 + 100 * index))
    }
    var total = 0
    for fragment in fragments { total += Int(fragment.0) }
    node.deliver(PeerMessage.getRequest(0xBEEF, fragments).bytes)
    guard let source = node.turn.memory.bulk.allocateRun(byteCount: total) else { return }
    answerLast(node, .serveGet(source: source, ticket: 9))
    // More WRITEs than the send queue holds are posted in parts.
    for _ in 0..<8 { node.completeSends() }
    let writes = node.sends.filter { $0.request.operation == .rdmaWrite }
    #expect(writes.map { $0.request.remoteAddress } == fragments.map { $0.1 })
    #expect(writes.map { UInt32($0.bytes.count) } == fragments.map { $0.0 })
    guard case .getDone(let completion)? = node.sends.last?.message?.body else {
      Issue.record("no GET_DONE")
      return
    }
    #expect(completion == O2IBCompletion(cookie: 0xBEEF, status: Int32(total)))
    let returned = node.sends.reduce(0) { $0 + Int($1.credits) }
    #expect(returned + Int(node.connection.credits.owed) == 1)
    let served = node.takeEvents(.getServed)
    #expect(served.map(\.ticket) == [9] && served[0].status == Int32(total))
    #expect(node.release())
  }

  @Test("§6.5: more fragments than the peer takes WRITEs: EMSGSIZE, and no WRITE")
  func tooManyWrites() {
    let node = OneNode()
    node.accept(fragments: 2)
    node.deliver(PeerMessage.getRequest(1, [(10, 0x10), (10, 0x20), (10, 0x30)]).bytes)
    guard let source = node.turn.memory.bulk.allocateRun(byteCount: 30) else { return }
    answerLast(node, .serveGet(source: source, ticket: 9))
    #expect(node.sends.map(\.type) == [.getDone])
    #expect(node.sends.last?.message?.body == .getDone(O2IBCompletion(cookie: 1, status: -90)))
    node.completeSends()
    #expect(node.takeEvents(.getServed).map(\.status) == [-90])
    // What fits in two WRITEs goes.
    node.deliver(PeerMessage.getRequest(2, [(10, 0x10), (10, 0x20), (10, 0x30)]).bytes)
    answerLast(node, .serveGet(source: source.part(offset: 0, length: 20), ticket: 10))
    #expect(node.sends.last?.message?.body == .getDone(O2IBCompletion(cookie: 2, status: 20)))
    node.completeSends()
    let put = node.send(.put(8192))
    let cookie = lastCookie(node, offset: 120)
    node.completeSends()
    node.sends = []
    node.deliver(
      PeerMessage.putAcknowledge(cookie, 4, [(10, 0x10), (10, 0x20), (10, 0x30)]).bytes)
    #expect(node.sends.map(\.type) == [.putDone])
    #expect(node.sends.last?.message?.body == .putDone(O2IBCompletion(cookie: 4, status: -90)))
    node.completeSends()
    let finished = node.takeEvents(.finished)
    #expect(finished.map(\.message) == [put] && finished[0].outcome == .localError)
    #expect(node.release())
  }

  @Test func sendsAreSignaledOnceInABatch() {
    let node = OneNode(configuration: depth(32))
    node.accept(depth: 32)
    node.lnd.flush(&node.turn)
    for index in 0..<20 {
      let header = OneNode.outgoing(.ack, to: OneNode.peer)
      var message = LNDMessage(
        id: Handle(raw: UInt32(index)), interface: 0, peer: OneNode.peer, header: header)
      node.lnd.send(&message, &node.turn)
    }
    node.endTurn()
    #expect(node.sends.count == 20)
    #expect(node.sends.indices.filter { node.sends[$0].request.isSignaled } == [7, 15, 19])
    node.completeSends()
    #expect(node.takeEvents(.finished).map(\.message.raw) == Array(0..<20))
  }

  @Test func aMessageThatIsNotWantedAnyMoreEndsOnce() {
    let node = OneNode()
    let waiting = node.send(.ack)
    node.lnd.cancel(message: waiting, &node.turn)
    node.endTurn()
    #expect(node.takeEvents(.finished).map(\.outcome) == [.localInterrupted])
    let connected = OneNode()
    connected.accept()
    for _ in 0..<8 { connected.send(.ack) }
    let queued = connected.send(.get(8192))
    connected.lnd.cancel(message: queued, &connected.turn)
    connected.endTurn()
    #expect(connected.takeEvents(.finished).map(\.message) == [queued])
    #expect(connected.connection.credits.reserved == 8)
    // What is posted ends in its time.
    connected.lnd.cancel(message: Handle(raw: 1), &connected.turn)
    #expect(connected.takeEvents(.finished).isEmpty)
    connected.completeSends()
    #expect(connected.takeEvents(.finished).count == 8)
    #expect(node.release() && connected.release())
  }
}
