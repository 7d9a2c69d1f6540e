internal import BenchKit
internal import Connections
internal import LustreWire
internal import PtlRPC
internal import Verbena

/// Two nodes with an import between them: the active end is always one of the command's own.
struct SessionEnds {
  let node: Node
  let desk: BenchDesk
  let target: NID
  let targetName: ObdUUID
  let backend: String
  /// The passive end, where it is ours too.
  let partner: Node?

  func close() async {
    await node.stop()
    await partner?.stop()
  }
}

extension BenchRun {
  /// Queues are as deep as those that message rates are measured with, unless something else is asked for.
  private func deepened(_ extra: [String: String]) throws(CommandFailure) -> NodeSettings {
    let plain = try node(extra)
    guard plain.interfaces.first?.tunables.origin(.peerCredits) == .standard else { return plain }
    return try node(extra.merging([Setting.peerCredits.name: MessageRun.rateDepth]) { $1 })
  }

  /// - Parameter inFlight: requests under way at a time.
  func sessionEnds(inFlight: Int) async throws -> SessionEnds {
    let name = settings.optionalText(.targetName)
    let standard = target == nil ? SessionServer.uuid(0) : ObdUUID("MGS")
    guard let uuid = name.map({ ObdUUID($0) }) ?? standard else {
      throw CommandFailure(.usage, "target-name '\(name ?? "")' is longer than 38 bytes")
    }
    guard let target else {
      guard name == nil else {
        throw CommandFailure(.usage, "--target-name names a target at a NID: give the NID too")
      }
      var plans = try BenchSession.localPlans(deepened)
      plans.active.serveSessions(inFlight: inFlight, isServer: false)
      plans.passive.serveSessions(inFlight: inFlight, isServer: true)
      let partner = try await plans.passive.start(program: { SessionServer(targetCount: 1) })
      return try await ends(
        plans.active, partner.nids[0], uuid, partner: partner, inFlight: inFlight)
    }
    let settings = try node()
    if let owner = try RunningNodes.owner(of: settings) {
      throw CommandFailure(
        .usage,
        "the local NID \(owner) belongs to a node that runs here, and imports are measured from a "
          + "node of the command's own: give another address with --bind, or stop the node")
    }
    var plan = try NodePlan(settings, isTransient: true)
    plan.serveSessions(inFlight: inFlight, isServer: false)
    return try await ends(plan, target, uuid, partner: nil, inFlight: inFlight)
  }

  private func ends(
    _ plan: NodePlan, _ target: NID, _ uuid: ObdUUID, partner: Node?, inFlight: Int
  ) async throws -> SessionEnds {
    let desk = BenchDesk()
    let role: ImportRole =
      switch ConnectionRole.ofClient(at: uuid) {
      case .mgc: .mgc
      case .mdc: .mdc
      case .osc, .osp, .lwp: .osc
      }
    let wanted = SessionPlan(server: target, role: role, target: uuid)
    let slots = max(
      plan.configuration.rpc.capacity.requests, plan.configuration.connections.capacity.imports)
    let node = try await plan.start(
      program: { SessionClient(wanted, desk: desk, slotCount: slots) })
    return SessionEnds(
      node: node, desk: desk, target: target, targetName: uuid, backend: plan.backend.name,
      partner: partner)
  }
}

extension NodePlan {
  /// Lets the node have a set of imports, or their exports.
  fileprivate mutating func serveSessions(inFlight: Int, isServer: Bool) {
    var capacity = ConnectionsCapacity()
    // Places of a set that has left are free a little later.
    let count = 2 * SessionPlan.importsPerSet
    capacity.imports = isServer ? 1 : count
    capacity.exports = isServer ? count : 1
    capacity.events = 4096
    var rpc = RPCCapacity()
    // A request is taken until its last message is off the wire.
    rpc.requests = isServer ? 64 : 256 + 2 * inFlight
    rpc.serverRequests = isServer ? 256 + 4 * inFlight : 64
    rpc.events = 4096
    configuration.enableConnections(capacity, rpc: rpc)
  }
}
