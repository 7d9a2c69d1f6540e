internal import Connections
internal import LustreWire
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Roles
internal import Verbena

/// A whole file system in this process: who is in it, and where.
struct ClusterPlan: Sendable {
  /// Who hosts what; the node with the management server has it as its first target.
  private(set) var servers: [Server]
  /// Nodes of failover pairs whose targets are all at the other one: these are not started.
  private(set) var standbys: [NID] = []
  /// Clients, each a node of its own.
  var clientCount: Int
  /// Clients beside those that come and go: this many are there at a time, counting those that have just left.
  var transientClientCount = 0
  /// How long a server's idle loop polls: many of them share the processors.
  var serverSpin = Duration.zero
  var timing: TimingProfile
  var fabric: String
  private(set) var fileSystem = Self.fileSystem

  static let fileSystem = "lfs"

  /// A node that hosts targets.
  struct Server: Sendable {
    var nid: NID
    var specifications: [TargetSpecification]

    /// That of its first target.
    var name: String { specifications.first?.name ?? "\(nid)" }
  }

  /// The management server first, then metadata servers, then object servers.
  ///
  /// - Parameter metadataCount: metadata servers, a target each.
  init(
    metadataCount: Int, objectServerCount: Int, objectTargetsPerServer: Int, clientCount: Int,
    timing: TimingProfile, fabric: String
  ) {
    let first = NID.o2ib(10 << 24 | 1)
    func specification(_ kind: TargetKind, _ index: Int) -> TargetSpecification {
      var specification = TargetSpecification(
        kind: kind, fileSystem: Self.fileSystem, index: UInt32(index))
      specification.managementNodes = [[first]]
      return specification
    }
    let management = Server(nid: first, specifications: [TargetSpecification(kind: .mgs)])
    let metadata = (0..<metadataCount).map { index in
      Server(nid: Self.nid(net: 1, index), specifications: [specification(.mdt, index)])
    }
    let objects = (0..<objectServerCount).map { index in
      let first = index * objectTargetsPerServer
      return Server(
        nid: Self.nid(net: 2, index),
        specifications: (first..<first + objectTargetsPerServer).map { specification(.ost, $0) })
    }
    servers = [management] + metadata + objects
    self.clientCount = clientCount
    self.timing = timing
    self.fabric = fabric
  }

  /// The servers that a file names: clients are on the network of its management server's first NID, and there all others
  /// must have a NID, too.
  init(
    _ file: ConfigFile, _ cluster: ClusterFile, clientCount: Int, timing: TimingProfile,
    fabric: String
  ) throws(CommandFailure) {
    servers = []
    fileSystem = cluster.fileSystem.text
    self.clientCount = clientCount
    self.timing = timing
    self.fabric = fabric
    let management = cluster.members.first(where: \.hostsManagement) ?? cluster.members[0]
    let net = management.nids.compactMap { NID($0.text)?.net }.first
    var hosts: [String: ClusterFile.Member] = [:]
    for member in cluster.members {
      try add(member, of: file, on: net ?? NetID(.o2ib), hosts: &hosts)
    }
    // Everybody else asks it.
    servers.swapAt(0, servers.firstIndex { $0.specifications.first?.kind == .mgs } ?? 0)
  }

  /// - Parameter hosts: of all targets so far.
  private mutating func add(
    _ member: ClusterFile.Member, of file: ConfigFile, on net: NetID,
    hosts: inout [String: ClusterFile.Member]
  ) throws(CommandFailure) {
    func refuse(_ value: ConfigFile.Value?, _ why: String) -> CommandFailure {
      CommandFailure(.usage, "\(file.path):\(value?.line ?? 1): \(why)")
    }
    let part = file.part(of: member)
    let settings = try Settings(
      Setting.server, flags: [:], environment: [:], file: part.values, path: part.path)
    let targets = try ServerPlan.targets(settings).map(\.specification)
    let nids = member.nids.compactMap { NID($0.text) }
    guard let nid = nids.first(where: { $0.net == net }) else {
      throw refuse(
        member.nids.first,
        "\(nids.map { "\($0)" }.joined(separator: ",")) is not on \(net), the network of "
          + "the management server and of the clients")
    }
    guard !(0..<clientCount).contains(where: { Self.nid(net: 3, $0).address == nid.address }) else {
      throw refuse(member.nids.first, "\(nid) is where one of the clients is put: give another one")
    }
    var own: [TargetSpecification] = []
    for target in targets {
      guard let host = hosts[target.name] else {
        hosts[target.name] = member
        own.append(target)
        continue
      }
      // All live at once here, and a target has one node at a time.
      if host != member, host.isPair(with: member) { continue }
      throw refuse(
        member.values[target.kind.setting.name],
        "\(target.name) stands twice in the cluster; on the two nodes of a failover pair each has a NID of "
          + "the other one as its \(Setting.serviceNodes.name)")
    }
    if own.isEmpty {
      standbys.append(nid)
    } else {
      servers.append(Server(nid: nid, specifications: own))
    }
  }

  var managementNID: NID { servers[0].nid }
  var metadataCount: Int { targets.count { $0.specification.kind == .mdt } }
  /// Object targets.
  var objectCount: Int { targets.count { $0.specification.kind == .ost } }
  /// Servers that are clients of the management server: one each, however many targets they have.
  var managedCount: Int { servers.count { $0.specifications.last?.kind != .mgs } }

  /// All targets, in the same order, and where they are.
  var targets: [(nid: NID, specification: TargetSpecification)] {
    servers.flatMap { server in server.specifications.map { (server.nid, $0) } }
  }

  private static func nid(net: UInt32, _ index: Int) -> NID {
    .o2ib(10 << 24 | net << 16 | UInt32(index + 1))
  }

  func clientNID(_ index: Int) -> NID {
    NID(net: managementNID.net, address: Self.nid(net: 3, index).address)
  }

  /// Nodes that may be connected to one server.
  private var nodeCount: Int {
    servers.count + clientCount + transientClientCount
  }

  func configuration(ofServer server: Server) -> NodeConfiguration {
    var configuration = NodeConfiguration(nids: [server.nid])
    var capacity = ConnectionsCapacity()
    let targetCount = server.specifications.count
    capacity.imports = (metadataCount + objectCount) * (targetCount + 1) + 8
    capacity.targets = targetCount
    // Clients, proxies and light-weight connections.
    capacity.exports =
      (clientCount + transientClientCount + 2 * metadataCount + objectCount) * targetCount + 16
    capacity.locks = 8 * nodeCount
    capacity.events = 8192
    var rpc = RPCCapacity()
    rpc.requests = max(512, nodeCount)
    rpc.serverRequests = max(512, min(4096, 4 * nodeCount))
    rpc.events = 8192
    configuration.enableConnections(capacity, timing: timing, rpc: rpc)
    // While a connection ends, its successor begins.
    configuration.driverLimits.connections = 2 * nodeCount + 16
    configuration.driverLimits.peers = 2 * nodeCount + 16
    configuration.spin = serverSpin
    return configuration
  }

  func configuration(ofClient index: Int) -> NodeConfiguration {
    var configuration = NodeConfiguration(nids: [clientNID(index)])
    configuration.keepTablesSmall(
      servers: servers.count, imports: 1 + metadataCount + objectCount,
      timing: timing)
    return configuration
  }
}

extension TargetKind {
  /// Which setting names targets of this kind.
  fileprivate var setting: Setting {
    switch self {
    case .mgs: .hostsManagement
    case .mdt: .metadataTargets
    case .ost: .objectTargets
    }
  }
}

extension ClusterFile.Member {
  /// Whether each can host the other's targets.
  fileprivate func isPair(with other: Self) -> Bool {
    serves(for: other) && other.serves(for: self)
  }

  private func serves(for other: Self) -> Bool {
    let services = values[Setting.serviceNodes.name]?.text ?? ""
    guard let nodes = try? ServerPlan.nodes(services) else { return false }
    return other.nids.contains { nid in nodes.joined().contains { $0 == NID(nid.text) } }
  }
}
