package import Connections
package import LNet
package import LustreWire
package import NodeCore
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Structures
internal import Verbena

/// A client of targets of one server, which stays connected and reports how its imports fare.
package struct StormClient: NodeProgram {
  private let board: StormBoard
  private let server: NID
  private let targets: [ObdUUID]
  /// The place of its first import on the board.
  private let firstPlace: Int
  /// What the board knows already.
  private var reported = StormBoard.Attempts()

  /// - Parameter targets: object targets of the server.
  package init(_ board: StormBoard, server: NID, targets: [ObdUUID], client: Int) {
    self.board = board
    self.server = server
    self.targets = targets
    firstPlace = client * targets.count
  }

  package mutating func started(_ node: inout NodeCore) {
    var random = node.turn.random
    let client = ObdUUID.random(&random)
    node.turn.random = random
    for (index, target) in targets.enumerated() {
      var description = ImportDescription(
        proposal: Proposal(role: .osc, targetIndex: UInt32(index)),
        target: target, client: client)
      description.tag = UInt32(index)
      guard
        let handle = node.connections.makeImport(description, rpc: &node.rpc, turn: &node.turn)
      else { preconditionFailure("more targets than the node has places for") }
      _ = node.connections.addConnection(server, to: handle)
      node.connections.connect(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    }
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {}

  package mutating func received(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    let place = firstPlace + Int(event.tag)
    let now = node.turn.now
    switch event.kind {
    case .connected:
      report(node)
      board.became(place, isFull: true, at: now)
    case .lost: board.became(place, isFull: false, at: now)
    case .evicted:
      board.became(place, isFull: false, at: now)
      board.evicted()
    case .attemptFailed:
      report(node)
      board.failed(place, status: event.status)
    case .closed: board.failed(place, status: event.status)
    default: break
    }
  }

  package mutating func turned(_ node: inout NodeCore) {
    if Int(node.lnd.counters.establishedActive) != reported.connections { report(node) }
  }

  private mutating func report(_ node: borrowing NodeCore) {
    let counters = node.connections.counters
    var all = StormBoard.Attempts()
    all.sent = Int(counters.attempts - counters.attemptsUnconnected)
    all.unanswered = Int(counters.attemptsUnanswered)
    all.refused = Int(
      counters.attemptsFailed - counters.attemptsUnconnected - counters.attemptsUnanswered)
    all.unsent = Int(counters.attemptsUnsent + counters.attemptsUnconnected)
    all.connections = Int(node.lnd.counters.establishedActive)
    board.add(all - reported, at: node.turn.now)
    reported = all
  }
}
