internal import BasicContainers
package import Connections
package import LNet
package import O2IBLND
package import PtlRPC
package import RDMATransport
internal import Structures

/// One node: all pure rooms joined, the value that a loop or the simulator owns and drives.
///
/// A driver's turn: set `turn.now`; hand in what the transport and the timers report (`completed`,
/// `connectionEvent`, `expire`) while there is room (`hasRoom`); take the events with `nextEvent`; `flush`; hand
/// the batches of `turn` to the transport, receives before sends, and say how that went (`posted`).
public struct NodeCore: ~Copyable {
  package var turn: Turn
  package var lnet: LNet
  package var lnd: O2IBLND
  package var rpc: PtlRPC
  package var connections: Connections

  /// Whose an expired timer is.
  package static let lnetTimerKind: UInt8 = 1
  /// Timers of the loop or the simulator: what waits for a node from outside.
  package static let operationTimerKind: UInt8 = 2
  /// The LND has this kind and the next one.
  package static let lndTimerKind: UInt8 = 3
  package static let rpcTimerKind: UInt8 = 5
  package static let connectionsTimerKind: UInt8 = 6
  /// Whether `connections` takes what PtlRPC reports; else the driver does.
  private let hasConnections: Bool
  /// Whether the rooms above LNet have anything to do in this node: they are not asked else.
  private let hasUpperRooms: Bool

  /// - Parameters:
  ///   - rpc: without it the node speaks LNet only.
  ///   - connections: without it PtlRPC's events go to the driver.
  package init(
    turn: consuming Turn, lnet: consuming LNet, lnd: consuming O2IBLND,
    rpc: RPCConfiguration = .none, connections: ConnectionsConfiguration = .none
  ) {
    var turn = turn
    hasConnections = connections.capacity != .none
    hasUpperRooms = hasConnections || rpc.capacity != .none
    precondition(
      rpc.capacity.imports >= Connections.rpcImportCount(connections.capacity)
        && rpc.capacity.exports >= connections.capacity.exports,
      "PtlRPC keeps too few imports or exports for the connections")
    self.rpc = PtlRPC(configuration: rpc, timerKind: Self.rpcTimerKind, turn: &turn)
    self.connections = Connections(
      configuration: connections, requestCapacity: rpc.capacity.requests,
      timerKind: Self.connectionsTimerKind, turn: &turn)
    self.turn = turn
    self.lnet = lnet
    self.lnd = lnd
  }

  /// Whether the driver may hand in the next completion, event or expiry; else it takes the events first.
  package var hasRoom: Bool {
    mutating get {
      lnet.hasRoom && lnd.events.isEmpty
        && (!hasUpperRooms || rpc.hasRoom && connections.hasRoom)
    }
  }

  /// A work request has ended.
  package mutating func completed(_ completion: WorkCompletion) {
    lnd.completionReceived(completion, &turn)
    pump()
  }

  /// Work requests have ended, in this order. The driver sees all of them before anything is carried, as long as
  /// it has places for messages: its events have a place for each.
  package mutating func completed(_ completions: Span<WorkCompletion>) {
    for index in 0..<completions.count {
      if !lnd.hasReception { pump() }
      lnd.completionReceived(completions[index], &turn)
    }
    pump()
  }

  /// The connection manager reports something.
  package mutating func connectionEvent(_ event: CMEvent) {
    lnd.cmEvent(event, &turn)
    pump()
  }

  /// Takes the deadlines that have passed. The driver's own are handed to `operation`.
  ///
  /// - Returns: whether there were any.
  package mutating func expire(_ operation: (UInt32, inout NodeCore) -> Void) -> Bool {
    var any = false
    while hasRoom, let expiry = turn.timers.expire(at: turn.now) {
      any = true
      switch expiry.kind {
      case Self.lnetTimerKind: lnet.timerExpired(owner: expiry.owner, turn: &turn)
      case Self.rpcTimerKind: rpc.timerExpired(owner: expiry.owner, turn: &turn)
      case Self.connectionsTimerKind:
        connections.timerExpired(owner: expiry.owner, rpc: &rpc, lnet: &lnet, turn: &turn)
      case Self.operationTimerKind: operation(expiry.owner, &self)
      default: lnd.timerExpired(expiry, &turn)
      }
      pump()
    }
    return any
  }

  /// A time not later than the next deadline, in nanoseconds; nil for none.
  package mutating func nextDeadline() -> UInt64? { turn.timers.nextDeadline() }

  /// Whether LNet reports something to its consumers outside.
  package var hasEvents: Bool {
    mutating get {
      if hasUpperRooms {
        carryEvents()
        if isBlocked { return false }
      }
      return !lnet.events.isEmpty
    }
  }

  /// What LNet reports to its consumers outside.
  package mutating func nextEvent() -> LNetEvent? {
    if hasUpperRooms {
      carryEvents()
      if isBlocked { return nil }
    }
    return lnet.events.popFirst()
  }

  /// What PtlRPC reports to a driver of a node without connections.
  package mutating func nextRPCEvent() -> RPCEvent? {
    hasConnections ? nil : rpc.events.popFirst()
  }

  /// What the connections report.
  package mutating func nextConnectionsEvent() -> ConnectionsEvent? {
    connections.events.popFirst()
  }

  /// Whether LNet's next event is PtlRPC's or the connections', and their own must be taken first.
  private var isBlocked: Bool {
    mutating get {
      guard !lnet.events.isEmpty else { return false }
      let tag = lnet.events.cells[lnet.events.firstIndex].tag
      return PtlRPC.owns(tag: tag) || Connections.owns(tag: tag)
    }
  }

  /// Gives PtlRPC and the connections their events, up to the next one of another consumer.
  @discardableResult
  private mutating func carryEvents() -> Bool {
    var isAny = carryRPCEvents()
    while isBlocked, rpc.hasRoom, connections.hasRoom, let event = lnet.events.popFirst() {
      isAny = true
      if PtlRPC.owns(tag: event.tag) {
        rpc.handle(event, lnet: &lnet, turn: &turn)
      } else {
        connections.handle(event, rpc: &rpc, lnet: &lnet, turn: &turn)
      }
      _ = carryRPCEvents()
    }
    return isAny
  }

  @inline(__always)
  private mutating func carryRPCEvents() -> Bool {
    !rpc.events.isEmpty && hasConnections && carryAllRPCEvents()
  }

  private mutating func carryAllRPCEvents() -> Bool {
    var isAny = false
    while connections.hasRoom, let event = rpc.events.popFirst() {
      isAny = true
      connections.handle(event, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
    return isAny
  }

  /// Appends what the turn leaves to send to its batches: the last thing before they are handed over.
  package mutating func flush() {
    if hasUpperRooms { rpc.copyFresh(lnet: &lnet, turn: &turn) }
    pump()
    lnd.flush(&turn)
  }

  /// Whether another turn is due at once, although nothing has come: the last one's batches were full.
  package var needsTurn: Bool {
    mutating get { lnd.needsFlush || !turn.receives.isEmpty || !turn.sends.isEmpty }
  }

  /// Carries messages down and events up until all is quiet.
  @inline(__always)
  package mutating func pump() {
    if !isQuiet { carryAll() }
  }

  /// Whether no room has left anything for another one.
  private var isQuiet: Bool {
    @inline(__always)
    mutating get {
      lnd.events.isEmpty && lnet.outbox.isEmpty && lnet.lateAnswers.isEmpty
        && (!hasUpperRooms || areUpperRoomsQuiet)
    }
  }

  private var areUpperRoomsQuiet: Bool {
    mutating get { rpc.events.isEmpty && !rpc.hasWork && !isBlocked }
  }

  private mutating func carryAll() {
    while true {
      Self.carry(&lnet, &lnd, &rpc, &connections, &turn)
      guard hasUpperRooms else { return }
      let isCarried = carryEvents()
      let isDone = rpc.hasWork && rpc.perform(lnet: &lnet, turn: &turn)
      if !isDone && !isCarried { return }
    }
  }

  /// Between LNet and its driver. Messages and events are used where they lie: to copy a record that was
  /// just written waits for the writes.
  private static func carry(
    _ lnet: inout LNet, _ lnd: inout O2IBLND, _ rpc: inout PtlRPC,
    _ connections: inout Connections, _ turn: inout Turn
  ) {
    while true {
      if !lnd.events.isEmpty, lnet.hasRoom {
        takeEvent(&lnet, &lnd, &rpc, &connections, &turn)
      } else if let late = lnet.lateAnswers.popFirst() {
        lnd.answer(late.reception, late.answer, &turn)
      } else if !lnet.outbox.isEmpty {
        lnet.handOverMessage { lnd.send(&$0, &turn) }
      } else {
        return
      }
    }
  }

  /// Gives LNet the driver's next event, and the driver LNet's answer.
  @inline(__always)
  private static func takeEvent(
    _ lnet: inout LNet, _ lnd: inout O2IBLND, _ rpc: inout PtlRPC,
    _ connections: inout Connections, _ turn: inout Turn
  ) {
    let place = lnd.events.firstIndex
    switch lnd.events.cells[place].kind {
    case .finished:
      let event = lnd.events.cells[place]
      lnd.events.dropFirst()
      lnet.finished(event.message, event.outcome, status: event.status, turn: &turn)
    case .immediate, .putRequest, .getRequest:
      let reception = lnd.events.cells[place].reception
      let answer = lnet.received(&lnd.events.cells[place], turn: &turn)
      lnd.events.dropFirst()
      if case .held = answer { return }
      lnd.answer(reception, answer, &turn)
    case .putDone, .getServed, .getReply:
      _ = lnet.handle(&lnd.events.cells[place], turn: &turn)
      lnd.events.dropFirst()
    case .peerDown, .peerLeft:
      _ = lnet.handle(&lnd.events.cells[place], turn: &turn)
      let peer = lnd.events.cells[place].peer
      lnd.events.dropFirst()
      connections.peerDown(peer, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
  }

  /// Whether the rooms have noted something for the log.
  package var hasLogRecords: Bool {
    mutating get { !lnd.logRecords.isEmpty || !lnet.log.isEmpty }
  }

  /// Starts to listen on all interfaces.
  package mutating func start() {
    lnd.start(&turn)
    pump()
  }

  /// Closes every connection in order; `hasStopped` says when it is done.
  package mutating func stop() {
    rpc.stopServices(lnet: &lnet, turn: &turn)
    lnd.shutdown(&turn)
    pump()
  }

  /// Whether everything has been closed after `stop`.
  package var hasStopped: Bool {
    mutating get { lnd.isStopping && lnd.isQuiet }
  }

  // MARK: - Batches

  /// Says how the post of the turn's receives went.
  ///
  /// - Returns: whether the rest must wait for the next turn.
  package mutating func posted(receives result: PostResult) -> Bool {
    switch result {
    case .posted:
      turn.receives.removeAll()
      return false
    case .stopped(let accepted, let queueFull, let errno):
      if queueFull {
        turn.receives.removeSubrange(0..<accepted)
        return true
      }
      let refused = turn.receives[accepted]
      turn.receives.removeSubrange(0...accepted)
      // What this turn sends there returns the credit of the receive that is not posted.
      turn.dropRequests(of: refused.queuePair)
      lnd.postFailed(id: refused.id, errno: errno, &turn)
      return false
    }
  }

  /// Says how the post of the turn's sends went.
  ///
  /// - Returns: whether the rest must wait for the next turn.
  package mutating func posted(sends result: PostResult) -> Bool {
    switch result {
    case .posted:
      turn.sends.removeAll()
      return false
    case .stopped(let accepted, let queueFull, let errno):
      if queueFull {
        turn.sends.removeSubrange(0..<accepted)
        return true
      }
      let refused = turn.sends[accepted]
      turn.sends.removeSubrange(0...accepted)
      // Nothing may follow a hole: a PUT_DONE without its WRITE would tell a lie (spec 02 §6.3).
      turn.dropRequests(of: refused.queuePair)
      lnd.postFailed(id: refused.id, errno: errno, &turn)
      return false
    }
  }
}
