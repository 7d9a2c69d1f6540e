internal import Synchronization

/// How long the named steps of connects took, as a wrapper round a transport and a program on its loop saw them.
package final class ConnectTimings: Sendable {
  /// The steps in their order, as cmtime names them where it has them.
  package enum Step: Int, CaseIterable, Sendable {
    case resolveAddress, resolveRoute, createQueuePair, exchange, hello, ping, total, share

    package var name: String {
      switch self {
      case .resolveAddress: "resolve address"
      case .resolveRoute: "resolve route"
      case .createQueuePair: "create queue pair"
      case .exchange: "CM connect"
      case .hello: "LND hello"
      case .ping: "LNet ping"
      case .total: "first ping answered"
      case .share: "set-up per connection"
      }
    }
  }

  private let recorders = Mutex(
    Array(repeating: LatencyRecorder(), count: Step.allCases.count))
  private let counting = Atomic<Bool>(false)

  package init() {}

  /// Nothing is recorded before: the connects that warm up.
  package func begin() { counting.store(true, ordering: .relaxed) }

  func record(_ step: Step, _ nanoseconds: UInt64) {
    guard nanoseconds > 0, counting.load(ordering: .relaxed) else { return }
    recorders.withLock { $0[step.rawValue].record(nanoseconds) }
  }

  package func recorder(_ step: Step) -> LatencyRecorder {
    recorders.withLock { $0[step.rawValue] }
  }
}
