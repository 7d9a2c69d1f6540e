internal import Synchronization

/// What the imports of a storm's clients report, all clients together. Thread rule: any.
package final class StormBoard: Sendable {
  /// What became of CONNECTs, by when they ended.
  package struct Attempts: Equatable, Sendable {
    /// Put on the wire.
    package var sent = 0
    /// Of those, not answered in time; and answered with an error.
    package var unanswered = 0
    package var refused = 0
    /// Not put on the wire: the server was not discovered, or there was no connection to it.
    package var unsent = 0
    /// Connections of the driver that were made.
    package var connections = 0
    package init() {}

    package static func - (one: Attempts, other: Attempts) -> Attempts {
      var result = one
      result.sent -= other.sent
      result.unanswered -= other.unanswered
      result.refused -= other.refused
      result.unsent -= other.unsent
      result.connections -= other.connections
      return result
    }

    package static func += (one: inout Attempts, other: Attempts) {
      one.sent += other.sent
      one.unanswered += other.unanswered
      one.refused += other.refused
      one.unsent += other.unsent
      one.connections += other.connections
    }
  }

  package struct Counts: Sendable {
    package var full = 0
    package var evicted = 0
    package var attempts = Attempts()
    /// From when the server was back until an import was FULL.
    package var timesToFull = LatencyRecorder()
    package init() {}
  }

  /// Imports that are not FULL for one reason.
  package struct Failure: Equatable, Sendable {
    /// Of their last attempt, negative.
    package var status: Int32
    package var count: Int
    /// The place of the first of them.
    package var place: Int
  }

  private struct State {
    var counts = Counts()
    var isFull: [Bool]
    /// By import: how the last attempt failed; 0 when none has since it was FULL.
    var statuses: [Int32]
    /// By import: when it was FULL again after the server had gone, in nanoseconds; 0: it is not yet.
    var returnedAt: [UInt64]
    var returnedCount = 0
    var isServerGone = false
    /// Whether an import has been lost since then.
    var isServerMissed = false
    /// Whether the first connection that stands again says that the server is back, as nobody else does.
    var isBackByConnection = false
    /// When the server was back, in nanoseconds; 0: it has not gone, or is not back yet.
    var backAt: UInt64 = 0
  }

  private let state: Mutex<State>
  package let importCount: Int

  package init(importCount: Int) {
    self.importCount = importCount
    state = Mutex(
      State(
        isFull: Array(repeating: false, count: importCount),
        statuses: Array(repeating: 0, count: importCount),
        returnedAt: Array(repeating: 0, count: importCount)))
  }

  package var counts: Counts {
    state.withLock { state in
      var counts = state.counts
      guard state.backAt > 0 else { return counts }
      for time in state.returnedAt where time > 0 {
        counts.timesToFull.record(time > state.backAt ? time - state.backAt : 1)
      }
      return counts
    }
  }

  /// Why imports are not FULL, by the first of each kind.
  package var failures: [Failure] {
    state.withLock { state in
      var failures: [Failure] = []
      for (place, status) in state.statuses.enumerated() where status != 0 {
        if let known = failures.firstIndex(where: { $0.status == status }) {
          failures[known].count += 1
        } else {
          failures.append(Failure(status: status, count: 1, place: place))
        }
      }
      return failures
    }
  }

  /// Whether all imports are FULL; once the server has gone: again, as one that has not noticed yet is FULL too.
  package var isWhole: Bool {
    state.withLock { state in
      state.counts.full == importCount
        && (!state.isServerGone || state.returnedCount == importCount)
    }
  }

  /// Whether the server has gone, and an import has been lost by it.
  package var isServerMissed: Bool { state.withLock { $0.isServerMissed } }
  /// Whether the server has gone and is back.
  package var isServerBack: Bool { state.withLock { $0.backAt > 0 } }

  /// The server is about to go: from now on everything is counted anew.
  ///
  /// - Parameter isBackByConnection: whether nobody will say when it is back (``isBack(since:)``).
  package func serverGoes(isBackByConnection: Bool = false) {
    state.withLock { state in
      state.isBackByConnection = isBackByConnection
      let full = state.counts.full
      state.counts = Counts()
      state.counts.full = full
      state.isServerGone = true
    }
  }

  /// The server has been back since then, in nanoseconds; some imports may be FULL already.
  package func isBack(since time: UInt64) { state.withLock { $0.backAt = time } }

  // MARK: - The clients' side

  func became(_ index: Int, isFull: Bool, at now: UInt64) {
    state.withLock { state in
      guard state.isFull[index] != isFull else { return }
      state.isFull[index] = isFull
      state.statuses[index] = 0
      state.counts.full += isFull ? 1 : -1
      if !isFull, state.isServerGone { state.isServerMissed = true }
      guard isFull, state.isServerGone, state.returnedAt[index] == 0 else { return }
      state.returnedAt[index] = max(now, 1)
      state.returnedCount += 1
    }
  }

  func failed(_ index: Int, status: Int32) {
    state.withLock { $0.statuses[index] = status }
  }

  func evicted() { state.withLock { $0.counts.evicted += 1 } }

  func add(_ attempts: Attempts, at now: UInt64) {
    state.withLock { state in
      state.counts.attempts += attempts
      if attempts.connections > 0, state.isBackByConnection, state.isServerMissed,
        state.backAt == 0
      {
        state.backAt = max(now, 1)
      }
    }
  }
}
