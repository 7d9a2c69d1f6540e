internal import BasicContainers
package import Connections
package import LNet
package import LustreWire
package import NodeCore
package import O2IBLND
package import PtlRPC
package import RDMATransport
internal import Structures

/// One life of a node: the real cores on a simulated transport, driven as the real loop drives them.
package final class SimulatedNode {
  /// Where a node's tables are small, so that their limits are reached.
  package struct Limits: Sendable {
    package var driver = O2IBLimits()
    package var lnet = LNetCapacity()
    package var rpc = RPCConfiguration.none
    package var connections = ConnectionsConfiguration.none
    package var bulkByteCount = 8 << 20
    /// Timers of the node's program, and of those who wait from outside.
    package var programTimers = 64

    package init() {
      driver.connections = 24
      driver.peers = 12
      driver.transmits = 256
      driver.transmitReserve = 64
      driver.pendingPerPeer = 64
      driver.receptions = 256
      lnet.entries = 256
      lnet.descriptors = 512
      lnet.messages = 256
      lnet.responses = 256
      lnet.responsesPerPeer = 128
      lnet.operations = 128
      lnet.heldMessages = 64
      lnet.messagesInPlace = 64
      lnet.peers = 16
      lnet.peerInterfaces = 32
      lnet.parkedMessages = 64
      lnet.pings = 32
      lnet.discoveries = 16
      lnet.events = 1024
      lnet.outbox = 512
    }

    /// Room for little more than a message to each other node.
    static var tight: Limits {
      var limits = Limits()
      limits.driver.transmits = 48
      limits.driver.transmitReserve = 16
      limits.driver.pendingPerPeer = 4
      limits.driver.receptions = 16
      limits.driver.sendQueue = 8
      limits.lnet.messages = 12
      limits.lnet.responses = 8
      limits.lnet.responsesPerPeer = 4
      limits.lnet.operations = 6
      limits.lnet.parkedMessages = 4
      limits.lnet.pings = 8
      limits.lnet.discoveries = 2
      return limits
    }
  }

  /// Memory that lies open for one operation.
  package struct Exposure {
    package var descriptor: DescriptorHandle
    package var memory: BufferRef
    package var index: Int
  }

  package let number: Int
  package let nids: [NID]
  package var driver: Driver
  /// When the next turn is due; nothing else of the agenda counts.
  var turnTime = UInt64.max
  var frozenUntil: UInt64 = 0
  /// Memory that lies open for peers.
  package var exposures: [Exposure] = []
  /// Message pieces and bulk pieces that are free when nothing is going on.
  let idlePieces: (messages: Int, bulk: Int)

  package init(
    number: Int, nids: [NID], stamp: UInt64, seed: UInt64, configuration: O2IBConfiguration,
    limits: Limits, fabric: SimulatedFabric
  ) throws(TransportError) {
    self.number = number
    self.nids = nids
    driver = try Driver(
      nids: nids, stamp: stamp, seed: seed, configuration: configuration, limits: limits,
      fabric: fabric)
    idlePieces = (
      driver.core.turn.memory.messages.freePieceCount, driver.core.turn.memory.bulk.freePieceCount
    )
  }

  package var host: SimulatedHost { driver.transport.host }

  /// Lends the core, at a time.
  package func use<Result, Failure: Error>(
    at now: UInt64, _ body: (inout NodeCore) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    driver.core.turn.now = now
    return try body(&driver.core)
  }
}

extension SimulatedNode {
  /// A node's core and its transport, and a turn of the loop over both.
  package struct Driver: ~Copyable {
    package var core: NodeCore
    package var transport: SimulatedTransport
    private var completions = RigidArray<WorkCompletion>(capacity: 64)
    private var events = RigidArray<CMEvent>(capacity: 16)

    init(
      nids: [NID], stamp: UInt64, seed: UInt64, configuration: O2IBConfiguration, limits: Limits,
      fabric: SimulatedFabric
    ) throws(TransportError) {
      var transport = fabric.openTransport(addresses: nids.map(\.address))
      let pieceCount =
        O2IBLND.pieceCount(configuration, connections: limits.driver.connections)
        + limits.driver.transmits + limits.driver.sendPieces + limits.rpc.capacity.pieceCount
      let messages = try transport.allocate(byteCount: pieceCount * 4096, access: .localWrite)
      let bulk = try transport.allocate(
        byteCount: limits.bulkByteCount, access: [.localWrite, .remoteWrite])
      let memory = NodeMemory(
        messages: Arena(region: messages, pieceByteCount: 4096, isBulk: false),
        bulk: Arena(region: bulk, pieceByteCount: 4096, isBulk: true))
      let timerCount =
        O2IBLND.timerCount(limits.driver) + limits.lnet.pings + limits.lnet.peerInterfaces
        + limits.rpc.capacity.timerCount + limits.connections.capacity.timerCount
        + limits.programTimers
      var turn = Turn(now: fabric.now, memory: memory, timerCount: timerCount, seed: seed)
      let lnet = LNet(
        configuration: LNetConfiguration(
          interfaces: nids.map { LNetConfiguration.Interface(nid: $0) }, interfaceCookie: stamp,
          credits: configuration.credits,
          peerCredits: configuration.peerCredits * configuration.connectionsPerPeer,
          timerKind: NodeCore.lnetTimerKind, limits: limits.lnet),
        turn: &turn)
      let lnd = O2IBLND(
        configuration: configuration, limits: limits.driver,
        interfaces: nids.enumerated().map {
          O2IBInterface(index: UInt8($0), nid: $1, stamp: stamp, ipv4: $1.address)
        },
        timerKind: NodeCore.lndTimerKind)
      core = NodeCore(
        turn: turn, lnet: lnet, lnd: lnd, rpc: limits.rpc, connections: limits.connections)
      self.transport = transport
    }

    /// One turn as the loop's: take what is finished, expire, let the rooms run, hand over.
    ///
    /// - Parameters:
    ///   - expired: gets the program's timers.
    ///   - ended: the program's last word before the turn's batches are complete.
    ///   - handingOver: sees the batches before they are handed over.
    /// - Returns: whether anything happened.
    package mutating func turn(
      at now: UInt64, _ received: (LNetEvent, inout NodeCore) -> Void,
      _ receivedRPC: (RPCEvent, inout NodeCore) -> Void = { _, _ in },
      _ receivedConnections: (ConnectionsEvent, inout NodeCore) -> Void = { _, _ in },
      expired: (UInt32, inout NodeCore) -> Void = { _, _ in },
      ended: (inout NodeCore) -> Void = { _ in },
      handingOver: (inout NodeCore) -> Void = { _ in }
    ) -> Bool {
      core.turn.now = now
      completions.removeAll()
      completions.edit { transport.poll(completions: &$0) }
      for index in 0..<completions.count { core.completed(completions[index]) }
      events.removeAll()
      events.edit { transport.poll(events: &$0) }
      for index in 0..<events.count { core.connectionEvent(events[index]) }
      let hasExpired = core.expire(expired)
      core.pump()
      while let event = core.nextEvent() {
        received(event, &core)
        core.pump()
      }
      while let event = core.nextRPCEvent() {
        receivedRPC(event, &core)
        core.pump()
      }
      while let event = core.nextConnectionsEvent() {
        receivedConnections(event, &core)
        core.pump()
      }
      ended(&core)
      core.flush()
      handingOver(&core)
      Self.handOver(&core, to: &transport)
      return !completions.isEmpty || !events.isEmpty || hasExpired
        || !core.connections.events.isEmpty
    }

    private static func handOver(
      _ core: inout NodeCore, to transport: inout SimulatedTransport
    ) {
      while !core.turn.receives.isEmpty {
        let result = transport.post(receives: core.turn.receives.span)
        if core.posted(receives: result) { break }
      }
      while !core.turn.sends.isEmpty {
        let result = transport.post(sends: core.turn.sends.span)
        if core.posted(sends: result) { break }
      }
      if !core.turn.commands.isEmpty {
        transport.execute(core.turn.commands.span)
        core.turn.commands.removeAll()
      }
    }
  }
}
