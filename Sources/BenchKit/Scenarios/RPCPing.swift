package import LNet
package import LustreWire
package import NodeCore
package import PtlRPC
internal import RDMATransport
internal import Verbena

/// A service that answers OBD_PING at once, as if every sender had an export: what PtlRPC itself costs.
package struct RPCPingServer: NodeProgram {
  package init() {}

  package mutating func started(_ node: inout NodeCore) {
    do throws(LNetError) {
      try node.rpc.startService(.mgs, lnet: &node.lnet, turn: &node.turn)
    } catch { preconditionFailure("a service of a new node cannot start: \(error)") }
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {}

  package mutating func received(_ event: RPCEvent, _ node: inout NodeCore) {
    switch event.kind {
    case .arrived:
      _ = node.rpc.admit(
        event.serverRequest, export: 0, isUrgent: true, hasReplyMatchBits: true,
        turn: &node.turn)
    case .ready: node.rpc.reply(event.serverRequest, ReplyFields(), turn: &node.turn)
    case .replied, .timedOut, .failed, .released, .acknowledged, .transferred: break
    }
  }
}

/// Sends OBD_PINGs to such a service, several at a time, and leaves what came of it on a desk.
package struct RPCPingClient: NodeProgram {
  private let desk: BenchDesk
  private let route: ImportRoute
  private let inFlight: Int
  private let warmupCount: Int
  private let count: Int
  private var begunCount = 0
  private var endedCount = 0
  private var beganAt: UInt64 = 0
  private var outcome = BenchOutcome()

  /// - Parameters:
  ///   - inFlight: pings under way at a time, 1 to the node's `RPCCapacity.requests`.
  ///   - warmupCount: pings before those that count.
  package init(
    desk: BenchDesk, target: NID, inFlight: Int, warmupCount: Int, count: Int
  ) {
    self.desk = desk
    self.inFlight = inFlight
    self.warmupCount = warmupCount
    self.count = count
    route = ImportRoute(
      server: ProcessID(nid: target), handle: Cookie(rawValue: 1), connectionCount: 1)
  }

  package mutating func started(_ node: inout NodeCore) {
    for _ in 0..<inFlight { begin(&node) }
    node.pump()
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {}

  package mutating func received(_ event: RPCEvent, _ node: inout NodeCore) {
    guard event.kind == .replied || event.kind == .timedOut || event.kind == .failed else {
      return
    }
    node.rpc.release(event.request, turn: &node.turn)
    if event.status < 0, outcome.status == 0 { outcome.status = event.status }
    endedCount += 1
    if endedCount == warmupCount { beganAt = node.turn.now }
    if endedCount == warmupCount + count {
      outcome.count = count
      outcome.elapsedNanoseconds = node.turn.now - beganAt
      desk.finish(outcome)
    } else {
      begin(&node)
    }
  }

  private mutating func begin(_ node: inout NodeCore) {
    guard begunCount < warmupCount + count else { return }
    begunCount += 1
    let draft = RequestDraft(
      importSlot: 0, opcode: .ping, requestPortal: .mgsRequest, replyPortal: .mgcReply)
    do throws(RPCError) {
      let handle = try node.rpc.begin(draft, buffers: BufferLengths(), turn: &node.turn)
      node.rpc.send(handle, over: route)
    } catch { preconditionFailure("more pings in flight than the node has room for") }
  }
}
