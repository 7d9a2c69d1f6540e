// Property: a phase ends well only when all that it sent has arrived, be it that its last echo overtook some; an open
// loop begins operations at its rate, no earlier, and counts from when each should have begun.
// Method: two nodes on an emulated fabric; the passive end is a service that is told of its first messages late, or never.
import BenchKit
import EmulatedTransport
import LNet
import LustreWire
import NodeCore
import RDMATransport
import Testing
import Verbena

/// A service that is told of the first message that carries no answer only after so many echoes, as if it had come by a
/// slower connection.
private struct LateService: NodeProgram {
  var service = BenchService()
  /// Echoes until then; nil for never.
  var echoesUntilTold: Int?
  var late: LNetEvent?
  var echoCount = 0

  mutating func started(_ node: inout NodeCore) { service.started(&node) }

  mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    let kind = BenchWire.kind(event.matchBits)
    if event.kind == .put, kind == .discard || kind == .data, late == nil {
      late = event
      // What is kept for ever would keep its node from stopping.
      if echoesUntilTold == nil, event.delivery != .none {
        node.lnet.release(event.delivery, turn: &node.turn)
      }
      return
    }
    if event.kind == .put, kind == .echo, late != nil {
      echoCount += 1
      if echoCount == echoesUntilTold, let late { service.received(late, &node) }
    }
    service.received(event, &node)
  }
}

@Suite(.serialized) struct BenchClientTests {
  private func node<Program: NodeProgram & SendableMetatype & ~Copyable>(
    _ text: String, _ fabric: String, _ program: @escaping @Sendable () -> Program
  ) async throws -> Node {
    let nid = try #require(NID(text))
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 8 << 20
    configuration.driverLimits.connections = 8
    return try await Node.start(configuration, program: program) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  /// Runs a phase; when the passive end is to be silent, gives it up once all of it has been sent.
  private func outcome(
    echoesUntilTold: Int?, _ make: (NID) -> BenchPhase
  ) async throws -> BenchOutcome {
    let fabric = "bench-\(UInt64.random(in: 0 ... .max))"
    let desk = BenchDesk()
    let passive = try await node("10.0.0.2@o2ib", fabric) {
      LateService(echoesUntilTold: echoesUntilTold)
    }
    let active = try await node("10.0.0.1@o2ib", fabric) { BenchPeer(desk: desk, session: 7) }
    let phase = make(passive.nids[0])
    desk.put(phase)
    active.ring(tag: BenchClient.bellTag)
    if echoesUntilTold == nil {
      while desk.progressCount < phase.count { await Task.yield() }
      desk.abandon()
      active.ring(tag: BenchClient.bellTag)
    }
    let outcome = await desk.outcome()
    await active.stop()
    await passive.stop()
    return outcome
  }

  @Test(arguments: [BenchPhase.Operation.stream, .put])
  func messagesThatTheLastEchoOvertookAreWaitedFor(operation: BenchPhase.Operation) async throws {
    let outcome = try await outcome(echoesUntilTold: 3) {
      BenchPhase(operation, target: $0, byteCount: 64, count: 20, inFlight: 4, isChecked: true)
    }
    #expect(outcome.status == 0)
    #expect(outcome.count == 20)
    #expect(outcome.mismatchCount == 0)
  }

  @Test func aMessageThatDoesNotArriveIsAFailure() async throws {
    let outcome = try await outcome(echoesUntilTold: nil) {
      BenchPhase(.stream, target: $0, byteCount: 64, count: 20, inFlight: 4)
    }
    #expect(outcome.status == -110)
  }

  /// What was counted until then has taken the time until then.
  @Test(arguments: [BenchPhase.Operation.pingPong, .put, .get])
  func whatBreaksOffKeepsItsTime(operation: BenchPhase.Operation) async throws {
    let fabric = "bench-\(UInt64.random(in: 0 ... .max))"
    let desk = BenchDesk()
    let passive = try await node("10.0.0.2@o2ib", fabric) { BenchService() }
    let active = try await node("10.0.0.1@o2ib", fabric) { BenchPeer(desk: desk, session: 7) }
    desk.put(
      BenchPhase(operation, target: passive.nids[0], byteCount: 4096, count: 1_000_000_000))
    active.ring(tag: BenchClient.bellTag)
    while desk.progressCount < 10 { await Task.yield() }
    await passive.stop()
    desk.abandon()
    active.ring(tag: BenchClient.bellTag)
    let outcome = await desk.outcome()
    await active.stop()
    #expect(outcome.status != 0 && outcome.count >= 10)
    let parts: UInt64 = operation == .pingPong ? 2 : 1
    let sum = outcome.latency.buckets.reduce(0.0) { $0 + Double($1.value * $1.count * parts) }
    #expect(Double(outcome.elapsedNanoseconds) * 1.01 >= sum)
  }

  @Test(arguments: [BenchPhase.Operation.pingPong, .stream, .put, .get])
  func theRateIsNotExceeded(operation: BenchPhase.Operation) async throws {
    let outcome = try await outcome(echoesUntilTold: 1) {
      BenchPhase(
        operation, target: $0, byteCount: 64, count: 40, warmupCount: 2, inFlight: 8,
        ratePerSecond: 1000)
    }
    #expect(outcome.status == 0)
    #expect(outcome.count == 40)
    #expect(outcome.correctedLatency.count == 40)
    // From when the third one is due, after 2 ms, to the end of the last, due after 41 ms.
    #expect(outcome.elapsedNanoseconds >= 39_000_000)
    #expect(outcome.correctedLatency.summary.min >= outcome.latency.summary.min)
    #expect(outcome.correctedLatency.summary.max >= outcome.latency.summary.max)
  }

  /// All that counted happened within the time that the rate is computed from, so many at a time.
  @Test(arguments: [BenchPhase.Operation.pingPong, .put, .get], [(1, 4), (8, 4), (8, 200)])
  func rateAndLatenciesAgree(
    operation: BenchPhase.Operation, load: (warmup: Int, count: Int)
  ) async throws {
    let inFlight = operation == .pingPong ? 1 : 16
    let outcome = try await outcome(echoesUntilTold: 1) {
      BenchPhase(
        operation, target: $0, byteCount: 256 << 10, count: load.count, warmupCount: load.warmup,
        inFlight: inFlight)
    }
    #expect(outcome.status == 0 && outcome.count == load.count)
    // Of ping-pong half the way is recorded; histograms keep three digits.
    let parts: UInt64 = operation == .pingPong ? 2 : 1
    let elapsed = Double(outcome.elapsedNanoseconds) * 1.002
    let latencies = outcome.latency.buckets
    let sum = latencies.reduce(0.0) { $0 + Double($1.value * $1.count * parts) }
    #expect(Double(outcome.latency.summary.max * parts) <= elapsed)
    #expect(sum <= elapsed * Double(inFlight))
  }

  @Test func whatHeldTheOthersUpIsInTheirTimes() async throws {
    // All are due at once and one is under way at a time: the last has waited for all others.
    let rate = 10_000_000
    let outcome = try await outcome(echoesUntilTold: 1) {
      BenchPhase(
        .pingPong, target: $0, byteCount: 64, count: 200, inFlight: 1, ratePerSecond: rate)
    }
    #expect(outcome.status == 0)
    let due = UInt64(200 * 1_000_000_000 / rate)
    // Three significant digits are kept.
    let kept = outcome.correctedLatency.summary.max + outcome.correctedLatency.summary.max / 500
    #expect(kept + due >= outcome.elapsedNanoseconds)
    #expect(outcome.correctedLatency.summary.mean > outcome.latency.summary.mean * 10)
  }
}
