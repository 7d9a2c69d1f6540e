internal import Verbena

/// How long a command that has failed may take to leave its target.
package struct Farewell: Equatable, Sendable {
  /// For the removal of an object that nobody else knows of.
  package let removal: Duration
  /// For what is left in order; nil for as long as nodes take.
  package let leaving: Duration?

  /// A target that has let the deadline pass gets a word that it may hear, and no more waiting.
  package init(after error: any Error) {
    let isSilent =
      (error as? NodeError)?.code == .timedOut || (error as? CommandFailure)?.status == .timedOut
    removal = isSilent ? .milliseconds(500) : .seconds(5)
    leaving = isSilent ? .milliseconds(500) : nil
  }

  /// Stops the node; what is not done in time goes on alone, and ends with the process.
  func stop(_ node: LustreNode) async {
    let left = Call<Bool>()
    // In order, although the work was cancelled.
    Task {
      await node.stop()
      left.finish(.success(true))
    }
    let alarm = leaving.map { leaving in
      Task.detached {
        try await Task.sleep(for: leaving)
        left.finish(.success(false))
      }
    }
    _ = await left.outcome()
    alarm?.cancel()
  }
}
