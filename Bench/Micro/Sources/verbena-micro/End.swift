import BasicContainers
import CLinuxShims
import Connections
import EmulatedTransport
import LNet
import LustreWire
import NodeCore
import O2IBLND
import PtlRPC
import RDMATransport
import Structures

/// One node on the emulated fabric, driven by hand: what a loop does, without its thread and clock.
struct End: ~Copyable {
  var transport: EmulatedTransport
  var node: NodeCore
  var peer = NID.any
  /// Messages that have come.
  var arrivedCount = 0
  /// ACKs that have come.
  var acknowledgedCount = 0
  /// Imports that were FULL, requests that were answered, and imports that have left.
  var connectedCount = 0
  var repliedCount = 0
  var closedCount = 0
  let descriptor: DescriptorHandle
  let memory: BufferRef
  /// What was posted last, to be posted again.
  var lastSend: SendRequest?
  var lastReceive: ReceiveRequest?
  var completions = RigidArray<WorkCompletion>(capacity: 256)
  private var events = RigidArray<CMEvent>(capacity: 32)

  /// What a node with imports and exports has more.
  struct Sessions {
    var capacity: ConnectionsCapacity
    var rpc: RPCCapacity
  }

  init(
    fabric: String, address: UInt32, depth: Int, discovers: Bool = true,
    sessions: Sessions? = nil
  ) throws {
    var made = try EmulatedTransport.open(fabric: fabric, addresses: [address])
    var tunables = O2IBConfiguration()
    try tunables.set("peer_credits", to: depth)
    let limits = O2IBLimits()
    let pieces =
      O2IBLND.pieceCount(tunables, connections: 8) + limits.transmits
      + (sessions?.rpc.pieceCount ?? 0)
    let messages = try made.allocate(byteCount: pieces * 4096, access: .localWrite)
    let bulk = try made.allocate(byteCount: 1 << 20, access: [.localWrite, .remoteWrite])
    var lnetLimits = LNetCapacity()
    sessions?.rpc.raise(&lnetLimits)
    var turn = Turn(
      now: clinux_monotonic_nanoseconds(),
      memory: NodeMemory(
        messages: Arena(region: messages, pieceByteCount: 4096, isBulk: false),
        bulk: Arena(region: bulk, pieceByteCount: 4096, isBulk: true)),
      timerCount: O2IBLND.timerCount(limits) + LNet.timerCount(lnetLimits)
        + (sessions.map { $0.rpc.timerCount + $0.capacity.timerCount } ?? 0) + 64, seed: 1)
    let nid = NID(rawValue: 0x0005_0000 << 32 | UInt64(address))
    let lnet = LNet(
      configuration: LNetConfiguration(
        interfaces: [.init(nid: nid)], interfaceCookie: 1, pingsBeforeSending: discovers,
        timerKind: NodeCore.lnetTimerKind, limits: lnetLimits), turn: &turn)
    let lnd = O2IBLND(
      configuration: tunables, limits: limits,
      interfaces: [O2IBInterface(index: 0, nid: nid, stamp: UInt64(address), ipv4: address)],
      timerKind: NodeCore.lndTimerKind)
    var core = NodeCore(
      turn: turn, lnet: lnet, lnd: lnd,
      rpc: sessions.map { RPCConfiguration(unixSeconds: 1, capacity: $0.rpc) } ?? .none,
      connections: sessions.map {
        ConnectionsConfiguration(
          capacity: $0.capacity, timing: .fast, firstCookie: UInt64(address), processID: 1)
      } ?? .none)
    (descriptor, memory) = try Self.prepare(&core)
    core.start()
    transport = made
    node = core
  }

  /// Takes every PUT, where it was received; makes something to send.
  private static func prepare(_ node: inout NodeCore) throws -> (DescriptorHandle, BufferRef) {
    _ = try node.lnet.expose(
      MatchEntry(portal: Portal(rawValue: 60), matchBits: 0, ignoreBits: ~0),
      MemoryDescriptor(memory: .none, options: [.put], unlinksWhenExhausted: false, tag: 2),
      turn: &node.turn)
    let memory = node.turn.memory.bulk.allocateRun(byteCount: 64) ?? .none
    let descriptor = try node.lnet.bind(
      MemoryDescriptor(memory: memory, unlinksWhenExhausted: false, tag: 1))
    return (descriptor, memory)
  }

  var nid: NID { node.lnet.nid(ofInterface: 0) }

  /// A turn as a loop makes it.
  ///
  /// - Parameter echoes: whether a message that comes is answered by another one.
  mutating func turn(echoes: Bool) {
    completions.edit { transport.poll(completions: &$0) }
    if !completions.isEmpty { Self.hand(&completions, to: &node) }
    events.edit { transport.poll(events: &$0) }
    for index in 0..<events.count { node.connectionEvent(events[index]) }
    events.removeAll()
    _ = node.expire { _, _ in }
    while let event = node.nextEvent() {
      if event.kind == .put {
        arrivedCount += 1
        if echoes { put() }
        if event.delivery != .none { Self.release(event.delivery, &node) }
      }
      if event.kind == .acknowledge { acknowledgedCount += 1 }
      node.pump()
    }
    takeConnectionsEvents()
    node.flush()
    Self.handOver(&node, to: &transport)
  }

  private mutating func takeConnectionsEvents() {
    while let event = node.nextConnectionsEvent() {
      switch event.kind {
      case .connected: connectedCount += 1
      case .closed: closedCount += 1
      case .replied:
        repliedCount += 1
        node.connections.release(event.request, rpc: &node.rpc, turn: &node.turn)
      default: break
      }
      node.pump()
    }
  }

  private static func hand(
    _ completions: inout RigidArray<WorkCompletion>, to node: inout NodeCore
  ) {
    node.completed(completions.span)
    completions.removeAll()
  }

  static func handOver(_ node: inout NodeCore, to transport: inout EmulatedTransport) {
    if !node.turn.receives.isEmpty {
      _ = node.posted(receives: transport.post(receives: node.turn.receives.span))
    }
    if !node.turn.sends.isEmpty {
      _ = node.posted(sends: transport.post(sends: node.turn.sends.span))
    }
    if !node.turn.commands.isEmpty {
      transport.execute(node.turn.commands.span)
      node.turn.commands.removeAll()
    }
  }

  private static func release(_ delivery: DeliveryHandle, _ node: inout NodeCore) {
    node.lnet.release(delivery, turn: &node.turn)
  }

  /// Sends 64 bytes to the other end.
  mutating func put(wantsAcknowledge: Bool = false) {
    do throws(LNetError) {
      try Self.put(descriptor, to: peer, wantsAcknowledge: wantsAcknowledge, &node)
    } catch { preconditionFailure("\(error)") }
  }

  static func put(
    _ descriptor: DescriptorHandle, to peer: NID, wantsAcknowledge: Bool = false,
    _ node: inout NodeCore
  ) throws(LNetError) {
    try node.lnet.put(
      PutRequest(
        descriptor: descriptor, target: ProcessID(nid: peer), portal: Portal(rawValue: 60),
        matchBits: 1, wantsAcknowledge: wantsAcknowledge), turn: &node.turn)
  }
}
