// A turn's batches lose exactly the requests of a queue pair that ends.
// Method: mixed batches of two queue pairs, before and after.
import Structures
import Testing

@testable import RDMATransport

@Suite struct TurnTests {
  @Test func dropsOneQueuePairOnly() {
    let region = testRegion(byteCount: 8192)
    defer { releaseTestRegion(region) }
    var turn = Turn(
      now: 0,
      memory: NodeMemory(
        messages: Arena(region: region, pieceByteCount: 4096, isBulk: false),
        bulk: Arena(region: region, pieceByteCount: 4096, isBulk: true)),
      timerCount: 1, seed: 1)
    let a = QueuePairHandle(handle: Handle(slot: 1, generation: 0))
    let b = QueuePairHandle(handle: Handle(slot: 2, generation: 0))
    for (index, queuePair) in [a, b, b, a, b].enumerated() {
      turn.sends.append(
        SendRequest(
          queuePair: queuePair, operation: .send, id: UInt64(index), segment: .empty))
      turn.receives.append(
        ReceiveRequest(queuePair: queuePair, segment: .empty, id: UInt64(index)))
    }
    turn.dropRequests(of: b)
    #expect(turn.sends.count == 2 && turn.sends[0].id == 0 && turn.sends[1].id == 3)
    #expect(turn.receives.count == 2 && turn.receives[0].id == 0 && turn.receives[1].id == 3)
    turn.dropRequests(of: a)
    #expect(turn.sends.isEmpty && turn.receives.isEmpty)
  }
}
