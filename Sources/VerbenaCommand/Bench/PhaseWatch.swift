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

/// Shows how far a phase is, as it was asked for.
struct PhaseView {
  private let phase: BenchPhase
  private var progress = Progress(now: 0, isShown: false)
  private var rows: IntervalRows?
  /// Between two looks.
  private(set) var pauseNanoseconds: UInt64 = 100_000_000

  init(_ phase: BenchPhase, _ display: PhaseDisplay) {
    self.phase = phase
    switch display {
    case .nothing: break
    case .line: progress = Progress(now: 0)
    case .rows(let interval):
      rows = IntervalRows(
        intervalNanoseconds: interval, name: phase.operation.word, byteCount: phase.byteCount)
      pauseNanoseconds = min(pauseNanoseconds, interval)
    }
  }

  /// - Parameters:
  ///   - elapsed: nanoseconds since the phase began.
  ///   - count: operations that have counted since then.
  mutating func update(elapsed: UInt64, count: Int) {
    rows?.update(now: elapsed, count: count)
    progress.update(now: elapsed) {
      "\(phase.operation.word) \(Quantity.text(bytes: phase.byteCount)): \(phase.progress(count))"
    }
  }

  mutating func finish() { progress.finish() }
}

/// Looks after a phase while it runs on a node's loop: shows how far it is, and gives it up when nothing of it ends for
/// the deadline.
struct PhaseWatch {
  let node: Node
  let desk: BenchDesk
  let deadlineNanoseconds: UInt64
  let display: PhaseDisplay

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
    var view = PhaseView(phase, display)
    defer { view.finish() }
    var count = -1
    var last = start
    var silence: UInt64 = 0
    while true {
      try await Task.sleep(for: .nanoseconds(Int64(view.pauseNanoseconds)))
      let now = clock.now
      // Time in which this process did not run, or not yet, is no silence of the peer's.
      silence += min((now - last).wholeNanoseconds, 2 * view.pauseNanoseconds)
      last = now
      if desk.progressCount != count {
        count = desk.progressCount
        silence = 0
      }
      view.update(elapsed: (now - start).wholeNanoseconds, count: count)
      if silence >= deadlineNanoseconds {
        desk.abandon()
        node.ring(tag: BenchClient.bellTag)
        silence = 0
      }
    }
  }
}
