internal import BenchKit
internal import Dispatch
internal import LustreWire
internal import Roles
internal import Synchronization
internal import Verbena

extension BenchRun {
  /// `bench bulk --objects`: RPCs that write and read an object, which goes when all is measured.
  func objects(on target: String) async throws {
    guard let nid = self.target else {
      throw CommandFailure(.usage, "--objects names a target at a NID: give the NID too")
    }
    let load = LoadPlan(settings, of: BulkLoad.self)
    guard load.ratePerSecond == 0 else {
      throw CommandFailure(.usage, "--rate does not go with --objects")
    }
    guard settings.nanoseconds(.interval) == 0 else {
      throw CommandFailure(.usage, "--interval does not go with --objects")
    }
    let session = try ObjectSession(
      to: [nid], target, node(), timeoutNanoseconds: settings.nanoseconds(.deadline),
      connectNanoseconds: settings.nanoseconds(.deadline), inFlight: load.inFlight)
    var bench = BulkBench(
      target: nid, byteCounts: load.byteCounts, iterations: load.iterations,
      warmup: load.warmup, inFlight: load.inFlight,
      durationNanoseconds: load.durationNanoseconds, operations: load.operations,
      checksums: checksums)
    (bench.putName, bench.getName) = ("WRITE", "READ")
    bench.isOfNodes = false
    let plan = bench
    let header = [
      ("measured", "objects' data, \(settings.text(.bulkSize)) bytes at a time"),
      ("target", "\(target) at \(nid)"), ("in flight", settings.text(.bulkInFlight)), load.count,
    ]
    let isStopped = StopFlag()
    try await report(
      backend: session.backend, header: header, onRequest: { isStopped.set() }
    ) { report, _ in
      var filled = report
      try await session.work { lustre, owner in
        let made = try await lustre.perform(
          ObjectWish(.create, .echo(1)), on: owner, timeout: session.deadline)
        let phases = ObjectPhases(
          lustre, owner, made.attributes.object, session.deadline, isStopped)
        do {
          try await plan.report(into: &filled, phases.run, isStopped: { isStopped.isSet })
        } catch {
          await lustre.discard(
            phases.object, on: owner, timeout: Farewell(after: error).removal)
          throw error
        }
        await lustre.discard(phases.object, on: owner, timeout: session.deadline)
      }
      report = filled
    }
  }
}

/// Whether a signal has asked for the end.
final class StopFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}

/// Measurements on one object: each transfer under way has its own part of it.
final class ObjectPhases: Sendable {
  private static let partByteCount: UInt64 = 1 << 20

  let object: ObjectID
  private let lustre: LustreNode
  private let owner: Import
  /// How long nothing at all may end.
  private let deadline: Duration
  private let isStopped: StopFlag
  private let left = Mutex(0)
  /// Transfers that have ended.
  private let endedCount = Atomic<Int>(0)

  init(
    _ lustre: LustreNode, _ owner: Import, _ object: ObjectID, _ deadline: Duration,
    _ isStopped: StopFlag
  ) {
    self.lustre = lustre
    self.owner = owner
    self.object = object
    self.deadline = deadline
    self.isStopped = isStopped
  }

  @Sendable func run(_ phase: BenchPhase) async throws -> BenchOutcome {
    // What is read must be there.
    if phase.operation == .get { _ = try await pass(.write, phase, count: nil) }
    let action: ObjectWish.Action = phase.operation == .put ? .write : .read
    let before = try await mismatches()
    if phase.warmupCount > 0 { _ = try await pass(action, phase, count: phase.warmupCount) }
    var outcome = try await pass(action, phase, count: phase.count)
    outcome.mismatchCount = try await mismatches() - before
    return outcome
  }

  /// Transfers that arrived with wrong data, and were done again.
  private func mismatches() async throws -> UInt64 {
    try await lustre.withRoles("checksums") { roles, _ in
      roles.objects.counters.checksumMismatches
    }
  }

  /// - Parameter count: nil for one of each part.
  private func pass(
    _ action: ObjectWish.Action, _ phase: BenchPhase, count: Int?
  ) async throws -> BenchOutcome {
    left.withLock { $0 = count ?? 0 }
    let start = DispatchTime.now().uptimeNanoseconds
    var outcome = BenchOutcome()
    let lanes = WatchedLanes<LatencyRecorder>(
      count: phase.inFlight, deadline: deadline,
      steps: { self.endedCount.load(ordering: .relaxed) },
      failure: { [object, deadline] in
        CommandFailure(
          .timedOut, "\(object.text): no transfer has ended for \(deadline): is the target up?")
      })
    let isOnce = count == nil
    for latency in try await lanes.run({ lane in
      try await self.lane(lane, action, phase, isOnce: isOnce, start: start)
    }) {
      outcome.latency.add(latency)
    }
    outcome.count = Int(outcome.latency.count)
    outcome.elapsedNanoseconds = DispatchTime.now().uptimeNanoseconds - start
    return outcome
  }

  private func lane(
    _ lane: Int, _ action: ObjectWish.Action, _ phase: BenchPhase, isOnce: Bool, start: UInt64
  ) async throws -> LatencyRecorder {
    var latency = LatencyRecorder()
    var buffer = try await lustre.node.allocate(byteCount: phase.byteCount)
    var wish = ObjectWish(action, object)
    wish.offset = UInt64(lane) * Self.partByteCount
    wish.checksum = phase.isChecked ? .automatic : .none
    while isOnce ? latency.count == 0 : claim(phase, start) {
      let begun = DispatchTime.now().uptimeNanoseconds
      let outcome = await lustre.object(wish, buffer, on: owner)
      endedCount.wrappingAdd(1, ordering: .relaxed)
      let result = outcome.result
      buffer = outcome.takeBuffer()
      guard try result.get().byteCount == phase.byteCount else {
        throw CommandFailure(.failed, "\(object.text): a transfer came short")
      }
      latency.record(DispatchTime.now().uptimeNanoseconds - begun)
    }
    return latency
  }

  private func claim(_ phase: BenchPhase, _ start: UInt64) -> Bool {
    guard !isStopped.isSet else { return false }
    let limit = phase.durationNanoseconds
    if limit > 0, DispatchTime.now().uptimeNanoseconds - start >= limit { return false }
    return left.withLock { left in
      left -= 1
      return left >= 0
    }
  }
}
