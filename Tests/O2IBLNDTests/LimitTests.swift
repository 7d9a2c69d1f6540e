// Property: a limit that is reached is a refusal or a delay, counted, and nothing else suffers.
// Method: drivers with tiny tables and batches.

import LNet
import LustreWire
import RDMATransport
import Structures
import Testing

@testable import O2IBLND

struct LimitTests {
  @Test("§7.3: no more than concurrent_sends messages are posted and not completed")
  func concurrentSends() throws {
    var configuration = O2IBConfiguration()
    try configuration.set("concurrent_sends", to: 4)
    let node = OneNode(configuration: configuration)
    node.accept()
    for _ in 0..<6 { node.send(.ack) }
    #expect(node.sends.count == 4)
    node.completeSends()
    #expect(node.sends.count == 6)
    #expect(node.release())
  }

  @Test func limitsRefuseAndAreCounted() {
    var limits = O2IBLimits.small
    limits.pendingPerPeer = 3
    let pending = OneNode(limits: limits)
    for _ in 0..<5 { pending.send(.ack) }
    #expect(pending.takeEvents(.finished).map(\.outcome) == [.localDropped, .localDropped])
    #expect(pending.lnd.counters.pendingExhausted == 2)
    limits = .small
    limits.transmits = 40
    let transmits = OneNode(limits: limits)
    transmits.accept()
    for _ in 0..<9 { transmits.send(.ack) }
    #expect(transmits.lnd.counters.transmitsExhausted == 1)
    // Answers and NOOPs still have theirs.
    transmits.deliver(PeerMessage.getRequest(5, [(10, 0x1000)]).bytes)
    answerLast(transmits, .refuseGet(status: -61))
    transmits.completeSends()
    #expect(transmits.sends.last?.type == .getDone)
    limits = .small
    limits.receptions = 2
    let receptions = OneNode(limits: limits)
    receptions.answer = nil
    receptions.accept()
    for _ in 0..<3 { receptions.deliver(PeerMessage.immediate().bytes) }
    #expect(receptions.lnd.counters.receptionsExhausted == 1)
    #expect(receptions.states() == [.closing])
    for event in receptions.takeEvents(.immediate) {
      receptions.lnd.answer(event.reception, .consumed, &receptions.turn)
    }
    #expect(pending.release() && transmits.release() && receptions.release())
  }

  @Test func peersThatAreNotThereKeepNobodyOut() {
    var limits = O2IBLimits.small
    limits.peers = 2
    let node = OneNode(limits: limits)
    // One after the other, all within the back-off of the first.
    for number in 1...5 {
      node.send(.ack, to: .o2ib(0x0A00_0100 + UInt32(number)))
      guard let owner = node.prepared() else {
        Issue.record("no attempt towards peer \(number)")
        return
      }
      node.commands = []
      node.cm(owner, .failed(ConnectFailure(step: .connect, errno: 113)))
      node.cm(owner, .released)
      #expect(node.takeEvents(.finished).map(\.status) == [-113], "peer \(number)")
    }
    #expect(node.lnd.peerCount == 2)
    // Those that something waits for keep their places.
    for number in 11...13 { node.send(.ack, to: .o2ib(0x0A00_0100 + UInt32(number))) }
    #expect(node.takeEvents(.finished).map(\.status) == [-12])
    #expect(node.lnd.counters.resourcesExhausted == 1)
    #expect(node.release())
  }

  @Test func whatWaitsForAPieceIsNotUrgent() {
    let node = OneNode(messagePieces: 18 + 4)
    node.accept()
    for _ in 0..<5 { node.send(.ack) }
    #expect(node.sends.count == 4 && node.lnd.counters.pieceShortages > 0)
    #expect(!node.needsFlush)
    node.completeSends()
    #expect(node.sends.count == 5)
    // A batch that is full is.
    let full = OneNode(batch: 18)
    full.send(.ack)
    while full.turn.receives.freeCapacity > 5 {
      full.turn.receives.append(ReceiveRequest(queuePair: .none, segment: .empty, id: 0))
    }
    full.lnd.cmEvent(
      CMEvent(
        owner: full.prepared() ?? 0,
        kind: .ready(QueuePairHandle(handle: Handle(raw: 5)), granted: full.granted())),
      &full.turn)
    full.lnd.flush(&full.turn)
    #expect(full.needsFlush)
    full.endTurn()
    full.endTurn()
    #expect(!full.needsFlush && full.connectRequest() != nil)
  }

  @Test func commandsWaitForRoomInTheBatch() {
    let node = OneNode(commands: 2)
    for number in 0..<8 { node.send(.ack, to: .o2ib(0x0A00_0100 + UInt32(number))) }
    var prepared = node.takeCommands().count
    node.lnd.shutdown(&node.turn)
    for _ in 0..<12 {
      node.endTurn()
      #expect(node.commands.count <= 2)
      for command in node.takeCommands() {
        switch command {
        case .prepare: prepared += 1
        case .destroy(let owner):
          node.lnd.cmEvent(CMEvent(owner: owner, kind: .released), &node.turn)
        default: break
        }
      }
    }
    #expect(node.takeEvents(.finished).count == 8)
    #expect(prepared == 8 && node.lnd.isQuiet && !node.needsFlush)
  }
}
