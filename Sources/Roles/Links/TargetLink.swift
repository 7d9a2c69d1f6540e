package import Connections
package import LustreWire
internal import NodeCore
internal import PtlRPC
internal import Structures

/// An import that a mount, or a target of this node, keeps to a target elsewhere, and how it fares.
package struct TargetLink: Sendable, BitwiseCopyable {
  package enum Phase: UInt8, Sendable, BitwiseCopyable {
    /// It is not to connect yet.
    case waiting
    /// It connects for the first time.
    case connecting
    case full
    /// It has left in order, because nobody used it, and comes back by itself when somebody does.
    case idle
    /// It was FULL and connects anew.
    case lost
    /// It is to leave.
    case leaving
    /// It has left, or was refused for good; `status` says which.
    case closed
  }

  /// What an event has changed.
  enum Change {
    case none, came, went, closed
  }

  package let role: ImportRole
  package let target: ObdUUID
  /// The number at the end of the target's name.
  package let index: UInt32
  package let handle: ImportHandle
  package private(set) var phase = Phase.waiting
  /// Why the last attempt failed; 0 since the last that did not.
  package private(set) var status: Int32 = 0

  /// - Returns: nil when all places for imports are taken.
  init?(
    _ role: ImportRole, to entry: TargetEntry, at nids: [NID], as client: ObdUUID,
    group: UInt32 = 0, tag: OwnerTag, _ node: inout NodeCore
  ) {
    self.role = role
    target = ObdUUID(entry.uuid) ?? ObdUUID()
    index = entry.index
    var description = ImportDescription(
      proposal: Proposal(role: role, targetIndex: entry.index, group: group), target: target,
      client: client)
    description.tag = tag.raw
    guard
      let handle = node.connections.makeImport(description, rpc: &node.rpc, turn: &node.turn)
    else { return nil }
    self.handle = handle
    add(nids, &node)
  }

  /// More than an import keeps are of nodes that the log names last.
  private func add(_ nids: [NID], _ node: inout NodeCore) {
    for nid in nids { _ = node.connections.addConnection(nid, to: handle) }
  }

  mutating func connect(_ node: inout NodeCore) {
    guard phase == .waiting else { return }
    phase = .connecting
    node.connections.connect(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  /// Leaves; `closed` follows, if it has not come yet.
  mutating func close(_ node: inout NodeCore) {
    guard phase != .leaving, phase != .closed else { return }
    phase = .leaving
    node.connections.close(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
  }

  /// What the configuration says of its target now. One that was started anew elsewhere is gone to at once, instead
  /// of when the old place has not answered (spec 11 §14).
  mutating func update(_ nids: [NID], _ life: TargetLife?, _ node: inout NodeCore) {
    guard phase != .leaving, phase != .closed else { return }
    add(nids, &node)
    guard let life, let view = node.connections.view(handle), view.granted.instance != 0,
      view.granted.instance < life.instance
    else { return }
    if phase == .full {
      node.connections.recover(handle, rpc: &node.rpc, lnet: &node.lnet, turn: &node.turn)
    } else if phase == .lost {
      node.connections.verify(handle, turn: &node.turn)
    }
  }

  /// Hands in what the connections report of its import.
  mutating func note(_ event: ConnectionsEvent) -> Change {
    switch event.kind {
    case .connected:
      status = 0
      guard phase != .leaving else { return .none }
      phase = .full
      return .came
    case .attemptFailed:
      status = event.status
      return .none
    case .lost, .evicted:
      guard phase == .full || phase == .idle else { return .none }
      phase = .lost
      return .went
    case .idle:
      guard phase == .full else { return .none }
      phase = .idle
      return .none
    case .closed:
      if phase != .leaving { status = event.status }
      phase = .closed
      return .closed
    default: return .none
    }
  }

  /// Whether it can be used at once.
  var isReady: Bool { phase == .full || phase == .idle }

  /// `lfs-OST0000 (at 10.0.0.3@o2ib): ENODEV`, for what operators read.
  func explanation(_ node: borrowing NodeCore) -> String {
    var name = "\(target)"
    if name.hasSuffix("_UUID") { name.removeLast(5) }
    let nid = node.connections.view(handle)?.connections.current.map { " (at \($0.nid))" } ?? ""
    let reason =
      WireErrno(status: status).map { "\($0)" } ?? (isReady ? "connected" : "no answer yet")
    return "\(name)\(nid): \(reason)"
  }
}
