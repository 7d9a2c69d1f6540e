package import Connections
package import LNet
package import LustreWire
package import NodeCore
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Structures
package import Verbena

/// Which way a client goes.
package enum MountPlan: Sendable {
  /// As a real client: the management server is looked up, and asked for the targets.
  case mount(fileSystem: String, management: NID)
  /// One target after the other, where a mount has found them.
  case oneByOne([MountGoal])
}

/// One client on its way from nothing to FULL, and back: once, on a node of its own. What it took is told to its call
/// when it has left everything in order.
package struct MountClient: NodeProgram, ~Copyable {
  private static let discoveryTag: UInt64 = 1 << 20

  private let plan: MountPlan
  private let call: Call<MountAccount>
  private var roles: Roles
  private var account = MountAccount()
  private var beganAt: UInt64 = 0
  private var client = ObdUUID()
  /// One by one: the imports so far, and how many of them have left.
  private var imports: [ImportHandle] = []
  private var closedCount = 0

  package init(_ plan: MountPlan, _ configuration: NodeConfiguration, _ call: Call<MountAccount>) {
    self.plan = plan
    self.call = call
    roles = Roles(
      capacity: configuration.roles, serverRequests: configuration.rpc.capacity.serverRequests,
      exports: configuration.connections.capacity.exports)
  }

  package mutating func started(_ node: inout NodeCore) {
    do throws(LNetError) {
      // The management server calls back when its logs change.
      try node.rpc.startService(.lockCallback, lnet: &node.lnet, turn: &node.turn)
    } catch { preconditionFailure("a service of a new node cannot start: \(error)") }
    beganAt = node.turn.now
    var random = node.turn.random
    client = .random(&random)
    node.turn.random = random
    switch plan {
    case .oneByOne: connectNext(&node)
    case .mount(_, let management):
      do throws(LNetError) {
        try node.lnet.discover(management, tag: Self.discoveryTag, turn: &node.turn)
      } catch { fail(WireErrno.enomem.status, "the node has no place for a discovery") }
    }
  }

  private func fail(_ status: Int32, _ explanation: String) {
    call.finish(
      .failure(
        NodeError(
          code: .remote, operation: "mount", errno: -status, explanation: explanation)))
  }

  private mutating func took(_ step: MountStep, from begin: UInt64, to end: UInt64) {
    account.steps.append((step, end &- begin))
  }

  // MARK: - A mount

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    guard event.kind == .discovered, event.tag == Self.discoveryTag,
      case .mount(let fileSystem, let management) = plan
    else { return }
    guard event.status == 0 else {
      return fail(event.status, "\(management) cannot be discovered")
    }
    took(.discovery, from: beganAt, to: node.turn.now)
    if roles.mount(fileSystem, management: [[management]], &node) == nil {
      fail(WireErrno.enomem.status, "a new node without a place for a mount")
    }
  }

  package mutating func turned(_ node: inout NodeCore) {
    while let event = roles.events.popFirst() {
      switch event.kind {
      case .mounted:
        took(.mount, from: beganAt, to: node.turn.now)
        noteMount(Int(event.index), node)
        roles.unmount(Int(event.index), &node)
      case .mountFailed:
        fail(event.status, roles.explanation(ofMount: Int(event.index), node))
      case .unmounted: call.finish(.success(account))
      case .targetOpen, .targetFailed, .mountChanged, .objectDone, .objectsListed: break
      }
    }
  }

  /// The histories of the imports say when each began and was FULL.
  private mutating func noteMount(_ index: Int, _ node: borrowing NodeCore) {
    account.exchangeCount = node.lnd.counters.establishedActive
    var firstConnect = UInt64.max
    for link in roles.links(ofMount: index) {
      guard let view = node.connections.view(link.handle),
        let nid = view.connections.current?.nid
      else { continue }
      account.add(MountGoal(role: link.role, target: link.target, index: link.index, nid: nid))
      if let began = Self.time(of: .connecting, view) { firstConnect = min(firstConnect, began) }
    }
    for place in 0..<node.connections.importPlaceCount {
      guard let handle = node.connections.importHandle(at: place),
        let view = node.connections.view(handle), view.description.proposal.role == .mgc,
        let began = Self.time(of: .connecting, view), let full = Self.time(of: .full, view)
      else { continue }
      took(.management, from: began, to: full)
      if firstConnect != .max, firstConnect >= full {
        took(.lookUp, from: full, to: firstConnect)
      }
    }
  }

  /// When an import was first in a state.
  private static func time(of state: ImportState, _ view: ImportView) -> UInt64? {
    for index in 0..<view.history.available where view.history[index].new == state {
      return view.history[index].time
    }
    return nil
  }

  // MARK: - One by one

  private var goals: [MountGoal] {
    if case .oneByOne(let goals) = plan { goals } else { [] }
  }

  private mutating func connectNext(_ node: inout NodeCore) {
    let goals = goals
    guard imports.count < goals.count else {
      account.goals = goals
      account.exchangeCount = node.lnd.counters.establishedActive
      for handle in imports {
        node.connections.close(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
      }
      return
    }
    let goal = goals[imports.count]
    let description = ImportDescription(
      proposal: Proposal(role: goal.role, targetIndex: goal.index), target: goal.target,
      client: client)
    guard
      let handle = node.connections.makeImport(description, rpc: &node.rpc, turn: &node.turn)
    else { return fail(WireErrno.enomem.status, "the node has no place for another import") }
    _ = node.connections.addConnection(goal.nid, to: handle)
    imports.append(handle)
    beganAt = node.turn.now
    node.connections.connect(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  package mutating func received(_ event: ConnectionsEvent, _ node: inout NodeCore) {
    if roles.handle(event, &node) { return }
    let goals = goals
    switch event.kind {
    case .connected where event.importHandle == imports.last:
      let place = imports.count - 1
      let isFirst = place == 0 || goals[place].nid != goals[place - 1].nid
      took(isFirst ? .firstTarget : .furtherTarget, from: beganAt, to: node.turn.now)
      connectNext(&node)
    case .closed where imports.count < goals.count || account.goals.isEmpty:
      fail(event.status, "\(goals[imports.count - 1].target) has refused for good")
    case .closed:
      node.connections.removeImport(event.importHandle, turn: &node.turn)
      closedCount += 1
      if closedCount == imports.count { call.finish(.success(account)) }
    default: break
    }
  }

  package mutating func expired(timer owner: UInt32, _ node: inout NodeCore) {
    if OwnerTag(raw: owner).part != .program { roles.expired(timer: owner, &node) }
  }
}
