// Property: between a completion and the next post the driver allocates nothing, once it is made.
// Method: a counter under malloc reads before and after each call; an array is the positive control. The
// first round is not counted: the runtime makes its descriptions of types then.

import BasicContainers
import CAllocationCounter
import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import O2IBLND

struct AllocationTests {
  @Test(.disabled(if: callocation_counter_is_off(), "a sanitizer has its own allocator"))
  func positiveControl() {
    let before = callocation_counter_read()
    let control = [UInt64](repeating: 1, count: 1000)
    #expect(callocation_counter_read() > before && control.count == 1000)
  }

  @Test func immediatesBothWays() {
    let node = OneNode()
    node.accept()
    var message = LNDMessage(
      id: Handle(raw: 1), interface: 0, peer: OneNode.peer,
      header: OneNode.outgoing(.ack, to: OneNode.peer))
    var total: UInt = 0
    for round in 0..<200 {
      let incoming = PeerMessage.immediate(round == 0 ? 0 : 1, payload: 64).bytes
      let request = node.receives.removeFirst()
      place(incoming, request)
      let completion = WorkCompletion(
        id: request.id, queuePair: request.queuePair, byteCount: UInt32(incoming.count),
        status: .success, operation: .receive)
      let before = callocation_counter_read()
      node.lnd.completionReceived(completion, &node.turn)
      while let event = node.lnd.events.popFirst() {
        if event.kind == .immediate { node.lnd.answer(event.reception, .consumed, &node.turn) }
      }
      node.lnd.send(&message, &node.turn)
      node.lnd.flush(&node.turn)
      total += callocation_counter_read() - before
      total += completeAll(node)
      if round == 0 { total = 0 }
    }
    #expect(node.lnd.counters.messagesSent == 200 && node.lnd.counters.messagesReceived == 200)
    #expect(total == 0)
  }

  @Test func transfersBothWays() {
    let node = OneNode()
    node.accept()
    guard let sink = node.turn.memory.bulk.allocateRun(byteCount: 8192) else { return }
    var put = LNDMessage(
      id: Handle(raw: 1), interface: 0, peer: OneNode.peer,
      header: OneNode.outgoing(.put(8192), to: OneNode.peer))
    put.payload = sink
    var total: UInt = 0
    for round in 0..<50 {
      // Our PUT: PUT_REQ, PUT_ACK, WRITE and PUT_DONE.
      let before = callocation_counter_read()
      node.lnd.send(&put, &node.turn)
      node.lnd.flush(&node.turn)
      total += callocation_counter_read() - before
      let cookie = postedCookie(node, offset: 120)
      total += completeAll(node)
      total += deliver(node, PeerMessage.putAcknowledge(cookie, 9, [(8192, 0x1000)]).bytes) { _ in
        .consumed
      }
      total += completeAll(node)
      // The peer's PUT and GET.
      total += deliver(node, PeerMessage.putRequest(5).bytes) { _ in
        .acceptPut(sink: sink, ticket: 1)
      }
      let sinkCookie = postedCookie(node, offset: 56)
      total += completeAll(node)
      total += deliver(node, PeerMessage.completion(0xD5, sinkCookie, 8192).bytes) { _ in .consumed
      }
      total += deliver(node, PeerMessage.getRequest(6, [(8192, 0x1000)]).bytes) { _ in
        .serveGet(source: sink, ticket: 2)
      }
      total += completeAll(node)
      total += deliver(node, PeerMessage.noop(1).bytes) { _ in .consumed }
      if round == 0 { total = 0 }
    }
    #expect(node.lnd.counters.writesPosted == 100 && node.states() == [.established])
    #expect(total == 0)
  }

  // MARK: - Steps; each returns what the driver allocated

  private func place(_ bytes: [UInt8], _ request: ReceiveRequest) {
    bytes.withUnsafeBytes { source in
      if let base = source.baseAddress {
        pointer(request.segment.address).copyMemory(from: base, byteCount: source.count)
      }
    }
  }

  private func deliver(
    _ node: OneNode, _ bytes: [UInt8], answer: (LNDEvent) -> ReceptionAnswer
  ) -> UInt {
    let request = node.receives.removeFirst()
    place(bytes, request)
    let completion = WorkCompletion(
      id: request.id, queuePair: request.queuePair, byteCount: UInt32(bytes.count),
      status: .success, operation: .receive)
    let before = callocation_counter_read()
    node.lnd.completionReceived(completion, &node.turn)
    while let event = node.lnd.events.popFirst() {
      if event.reception.raw != .none {
        node.lnd.answer(event.reception, answer(event), &node.turn)
      }
    }
    node.lnd.flush(&node.turn)
    return callocation_counter_read() - before
  }

  private func completeAll(_ node: OneNode) -> UInt {
    var completions: [WorkCompletion] = []
    for index in 0..<node.turn.sends.count where node.turn.sends[index].isSignaled {
      let request = node.turn.sends[index]
      completions.append(
        WorkCompletion(
          id: request.id, queuePair: request.queuePair, byteCount: 0, status: .success,
          operation: .send))
    }
    for index in 0..<node.turn.receives.count { node.receives.append(node.turn.receives[index]) }
    node.turn.sends.removeAll()
    node.turn.receives.removeAll()
    let before = callocation_counter_read()
    for index in completions.indices { node.lnd.completionReceived(completions[index], &node.turn) }
    while node.lnd.events.popFirst() != nil {}
    return callocation_counter_read() - before
  }

  private func postedCookie(_ node: OneNode, offset: Int) -> UInt64 {
    let last = node.turn.sends[node.turn.sends.count - 1]
    return bytes(of: last.segments.0).span.bytes.native(UInt64.self, at: offset)
  }
}
