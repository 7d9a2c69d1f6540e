internal import CLinuxShims
internal import Connections
internal import LustreWire
internal import NodeCore
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Structures

/// Imports, exports and targets of a node as text, in the keys of the real tools.
package enum ConnectionsText: String, Sendable, CaseIterable {
  case imports = "import"
  case exports = "export"
  case targets = "target"
  case locks = "lock"

  /// - Parameter grants: by place of an export, the bytes that its object target has promised it.
  func text(of node: inout NodeCore, grants: [UInt64] = []) -> String {
    switch self {
    case .imports: Self.importsText(&node)
    case .exports: Self.exportsText(&node, grants)
    case .targets: Self.targetsText(&node)
    case .locks: Self.locksText(&node)
    }
  }

  // MARK: - Imports

  private static func importsText(_ node: inout NodeCore) -> String {
    let now = node.turn.now
    let wall = clinux_realtime_nanoseconds()
    var blocks: [(name: String, text: String)] = []
    for place in 0..<node.connections.importPlaceCount {
      guard let handle = node.connections.importHandle(at: place),
        let view = node.connections.view(handle)
      else { continue }
      let name = view.name
      let requests = requestLines(of: view, slot: UInt32(handle.raw.slot), &node)
      let role = view.description.proposal.role.name
      blocks.append(("\(role).\(name)", text(of: view, name, requests, now: now, wall: wall)))
    }
    return blocks.sorted { $0.name < $1.name }.map(\.text).joined()
  }

  private static func text(
    of view: ImportView, _ name: String, _ requests: String, now: UInt64, wall: UInt64
  ) -> String {
    let role = view.description.proposal.role
    var text = "\(role.name).\(name).import=\nimport:\n    name: \(name)\n"
    text += "    target: \(view.description.target)\n    state: \(view.state.name)\n"
    text += connectLines(view.granted)
    text += "    import_flags: [ \(view.flagNames.joined(separator: ", ")) ]\n    connection:\n"
    let connections = (0..<view.connections.count).map { view.connections[$0] }
    let nids = connections.map { "\"\($0.nid)\"" }.joined(separator: ", ")
    text += "       failover_nids: [ \(nids) ]\n       nids_stats:\n"
    for one in connections {
      let age = one.lastAttempt == 0 ? 0 : (now &- one.lastAttempt) / 1_000_000_000
      text += "          \"\(one.nid)\": { connects: \(one.attempts), replied: \(one.replied), "
      text += "uptodate: \(one.readiness == .ready ? "uptodate" : "discovery"), sec_ago: \(age) }\n"
    }
    let current = view.connections.current.map { "\"\($0.nid)\"" } ?? "\"<none>\""
    text += "       current_connection: \(current)\n"
    text += "       connection_attempts: \(view.connectionCount)\n"
    text += "       generation: \(view.generation)\n"
    let idle = view.lastReply == 0 ? 0 : (now &- view.lastReply) / 1_000_000_000
    text += "       in-progress_invalidations: \(view.state == .evicted ? 1 : 0)\n"
    text += "       idle: \(idle) sec\n"
    return text + requests + stateLines(view, now: now, wall: wall)
  }

  /// What becomes of its requests; the real tools have this of all but management clients.
  private static func requestLines(
    of view: ImportView, slot: UInt32, _ node: inout NodeCore
  ) -> String {
    let role = view.description.proposal.role
    guard role != .mgc else { return "" }
    let statistics = node.rpc.statistics(ofImport: slot)
    let service = node.rpc.estimate(ofImport: slot, role.requestPortal)
    var text = "    rpcs:\n       inflight: \(view.requestCount)\n"
    text += "       unregistering: \(statistics.unregistering)\n"
    text += "       timeouts: \(statistics.timeouts)\n"
    text += "       avg_waittime: \(statistics.averageWait) usecs\n"
    text += "    service_estimates:\n       services: \(service) sec\n"
    text += "       network: \(node.rpc.latency(ofImport: slot)) sec\n"
    // Nothing is replayed yet.
    text += "    transactions:\n       last_replay: 0\n"
    text += "       peer_committed: \(view.committed)\n"
    text += "       last_checked: \(view.committed)\n"
    return text + averages("read", statistics.reads) + averages("write", statistics.writes)
  }

  /// Nothing of a direction in which nothing has gone, as the real tools.
  static func averages(_ direction: String, _ sum: TransferStatistics) -> String {
    guard sum.count > 0 else { return "" }
    let hundredths = sum.byteCount * 100 / max(sum.microseconds, 1)
    let fraction = hundredths % 100
    return "    \(direction)_data_averages:\n       bytes_per_rpc: \(sum.byteCount / sum.count)\n"
      + "       usecs_per_rpc: \(sum.microseconds / sum.count)\n"
      + "       MB_per_sec: \(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)\n"
  }

  /// What a connect has asked for and got.
  static func negotiation(_ view: ImportView) -> String {
    let asked = view.description.proposal.first
    return "target: \(view.description.target)\nstate: \(view.state.name)\nproposed:\n"
      + connectLines(asked) + "granted:\n" + connectLines(view.granted)
  }

  private static func stateLines(_ view: ImportView, now: UInt64, wall: UInt64) -> String {
    var text = "current_state: \(view.state.name)\nstate_history:\n"
    for index in 0..<view.history.available {
      let change = view.history[index]
      let seconds = (wall &- (now &- change.time)) / 1_000_000_000
      text += " - [ \(seconds), \(change.new.name) ]\n"
    }
    return text
  }

  /// What was granted, as far as the flags say that it is there.
  private static func connectLines(_ data: ConnectData) -> String {
    var text =
      "    connect_flags: [ \(data.flags.names(with: data.flags2).joined(separator: ", ")) ]\n"
    text += "    connect_data:\n       flags: \(hex(data.flags.rawValue))\n"
    text += "       instance: \(data.instance)\n"
    if data.flags.contains(.version) { text += "       target_version: \(data.version)\n" }
    if data.flags.contains(.mds) { text += "       mdt_index: \(data.group)\n" }
    if data.flags.contains(.grant) { text += "       initial_grant: \(data.grantByteCount)\n" }
    if data.flags.contains(.index) { text += "       target_index: \(data.targetIndex)\n" }
    if data.flags.contains(.bulkSize) { text += "       max_brw_size: \(data.bulkByteCount)\n" }
    if data.flags.contains(.inodeBits) {
      text += "       ibits_known: \(hex(UInt64(data.inodeBits.rawValue)))\n"
    }
    if data.flags.contains(.grantParameters) {
      text += "       grant_block_size: \(1 << UInt64(data.grantBlockBits & 63))\n"
      text += "       grant_inode_size: \(1 << UInt64(data.grantInodeBits & 63))\n"
      let extent = UInt64(data.grantMaximumBlocks) << UInt64(data.grantBlockBits & 31)
      text += "       grant_max_extent_size: \(extent)\n"
      text += "       grant_extent_tax: \(UInt64(data.grantTaxKiB) << 10)\n"
    }
    if data.flags.contains(.checksum) {
      text += "       cksum_types: \(hex(UInt64(data.checksumTypes.rawValue)))\n"
    }
    if data.flags.contains(.largeEA) { text += "       max_easize: \(data.maximumEAByteCount)\n" }
    if data.flags.contains(.multipleModifying) {
      text += "       max_mod_rpcs: \(data.maximumModifyingRequests)\n"
    }
    if data.flags.contains(.maximumBytes) {
      text += "       max_object_bytes: \(data.maximumObjectByteCount)\n"
    }
    return text
  }

  private static func hex(_ number: UInt64) -> String { "0x" + String(number, radix: 16) }

  // MARK: - Exports and targets

  private static func exportsText(_ node: inout NodeCore, _ grants: [UInt64]) -> String {
    var blocks: [(heading: String, client: String, text: String)] = []
    for place in 0..<node.connections.exportPlaceCount {
      guard let handle = node.connections.exportHandle(at: place),
        let view = node.connections.view(handle)
      else { continue }
      let target = view.target
      let heading = "\(device(target.traits.kind)).\(target.name).exports.\(view.nid).export=\n"
      var text = "\(view.client):\n    name: \(target.name)\n    client: \(view.nid)\n"
      text += connectLines(view.granted) + "    export_flags: [  ]\n"
      if target.traits.kind == .mdt, isClient(view.granted) {
        text += "    root_fid: \("\(FID.root)".dropFirst().dropLast())\n"
      }
      if target.traits.kind == .ost {
        // What is written is charged when it comes, and what clients say of their dirty pages is not kept.
        let granted = grants.indices.contains(place) ? grants[place] : 0
        text += "    grant:\n       granted: \(granted)\n       dirty: 0\n       pending: 0\n"
      }
      blocks.append((heading, "\(view.client)", text))
    }
    blocks.sort { ($0.heading, $0.client) < ($1.heading, $1.client) }
    var text = ""
    var heading = ""
    for block in blocks {
      // The clients of one node follow each other under its name.
      if block.heading != heading { text += block.heading }
      heading = block.heading
      text += block.text
    }
    return text
  }

  /// What the real tools call the devices of a kind of target.
  private static func device(_ kind: TargetKind) -> String {
    switch kind {
    case .mgs: "mgs"
    case .mdt: "mdt"
    case .ost: "obdfilter"
    }
  }

  /// A mount, not another server.
  private static func isClient(_ granted: ConnectData) -> Bool {
    !granted.flags.contains(.lightweight) && !granted.flags.contains(.mds)
      && !granted.flags.contains(.mdsToMDS)
  }

  private static func targetsText(_ node: inout NodeCore) -> String {
    var text = "targets:\n"
    for place in 0..<node.connections.targetPlaceCount {
      guard let view = node.connections.targetView(at: place) else { continue }
      text += "  - name: \(view.description.name)\n    uuid: \(view.description.uuid)\n"
      text += "    type: \(view.description.traits.kind)\n    condition: \(view.condition)\n"
      text +=
        "    instance: \(view.description.traits.instance)\n    num_exports: \(view.exports)\n"
    }
    return text
  }
}

// MARK: - Locks

extension ConnectionsText {
  /// Locks that clients hold at our targets, then those that we hold or wait for elsewhere.
  fileprivate static func locksText(_ node: inout NodeCore) -> String {
    var text = "granted:\n"
    for place in 0..<node.connections.serverLockPlaceCount {
      guard let (lock, owner) = node.connections.serverLock(at: place),
        let export = node.connections.view(owner)
      else { continue }
      text += "  - target: \(export.target.name)\n    client: \(export.nid)\n"
      text += Self.text(of: lock)
    }
    text += "held:\n"
    for place in 0..<node.connections.heldLockPlaceCount {
      guard let (lock, owner) = node.connections.heldLock(at: place),
        let view = node.connections.view(owner)
      else { continue }
      text += "  - import: \(view.name)\n" + Self.text(of: lock)
    }
    return text
  }

  private static func mode(_ mode: LockMode) -> String {
    mode == .none ? "--" : name(mode.name, mode.rawValue)
  }

  private static func name(_ name: StaticString?, _ number: UInt32) -> String {
    name.map { "\($0)" } ?? "\(number)"
  }

  private static func text(of lock: LockView) -> String {
    let descriptor = lock.descriptor
    var text =
      "    type: \(name(descriptor.type.name, descriptor.type.rawValue))\n    resource: \(descriptor.resource)\n"
    text += "    requested_mode: \(mode(descriptor.requestedMode))\n"
    text += "    granted_mode: \(mode(descriptor.grantedMode))\n"
    if descriptor.type == .extent {
      text += "    extent: [ \(descriptor.policy.first), \(descriptor.policy.second) ]\n"
    }
    text += "    handle: \(lock.handle)\n    remote_handle: \(lock.otherHandle)\n"
    return text + "    blocking_callback: \(lock.isBlocked ? "sent" : "none")\n"
  }
}

extension ImportView {
  /// As the real tools name it: clients' by their mount, servers' by their own name.
  fileprivate var name: String {
    let target = Self.plain(description.target)
    let role = description.proposal.role
    switch role {
    case .mgc: return "MGC" + (connections.count > 0 ? "\(connections[0].nid)" : "")
    case .mdc, .osc:
      let mount = "\(description.client)".filter { $0 != "-" }.prefix(16)
      return "\(target)-\(role.name)-\(mount)"
    case .ospToObjects, .ospToMetadata:
      // `lfs-OST0000-osc-MDT0001`: the own name without the file system, as configuration logs have it.
      let client = Self.plain(description.client)
      let own =
        client.hasSuffix("-mdtlov")
        ? client.dropLast(7).split(separator: "-").last ?? "" : client.prefix(16)
      return "\(target)-\(role == .ospToObjects ? "osc" : "osp")-\(own)"
    case .lwpOfObjects, .lwpOfMetadata: return Self.plain(description.client)
    }
  }

  private static func plain(_ uuid: ObdUUID) -> String {
    let text = "\(uuid)"
    return text.hasSuffix("_UUID") ? String(text.dropLast(5)) : text
  }

  /// Those of the flags that the real tools print.
  fileprivate var flagNames: [String] {
    let names: [(ImportFlags, String)] = [
      (.invalid, "invalid"), (.deactivated, "deactive"), (.replayable, "replayable"),
      (.pingable, "pingable"), (.connectTried, "connect_tried"),
    ]
    return names.filter { flags.contains($0.0) }.map(\.1)
  }
}

extension Node {
  /// Its imports, exports or targets as text; empty lists for a node without connections.
  package func text(_ what: ConnectionsText) async throws(NodeError) -> String {
    guard what == .exports, let desk else {
      return try await inbox.run(what.rawValue) { node, _, call in
        call.finish(.success(what.text(of: &node)))
      }
    }
    return try await LustreNode(node: self, desk: desk).withRoles(what.rawValue) { roles, node in
      var grants: [UInt64] = []
      for place in 0..<node.connections.exportPlaceCount {
        guard let handle = node.connections.exportHandle(at: place) else {
          grants.append(0)
          continue
        }
        grants.append(roles.grant(heldBy: handle, node))
      }
      return what.text(of: &node, grants: grants)
    }
  }
}
