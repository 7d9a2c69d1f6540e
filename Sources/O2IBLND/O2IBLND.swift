internal import BasicContainers
package import LNet
internal import LustreWire
internal import RDMATransport
package import Structures

/// The driver that carries LNet messages over RDMA connections, for all NIs of a node on one
/// transport.
///
/// A pure value. Whoever drives it, once a turn and in any order,
/// - gives it what happened: `cmEvent`, `completionReceived`, `timerExpired`, `postFailed`;
/// - gives it what LNet wants: `send`, and for every reception one `answer`;
/// - after each of these calls, or at the latest before the next batch of them, takes out `events`;
/// - at the end of the turn calls `flush`, and hands over `turn.receives`, then `turn.sends`, then
///   `turn.commands`.
///
/// Bad input is one of four. *Unreachable* traps: an answer to a reception that never was, a credit
/// spent that is not there. *Peer violation* closes the connection or refuses the request with the
/// wire's own reason, is counted and leaves a log record: malformed and mis-addressed messages,
/// credit overflow, cookies that name nothing. *Legitimate race* is ignored and counted:
/// completions and events of a former life of a slot. *Resource limit* is refused or delayed and
/// counted: tables, pieces, the send queue.
package struct O2IBLND: ~Copyable {
  package private(set) var configuration: O2IBConfiguration
  package let limits: O2IBLimits
  /// What happened, for LNet.
  package var events: FixedQueue<LNDEvent>
  /// What the loop should log.
  package var logRecords: FixedQueue<O2IBLogRecord>
  package var counters = O2IBCounters()
  /// The rules; only tests change them.
  package var tables = O2IBTables()

  struct Interface: BitwiseCopyable {
    var given: O2IBInterface
    var listen = O2IBListenState.down
    /// The listen or destroy command waits for room.
    var isPending = false
  }

  struct ReceiveSlot: BitwiseCopyable {
    enum Holder: UInt8, BitwiseCopyable {
      /// The connection: not posted, not in use.
      case connection
      case device
      /// A message that came too early, or whose bytes are still wanted by a transmit.
      case message
      /// LNet, by a reception.
      case reception
    }
    var piece: BufferRef
    var byteCount: UInt32
    var next: UInt16
    var holder: Holder
    var effect: RepostEffect
  }

  struct Refusal: BitwiseCopyable {
    var request: ConnectRequestHandle
    var reason: RejectReason
    /// The NI that refuses; -1 for none.
    var interface: Int16
  }

  let timerKind: UInt8
  let receiveStride: Int
  let depth: Int
  let concurrentSends: Int32
  var interfaces: RigidArray<Interface>
  /// By LNet's number of an NI: our slot of it, or -1.
  var interfaceSlots: InlineArray<256, Int8>
  var connections: RigidArray<Connection>
  var freeConnections: FixedQueue<Int32>
  var receives: RigidArray<ReceiveSlot>
  var transmits: TransmitTable
  var receptions: ReceptionTable
  var peers: RigidArray<Peer>
  var peerIndex: PeerIndex
  var freePeer: Int32
  package internal(set) var peerCount = 0
  /// Where the last look for a peer that may be forgotten ended.
  var pacedHand = 0
  var dirtyHead = Connection.none
  var dirtyTail = Connection.none
  /// Something was left for another turn that could already be done in it.
  var isUrgent = false
  var refusals: FixedQueue<Refusal>
  var listenersPending = false
  package internal(set) var isStopping = false
  package internal(set) var isDeviceRemoved = false

  /// - Parameters:
  ///   - interfaces: at most 64.
  ///   - timerKind: the first of the two kinds of wheel entries that are this driver's; see `timerExpired`.
  package init(
    configuration: O2IBConfiguration, limits: O2IBLimits = O2IBLimits(),
    interfaces given: [O2IBInterface], timerKind: UInt8 = 0
  ) {
    precondition(!given.isEmpty && given.count <= 64)
    precondition(limits.connections > 0 && limits.connections < Handle.slotCountMax)
    precondition(limits.signalInterval > 0 && limits.sendQueue >= 4)
    self.configuration = configuration
    self.limits = limits
    self.timerKind = timerKind
    depth = configuration.peerCredits
    concurrentSends = Int32(configuration.concurrentSendsInEffect)
    receiveStride = O2IBConfiguration.receiveCount(depth: depth)
    interfaces = RigidArray(capacity: given.count)
    var slots = InlineArray<256, Int8>(repeating: -1)
    for (slot, interface) in given.enumerated() {
      precondition(slots[Int(interface.index)] < 0, "an NI given twice")
      interfaces.append(Interface(given: interface))
      slots[Int(interface.index)] = Int8(slot)
    }
    interfaceSlots = slots
    connections = RigidArray(capacity: limits.connections)
    freeConnections = FixedQueue(capacity: powerOfTwo(limits.connections), filler: 0)
    receives = RigidArray(capacity: limits.connections * receiveStride)
    for slot in 0..<limits.connections {
      connections.append(Connection())
      freeConnections.append(Int32(slot))
      for _ in 0..<receiveStride {
        receives.append(
          ReceiveSlot(
            piece: .none, byteCount: 0, next: ReceiveQueue.end, holder: .connection,
            effect: .nothing))
      }
    }
    transmits = TransmitTable(capacity: limits.transmits)
    receptions = ReceptionTable(capacity: limits.receptions)
    peers = RigidArray(capacity: limits.peers)
    for slot in 0..<limits.peers {
      var peer = Peer()
      peer.nextFree = slot + 1 == limits.peers ? Connection.none : Int32(slot + 1)
      peers.append(peer)
    }
    peerIndex = PeerIndex(peers: limits.peers)
    freePeer = 0
    // One call can end everything there is: two events a transmit, one a reception, one a peer.
    events = FixedQueue(
      capacity: powerOfTwo(2 * limits.transmits + limits.receptions + limits.peers + 64),
      filler: LNDEvent(kind: .finished, peer: NID(rawValue: 0)))
    logRecords = FixedQueue(
      capacity: powerOfTwo(limits.logRecords),
      filler: O2IBLogRecord(
        time: 0, peer: NID(rawValue: 0), interface: 0, cause: .closed, number: 0, limit: 0))
    refusals = FixedQueue(
      capacity: powerOfTwo(limits.refusals),
      filler: Refusal(request: ConnectRequestHandle(raw: 0), reason: .fatal, interface: -1))
  }

  /// Wheel entries that a driver of these limits takes at most.
  package static func timerCount(_ limits: O2IBLimits) -> Int { limits.connections + limits.peers }

  /// Opens so many connections at the first contacts to come; those that stand stay.
  package mutating func connectAtOnce(_ count: Int) { configuration.connectAtOnce(count) }

  /// Message pieces that so many connections of this configuration post.
  package static func pieceCount(_ configuration: O2IBConfiguration, connections: Int) -> Int {
    O2IBConfiguration.receiveCount(depth: configuration.peerCredits) * connections
  }

  // MARK: - For all parts

  // Methods on the way of a message are `mutating` even where they only read: a borrowed value of this
  // size is passed as a copy of all its fields, which cost more than the rest of a message.

  @inline(__always)
  mutating func handle(of connection: Int) -> Handle {
    Handle(slot: connection, generation: connections[connection].generation)
  }

  /// The slot of a receive buffer of a connection.
  @inline(__always)
  mutating func receiveSlot(_ connection: Int, _ index: Int) -> Int {
    connection &* receiveStride &+ index
  }

  /// The slot of a handle; nil when it names a former life.
  @inline(__always)
  mutating func connection(_ handle: Handle) -> Int? {
    let slot = handle.slot
    guard slot < connections.count, connections[slot].generation == handle.generation,
      connections[slot].state != .free
    else { return nil }
    return slot
  }

  @inline(__always)
  mutating func report(_ event: LNDEvent) {
    precondition(events.append(event), "events were not taken out")
  }

  mutating func log(
    _ cause: O2IBLogCause, peer: NID, interface: UInt8, number: Int64 = 0, limit: Int64 = 0,
    at time: UInt64
  ) {
    let record = O2IBLogRecord(
      time: time, peer: peer, interface: interface, cause: cause, number: number, limit: limit)
    if !logRecords.append(record) { counters.logRecordsDropped += 1 }
  }

  mutating func log(
    _ cause: O2IBLogCause, _ c: Int, number: Int64 = 0, limit: Int64 = 0, at time: UInt64
  ) {
    log(
      cause, peer: connections[c].peerNID, interface: connections[c].lnetInterface, number: number,
      limit: limit,
      at: time)
  }

  /// Makes sure that `flush` looks at the connection.
  @inline(__always)
  mutating func markDirty(_ c: Int) {
    isUrgent = true
    list(c)
  }

  /// Puts a connection into the list that the next `flush` walks.
  @inline(__always)
  mutating func list(_ c: Int) {
    if !connections[c].isDirty { append(dirty: c) }
  }

  private mutating func append(dirty c: Int) {
    connections[c].isDirty = true
    connections[c].nextDirty = Connection.none
    if dirtyTail < 0 {
      dirtyHead = Int32(c)
    } else {
      connections[Int(dirtyTail)].nextDirty = Int32(c)
    }
    dirtyTail = Int32(c)
  }
}

/// The smallest power of two that is not below `count`.
func powerOfTwo(_ count: Int) -> Int {
  var size = 1
  while size < count { size *= 2 }
  return size
}

/// The errnos that travel as status, as positive numbers.
enum Errno {
  /// Linux has no larger one.
  static var largest: Int32 { 4095 }
  static var io: Int32 { 5 }
  static var noMemory: Int32 { 12 }
  static var fault: Int32 { 14 }
  static var protocolError: Int32 { 71 }
  static var messageSize: Int32 { 90 }
  static var networkDown: Int32 { 100 }
  static var connectionAborted: Int32 { 103 }
  static var shutdown: Int32 { 108 }
  static var timedOut: Int32 { 110 }
  static var connectionRefused: Int32 { 111 }
  static var hostUnreachable: Int32 { 113 }
  static var stale: Int32 { 116 }
  static var canceled: Int32 { 125 }
}
