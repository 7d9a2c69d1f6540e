// Property: of several GETs into one descriptor, a REPLY and a failed send count once, and the answers of the others
// are still taken.
// Method: two GETs, or two PUTs with ACKs, from one descriptor, by hand: the answer to the first comes before its
// send is said to have failed.
import LustreWire
import RDMATransport
import Testing

@testable import LNet

@Suite struct SharedDescriptorTests {
  private let node = TestNode([us])

  private func reply(to message: LNDMessage) {
    guard case .get(let get) = message.header.body else { return }
    node.receive(.reply(from: real, to: us, handle: get.returnHandle, length: 4), [1, 2, 3, 4])
  }

  private func twoGets() throws -> (DescriptorHandle, [LNDMessage]) {
    let descriptor = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk(count: 4), threshold: 4, tag: 5))
    for _ in 0..<2 {
      try node.lnet.get(
        GetRequest(
          descriptor: descriptor, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 9),
        turn: &node.turn)
    }
    return (descriptor, node.takeOutbox())
  }

  @Test func aReplyBeforeItsSendFailedIsCountedOnce() throws {
    let (descriptor, gets) = try twoGets()
    reply(to: gets[0])
    node.finish(gets[0], .remoteError)
    #expect(node.isLive(descriptor))
    node.finish(gets[1])
    reply(to: gets[1])
    let events = node.takeEvents()
    #expect(events.map(\.kind) == [.reply, .send, .send, .reply])
    #expect(events.map(\.isUnlinked) == [false, false, false, true])
    #expect(node.counters.droppedUnexpectedResponse == 0)
    #expect(node.counters.droppedUnknownHandle == 0)
  }

  @Test func aFailedSendWithoutAReplyEndsItsGetAtOnce() throws {
    let (descriptor, gets) = try twoGets()
    node.finish(gets[0], .remoteError)
    node.finish(gets[1])
    #expect(node.isLive(descriptor))
    reply(to: gets[1])
    #expect(node.takeEvents().map(\.isUnlinked) == [false, false, true])
  }

  @Test func whatCannotBeToldApartEndsInTime() throws {
    // The second one's answer has come when the first one's send fails: whether the first was answered too is not known.
    let (descriptor, gets) = try twoGets()
    node.finish(gets[1])
    reply(to: gets[1])
    node.finish(gets[0], .remoteError)
    #expect(node.isLive(descriptor))
    node.advance(to: 60_000_000_000)
    #expect(!node.isLive(descriptor))
    #expect(node.takeEvents().last?.isUnlinked == true)
  }

  @Test func anAcknowledgementBeforeItsSendFailedIsCountedOnce() throws {
    let descriptor = try node.lnet.bind(
      MemoryDescriptor(memory: node.bulk([1, 2, 3, 4]), threshold: 4, tag: 5))
    for _ in 0..<2 {
      try node.lnet.put(
        PutRequest(
          descriptor: descriptor, target: ProcessID(nid: real), portal: .ostRequest, matchBits: 7,
          wantsAcknowledge: true), turn: &node.turn)
    }
    let puts = node.takeOutbox()
    func acknowledge(_ message: LNDMessage) {
      guard case .put(let put) = message.header.body else { return }
      node.receive(.ack(from: real, to: us, handle: put.acknowledgeHandle, length: 4))
    }
    acknowledge(puts[0])
    node.finish(puts[0], .remoteError)
    node.finish(puts[1])
    acknowledge(puts[1])
    let events = node.takeEvents()
    #expect(events.map(\.kind) == [.acknowledge, .send, .send, .acknowledge])
    #expect(events.last?.isUnlinked == true)
    #expect(node.counters.droppedUnexpectedResponse == 0)
  }
}
