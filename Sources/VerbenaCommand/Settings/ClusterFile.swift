/// A whole cluster in a configuration file: its servers, each on the node that it names.
///
///     cluster:
///       fsname: lfs
///       nodes:
///         - nid: 10.0.0.1@o2ib
///           mgs: 1
///           mdt: 0
///           data: /var/lib/verbena
///         - nid: 10.0.0.2@o2ib
///           ost: 0-1
///
/// Two nodes that name the same targets, and each other as `servicenode`, are a failover pair.
///
/// What all have in common stands under `verbena`, tunables of the servers under `net`.
package struct ClusterFile: Equatable, Sendable {
  /// A server node.
  package struct Member: Equatable, Sendable {
    /// Its NIDs, the primary first.
    package var nids: [ConfigFile.Value]
    /// The name of its host, where that shall tell which node it is; nil else.
    package var host: String?
    /// What it hosts, by the settings' names.
    package var values: [String: ConfigFile.Value]

    var hostsManagement: Bool { values[Setting.hostsManagement.name]?.text == "1" }
  }

  package var fileSystem: ConfigFile.Value
  package var members: [Member]

  /// Server nodes that a file may name.
  static let memberCountMax = 1024

  /// The NIDs of the management server's nodes, as `--mgsnode` takes them.
  package var management: String {
    members.filter(\.hostsManagement)
      .map { $0.nids.map(\.text).joined(separator: ",") }.joined(separator: ":")
  }

  /// What `mount` takes: `10.0.0.1@o2ib:/lfs`.
  package var source: String { "\(management):/\(fileSystem.text)" }

  /// The member on a host: by an address of its own, else by its name.
  ///
  /// - Parameters:
  ///   - addresses: dotted decimal.
  ///   - host: the host's name.
  package func member(addresses: [String], host: String) -> Member? {
    members.first { member in
      member.nids.contains { nid in
        addresses.contains(String(nid.text.prefix { $0 != "@" }))
      }
    } ?? members.first { $0.host == host }
  }
}

extension ConfigFile {
  /// The same file for a node that is none of its cluster's: what stands under `net` is theirs.
  package var ofClient: ConfigFile {
    cluster == nil ? self : ConfigFile(path: path, interfaces: [], values: values)
  }

  /// The same file for one of its cluster's nodes: its interfaces, and what it hosts.
  package func part(of member: ClusterFile.Member) -> ConfigFile {
    guard let cluster else { return self }
    let tunables = interfaces.first?.values ?? [:]
    var own = values.merging(member.values) { $1 }
    own[Setting.fileSystem.name] = cluster.fileSystem
    if !member.hostsManagement, own[Setting.managementNodes.name] == nil {
      own[Setting.managementNodes.name] = Value(
        text: cluster.management, line: cluster.fileSystem.line)
    }
    let places = member.nids.map { nid in
      let ends = nid.text.split(separator: "@", maxSplits: 1)
      let bind = Value(text: ends.first.map(String.init) ?? "", line: nid.line)
      // A NID that `net` has too keeps its own tunables.
      let known = interfaces.first { $0.bind.text == bind.text }
      return Interface(
        net: ends.count > 1 ? String(ends[1]) : "o2ib", bind: bind,
        values: known?.values ?? tunables)
    }
    return ConfigFile(path: path, interfaces: places, values: own)
  }
}
