internal import CLinuxShims
internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Structures

extension NodeCore {
  /// Takes a node's memory from its transport and joins its rooms.
  init<Transport: RDMATransport & ~Copyable>(
    _ configuration: NodeConfiguration, transport: inout Transport, now: UInt64
  ) throws(NodeError) {
    let pieceCount =
      configuration.messagePieceCount
      ?? O2IBLND.pieceCount(
        configuration.tunables, connections: configuration.driverLimits.connections)
      + configuration.driverLimits.transmits + configuration.driverLimits.sendPieces
      + configuration.rpc.capacity.pieceCount
    let messages = try Self.allocate(pieceCount * 4096, .localWrite, &transport)
    let bulk = try Self.allocate(
      configuration.bulkByteCount, [.localWrite, .remoteWrite], &transport)
    let memory = NodeMemory(
      messages: Arena(region: messages, pieceByteCount: 4096, isBulk: false),
      bulk: Arena(region: bulk, pieceByteCount: 4096, isBulk: true))
    let timerCount =
      O2IBLND.timerCount(configuration.driverLimits)
      + LNet.timerCount(configuration.lnetLimits) + configuration.rpc.capacity.timerCount
      + configuration.connections.capacity.timerCount + Operations.timerCountMax
    var turn = Turn(now: now, memory: memory, timerCount: timerCount, seed: clinux_random())
    var lnetLimits = configuration.lnetLimits
    configuration.rpc.capacity.raise(&lnetLimits)
    let lnet = LNet(
      configuration: LNetConfiguration(
        interfaces: configuration.nids.map { LNetConfiguration.Interface(nid: $0) },
        interfaceCookie: clinux_realtime_nanoseconds(),
        features: configuration.discovery
          ? .default : PingFeatures.default.subtracting(.discovery),
        pingsBeforeSending: configuration.discovery,
        transactionTimeout: configuration.transactionTimeout.nanosecondCount,
        credits: configuration.tunables.credits,
        // Each connection has the credits of its own that the wire gives it (spec 02 §7).
        peerCredits: configuration.tunables.peerCredits
          * configuration.tunables.connectionsPerPeer,
        timerKind: Self.lnetTimerKind, limits: lnetLimits),
      turn: &turn)
    // Wall-clock microseconds, as real nodes use: a later life has a later stamp (spec 02 §3.1).
    let stamp = clinux_realtime_nanoseconds() / 1000
    let interfaces = configuration.nids.enumerated().map { index, nid in
      O2IBInterface(index: UInt8(index), nid: nid, stamp: stamp, ipv4: nid.address)
    }
    let lnd = O2IBLND(
      configuration: configuration.tunables, limits: configuration.driverLimits,
      interfaces: interfaces, timerKind: Self.lndTimerKind)
    self.init(
      turn: turn, lnet: lnet, lnd: lnd, rpc: configuration.rpc,
      connections: configuration.connections)
  }

  private static func allocate<Transport: RDMATransport & ~Copyable>(
    _ byteCount: Int, _ access: MemoryAccess, _ transport: inout Transport
  ) throws(NodeError) -> MemoryRegion {
    do throws(TransportError) {
      return try transport.allocate(byteCount: byteCount, access: access)
    } catch {
      throw NodeError(error, nil)
    }
  }
}
