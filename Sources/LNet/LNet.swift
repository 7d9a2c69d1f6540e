internal import BasicContainers
package import LustreWire
package import RDMATransport
package import Structures

/// LNet of one node: matching, message flows, ping, discovery and peers (spec 01), as one value.
///
/// Consumers call down (`expose`, `put`, `get`, `ping` …) and read `events`. The node carries `outbox`
/// (`handOverMessage`) and `lateAnswers` to its drivers and hands in what they report. Nothing here knows the time but by
/// `turn.now`, and nothing allocates after `init`.
///
/// Bad input is one of: a caller's own bug (trap); a peer's violation (`.protocolError`, or a counted drop); a
/// legitimate race, such as a response to something that is gone (counted); a limit (`LNetError.busy` to
/// callers, counted drops to peers). The node calls in only while `hasRoom` is true.
///
/// Functions on the way of a message that change nothing are `mutating` or inlined all the same: a call
/// that borrows a value of this size from a mutating one copies it whole, 1.5 KiB each time.
package struct LNet: ~Copyable {
  // What the node takes out.

  /// Messages for the drivers, which `handOverMessage` takes out.
  package internal(set) var outbox: FixedQueue<Handle>
  /// Answers to receptions that were first answered `.held`.
  package var lateAnswers: FixedQueue<LateAnswer>
  /// What consumers are to know.
  package var events: FixedQueue<LNetEvent>
  /// Rare events for the log.
  package var log: FixedQueue<LNetLogRecord>
  package var counters: LNetCounters

  // What the rooms' files share.

  let interfaceCookie: UInt64
  let features: PingFeatures
  let pingsBeforeSending: Bool
  let transactionTimeout: UInt64
  let credits: Int
  let peerCredits: Int
  let retryCount: UInt8
  let timerKind: UInt8
  let limits: LNetCapacity

  var interfaces: RigidArray<OwnInterface>
  /// Steps with every change of our interfaces; the ping info carries it (spec 01 §7.6).
  var sequence: UInt32
  /// What we say about ourselves. Its arrays are made once and changed in place.
  var ownInfo: PingInfo

  var portals: RigidArray<PortalRecord>
  var entries: Pool<EntryRecord>
  var descriptors: Pool<DescriptorRecord>
  var nextID: UInt64
  var buckets: RigidArray<EntryBucket>
  let bucketShift: UInt64

  var messages: HandleTable<MessageRecord>
  var requestCount: Int
  var responseCount: Int
  var operations: HandleTable<Operation>

  var held: HandleTable<HeldReception>
  var heldCount: Int
  var inPlaceCount: Int
  /// Lazy portals, one bit each, whose waiting messages must be looked at again.
  var portalsToDrain: UInt64
  /// Lazy portals, one bit each, where messages wait until one that is read in place is released.
  var portalsWithoutPlace: UInt64

  /// Descriptors that expect a response, the next to time out first.
  var firstExpected: UInt32
  var lastExpected: UInt32
  let responseTimer: TimerID
  /// For work that one call left over.
  let workTimer: TimerID

  var peers: Pool<PeerRecord>
  var histories: RigidArray<PeerTransition>
  var peerInterfaces: Pool<PeerInterfaceRecord>
  var nidBuckets: RigidArray<UInt32>
  let nidBucketShift: UInt64
  var parkedCount: Int
  var evictionHand: Int
  /// Peer interfaces with less than full health or a state of down: the only ones that arrivals concern.
  var impairedCount: Int
  /// Where the walk that pushes our changed list to all peers has come to; past the end when it is over.
  var pushHand: Int
  /// Whether some peer's parked messages were left over by a flush.
  var flushPending: Bool
  /// Whether messages wait for credits that are free.
  var releasePending: Bool

  var probes: HandleTable<ProbeRecord>
  var discoveries: HandleTable<DiscoveryRequest>

  package init(configuration: LNetConfiguration, turn: inout Turn) {
    let limits = configuration.limits
    self.limits = limits
    interfaceCookie = configuration.interfaceCookie
    features = configuration.features
    pingsBeforeSending = configuration.pingsBeforeSending
    transactionTimeout = configuration.transactionTimeout
    credits = configuration.credits
    peerCredits = configuration.peerCredits
    retryCount = configuration.retryCount
    timerKind = configuration.timerKind
    counters = LNetCounters()

    let filler = LNDMessage(
      id: .none, interface: 0, peer: .any,
      header: LNetHeader(
        destination: ProcessID(nid: .any), source: ProcessID(nid: .any), payloadLength: 0,
        body: .reply(LNetReply(destinationHandle: .none))))
    outbox = FixedQueue(capacity: limits.outbox, filler: .none)
    events = FixedQueue(capacity: limits.events, filler: LNetEvent(kind: .send))
    log = FixedQueue(
      capacity: limits.logRecords,
      filler: LNetLogRecord(time: 0, kind: .protocolError, nid: .any, value: 0))
    let receptions = limits.heldMessages + limits.messagesInPlace
    lateAnswers = FixedQueue(
      capacity: powerOfTwo(atLeast: receptions + LNetCapacity.queueReserve),
      filler: LateAnswer(interface: 0, reception: ReceptionID(raw: .none), answer: .consumed))

    precondition(!configuration.interfaces.isEmpty && configuration.interfaces.count <= 64)
    interfaces = RigidArray(capacity: configuration.interfaces.count)
    for interface in configuration.interfaces {
      interfaces.append(OwnInterface(nid: interface.nid, status: interface.status))
    }
    sequence = 1
    var info = PingInfo(
      nids: configuration.interfaces.map(\.nid), sequence: 1, features: configuration.features)
    for (index, interface) in configuration.interfaces.enumerated() {
      info.entries[index + 1].status = interface.status
    }
    ownInfo = info

    portals = RigidArray(capacity: Int(LNetLimits.portals))
    for _ in 0..<Int(LNetLimits.portals) { portals.append(PortalRecord()) }
    entries = Pool(capacity: limits.entries, filler: .free)
    descriptors = Pool(capacity: limits.descriptors, filler: .free)
    nextID = 1 << 20
    let bucketCount = powerOfTwo(atLeast: limits.entries * 2)
    bucketShift = UInt64(64 - bucketCount.trailingZeroBitCount)
    buckets = RigidArray(capacity: bucketCount)
    for _ in 0..<bucketCount { buckets.append(EntryBucket(first: noCell, last: noCell)) }

    messages = HandleTable(
      capacity: limits.messages + limits.responses,
      filler: MessageRecord(
        message: filler, kind: .put, deadline: 0, descriptor: noCell, hop: .none))
    requestCount = 0
    responseCount = 0
    operations = HandleTable(capacity: limits.operations, filler: .filler(filler.header))
    held = HandleTable(
      capacity: receptions,
      filler: HeldReception(
        reception: .filler(filler.header), run: .none, next: noCell, isDelivered: false))
    heldCount = 0
    inPlaceCount = 0
    portalsToDrain = 0
    portalsWithoutPlace = 0
    firstExpected = noCell
    lastExpected = noCell

    peers = Pool(capacity: limits.peers, filler: .free)
    histories = RigidArray(capacity: limits.peers * PeerRecord.historyLength)
    for _ in 0..<limits.peers * PeerRecord.historyLength { histories.append(PeerTransition()) }
    peerInterfaces = Pool(capacity: limits.peerInterfaces, filler: .free)
    let nidBucketCount = powerOfTwo(atLeast: limits.peerInterfaces * 2)
    nidBucketShift = UInt64(64 - nidBucketCount.trailingZeroBitCount)
    nidBuckets = RigidArray(capacity: nidBucketCount)
    for _ in 0..<nidBucketCount { nidBuckets.append(noCell) }
    parkedCount = 0
    evictionHand = 0
    impairedCount = 0
    pushHand = limits.peers
    flushPending = false
    releasePending = false
    probes = HandleTable(
      capacity: limits.pings,
      filler: ProbeRecord(
        purpose: .command, hop: .none, peer: noCell, nid: .any, tag: 0, piece: .none,
        descriptor: .none))
    discoveries = HandleTable(
      capacity: limits.discoveries, filler: DiscoveryRequest(nid: .any, tag: 0, peer: noCell))

    guard
      let responseTimer = turn.timers.make(
        kind: configuration.timerKind, owner: LNetTimer.responses.owner(slot: 0)),
      let workTimer = turn.timers.make(
        kind: configuration.timerKind, owner: LNetTimer.work.owner(slot: 0))
    else { preconditionFailure("no timers left for LNet") }
    self.responseTimer = responseTimer
    self.workTimer = workTimer
  }

  /// Whether the node may hand in the next event, expiry or command; else it empties the queues first.
  ///
  /// Mutating, as a value of this size would be copied to be read.
  package var hasRoom: Bool {
    mutating get {
      let reserve = LNetCapacity.queueReserve
      return outbox.freeCapacity >= reserve && events.freeCapacity >= reserve
        && lateAnswers.freeCapacity >= reserve
    }
  }

  package var interfaceCount: Int { interfaces.count }

  /// Wheel entries that an LNet of these limits takes at most: its own two, one for each ping and each
  /// recovering peer interface.
  package static func timerCount(_ limits: LNetCapacity) -> Int {
    2 + limits.pings + limits.peerInterfaces
  }

  package func nid(ofInterface index: Int) -> NID { interfaces[index].nid }
}

/// The answer to a reception that was first answered `.held`.
package struct LateAnswer: BitwiseCopyable, Sendable {
  package var interface: UInt8
  package var reception: ReceptionID
  package var answer: ReceptionAnswer
}

func powerOfTwo(atLeast count: Int) -> Int {
  var power = 1
  while power < count { power <<= 1 }
  return power
}
