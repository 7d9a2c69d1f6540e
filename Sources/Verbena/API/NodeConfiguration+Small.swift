package import Connections
internal import LNet
internal import O2IBLND
internal import PtlRPC
internal import Roles

extension NodeConfiguration {
  /// Makes the tables of a client of few servers as small as they may be: so that thousands live in one process.
  ///
  /// - Parameters:
  ///   - servers: nodes that it is connected to.
  ///   - imports: connections to targets, that to the management server among them.
  package mutating func keepTablesSmall(servers: Int, imports: Int, timing: TimingProfile) {
    driverLimits.connections = 2 * servers + 2
    driverLimits.peers = 2 * servers + 2
    driverLimits.transmits = 192
    driverLimits.transmitReserve = 64
    driverLimits.pendingPerPeer = 64
    driverLimits.receptions = 64
    driverLimits.refusals = 8
    driverLimits.logRecords = 16
    lnetLimits.entries = 64
    lnetLimits.descriptors = 128
    lnetLimits.messages = 128
    lnetLimits.responses = 64
    lnetLimits.responsesPerPeer = 64
    lnetLimits.operations = 32
    lnetLimits.heldMessages = 16
    lnetLimits.messagesInPlace = 64
    lnetLimits.peers = 2 * servers + 8
    lnetLimits.interfacesPerPeer = 4
    lnetLimits.peerInterfaces = 4 * servers + 16
    lnetLimits.parkedMessages = 64
    lnetLimits.pings = 2 * servers + 8
    lnetLimits.discoveries = imports + 8
    lnetLimits.events = 256
    lnetLimits.outbox = 256
    lnetLimits.logRecords = 16
    var capacity = ConnectionsCapacity()
    capacity.imports = imports + 2
    capacity.targets = 0
    capacity.exports = 0
    capacity.locks = 0
    capacity.heldLocks = 16
    capacity.events = 256
    var rpc = RPCCapacity()
    rpc.requests = 2 * imports + 16
    rpc.serverRequests = 80
    rpc.copiedRequests = 8
    rpc.services = 2
    rpc.bulkOperations = 16
    rpc.events = 256
    enableConnections(capacity, timing: timing, rpc: rpc)
    roles.managementServers = 0
    roles.metadataServers = 0
    roles.objectServers = 0
    roles.managementClients = 1
    roles.mounts = 1
    roles.objectOperations = 2
    roles.objectRequests = 2
    roles.events = 64
    bulkByteCount = 4 << 20
    spin = .zero
  }
}
