// The requirements of spec 04 C that LNet itself must meet, one test each, named by number.
// Method: requests as a real node would send them; answers compared with what C demands.
import LNet
import LustreWire
import RDMATransport
import Testing

@Suite struct InteropTests {
  private let other = NID.o2ib(0x0A0A_0006)
  private let node: TestNode

  init() { node = TestNode([us, other]) }

  /// C 1: every portal-0 GET is answered at once, on the interface it came to, to the NID it came from,
  /// whoever asks and whatever else goes on.
  @Test func c1EveryPingIsAnswered() throws {
    for index in 0..<50 as Range<UInt32> {
      let source = NID.o2ib(0x0A0A_1000 + index)
      let interface = UInt8(index % 2)
      node.receive(
        .get(
          from: source, to: node.nids[Int(interface)], portal: 0,
          matchBits: LNetLimits.pingMatchBits, sink: 272), interface: interface)
      let reply = try #require(node.takeOutbox().only)
      #expect(reply.peer == source && reply.interface == interface)
      #expect(reply.header.body == .reply(LNetReply(destinationHandle: peerHandle)))
      node.finish(reply)
    }
    #expect(node.counters.pingsAnswered == 50 && node.counters.dropped == 0)
  }

  /// C 2: every PUT whose handle is not "none" is acknowledged with exactly what was deposited; a handle
  /// is "none" only if both halves are all ones (spec 01 §3.4).
  @Test func c2EveryPutThatAsksIsAcknowledged() throws {
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7),
      MemoryDescriptor(
        memory: node.bulk(count: 50), options: [.put, .truncate, .remoteOffset]),
      turn: &node.turn)
    let handles = [
      peerHandle, WireHandle(interfaceCookie: .max, objectCookie: 0),
      WireHandle(interfaceCookie: 0, objectCookie: .max),
      WireHandle(interfaceCookie: 0, objectCookie: 0),
    ]
    for handle in handles {
      for length in [0, 1, 49, 50, 51, 3000] {
        node.receive(.put(from: real, to: us, length: length, ack: handle), pattern(length))
        let ack = try #require(node.takeOutbox().only)
        #expect(
          ack.header.body
            == .ack(
              LNetAck(
                destinationHandle: handle, matchBits: 7,
                depositedBytes: UInt32(min(50, length)))))
        node.finish(ack)
      }
    }
    node.receive(.put(from: real, to: us, length: 10, ack: .none), pattern(10))
    #expect(node.takeOutbox().isEmpty)
  }

  /// C 3: all NIDs are listed as up.
  @Test func c3AllNIDsAreUp() throws {
    node.receive(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 272))
    let bytes = node.bytes(try #require(node.takeOutbox().only).payload)
    let info = try PingInfo(decoding: bytes.span.bytes)
    #expect(info.entries.dropFirst().map(\.nid) == [us, other])
    #expect(info.entries.dropFirst().allSatisfy { $0.status == .up })
  }

  /// C 9: pid 12345 on both ends of whatever we send, and as source the NID of the interface it leaves by.
  @Test func c9IdentityIsStable() throws {
    var sent: [LNDMessage] = []
    func take() {
      for message in node.takeOutbox() {
        sent.append(message)
        node.finish(message)
      }
    }
    node.receive(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 272))
    take()
    node.receive(
      .put(
        from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, length: 3,
        ack: peerHandle), [1, 2, 3])
    take()
    try node.lnet.ping(real, timeout: second, tag: 1, turn: &node.turn)
    take()
    for _ in 0..<4 {
      let source = try node.lnet.bind(MemoryDescriptor(memory: node.bulk([1]), threshold: 1))
      try node.lnet.put(
        PutRequest(
          descriptor: source, target: ProcessID(nid: real), portal: .ostRequest, matchBits: 7),
        turn: &node.turn)
      take()
    }
    #expect(sent.count == 7)
    for message in sent {
      #expect(message.header.source.pid == 12345 && message.header.destination.pid == 12345)
      #expect(message.header.source.nid == node.nids[Int(message.interface)])
      #expect(message.header.destination.nid == message.peer)
    }
    // The peer with one rail saw one NID of ours in all requests.
    let requests = sent.suffix(4).map(\.header.source.nid)
    #expect(Set(requests).count == 1)
  }
}
