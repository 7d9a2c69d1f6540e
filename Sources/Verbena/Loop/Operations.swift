internal import Connections
internal import LNet
internal import NodeCore
internal import RDMATransport
internal import Structures

/// What asynchronous callers wait for on a loop: each under a number that LNet's events carry as tag.
///
/// A caller's operation ends once: by its events, or because they end after its deadline, its
/// cancellation or the node's stop made it give up.
struct Operations {
  /// What an operation is told.
  enum Signal {
    case event(LNetEvent)
    /// Of an import or a request that was made with the operation's `ownerNumber`.
    case connections(ConnectionsEvent)
    case deadline
    case cancelled
    case stopped
  }

  enum Step {
    case goesOn
    case done
  }

  typealias Handler = (Signal, inout NodeCore, inout Operations) -> Step

  /// Tags from here on are operations of this table. Of the others, by their upper two bits: 2 are the connections',
  /// 1 are PtlRPC's (see their `owns`), 0 are the node's program's.
  static let firstTag: UInt64 = 3 << 62

  /// The numbers that operations give imports and requests begin here; those of programs end below it.
  static let ownerNumberBase: UInt64 = 1 << 27

  /// What an operation gives its imports and requests as their owner's number.
  static func ownerNumber(_ tag: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: ownerNumberBase | (tag & (ownerNumberBase - 1)))
  }

  /// Operations with a deadline at a time; beyond it they run without one of their own.
  static let timerCountMax = 4096

  private struct Operation {
    var handler: Handler
    var timer: TimerID?
  }

  private var operations: [UInt64: Operation] = [:]
  private var nextTag: UInt64 = 0
  /// Buffers and exposures that callers hold.
  var lentBufferCount = 0
  /// The node has stopped: nothing new begins, and only memory comes back.
  var isOver = false
  /// The loop ends at once, as if its process had died.
  var isKilled = false
  /// Who hears of the node's rare events.
  var subscriptions: [EventSubscription] = []

  /// Files an operation; its tag goes into the LNet call.
  ///
  /// - Parameter deadline: nanoseconds as the turn's; nil for none.
  mutating func begin(
    deadline: UInt64?, _ node: inout NodeCore, _ handler: @escaping Handler
  ) -> UInt64 {
    repeat {
      // Below the owners of program timers, and the numbers that roles give imports and requests.
      nextTag = (nextTag + 1) & (Self.ownerNumberBase - 1)
    } while operations[Self.firstTag | nextTag] != nil
    let tag = Self.firstTag | nextTag
    var timer: TimerID?
    if let deadline {
      timer = node.turn.timers.make(kind: NodeCore.operationTimerKind, owner: UInt32(nextTag))
      if let timer { node.turn.timers.arm(timer, at: deadline) }
    }
    operations[tag] = Operation(handler: handler, timer: timer)
    return tag
  }

  /// Gives an event to the operation it belongs to; false when it belongs to none.
  mutating func take(_ event: LNetEvent, _ node: inout NodeCore) -> Bool {
    guard event.tag >= Self.firstTag else { return false }
    signal(.event(event), tag: event.tag, &node)
    return true
  }

  /// The same with an event of the connections.
  mutating func take(_ event: ConnectionsEvent, _ node: inout NodeCore) -> Bool {
    switch event.kind {
    case .connected, .closed, .attemptFailed, .lost, .evicted, .idle, .replied, .failed, .released:
      break
    case .requested, .transferred, .acknowledged, .exportConnected, .exportGone, .called,
      .lockHeld, .lockFailed, .lockBlocked, .lockReleased, .lockLost, .glimpsed, .lockGranted,
      .calledBack:
      return false
    }
    guard UInt64(event.tag) & ~(Self.ownerNumberBase - 1) == Self.ownerNumberBase else {
      return false
    }
    let number = UInt64(event.tag) & (Self.ownerNumberBase - 1)
    signal(.connections(event), tag: Self.firstTag | number, &node)
    return true
  }

  mutating func expired(owner: UInt32, _ node: inout NodeCore) {
    signal(.deadline, tag: Self.firstTag | UInt64(owner), &node)
  }

  mutating func cancel(_ tag: UInt64, _ node: inout NodeCore) {
    signal(.cancelled, tag: tag, &node)
  }

  /// Forgets an operation, whose LNet call failed at once.
  mutating func end(_ tag: UInt64, _ node: inout NodeCore) {
    guard let operation = operations.removeValue(forKey: tag) else { return }
    if let timer = operation.timer { node.turn.timers.free(timer) }
  }

  /// Ends all operations: the node has stopped.
  mutating func stopAll(_ node: inout NodeCore) {
    for tag in operations.keys.sorted() { signal(.stopped, tag: tag, &node) }
  }

  private mutating func signal(_ signal: Signal, tag: UInt64, _ node: inout NodeCore) {
    guard let operation = operations[tag] else { return }
    if operation.handler(signal, &node, &self) == .done { end(tag, &node) }
  }
}
