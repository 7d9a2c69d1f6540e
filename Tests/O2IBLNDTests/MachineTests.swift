// Property: in every state every event does what the table written by hand says, and nothing else.
// Method: a scripted transport brings a driver into each state and gives it each event; then every entry of
// the driver's own table is bent, and the comparison must notice.

import LNet
import LustreWire
import RDMATransport
import Testing

@testable import O2IBLND
@testable import Structures

struct MachineTests {
  @Test func everyEventInEveryState() {
    let rows = parsedRows()
    #expect(rows.count == 56)
    for row in rows { #expect(observe(row, O2IBTables()) == row.expected) }
  }

  @Test func everyBentTransitionIsCaught() {
    for row in parsedRows() {
      let right = O2IBTables().machine[row.state, row.event]
      for next in ConnectionState.allCases where next != right.next {
        var tables = O2IBTables()
        tables.machine[row.state, row.event].next = next
        #expect(observe(row, tables) != row.expected, "\(row.state) \(row.event) to \(next)")
      }
    }
  }

  @Test func everyBentActionIsCaught() {
    for row in parsedRows() {
      let right = O2IBTables().machine[row.state, row.event]
      for action in ConnectionAction.allCases
      where action != right.action && !isEquivalent(action, right.action, row) {
        var tables = O2IBTables()
        tables.machine[row.state, row.event].action = action
        #expect(observe(row, tables) != row.expected, "\(row.state) \(row.event) as \(action)")
      }
    }
  }

  /// Actions that do the same in this place: connect and accept differ by the side alone. And to begin the
  /// exchange anew where receives are posted already, the arena itself forbids with a trap.
  private func isEquivalent(_ a: ConnectionAction, _ b: ConnectionAction, _ row: Row) -> Bool {
    Set([a, b]) == [.connect, .accept] || (row.event == .ready && [.connect, .accept].contains(a))
  }

  // MARK: - Rows

  struct Row {
    var state: ConnectionState
    var event: ConnectionEvent
    var expected: Seen
  }

  struct Seen: Equatable {
    var state: String
    var commands: [String]
    var marks: Set<String>
  }

  private func parsedRows() -> [Row] {
    machineRows.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 5,
        let state = ConnectionState.allCases.first(where: { "\($0)" == words[0] }),
        let event = ConnectionEvent.allCases.first(where: { "\($0)" == words[1] })
      else { return nil }
      let marks = words[4] == "-" ? [] : words[4].split(separator: ",").map(String.init)
      return Row(
        state: state, event: event,
        expected: Seen(
          state: words[2], commands: words[3] == "-" ? [] : [words[3]], marks: Set(marks)))
    }
  }

  private func observe(_ row: Row, _ tables: O2IBTables) -> Seen {
    let node = OneNode(messagePieces: 64)
    let owner = bring(node, to: row.state)
    node.lnd.tables = tables
    node.commands = []
    node.events = []
    let before = node.lnd.counters
    let pieces = node.turn.memory.messages.freePieceCount
    let slot = Handle(raw: UInt32(owner)).slot
    let deadline = node.lnd.connections[slot].timer.flatMap { node.turn.timers.deadline(of: $0) }
    give(node, row.event, owner)
    var marks: Set<String> = []
    let after = node.lnd.counters
    if after.eventsIgnored > before.eventsIgnored { marks.insert("ignored") }
    if after.establishedActive + after.establishedPassive
      > before.establishedActive + before.establishedPassive
    {
      marks.insert("up")
    }
    if after.closed > before.closed { marks.insert("closed") }
    if after.closedByPeer > before.closedByPeer { marks.insert("by-peer") }
    if after.connectTimeouts > before.connectTimeouts { marks.insert("late") }
    if !node.takeEvents(.finished).filter({ $0.outcome != .success }).isEmpty {
      marks.insert("failed")
    }
    if node.turn.memory.messages.freePieceCount > pieces + 10 { marks.insert("freed") }
    if row.event == .expired, row.state == .established,
      let timer = node.lnd.connections[slot].timer, let next = node.turn.timers.deadline(of: timer),
      next != deadline
    {
      marks.insert("checked")
    }
    if !isConsistent(node) { marks.insert("inconsistent") }
    return Seen(
      state: "\(node.lnd.connections[slot].state)", commands: node.commands.map(name),
      marks: marks)
  }

  /// Whether the peers' counts of their connections are those of the connections themselves.
  private func isConsistent(_ node: OneNode) -> Bool {
    let states = node.states()
    var underWay: Int32 = 0
    var established: Int32 = 0
    for p in 0..<node.lnd.peers.count where node.lnd.peers[p].isUsed {
      underWay += node.lnd.peers[p].activeInProgress + node.lnd.peers[p].passiveInProgress
      established += node.lnd.peers[p].established
    }
    let settingUp: [ConnectionState] = [.preparing, .replying, .connecting, .accepting]
    return underWay == states.filter { settingUp.contains($0) }.count
      && established == states.filter { $0 == .established }.count
  }

  private func name(_ command: CMCommand) -> String {
    switch command {
    case .prepare: "prepare"
    case .connect: "connect"
    case .prepareReply: "prepareReply"
    case .accept: "accept"
    case .reject: "reject"
    case .rejectPrepared: "rejectPrepared"
    case .listen: "listen"
    case .disconnect: "disconnect"
    case .destroy: "destroy"
    }
  }

  /// Brings a fresh driver into a state; the connection's owner.
  private func bring(_ node: OneNode, to state: ConnectionState) -> CMOwner {
    switch state {
    case .preparing, .connecting:
      node.send(.ack)
      let owner = node.prepared() ?? 0
      if state == .connecting { node.ready(owner) }
      return owner
    case .replying, .accepting:
      node.request(Hello())
      let owner = node.preparedReply() ?? 0
      if state == .accepting { node.ready(owner) }
      return owner
    case .free, .established, .closing, .destroying:
      let owner = node.accept() ?? 0
      if state == .established {
        // One message is beyond its credit, so that it waits.
        for _ in 0..<9 { node.send(.ack) }
        node.completeSends()
      }
      if state == .closing { node.lnd.closePeer(OneNode.peer, interface: 0, &node.turn) }
      if state == .destroying { node.cm(owner, .disconnected) }
      node.endTurn()
      return owner
    }
  }

  private func give(_ node: OneNode, _ event: ConnectionEvent, _ owner: CMOwner) {
    switch event {
    case .ready: node.ready(owner)
    case .established: node.established(owner, .acknowledge())
    case .failed: node.cm(owner, .failed(ConnectFailure(step: .connect, errno: 113)))
    case .disconnected: node.cm(owner, .disconnected)
    case .closed:
      if let c = node.lnd.connection(Handle(raw: UInt32(owner))) {
        node.lnd.close(c, status: -5, &node.turn)
      }
    case .expired:
      node.turn.now += 1_000_000
      node.lnd.timerExpired(
        TimerWheel.Expiry(kind: 7, owner: UInt32(owner)), &node.turn)
    case .deviceRemoved: node.cm(owner, .deviceRemoved)
    case .released: node.cm(owner, .released)
    }
    node.endTurn()
  }
}
