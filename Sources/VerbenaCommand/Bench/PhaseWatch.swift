internal import BenchKit
internal import Verbena

/// What is shown of a phase while it runs.
enum PhaseDisplay: Sendable {
  case nothing
  /// One line that changes, on a terminal.
  case line
  /// A row for each interval of so many nanoseconds.
  case rows(UInt64)
}

/// Looks after a phase while it runs on a node's loop: shows how far it is, and gives it up when nothing of it ends for
/// the deadline.
struct PhaseWatch {
  let node: Node
  let desk: BenchDesk
  let deadlineNanoseconds: UInt64
  let display: PhaseDisplay

  private static let lookNanoseconds: UInt64 = 100_000_000

  /// Runs the phase.
  func run(_ phase: BenchPhase) async throws -> BenchOutcome {
    desk.put(phase)
    guard node.ring(tag: BenchClient.bellTag) else {
      throw CommandFailure(.failed, "the node has stopped")
    }
    let watch = Task { try await look(at: phase) }
    let outcome = await desk.outcome()
    watch.cancel()
    return outcome
  }

  private func look(at phase: BenchPhase) async throws {
    let clock = ContinuousClock()
    let start = clock.now
    var progress = Progress(now: 0, isShown: false)
    var rows: IntervalRows?
    var pause = Self.lookNanoseconds
    switch display {
    case .nothing: break
    case .line: progress = Progress(now: 0)
    case .rows(let interval):
      rows = IntervalRows(
        intervalNanoseconds: interval, name: phase.operation.word, byteCount: phase.byteCount)
      pause = min(pause, interval)
    }
    defer { progress.finish() }
    var last = (count: -1, time: start)
    while true {
      try await Task.sleep(for: .nanoseconds(Int64(pause)))
      let now = clock.now
      let count = desk.progressCount
      let elapsed = (now - start).wholeNanoseconds
      if count != last.count { last = (count, now) }
      rows?.update(now: elapsed, count: count)
      progress.update(now: elapsed) {
        "\(phase.operation.word) \(Quantity.text(bytes: phase.byteCount)): \(count) of \(phase.count)"
      }
      if (now - last.time).wholeNanoseconds >= deadlineNanoseconds {
        desk.abandon()
        node.ring(tag: BenchClient.bellTag)
        last.time = now
      }
    }
  }
}
