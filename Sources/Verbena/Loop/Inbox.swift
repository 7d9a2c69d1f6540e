internal import CLinuxShims
internal import NodeCore
internal import Rings
internal import Synchronization

/// What other threads ask of a loop: work to be done on the loop's thread, in order.
///
/// Bounded: when it is full, the asker is told so. It is off the message path; the loop looks at one
/// atomic word a turn, and takes the lock only when something is there.
final class Inbox: Sendable {
  /// Work for the loop: it may use the node and the operations that wait for an end.
  typealias Work = @Sendable (inout NodeCore, inout Operations) -> Void

  /// Pieces of work that may wait: each is an asynchronous call somebody has made.
  static let capacity = 65_536

  private struct State {
    var waiting: [Work] = []
    var isClosed = false
  }

  private let state = Guarded(State())
  private let hasWork = Atomic<Bool>(false)
  /// The eventfd that wakes the loop.
  let bell: Int32

  init() throws(NodeError) {
    bell = clinux_eventfd()
    guard bell >= 0 else {
      throw NodeError(
        code: .system, operation: "start", explanation: "eventfd: errno \(-bell)")
    }
  }

  deinit { clinux_close(bell) }

  /// Leaves work for the loop; false when the loop has ended or the inbox is full.
  ///
  /// - Parameter isBounded: false for the end of what was admitted before, of which there is never more than
  ///   that: giving memory back, cancelling, stopping. Such work is refused only when the loop has ended.
  @discardableResult
  func send(isBounded: Bool = true, _ work: @escaping Work) -> Bool {
    let accepted = state.withLock { state in
      guard !state.isClosed, !isBounded || state.waiting.count < Self.capacity else {
        return false
      }
      state.waiting.append(work)
      return true
    }
    guard accepted else { return false }
    hasWork.store(true, ordering: .releasing)
    clinux_eventfd_ring(bell)
    return true
  }

  var isClosed: Bool { state.withLock { $0.isClosed } }

  var isEmpty: Bool { !hasWork.load(ordering: .acquiring) }

  /// Takes all that waits.
  func drain() -> [Work] {
    hasWork.store(false, ordering: .relaxed)
    return state.withLock { state in
      let work = state.waiting
      state.waiting = []
      return work
    }
  }

  /// Refuses all further work; what waits can still be drained.
  func close() { state.withLock { $0.isClosed = true } }
}
