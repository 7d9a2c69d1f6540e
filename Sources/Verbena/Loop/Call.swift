internal import NodeCore
internal import Rings
internal import Synchronization

/// Callers that wait outside for something on the loop: most often one.
package final class Call<Success: Sendable>: Sendable {
  package typealias Outcome = Result<Success, NodeError>

  private enum State {
    case waiting
    case suspended(CheckedContinuation<Outcome, Never>, [CheckedContinuation<Outcome, Never>])
    case ended(Outcome)
  }

  private let state = Guarded(State.waiting)
  /// The operation's tag, once the loop has begun it.
  let tag = Atomic<UInt64>(0)

  package init() {}

  /// Ends the wait; only the first end counts.
  package func finish(_ outcome: Outcome) {
    let before: State = state.withLock { state in
      let before = state
      if case .ended = before { return before }
      state = .ended(outcome)
      return before
    }
    guard case .suspended(let first, let others) = before else { return }
    first.resume(returning: outcome)
    for other in others { other.resume(returning: outcome) }
  }

  /// Waits for the end, which may have come already.
  package func outcome() async -> Outcome {
    await withCheckedContinuation { continuation in
      let ended: Outcome? = state.withLock { state in
        switch state {
        case .ended(let outcome): return outcome
        case .waiting: state = .suspended(continuation, [])
        case .suspended(let first, let others): state = .suspended(first, others + [continuation])
        }
        return nil
      }
      if let ended { continuation.resume(returning: ended) }
    }
  }
}

extension Inbox {
  /// Begins an operation on the loop and waits for its end; a cancelled task cancels the operation.
  ///
  /// - Parameter begin: runs on the loop; it must see to it that the call is finished.
  func run<Success: Sendable>(
    _ operation: String,
    _ begin: @escaping @Sendable (inout NodeCore, inout Operations, Call<Success>) -> Void
  ) async throws(NodeError) -> Success {
    let call = Call<Success>()
    guard send({ node, operations in begin(&node, &operations, call) }) else {
      if isClosed { throw .stopped(operation, nil) }
      throw NodeError(
        code: .limit, operation: operation,
        explanation: "\(Self.capacity) calls wait for the node's loop: wait for some to end")
    }
    let outcome = await withTaskCancellationHandler {
      await call.outcome()
    } onCancel: {
      self.send(isBounded: false) { node, operations in
        operations.cancel(call.tag.load(ordering: .relaxed), &node)
      }
    }
    return try outcome.get()
  }
}
