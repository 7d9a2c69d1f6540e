// A node with roles: its targets have stores in memory, which are exchanged with at the end of each turn. Tests import it
// `@testable`, so that they can derive nodes of their own.
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Simulation
internal import Storage
internal import Structures

/// The disk of a target: it outlives its node when it is taken over by the next one.
final class RoleDisk {
  let specification: TargetSpecification
  fileprivate var store: MemoryStore
  fileprivate(set) var image: TargetImage
  private let hasPlan: Bool

  init(
    _ specification: TargetSpecification, plan: DiskPlan? = nil, byteCapacity: UInt64 = 1 << 30
  ) {
    self.specification = specification
    store = MemoryStore(specification.identity, byteCapacity: byteCapacity, plan: plan)
    image = store.image
    hasPlan = plan != nil
  }

  /// What it has now, durable or not.
  var liveImage: TargetImage { store.image }

  /// The power fails; the next node finds what is left. Only with a plan.
  func crash() { image = store.crash() }
}

class RoleNode: Program {
  var roles: Roles
  let disks: [RoleDisk]
  /// What the roles told, all of it.
  private(set) var told: [RolesEvent] = []
  /// Opcodes of requests whose replies were longer than what they said that there is room for (spec 10 §6.3).
  private(set) var cramped: [Opcode] = []
  private(set) var replyCount = 0
  private var now: UInt64 = 0
  /// In September of 2026, at time 0 of the world.
  static let clockStart: UInt64 = 1_790_000_000 * second

  init(
    _ disks: [RoleDisk] = [], capacity: RolesCapacity = RolesCapacity(),
    limits: SimulatedNode.Limits = World.limits()
  ) {
    self.disks = disks
    roles = Roles(
      capacity: capacity, serverRequests: limits.rpc.capacity.serverRequests,
      exports: limits.connections.capacity.exports, clockStart: RoleNode.clockStart)
  }

  override func started(_ core: inout NodeCore) {
    // The OUT portal is one for both kinds of server.
    let object = ServiceDescription.ost.filter { $0.requestPortal != .out }
    for service in [ServiceDescription.mgs] + ServiceDescription.mds + object
      + [.lockCancel, .lockCallback]
    {
      do {
        _ = try core.rpc.startService(service, lnet: &core.lnet, turn: &core.turn)
      } catch { preconditionFailure("a service does not start: \(error)") }
    }
    for disk in disks {
      let number = roles.addTarget(disk.specification, image: disk.image, &core)
      precondition(number != nil, "\(disk.specification.name) has no place")
    }
  }

  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    if event.kind == .replied { measure(event.request, &core) }
    if !hand(event, &core) { other(event, &core) }
    exchange(&core)
  }

  private func measure(_ request: RequestHandle, _ core: inout NodeCore) {
    guard let reply = try? core.rpc.reply(to: request, turn: &core.turn) else { return }
    let draft = core.rpc.draft(of: request)
    replyCount += 1
    if Int(reply.bytes.length) > draft.replyByteCount { cramped.append(draft.opcode) }
  }

  func hand(_ event: ConnectionsEvent, _ core: inout NodeCore) -> Bool {
    roles.handle(event, &core)
  }

  override func expired(timer owner: UInt32, _ core: inout NodeCore) {
    roles.expired(timer: owner, &core)
    exchange(&core)
  }

  override func turnEnds(_ core: inout NodeCore) {
    exchange(&core)
    now = core.turn.now
    while let event = roles.events.popFirst() {
      told.append(event)
      heard(event, &core)
    }
  }

  override func nextDeadline() -> UInt64? {
    var deadline: UInt64?
    for disk in disks {
      if let next = disk.store.nextDeadline() { deadline = min(deadline ?? next, next) }
    }
    return deadline
  }

  /// An end or an import with a tag of the test's own.
  func other(_ event: ConnectionsEvent, _ core: inout NodeCore) {}
  func heard(_ event: RolesEvent, _ core: inout NodeCore) {}

  func count(_ kind: RolesEvent.Kind) -> Int { told.count { $0.kind == kind } }

  private func exchange(_ core: inout NodeCore) {
    var round = 0
    repeat {
      for (target, disk) in disks.enumerated() where target < roles.targetCount {
        roles.exchange(target, with: &disk.store, &core)
      }
      round += 1
    } while roles.mustExchangeAgain(after: round)
  }
}

extension TargetSpecification {
  /// With its management server on a node of the world.
  static func of(
    _ kind: TargetKind, _ fileSystem: String = "lfs", index: UInt32 = 0, management node: Int? = nil
  ) -> TargetSpecification {
    var specification = TargetSpecification(
      kind: kind, fileSystem: kind == .mgs ? "" : fileSystem, index: index)
    if let node { specification.managementNodes = [[World.nid(node)]] }
    return specification
  }
}
