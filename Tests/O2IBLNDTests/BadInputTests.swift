// Property: whatever a peer sends, it is refused or its connection closes, it is counted, a record names
// the peer and the cause, nothing is leaked, and other peers go on.
// Method: each kind of bad message on one connection while another peer's connection works.

import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import O2IBLND

struct BadInputTests {
  struct Case: CustomTestStringConvertible {
    var testDescription: String
    var cause: O2IBLogCause
    var counter: KeyPath<O2IBCounters, UInt64> & Sendable
    var messages: [[UInt8]]
  }

  static let cases: [Case] = [
    Case(
      testDescription: "nothing", cause: .malformedMessage, counter: \.malformedMessages,
      messages: [[]]),
    Case(
      testDescription: "5 bytes", cause: .malformedMessage, counter: \.malformedMessages,
      messages: [Array(PeerMessage.noop(0).bytes.prefix(5))]),
    Case(
      testDescription: "47 bytes", cause: .malformedMessage, counter: \.malformedMessages,
      messages: [Array(PeerMessage.noop(0).bytes.prefix(47))]),
    Case(
      testDescription: "more declared than came", cause: .malformedMessage,
      counter: \.malformedMessages, messages: [PeerMessage(type: 0xD0, declared: 49).bytes]),
    Case(
      testDescription: "less declared than the type needs", cause: .malformedMessage,
      counter: \.malformedMessages,
      messages: [PeerMessage(type: 0xD1, body: PeerMessage.header(.put), declared: 119).bytes]),
    Case(
      testDescription: "an unknown type", cause: .malformedMessage,
      counter: \.malformedMessages, messages: [PeerMessage(type: 0xD8).bytes]),
    Case(
      testDescription: "wrong magic", cause: .malformedMessage, counter: \.malformedMessages,
      messages: [[UInt8](repeating: 0x5A, count: 4096)]),
    Case(
      testDescription: "no fragments", cause: .malformedMessage, counter: \.malformedMessages,
      messages: [PeerMessage.getRequest(1, [(10, 0x1000)], count: 0).bytes]),
    Case(
      testDescription: "258 fragments", cause: .malformedMessage, counter: \.malformedMessages,
      messages: [PeerMessage.getRequest(1, [(10, 0x1000)], count: 258).bytes]),
    Case(
      testDescription: "a descriptor beyond the message", cause: .malformedMessage,
      counter: \.malformedMessages,
      messages: [PeerMessage.putAcknowledge(1, 1, [(10, 0x1000)], count: 2).bytes]),
    Case(
      testDescription: "version 0x11", cause: .staleIdentity, counter: \.staleIdentities,
      messages: [version(0x11)]),
    Case(
      testDescription: "wrong source NID", cause: .staleIdentity, counter: \.staleIdentities,
      messages: [PeerMessage(type: 0xD0, source: .o2ib(9)).bytes]),
    Case(
      testDescription: "wrong source stamp", cause: .staleIdentity, counter: \.staleIdentities,
      messages: [PeerMessage(type: 0xD0, sourceStamp: 9).bytes]),
    Case(
      testDescription: "wrong destination NID", cause: .staleIdentity,
      counter: \.staleIdentities, messages: [PeerMessage(type: 0xD0, destination: .o2ib(9)).bytes]),
    Case(
      testDescription: "wrong destination stamp", cause: .staleIdentity,
      counter: \.staleIdentities, messages: [PeerMessage(type: 0xD0, destinationStamp: 9).bytes]),
    Case(
      testDescription: "a credit too many", cause: .creditOverflow, counter: \.creditOverflows,
      messages: [PeerMessage.noop(1).bytes]),
    Case(
      testDescription: "255 credits", cause: .creditOverflow, counter: \.creditOverflows,
      messages: [PeerMessage.noop(255).bytes]),
    Case(
      testDescription: "a message without credit", cause: .creditOverdrawn,
      counter: \.creditsOverdrawn,
      messages: (0..<9).map { _ in PeerMessage.putRequest(1).bytes }),
    Case(
      testDescription: "PUT_ACK for nothing", cause: .unknownCookie, counter: \.unknownCookies,
      messages: [PeerMessage.putAcknowledge(1, 1, [(10, 0x1000)]).bytes]),
    Case(
      testDescription: "PUT_NAK for nothing", cause: .unknownCookie, counter: \.unknownCookies,
      messages: [PeerMessage.completion(0xD3, 0, 0).bytes]),
    Case(
      testDescription: "PUT_DONE for nothing", cause: .unknownCookie, counter: \.unknownCookies,
      messages: [PeerMessage.completion(0xD5, .max, 0).bytes]),
    Case(
      testDescription: "GET_DONE for nothing", cause: .unknownCookie, counter: \.unknownCookies,
      messages: [PeerMessage.completion(0xD7, 1 << 20, 0).bytes]),
    Case(
      testDescription: "CONNREQ as a message", cause: .unexpectedType,
      counter: \.unexpectedTypes, messages: [Hello(destinationStamp: OneNode.stamp).bytes]),
    Case(
      testDescription: "CONNACK as a message", cause: .unexpectedType,
      counter: \.unexpectedTypes, messages: [Hello.acknowledge().bytes]),
  ]

  private static func version(_ version: UInt16) -> [UInt8] {
    var bytes = PeerMessage.noop(0).bytes
    store(version, 4, &bytes)
    return bytes
  }

  @Test(arguments: cases)
  func closesTheConnectionAndNoOther(_ bad: Case) {
    let node = OneNode()
    node.answer = nil
    let (other, otherPair) = otherPeer(node)
    node.accept()
    node.log = []
    let before = node.lnd.counters[keyPath: bad.counter]
    for message in bad.messages { node.deliver(message) }
    #expect(node.lnd.counters[keyPath: bad.counter] == before + 1)
    #expect(node.log.contains { $0.cause == bad.cause && $0.peer == OneNode.peer })
    #expect(node.states().sorted { $0.rawValue < $1.rawValue } == [.established, .closing])
    expectWorking(node, other, otherPair)
    expectNothingLeft(node)
  }

  @Test(arguments: [0xD3, 0xD4, 0xD7] as [UInt8])
  func aSecondAnswerClosesTheConnection(type: UInt8) {
    let node = OneNode()
    node.accept()
    node.send(type == 0xD7 ? .get(8192) : .put(8192))
    let cookie = lastCookie(node, offset: 120)
    node.completeSends()
    let answer =
      type == 0xD4
      ? PeerMessage.putAcknowledge(cookie, 1, [(8192, 0x1000)])
      : PeerMessage.completion(type, cookie, type == 0xD7 ? 8192 : 0)
    node.deliver(answer.bytes)
    node.deliver(answer.bytes)
    #expect(node.lnd.counters.unknownCookies == 1)
    #expect(node.states() == [.closing])
    expectNothingLeft(node)
  }

  @Test func anAnswerOnAnotherConnectionIsForged() {
    let node = OneNode()
    node.accept()
    node.send(.get(8192))
    let cookie = lastCookie(node, offset: 120)
    node.completeSends()
    node.accept()
    node.deliver(PeerMessage.completion(0xD7, cookie, 8192).bytes)
    #expect(node.lnd.counters.unknownCookies == 1)
    #expect(node.takeEvents(.finished).isEmpty)
    expectNothingLeft(node)
  }

  @Test func anAnswerOfTheWrongKindIsForged() {
    for type: UInt8 in [0xD3, 0xD5] {
      let node = OneNode()
      node.accept()
      node.send(.get(8192))
      let cookie = lastCookie(node, offset: 120)
      node.completeSends()
      node.deliver(PeerMessage.completion(type, cookie, 0).bytes)
      #expect(node.lnd.counters.unknownCookies == 1)
      expectNothingLeft(node)
    }
  }

  @Test func moreBytesThanTheSinkHasRoomFor() {
    for isGet in [true, false] {
      let node = OneNode()
      node.accept()
      var cookie: UInt64
      if isGet {
        node.send(.get(8192))
        cookie = lastCookie(node, offset: 120)
      } else {
        node.deliver(PeerMessage.putRequest(1).bytes)
        acceptPut(node)
        cookie = lastCookie(node, offset: 56)
      }
      node.completeSends()
      node.deliver(PeerMessage.completion(isGet ? 0xD7 : 0xD5, cookie, 8193).bytes)
      #expect(node.lnd.counters.statusBeyondSink == 1)
      #expect(node.states() == [.closing])
      expectNothingLeft(node)
    }
  }

  @Test("descriptors that are legal to read and not to follow: refused, the connection stays")
  func descriptors() {
    let bad: [[(UInt32, UInt64)]] = [
      [(0, 0x1000)], [(10, 0x1000), (0, 0x2000)], [((1 << 20) + 1, 0x1000)],
      [(1 << 20, 0x1000), (1, 0x1000)], [(.max, 0x1000)], [(16, .max - 8)],
    ]
    for fragments in bad {
      let node = OneNode()
      node.accept()
      node.deliver(PeerMessage.getRequest(5, fragments).bytes)
      #expect(node.sends.last?.message?.body == .getDone(O2IBCompletion(cookie: 5, status: -71)))
      #expect(node.events.isEmpty && node.lnd.counters.descriptorsRefused == 1)
      #expect(node.states() == [.established])
      node.completeSends()
      // A PUT_ACK that asks for more than there is, or for nothing.
      node.send(.put(8192))
      let cookie = lastCookie(node, offset: 120)
      node.completeSends()
      node.sends = []
      node.deliver(PeerMessage.putAcknowledge(cookie, 6, fragments).bytes)
      #expect(node.sends.map(\.type) == [.putDone])
      #expect(node.sends.last?.message?.body == .putDone(O2IBCompletion(cookie: 6, status: -71)))
      node.completeSends()
      #expect(node.takeEvents(.finished).map(\.outcome) == [.localError])
      expectNothingLeft(node)
    }
  }

  @Test func aHeaderThatLNetRefusesClosesTheConnection() {
    let node = OneNode()
    node.answer = { _ in .protocolError }
    node.accept()
    node.deliver(PeerMessage.immediate().bytes)
    #expect(node.lnd.counters.headersRefused == 1)
    #expect(node.log.contains { $0.cause == .headerRefused && $0.peer == OneNode.peer })
    #expect(node.states() == [.closing])
    expectNothingLeft(node)
  }

  @Test func byteSwappedPeersAreUnderstood() {
    let node = OneNode()
    node.answer = nil
    node.accept()
    var bytes = [UInt8](repeating: 0, count: 48)
    store(O2IBProtocol.magic.byteSwapped, 0, &bytes)
    store(UInt16(0x12).byteSwapped, 4, &bytes)
    store(UInt8(0xD0), 6, &bytes)
    store(UInt32(48).byteSwapped, 8, &bytes)
    store(OneNode.peer.rawValue.byteSwapped, 16, &bytes)
    store(OneNode.peerStamp.byteSwapped, 24, &bytes)
    store(OneNode.nid.rawValue.byteSwapped, 32, &bytes)
    store(OneNode.stamp.byteSwapped, 40, &bytes)
    node.deliver(bytes)
    #expect(node.lnd.counters.noopsReceived == 1 && node.states() == [.established])
  }

  @Test(arguments: 0..<100)
  func noiseNeverTraps(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let node = OneNode(messagePieces: 128)
    node.answer = { event in
      switch event.kind {
      case .putRequest: .refusePut(status: 0)
      case .getRequest: .refuseGet(status: -61)
      default: .consumed
      }
    }
    node.accept()
    node.send(.get(8192))
    node.send(.put(8192))
    node.completeSends()
    let seeds = [
      PeerMessage.noop(1).bytes, PeerMessage.immediate(1, payload: 40).bytes,
      PeerMessage.putRequest(3).bytes, PeerMessage.getRequest(4, [(9, 9), (8, 8)]).bytes,
      PeerMessage.putAcknowledge(lastCookie(node, offset: 120), 5, [(8192, 0x99)]).bytes,
      PeerMessage.completion(0xD7, lastCookie(node, offset: 120), 100).bytes,
    ]
    while node.states() == [.established], node.receives.count > 1 {
      var bytes = seeds[Int(random.next() % UInt64(seeds.count))]
      for _ in 0..<Int(random.next() % 4) {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.next() % 5 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
      node.deliver(bytes)
      if random.next() % 2 == 0 { node.completeSends() }
    }
    #expect(node.release())
  }

  // MARK: - Another peer

  private func otherPeer(_ node: OneNode) -> (NID, UInt32) {
    let nid = NID.o2ib(0x0A00_0077)
    node.request(Hello(source: nid, sourceStamp: 0x77))
    let owner = node.preparedReply() ?? 0
    node.ready(owner)
    node.cm(owner, .established(privateData: PrivateData()))
    return (nid, node.nextQueuePair)
  }

  private func expectWorking(_ node: OneNode, _ nid: NID, _ pair: UInt32) {
    let before = node.events.count
    var message = PeerMessage.immediate(0, payload: 8)
    message.source = nid
    message.sourceStamp = 0x77
    node.deliver(message.bytes, on: pair)
    #expect(node.events.count == before + 1)
    node.send(.ack, to: nid)
    #expect(node.sends.last?.request.queuePair.handle.raw == pair)
  }

  private func expectNothingLeft(_ node: OneNode) {
    let isEmpty = node.release()
    // What LNet still holds is given back when it answers.
    for event in node.events where node.lnd.receptions.contains(event.reception.raw) {
      node.lnd.answer(event.reception, .consumed, &node.turn)
    }
    let isEmptyNow =
      node.lnd.isQuiet
      && node.turn.memory.messages.freePieceCount == node.turn.memory.messages.pieceCount
    #expect(isEmpty || isEmptyNow)
    #expect(node.lnd.transmitCount == 0 && node.lnd.connectionCount == 0)
  }
}
