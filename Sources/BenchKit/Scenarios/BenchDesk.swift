internal import Synchronization

/// Where a phase waits for its program, and its outcome for whoever asked. One phase at a time.
package final class BenchDesk: Sendable {
  private struct State {
    var phase: BenchPhase?
    var outcome: BenchOutcome?
    var waiter: CheckedContinuation<BenchOutcome, Never>?
  }

  private let state = Mutex(State())
  private let progress = Atomic<Int>(0)
  private let stopped = Atomic<Bool>(false)
  private let abandoned = Atomic<Bool>(false)

  package init() {}

  /// Operations of the phase under way that have counted so far.
  package var progressCount: Int { progress.load(ordering: .relaxed) }

  /// Asks the phase under way, and all that follow, to end early and report.
  package func stop() { stopped.store(true, ordering: .relaxed) }

  /// Leaves a phase for the program; the bell has to be rung.
  package func put(_ phase: BenchPhase) {
    abandoned.store(false, ordering: .relaxed)
    progress.store(0, ordering: .relaxed)
    state.withLock { state in
      state.phase = phase
      state.outcome = nil
    }
  }

  /// Waits for the outcome of the phase that was put.
  package func outcome() async -> BenchOutcome {
    await withCheckedContinuation { continuation in
      let outcome: BenchOutcome? = state.withLock { state in
        if state.outcome == nil { state.waiter = continuation }
        return state.outcome
      }
      if let outcome { continuation.resume(returning: outcome) }
    }
  }

  /// Gives the phase up: it ends as timed out when the bell is rung.
  package func abandon() { abandoned.store(true, ordering: .relaxed) }

  // MARK: - The program's side

  var isStopped: Bool { stopped.load(ordering: .relaxed) }
  var isAbandoned: Bool { abandoned.load(ordering: .relaxed) }

  func note(_ count: Int) { progress.store(count, ordering: .relaxed) }

  func takePhase() -> BenchPhase? {
    state.withLock { state in
      let phase = state.phase
      state.phase = nil
      return phase
    }
  }

  func finish(_ outcome: BenchOutcome) {
    let waiter: CheckedContinuation<BenchOutcome, Never>? = state.withLock { state in
      state.outcome = outcome
      let waiter = state.waiter
      state.waiter = nil
      return waiter
    }
    waiter?.resume(returning: outcome)
  }
}
