internal import Synchronization

/// What the imports of a storm's clients report, all clients together. Thread rule: any.
package final class StormBoard: Sendable {
  package struct Counts: Sendable {
    package var full = 0
    package var evicted = 0
    /// CONNECTs that were put on the wire, by when they ended; and those of them that were not answered in time.
    package var attempts: UInt64 = 0
    package var timeouts = 0
    package var refusals = 0
    /// Connections of the driver that were made.
    package var connections: UInt64 = 0
    /// From when the server was back until an import was FULL.
    package var timesToFull = LatencyRecorder()
    package init() {}
  }

  private struct State {
    var counts = Counts()
    var isFull: [Bool]
    /// By import: FULL again after the server had gone.
    var hasReturned: [Bool]
    var returnedCount = 0
    var isServerGone = false
    /// When the server was back, in nanoseconds; 0: it has not gone, or is not back yet.
    var backAt: UInt64 = 0
  }

  private let state: Mutex<State>
  package let importCount: Int

  package init(importCount: Int) {
    self.importCount = importCount
    let none = Array(repeating: false, count: importCount)
    state = Mutex(State(isFull: none, hasReturned: none))
  }

  package var counts: Counts { state.withLock { $0.counts } }

  /// Whether all imports are FULL; once the server has gone: again, as one that has not noticed yet is FULL too.
  package var isWhole: Bool {
    state.withLock { state in
      state.counts.full == importCount
        && (!state.isServerGone || state.returnedCount == importCount)
    }
  }

  /// The server is about to go.
  package func serverGoes() { state.withLock { $0.isServerGone = true } }

  /// The server is back: from now on everything is counted anew.
  package func begin(at now: UInt64) {
    state.withLock { state in
      let full = state.counts.full
      state.counts = Counts()
      state.counts.full = full
      state.backAt = now
      // Whoever was faster than we learnt that it listens.
      for _ in 0..<state.returnedCount { state.counts.timesToFull.record(1) }
    }
  }

  // MARK: - The clients' side

  func became(_ index: Int, isFull: Bool, at now: UInt64) {
    state.withLock { state in
      guard state.isFull[index] != isFull else { return }
      state.isFull[index] = isFull
      state.counts.full += isFull ? 1 : -1
      guard isFull, state.isServerGone, !state.hasReturned[index] else { return }
      state.hasReturned[index] = true
      state.returnedCount += 1
      guard state.backAt > 0 else { return }
      state.counts.timesToFull.record(now > state.backAt ? now - state.backAt : 1)
    }
  }

  func failed(isTimeout: Bool) {
    state.withLock { state in
      if isTimeout { state.counts.timeouts += 1 } else { state.counts.refusals += 1 }
    }
  }

  func evicted() { state.withLock { $0.counts.evicted += 1 } }

  func add(attempts: UInt64, connections: UInt64) {
    state.withLock { state in
      state.counts.attempts += attempts
      state.counts.connections += connections
    }
  }
}
