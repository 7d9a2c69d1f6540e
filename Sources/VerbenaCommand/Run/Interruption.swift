internal import BenchKit
internal import Foundation
internal import Synchronization
internal import UnixSignals

/// The signals of a long command. The first SIGINT or SIGTERM asks it to finish and report, the second ends it at
/// once; SIGUSR1 asks for a dump.
package final class Interruption: Sendable {
  private let requested = Atomic<Bool>(false)

  package init() {}

  /// Cheap enough for every turn of a measurement.
  package var isRequested: Bool { requested.load(ordering: .relaxed) }

  /// Runs the body while signals are watched.
  ///
  /// - Parameters:
  ///   - onRequest: called at the first SIGINT or SIGTERM, after `isRequested` has become true.
  ///   - onDump: called at each SIGUSR1.
  package func whileWatching<Result: Sendable>(
    onRequest: @escaping @Sendable () async -> Void = {},
    onDump: @escaping @Sendable () async -> Void = {},
    _ body: @Sendable () async throws -> Result
  ) async throws -> Result {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sigusr1)
    let watcher = Task {
      for await signal in signals {
        if signal == .sigusr1 {
          await onDump()
        } else if requested.exchange(true, ordering: .relaxed) {
          Streams.error("verbena: second signal, ended at once\n")
          exit(ExitStatus.interrupted.rawValue)
        } else {
          await onRequest()
        }
      }
    }
    defer { watcher.cancel() }
    return try await body()
  }
}
