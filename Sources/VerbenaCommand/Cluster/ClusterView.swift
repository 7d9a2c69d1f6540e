internal import BenchKit
internal import Connections
internal import LustreWire
internal import Roles
internal import Verbena

extension NodeConnections.Export {
  /// What the client is to the target, by its name: those of servers say it, those of mounts are UUIDs.
  fileprivate var role: String {
    if target.description == "MGS" { return "mgc" }
    let name = client.description
    if name.contains("-lwp-") { return "lwp" }
    return name.contains("-mdtlov") ? "osp" : "client"
  }
}

/// Who is connected to whom in a cluster, held against what specification 00 says.
struct ClusterView: Sendable {
  /// An arrow from whoever connects to a target.
  struct Arrow: Hashable, Sendable {
    var source: String
    var target: String
    var role: String
  }

  let plan: ClusterPlan
  /// By target and role of the client: exports.
  private(set) var exports: [String: [String: Int]] = [:]
  /// By client: imports of targets that are FULL, or idle after they were.
  private(set) var clientImports: [Int]
  private(set) var importCount = 0
  private(set) var fullCount = 0
  private(set) var arrows: [Arrow] = []

  init(_ plan: ClusterPlan) {
    self.plan = plan
    clientImports = Array(repeating: 0, count: plan.clientCount)
  }

  static let roles = ["client", "mgc", "osp", "lwp"]

  mutating func add(_ node: NodeConnections, server: String) {
    for export in node.exports {
      exports["\(export.target)", default: [:]][export.role, default: 0] += 1
    }
    count(node, from: server)
  }

  mutating func add(_ node: NodeConnections, client index: Int) {
    clientImports[index] = node.imports.count { $0.role != .mgc && Self.isReady($0.state) }
    count(node, from: "client \(index + 1)")
  }

  private mutating func count(_ node: NodeConnections, from source: String) {
    importCount += node.imports.count
    fullCount += node.imports.count { Self.isReady($0.state) }
    for one in node.imports where Self.isReady(one.state) {
      var target = "\(one.target)"
      if target.hasSuffix("_UUID") { target.removeLast(5) }
      arrows.append(Arrow(source: source, target: target, role: "\(one.role.name)"))
    }
  }

  private static func isReady(_ state: ImportState) -> Bool { state == .full || state == .idle }

  // MARK: - What there must be

  /// Exports of a target by role, as spec 00 and 11 §1.1 have them: clients everywhere; proxies of metadata targets at
  /// object targets and at each other; light-weight connections of object targets at all metadata targets, and of
  /// metadata targets at the first.
  func expected(_ target: TargetSpecification) -> [String: Int] {
    let (metadata, objects, clients) = (plan.metadataCount, plan.objectCount, plan.clientCount)
    return switch target.kind {
    case .mgs: ["mgc": plan.managedCount + clients]
    case .mdt:
      [
        "client": clients, "osp": metadata - 1,
        "lwp": objects + (target.index == 0 ? metadata : 0),
      ]
    case .ost: ["client": clients, "osp": metadata]
    }
  }

  /// Imports of targets that each client must have.
  var importsPerClient: Int { plan.metadataCount + plan.objectCount }

  /// What is not as it must be, for people; empty when all is.
  var faults: [String] {
    var faults: [String] = []
    for target in plan.targets {
      let name = target.specification.name
      let expected = expected(target.specification)
      for role in Self.roles {
        let (there, due) = (exports[name]?[role] ?? 0, expected[role] ?? 0)
        if there != due { faults.append("\(name): \(there) exports of role \(role), not \(due)") }
      }
    }
    let short = clientImports.count { $0 != importsPerClient }
    if short > 0 {
      faults.append("\(short) clients without \(importsPerClient) imports that are FULL")
    }
    // The nodes are looked at one after the other: an export may be seen whose import came after its node was seen.
    let due = plan.targets.reduce(0) { $0 + expected($1.specification).values.reduce(0, +) }
    if importCount != due { faults.append("\(importCount) imports, not \(due)") }
    if fullCount != importCount {
      faults.append("\(importCount - fullCount) of \(importCount) imports are not FULL")
    }
    return faults
  }

  // MARK: - For people

  var text: String {
    var table = Table(
      [.init("target", isNumber: false), .init("at", isNumber: false)]
        + Self.roles.map { .init($0) } + [.init("exports"), .init("expected")])
    for (nid, target) in plan.targets {
      let there = exports[target.name] ?? [:]
      table.add(
        [target.name, "\(nid)"]
          + Self.roles.map { "\(there[$0] ?? 0)" }
          + [
            "\(there.values.reduce(0, +))", "\(expected(target).values.reduce(0, +))",
          ])
    }
    let targets = plan.metadataCount + plan.objectCount
    let clientExports = exports.values.reduce(0) { $0 + ($1["client"] ?? 0) }
    let count = exports.values.reduce(0) { $0 + $1.values.reduce(0, +) }
    return "Exports of each target, by what the client is\n" + table.text + "\n"
      + "\(targets) targets × \(plan.clientCount) clients: \(clientExports) client exports of "
      + "\(targets * plan.clientCount); imports of each client: \(perClient) of \(targets)\n"
      + "\(fullCount) of \(importCount) imports FULL, mounts and servers together; \(count) exports\n"
  }

  private var perClient: String {
    guard let low = clientImports.min(), let high = clientImports.max() else { return "none" }
    return low == high ? "\(low)" : "\(low) to \(high)"
  }
}
