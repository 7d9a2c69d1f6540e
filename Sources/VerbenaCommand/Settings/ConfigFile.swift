internal import Foundation
internal import LustreWire
internal import Yams

/// A configuration file in lnetctl's YAML dialect, with the lines that its values stand on.
///
///     net:
///       - net type: o2ib
///         local NI(s):
///           - nid: 10.0.0.1@o2ib
///             tunables:
///               peer_credits: 8
///             lnd tunables:
///               conns_per_peer: 1
///     verbena:
///       log_level: info
package struct ConfigFile: Equatable, Sendable {
  package struct Value: Equatable, Sendable {
    package var text: String
    package var line: Int

    package init(text: String, line: Int) {
      self.text = text
      self.line = line
    }
  }

  package struct Interface: Equatable, Sendable {
    /// `o2ib`, `o2ib1`, ….
    package var net: String
    /// An address, or the name of a network interface.
    package var bind: Value
    /// Tunables by the settings' names.
    package var values: [String: Value] = [:]
  }

  package let path: String
  package private(set) var interfaces: [Interface] = []
  /// What stands under `verbena`, by the settings' names.
  package private(set) var values: [String: Value] = [:]
  /// The cluster that it describes; nil when it is about one node.
  package private(set) var cluster: ClusterFile?

  /// Interfaces that a file may name: a node has few.
  static let interfaceCountMax = 64

  package init(path: String) throws(CommandFailure) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandFailure(.usage, "\(path): cannot be read; give a file that exists")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw CommandFailure(.usage, "\(path): is no text in UTF-8")
    }
    try self.init(path: path, text: text)
  }

  init(path: String, interfaces: [Interface], values: [String: Value]) {
    self.path = path
    self.interfaces = interfaces
    self.values = values
  }

  package init(path: String, text: String) throws(CommandFailure) {
    self.path = path
    guard let root = try Self.compose(text, path: path) else { return }
    for (key, node) in try mapping(root, "the file") {
      switch key.text {
      case "net":
        for net in try sequence(node, "net") { try add(net: net) }
      case "verbena":
        values = try settings(node, under: "verbena", of: Self.verbenaSettings)
      case "cluster": cluster = try readCluster(node)
      default: throw unknown(key, legal: ["net", "verbena", "cluster"])
      }
    }
  }

  private static func compose(_ text: String, path: String) throws(CommandFailure) -> Node? {
    do {
      return try Yams.compose(yaml: text)
    } catch let error as YamlError {
      switch error {
      case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        throw CommandFailure(.usage, "\(path):\(mark.line): \(problem)")
      case .duplicatedKeysInMapping(let duplicates, let context):
        let key = duplicates.min() ?? ""
        let line = secondLine(of: key, in: text, from: context.mark.line) ?? context.mark.line
        throw CommandFailure(.usage, "\(path):\(line): key '\(key)' stands twice in this mapping")
      default:
        throw CommandFailure(.usage, "\(path): is no YAML: \(error)")
      }
    } catch {
      throw CommandFailure(.usage, "\(path): is no YAML: \(error)")
    }
  }

  /// The line of a key's second place in a mapping: the parser only tells where the mapping begins.
  private static func secondLine(of key: String, in text: String, from first: Int) -> Int? {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    var indent: Int?
    for (index, line) in lines.enumerated() where index + 1 >= first {
      // An entry of a list has its first key behind a dash.
      let start = line.prefix { $0 == " " || $0 == "-" }
      guard line.dropFirst(start.count).hasPrefix(key + ":") else { continue }
      guard let wanted = indent else {
        indent = start.count
        continue
      }
      if start.count == wanted { return index + 1 }
    }
    return nil
  }

  // MARK: net

  private mutating func add(net node: Node) throws(CommandFailure) {
    var type: Value?
    var members: [Node] = []
    for (key, node) in try mapping(node, "an entry of net") {
      switch key.text {
      case "net type": type = try scalar(node, "net type")
      case "local NI(s)": members = try sequence(node, "local NI(s)")
      default: throw unknown(key, legal: ["net type", "local NI(s)"])
      }
    }
    guard let type else { throw failure(node, "an entry of net needs 'net type', such as o2ib") }
    guard type.text.hasPrefix("o2ib") else {
      throw failure(
        type.line, "net type '\(type.text)' is not supported; the networks are o2ib, o2ib1, …")
    }
    guard !members.isEmpty else {
      throw failure(
        node, "net type '\(type.text)' needs 'local NI(s)', each with a nid or interfaces")
    }
    for member in members { interfaces.append(try interface(member, net: type.text)) }
    guard interfaces.count <= Self.interfaceCountMax else {
      throw failure(node, "more than \(Self.interfaceCountMax) local NIs")
    }
  }

  private func interface(_ node: Node, net: String) throws(CommandFailure) -> Interface {
    var bind: Value?
    var values: [String: Value] = [:]
    for (key, node) in try mapping(node, "a local NI") {
      switch key.text {
      case "nid":
        var nid = try scalar(node, "nid")
        let parts = nid.text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1] == net else {
          throw failure(
            nid.line, "nid '\(nid.text)' is not on net type '\(net)'; write ADDRESS@\(net)")
        }
        nid.text = String(parts[0])
        bind = nid
      case "interfaces":
        for (index, name) in try mapping(node, "interfaces") {
          guard index.text == "0" else {
            throw failure(
              index.line, "interfaces '\(index.text)': one interface for each local NI, as 0")
          }
          bind = try scalar(name, "interfaces")
        }
      case "tunables":
        values.merge(try settings(node, under: "tunables", of: Self.tunables)) { $1 }
      case "lnd tunables":
        values.merge(try settings(node, under: "lnd tunables", of: Self.lndTunables)) { $1 }
      default: throw unknown(key, legal: ["nid", "interfaces", "tunables", "lnd tunables"])
      }
    }
    guard let bind else { throw failure(node, "a local NI needs a nid or interfaces") }
    return Interface(net: net, bind: bind, values: values)
  }

  // MARK: cluster

  private func readCluster(_ node: Node) throws(CommandFailure) -> ClusterFile {
    var fileSystem: Value?
    var members: [ClusterFile.Member] = []
    for (key, value) in try mapping(node, "cluster") {
      switch key.text {
      case "fsname": fileSystem = try scalar(value, "fsname")
      case "nodes":
        for entry in try sequence(value, "nodes") {
          let member = try member(entry)
          try checkNIDs(of: member, after: members)
          members.append(member)
        }
      default: throw unknown(key, legal: ["fsname", "nodes"])
      }
    }
    guard let fileSystem else { throw failure(node, "cluster needs 'fsname'") }
    let cluster = ClusterFile(fileSystem: fileSystem, members: members)
    guard (1...ClusterFile.memberCountMax).contains(members.count) else {
      throw failure(node, "cluster needs 'nodes', 1 to \(ClusterFile.memberCountMax) of them")
    }
    guard !cluster.management.isEmpty else {
      throw failure(node, "no node of the cluster has the management server: give one 'mgs: 1'")
    }
    return cluster
  }

  /// Each NID is one node's.
  private func checkNIDs(
    of member: ClusterFile.Member, after others: [ClusterFile.Member]
  ) throws(CommandFailure) {
    var known = others.flatMap(\.nids)
    for nid in member.nids {
      if let first = known.first(where: { NID($0.text) == NID(nid.text) }) {
        throw failure(
          nid.line, "NID \(nid.text) stands twice in the cluster, first in line \(first.line)")
      }
      known.append(nid)
    }
  }

  /// Settings that a node of a cluster has for itself.
  private static let memberSettings: [(key: String, setting: Setting)] = verbenaSettings.filter {
    [
      Setting.hostsManagement, .metadataTargets, .objectTargets, .serviceNodes, .data,
      .exportCount, .device, .port, .metrics,
    ].contains($0.setting)
  }

  private func member(_ node: Node) throws(CommandFailure) -> ClusterFile.Member {
    var nids: [Value] = []
    var host: String?
    var values: [String: Value] = [:]
    for (key, value) in try mapping(node, "a node of the cluster") {
      switch key.text {
      case "nid": nids.append(contentsOf: try memberNIDs(value))
      case "host": host = try scalar(value, "host").text
      default:
        guard let setting = Self.memberSettings.first(where: { $0.key == key.text })?.setting
        else { throw unknown(key, legal: ["nid", "host"] + Self.memberSettings.map(\.key)) }
        let text = try scalar(value, key.text)
        if let problem = setting.problem(with: text.text) {
          throw failure(text.line, "\(key.text) '\(text.text)' \(problem)")
        }
        values[setting.name] = text
      }
    }
    guard !nids.isEmpty else { throw failure(node, "a node of the cluster needs a 'nid'") }
    return ClusterFile.Member(nids: nids, host: host, values: values)
  }

  /// One NID, or several with commas between.
  private func memberNIDs(_ node: Node) throws(CommandFailure) -> [Value] {
    let value = try scalar(node, "nid")
    return try value.text.split(separator: ",").map { part throws(CommandFailure) in
      let text = part.trimmingCharacters(in: .whitespaces)
      guard let nid = NID(text), nid.lndType == .o2ib else {
        throw failure(value.line, "'\(text)' is no NID on o2ib; write 10.0.0.1@o2ib")
      }
      return Value(text: text, line: value.line)
    }
  }

  // MARK: Keys

  private static let verbenaSettings = keys { section in
    if case .verbena(let key) = section { key } else { nil }
  }
  private static let tunables = keys { section in
    if case .tunables(let key) = section { key } else { nil }
  }
  private static let lndTunables = keys { section in
    if case .lndTunables(let key) = section { key } else { nil }
  }

  private static func keys(_ name: (Setting.Section) -> String?) -> [(
    key: String, setting: Setting
  )] {
    Setting.everyName.compactMap { setting in name(setting.section).map { ($0, setting) } }
  }

  private func settings(
    _ node: Node, under section: String, of known: [(key: String, setting: Setting)]
  ) throws(CommandFailure) -> [String: Value] {
    var values: [String: Value] = [:]
    for (key, node) in try mapping(node, section) {
      guard let setting = known.first(where: { $0.key == key.text })?.setting else {
        throw unknown(key, legal: known.map(\.key))
      }
      let value = try scalar(node, key.text)
      if let problem = setting.problem(with: value.text) {
        throw failure(value.line, "\(key.text) '\(value.text)' \(problem)")
      }
      values[setting.name] = value
    }
    return values
  }

  // MARK: Nodes of the tree

  private func mapping(_ node: Node, _ name: String) throws(CommandFailure) -> [(Value, Node)] {
    guard case .mapping(let members) = node else {
      throw failure(node, "\(name) must be a mapping of keys to values")
    }
    var pairs: [(Value, Node)] = []
    for (key, value) in members { pairs.append((try scalar(key, name), value)) }
    return pairs
  }

  private func sequence(_ node: Node, _ name: String) throws(CommandFailure) -> [Node] {
    guard case .sequence(let elements) = node else {
      throw failure(node, "\(name) must be a list, its entries behind '- '")
    }
    return Array(elements)
  }

  private func scalar(_ node: Node, _ name: String) throws(CommandFailure) -> Value {
    guard case .scalar(let scalar) = node else {
      throw failure(node, "\(name) must be one value")
    }
    return Value(text: scalar.string, line: node.mark?.line ?? 1)
  }

  private func unknown(_ key: Value, legal: [String]) -> CommandFailure {
    failure(
      key.line, "unknown key '\(key.text)'; the keys here are \(legal.joined(separator: ", "))")
  }

  private func failure(_ node: Node, _ text: String) -> CommandFailure {
    failure(node.mark?.line ?? 1, text)
  }

  private func failure(_ line: Int, _ text: String) -> CommandFailure {
    CommandFailure(.usage, "\(path):\(line): \(text)")
  }
}
