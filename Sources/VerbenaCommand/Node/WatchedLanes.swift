internal import Verbena

/// Tasks side by side that wait for one target, given up when it has answered none of them for the deadline.
struct WatchedLanes<Outcome: Sendable>: Sendable {
  /// Looks at the progress within a deadline: on a machine that stands still meanwhile, only one of them is lost.
  private static var lookCount: Int { 10 }

  let count: Int
  let deadline: Duration
  /// Steps that have been made so far; nil while nobody waits for the target.
  let steps: @Sendable () -> Int?
  /// What they are given up with.
  let failure: @Sendable () -> CommandFailure

  /// Runs them all; the first that fails ends the others. Those that are given up end when the wire is done with
  /// their memory, for which nobody waits.
  ///
  /// - Parameter lane: the work of one of them, by its number.
  func run(
    _ lane: @escaping @Sendable (Int) async throws -> Outcome
  ) async throws -> [Outcome] {
    let ended = Call<Result<[Outcome], any Error>>()
    let work = Task {
      do {
        ended.finish(.success(.success(try await all(lane))))
      } catch { ended.finish(.success(.failure(error))) }
    }
    let watch = Task {
      try await untilQuiet()
      ended.finish(.success(.failure(failure())))
      work.cancel()
    }
    defer { watch.cancel() }
    return try await withTaskCancellationHandler {
      try await ended.outcome().get().get()
    } onCancel: {
      work.cancel()
    }
  }

  private func all(
    _ lane: @escaping @Sendable (Int) async throws -> Outcome
  ) async throws -> [Outcome] {
    try await withThrowingTaskGroup(of: Outcome.self) { lanes in
      for number in 0..<count { lanes.addTask { try await lane(number) } }
      var outcomes: [Outcome] = []
      for try await outcome in lanes { outcomes.append(outcome) }
      return outcomes
    }
  }

  /// One look for all: a timer for each transfer would be measured with it.
  private func untilQuiet() async throws {
    var (seen, quietCount) = (-1, 0)
    while quietCount < Self.lookCount {
      try await Task.sleep(for: deadline / Self.lookCount)
      let steps = steps()
      quietCount = steps == seen ? quietCount + 1 : 0
      seen = steps ?? -1
    }
  }
}
