internal import CLinuxShims
package import Connections
public import LustreWire
package import LNet
public import Logging
package import O2IBLND
package import PtlRPC
package import Roles

/// What a node is: its NIDs, its tunables, its memory.
public struct NodeConfiguration: Sendable {
  /// The node's NIDs on o2ib networks, the primary first; 1 to 16. Each one's address is a local address of
  /// the transport.
  public var nids: [NID]
  /// The driver's tunables under Lustre's names (spec 02 §13).
  package var tunables: O2IBConfiguration
  /// The driver's tables.
  package var driverLimits: O2IBLimits
  /// LNet's tables.
  package var lnetLimits: LNetCapacity
  /// PtlRPC's tables; none for a node that speaks LNet only. What they ask of LNet is added to its limits.
  package var rpc: RPCConfiguration
  /// Imports and exports; none for a node without targets and clients.
  package var connections: ConnectionsConfiguration
  /// Tables of the node's roles.
  package var roles: RolesCapacity
  /// Whether peers are discovered before the first message, and told of us (spec 01 §7).
  public var discovery: Bool
  /// Until a message that was not answered is given up: 10 to 3600 s, 50 s by default.
  public var transactionTimeout: Duration
  /// Pieces of 4096 bytes for messages; nil for what the limits ask.
  public var messagePieceCount: Int?
  /// Bytes of bulk memory, 64 MiB by default.
  public var bulkByteCount: Int
  /// How long an idle loop polls before it sleeps, 50 µs by default; 0: it never polls. While what it waits for
  /// comes within half a millisecond, it polls for up to as long.
  public var spin: Duration
  /// The processor that the loop is bound to, from 0, one of those that the process may run on; nil for any. A
  /// loop that polls leaves little of it to others: best one that nothing else needs, of the device's NUMA node.
  public var processor: Int?
  /// Where rare events are told; never on the message path.
  public var logger: Logger
  /// Whether the node owns its NIDs on this host and answers on control sockets.
  public var isControllable: Bool
  /// The emulated fabric that its NIDs are on: each fabric has NIDs of its own. Nil for a device.
  package var fabric: String?
  /// How long a node that ends waits for buffers that callers hold.
  package var lentMemoryPatience = Duration.seconds(5)

  /// - Parameter nids: at least one.
  public init(nids: [NID]) {
    self.nids = nids
    tunables = O2IBConfiguration()
    driverLimits = O2IBLimits()
    lnetLimits = LNetCapacity()
    rpc = .none
    connections = .none
    roles = RolesCapacity()
    discovery = true
    transactionTimeout = .seconds(50)
    bulkByteCount = 64 << 20
    spin = .microseconds(50)
    logger = Logger(label: "verbena")
    isControllable = false
  }

  /// Lets the node connect to targets elsewhere (`Node.connect`), mount file systems (`Node.mount`) and serve targets
  /// of its own (`ServedTarget`); without it a node speaks LNet only. Memory for all of it is taken at the start.
  ///
  /// - Parameters:
  ///   - imports: connections to targets at a time, 1 to 4096: for a mount one for each of its targets, and one for its
  ///     management server.
  ///   - mounts: file systems mounted at a time, 0 to 64.
  ///   - clients: clients of all targets of this node together, 0 to 262144.
  ///   - timing: how soon what is lost is noticed and tried again.
  public mutating func enableConnections(
    imports: Int, mounts: Int = 1, clients: Int = 0, timing: ConnectionTiming = .lustre
  ) {
    precondition((1...4096).contains(imports), "imports: 1 to 4096")
    precondition((0...64).contains(mounts), "mounts: 0 to 64")
    precondition((0...262_144).contains(clients), "clients: 0 to 262144")
    var capacity = ConnectionsCapacity()
    capacity.imports = imports
    capacity.targets = clients == 0 ? 0 : ServedTarget.countMax
    capacity.exports = clients
    capacity.locks = 0
    capacity.heldLocks = 32 * max(1, mounts)
    enableConnections(capacity, timing: timing.profile)
    roles.managementServers = 0
    roles.metadataServers = 0
    roles.objectServers = 0
    // One for targets of its own that are registered.
    roles.managementClients = max(1, mounts) + (clients == 0 ? 0 : 1)
    roles.mounts = mounts
  }

  /// Lets the node have so many mounts, and keeps its tables as small as a client's may be.
  package mutating func beClient(mounts: Int, timing: TimingProfile) {
    var capacity = ConnectionsCapacity()
    capacity.imports = mounts * 128
    capacity.targets = 0
    capacity.exports = 0
    capacity.locks = 0
    capacity.heldLocks = 32 * mounts
    var rpc = RPCCapacity()
    rpc.serverRequests = 64
    rpc.copiedRequests = 16
    rpc.bulkOperations = 128
    driverLimits.transmits = 512
    driverLimits.transmitReserve = 128
    enableConnections(capacity, timing: timing, rpc: rpc)
    roles.managementServers = 0
    roles.metadataServers = 0
    roles.objectServers = 0
    roles.mounts = mounts
  }

  /// Lets the node have imports and exports: identity from the clock and chance, so that no two lives share any.
  ///
  /// - Parameter rpc: imports and exports in it follow from `capacity`.
  package mutating func enableConnections(
    _ capacity: ConnectionsCapacity = ConnectionsCapacity(), timing: TimingProfile = .lustre,
    rpc rpcCapacity: RPCCapacity = RPCCapacity()
  ) {
    var rpcCapacity = rpcCapacity
    rpcCapacity.imports = Connections.rpcImportCount(capacity)
    rpcCapacity.exports = capacity.exports
    rpc = RPCConfiguration(
      unixSeconds: clinux_realtime_nanoseconds() / 1_000_000_000, capacity: rpcCapacity)
    connections = ConnectionsConfiguration(
      capacity: capacity, timing: timing, firstCookie: clinux_random(),
      processID: clinux_process_id())
  }
}

/// How soon connections that were lost are noticed and made again.
public enum ConnectionTiming: String, Sendable, CaseIterable {
  /// As the kernel's client does: the default towards real nodes (spec 11 §9, 12).
  case lustre
  /// As soon as the network tells, spread over a tenth of a second.
  case fast

  var profile: TimingProfile {
    switch self {
    case .lustre: .lustre
    case .fast: .fast
    }
  }
}
