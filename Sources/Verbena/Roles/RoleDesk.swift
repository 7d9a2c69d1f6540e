internal import NodeCore
internal import Rings
internal import Roles
internal import Synchronization

/// What has become of a target that a node hosts.
package struct TargetNotice: Sendable {
  package enum State: String, Sendable {
    /// Its management server does not know it yet.
    case opening
    case open
    case failed
  }

  package var name: String
  package var state: State
  /// Why it failed, or what it serves without; empty when nothing is wrong.
  package var explanation: String
}

/// Between the roles on a loop and those outside who ask them something.
final class RoleDesk: Sendable {
  /// Work for the loop's thread: it may use the roles.
  struct Work: Sendable {
    var run: @Sendable (inout Roles, inout NodeCore) -> Void
    /// Called instead when the node has stopped.
    var stopped: @Sendable () -> Void
  }
  typealias Waiter = @Sendable (RolesEvent, inout Roles, inout NodeCore) -> Void

  /// Who waits for events under a number.
  private struct Listener: Sendable {
    var heard: Waiter
    var stopped: @Sendable () -> Void
  }

  private struct State {
    var work: [Work] = []
    var notices: [String: TargetNotice] = [:]
    var listeners: [AsyncStream<TargetNotice>.Continuation] = []
    /// Who waits for events, by the number that they gave.
    var waiters: [UInt32: Listener] = [:]
    var lastNumber: UInt32 = 0
    var isClosed = false
  }

  private let state = Guarded(State())
  private let hasWork = Atomic<Bool>(false)
  /// The targets that its node hosts.
  let hosted: [HostedTarget]
  /// Those that its user serves.
  let served: ServedTargets

  init(hosted: [HostedTarget], served: ServedTargets) {
    self.hosted = hosted
    self.served = served
  }

  /// Leaves work; the loop must be woken.
  func put(_ work: Work) {
    let isTaken = state.withLock { state in
      if !state.isClosed { state.work.append(work) }
      return !state.isClosed
    }
    guard isTaken else { return work.stopped() }
    hasWork.store(true, ordering: .releasing)
  }

  func take() -> Work? {
    guard hasWork.load(ordering: .acquiring) else { return nil }
    return state.withLock { state in
      guard !state.work.isEmpty else {
        hasWork.store(false, ordering: .relaxed)
        return nil
      }
      return state.work.removeFirst()
    }
  }

  /// A number for events that `waiter` gets.
  ///
  /// - Parameter stopped: called when the node has stopped: there will be no more of them.
  func makeNumber(
    stopped: @escaping @Sendable () -> Void, _ waiter: @escaping Waiter
  ) -> UInt32 {
    let (number, isClosed) = state.withLock { state in
      repeat {
        state.lastNumber = state.lastNumber % 0x7FFF_FFFF + 1
      } while state.waiters[state.lastNumber] != nil
      if !state.isClosed {
        state.waiters[state.lastNumber] = Listener(heard: waiter, stopped: stopped)
      }
      return (state.lastNumber, state.isClosed)
    }
    if isClosed { stopped() }
    return number
  }

  func forget(_ number: UInt32) { state.withLock { $0.waiters[number] = nil } }

  func tell(
    _ event: RolesEvent, _ roles: inout Roles, _ node: inout NodeCore
  ) {
    switch event.kind {
    case .targetOpen, .targetFailed:
      if event.index >= Roles.firstProgramTarget {
        return served.registered(roles.explanation(ofTarget: Int(event.index)))
      }
      note(
        TargetNotice(
          name: hosted[Int(event.index)].specification.name,
          state: event.kind == .targetOpen ? .open : .failed,
          explanation: roles.explanation(ofTarget: Int(event.index))))
    case .mounted, .mountFailed, .mountChanged, .unmounted, .objectDone, .objectsListed:
      let waiter = state.withLock { $0.waiters[event.tag] }
      waiter?.heard(event, &roles, &node)
    }
  }

  func note(_ notice: TargetNotice) {
    let listeners = state.withLock { state in
      state.notices[notice.name] = notice
      return state.listeners
    }
    for listener in listeners { listener.yield(notice) }
  }

  func notice(of name: String) -> TargetNotice? { state.withLock { $0.notices[name] } }

  /// What has become of the targets so far, and becomes of them from now on.
  func notices() -> AsyncStream<TargetNotice> {
    let (stream, source) = AsyncStream.makeStream(
      of: TargetNotice.self, bufferingPolicy: .bufferingNewest(1024))
    let (known, isClosed) = state.withLock { state in
      if !state.isClosed { state.listeners.append(source) }
      return (state.notices.values.sorted { $0.name < $1.name }, state.isClosed)
    }
    for notice in known { source.yield(notice) }
    if isClosed { source.finish() }
    return stream
  }

  func close() {
    let (listeners, work, waiters) = state.withLock { state in
      let (work, waiters) = (state.work, state.waiters.values.map(\.stopped))
      state.work = []
      state.isClosed = true
      state.waiters = [:]
      return (state.listeners, work, waiters)
    }
    for one in work { one.stopped() }
    for stopped in waiters { stopped() }
    for listener in listeners { listener.finish() }
  }
}
