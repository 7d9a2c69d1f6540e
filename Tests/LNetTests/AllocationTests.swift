// Property: on the way of a message, up and down, LNet allocates nothing once it is made.
// Method: a counter under malloc reads before and after each flow; an array is the positive control. The
// first rounds are not counted: the runtime makes its descriptions of types then.
import CAllocationCounter
import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@Suite struct AllocationTests {
  private let node = TestNode([us])

  @Test(.disabled(if: callocation_counter_is_off(), "a sanitizer has its own allocator"))
  func thePositiveControlCounts() {
    let before = callocation_counter_read()
    let control = [UInt64](repeating: 1, count: 1000)
    #expect(callocation_counter_read() > before && control.count == 1000)
  }

  /// A piece with a message in it, as a driver has received it.
  private func event(
    _ header: LNetHeader, _ payload: [UInt8] = [], kind: LNDEvent.Kind = .immediate
  ) throws -> LNDEvent {
    guard let piece = node.turn.memory.messages.allocatePiece() else { throw LNetError.busy }
    var raw = [UInt8](repeating: 0, count: 72)
    do {
      var span = raw.mutableSpan
      var bytes = span.mutableBytes
      header.encode(into: &bytes)
    }
    let part = piece.part(offset: 0, length: 120 + payload.count)
    node.write(raw + payload, to: part.part(offset: 48, length: 72 + payload.count))
    return LNDEvent(
      kind: kind, peer: real, reception: ReceptionID(raw: Handle(raw: 1)), piece: part,
      headerOffset: 48)
  }

  /// Drains the queues; everything that was sent is finished.
  private func settle() {
    while !node.lnet.outbox.isEmpty {
      var id = Handle.none
      node.lnet.handOverMessage { id = $0.id }
      node.lnet.finished(id, .success, status: 0, turn: &node.turn)
    }
    while let event = node.lnet.events.popFirst() {
      if event.delivery != .none { node.lnet.release(event.delivery, turn: &node.turn) }
    }
    while node.lnet.lateAnswers.popFirst() != nil {}
  }

  /// Allocations of the rounds after the first ten.
  private func allocations(_ flow: () throws(LNetError) -> Void) throws -> UInt {
    var total: UInt = 0
    for round in 0..<100 {
      let before = callocation_counter_read()
      try flow()
      settle()
      if round >= 10 { total += callocation_counter_read() - before }
    }
    return total
  }

  @Test func aPutThatArrivesAndItsAck() throws {
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7, nid: real, pid: 12345),
      MemoryDescriptor(memory: node.bulk(count: 4096), options: [.put, .remoteOffset]),
      turn: &node.turn)
    var event = try event(.put(from: real, to: us, length: 64, ack: peerHandle), pattern(64))
    let count = try allocations { () throws(LNetError) in
      _ = node.lnet.received(&event, turn: &node.turn)
    }
    #expect(count == 0)
  }

  @Test func aPutInPlace() throws {
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostRequest, matchBits: 0, ignoreBits: .max),
      MemoryDescriptor(memory: .none, options: .put), turn: &node.turn)
    var event = try event(.put(from: real, to: us, portal: 28, length: 64), pattern(64))
    let count = try allocations { () throws(LNetError) in
      _ = node.lnet.received(&event, turn: &node.turn)
    }
    #expect(count == 0)
  }

  @Test func aPutOfOurs() throws {
    let memory = node.bulk(count: 64)
    let count = try allocations { () throws(LNetError) in
      let source = try node.lnet.bind(MemoryDescriptor(memory: memory, threshold: 1))
      try node.lnet.put(
        PutRequest(
          descriptor: source, target: ProcessID(nid: real), portal: .ostBulk, matchBits: 7),
        turn: &node.turn)
    }
    #expect(count == 0)
  }

  @Test func aGetThatArrives() throws {
    _ = try node.lnet.expose(
      MatchEntry(portal: .ostBulk, matchBits: 7),
      MemoryDescriptor(memory: node.bulk(count: 4096), options: [.get, .remoteOffset]),
      turn: &node.turn)
    var event = try event(.get(from: real, to: us, sink: 64))
    let count = try allocations { () throws(LNetError) in
      _ = node.lnet.received(&event, turn: &node.turn)
    }
    #expect(count == 0)
  }

  @Test func aPingThatArrives() throws {
    var event = try event(
      .get(from: real, to: us, portal: 0, matchBits: LNetLimits.pingMatchBits, sink: 272))
    let count = try allocations { () throws(LNetError) in
      _ = node.lnet.received(&event, turn: &node.turn)
    }
    #expect(count == 0)
  }

  @Test func anExpectedReplyIsSetUpAndComes() throws {
    // Made outside: the literal of an option set is an array in a debug build.
    let entry = MatchEntry(portal: .oscReply, matchBits: 7, nid: real)
    let descriptor = MemoryDescriptor(
      memory: node.bulk(count: 64), options: [.put, .truncate], threshold: 1)
    var event = try event(.put(from: real, to: us, portal: 4, length: 64), pattern(64))
    let count = try allocations { () throws(LNetError) in
      _ = try node.lnet.expose(entry, descriptor, turn: &node.turn)
      _ = node.lnet.received(&event, turn: &node.turn)
    }
    #expect(count == 0)
  }
}
