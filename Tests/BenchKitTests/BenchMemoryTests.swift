// Property: after one lap of the other end's memory no transfer waits for new pages, at either end.
// Method: two nodes on an emulated fabric count the page faults of their own threads at the start of each phase.
import BenchKit
import EmulatedTransport
import Glibc
import LNet
import LustreWire
import NodeCore
import RDMATransport
import Synchronization
import Testing
import Verbena

/// Page faults of a loop's thread so far, as of the last event.
private final class FaultCount: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .sequentiallyConsistent) }

  func note() {
    var usage = rusage()
    // RUSAGE_THREAD, which Swift does not import.
    if getrusage(1, &usage) == 0 {
      count.store(usage.ru_minflt, ordering: .sequentiallyConsistent)
    }
  }
}

private struct CountingPeer: NodeProgram {
  var peer: BenchPeer
  let faults: FaultCount

  mutating func started(_ node: inout NodeCore) { peer.started(&node) }
  mutating func expired(timer owner: UInt32, _ node: inout NodeCore) {
    peer.expired(timer: owner, &node)
  }
  mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    faults.note()
    peer.received(event, &node)
    faults.note()
  }
}

@Suite(.serialized) struct BenchMemoryTests {
  private func node(
    _ text: String, _ fabric: String, _ desk: BenchDesk, _ faults: FaultCount
  ) async throws -> Node {
    let nid = try #require(NID(text))
    return try await Node.start(
      NodeConfiguration(nids: [nid]),
      program: { CountingPeer(peer: BenchPeer(desk: desk, session: 7), faults: faults) }
    ) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  @Test func afterALapNothingWaitsForPages() async throws {
    let fabric = "bench-\(UInt64.random(in: 0 ... .max))"
    let desk = BenchDesk()
    let (here, there) = (FaultCount(), FaultCount())
    let passive = try await node("10.0.0.2@o2ib", fabric, BenchDesk(), there)
    let active = try await node("10.0.0.1@o2ib", fabric, desk, here)
    func run(_ phase: BenchPhase) async -> BenchOutcome {
      desk.put(phase)
      active.ring(tag: BenchClient.bellTag)
      return await desk.outcome()
    }
    let lap = await run(BenchMemory.lap(to: passive.nids[0], isRead: true))
    #expect(lap.status == 0 && lap.mismatchCount == 0)
    let before = (here.value, there.value)
    // Half of the memory: without the lap a fault for each page of it, at either end.
    let outcome = await run(
      BenchPhase(
        .put, target: passive.nids[0], byteCount: 64 << 10, count: 512, inFlight: 8,
        isChecked: true))
    #expect(outcome.status == 0 && outcome.count == 512)
    #expect(before.0 > 8192 && before.1 > 0)
    #expect(here.value - before.0 < 1000)
    #expect(there.value - before.1 < 1000)
    await active.stop()
    await passive.stop()
  }
}
