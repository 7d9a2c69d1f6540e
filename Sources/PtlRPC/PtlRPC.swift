internal import BasicContainers
package import LNet
internal import LustreWire
package import RDMATransport
package import Structures

/// PtlRPC of one node, as one value: requests and their replies, services, bulk, deadlines (spec 10, 12 §2,
/// 13).
///
/// The room above calls down (`begin`, `send`, `admit`, `reply` …) and reads `events`. What concerns several
/// requests of one connection is its matter: this room sends when it is told to and says how that ended. Each
/// attempt to send a request ends with exactly one of `replied`, `timedOut` and `failed`.
///
/// Bad input is one of: our own bug (trap); a peer's violation, a legitimate race, or a limit: each a counted
/// drop, as spec 10 §2.2 and §10 have it; peers that ask for more than there is room for wait on LNet's lazy
/// portals, and their credits with them. Nothing allocates after `init`.
package struct PtlRPC: ~Copyable {
  /// What the rooms above are to know.
  package var events: FixedQueue<RPCEvent>
  package var counters = RPCCounters()

  package let adaptive: AdaptiveSettings
  let capacity: RPCCapacity
  let timerKind: UInt8
  var nextXID: UInt64

  var requests: RecordPool<ClientRequest>
  var requestTimers: RigidArray<TimerID>
  var imports: RigidArray<ImportRecord>

  var serverRequests: RecordPool<ServerRequest>
  var serverTimers: RigidArray<TimerID>
  var services: RigidArray<ServiceRecord>
  /// By export: the first of its requests in progress.
  var inProgress: RigidArray<UInt32>
  /// Services, one bit each, whose queues must be looked at again: there was no room for events.
  var servicesToServe: UInt64 = 0
  var copiedCount = 0
  /// Of these, how many are those of each export.
  var copiedCounts: RigidArray<UInt32>
  /// Requests whose bytes still lie where they were received, oldest first, from this call in.
  var fresh: FixedQueue<Handle>

  var cells: RecordPool<BulkCell>

  /// Requests that LNet must be asked something for, each once: a slot, and a bit for those of peers.
  var work: FixedQueue<UInt32>
  let workTimer: TimerID

  /// - Parameters:
  ///   - timerKind: the kind under which this room's entries in the timer wheel expire.
  ///   - turn: has `configuration.capacity.timerCount` timers left.
  package init(configuration: RPCConfiguration, timerKind: UInt8, turn: inout Turn) {
    precondition(configuration.firstXID % RPCLimits.xidStep == 0)
    let capacity = configuration.capacity
    precondition(capacity.services <= 64)
    self.capacity = capacity
    self.timerKind = timerKind
    adaptive = configuration.adaptive
    nextXID = configuration.firstXID
    events = FixedQueue(capacity: capacity.events, filler: RPCEvent(.released, .none))

    requests = RecordPool(capacity: capacity.requests, filler: .filler)
    imports = RigidArray(capacity: capacity.imports)
    for _ in 0..<capacity.imports { imports.append(ImportRecord()) }
    serverRequests = RecordPool(capacity: capacity.serverRequests, filler: .filler)
    services = RigidArray(capacity: capacity.services)
    inProgress = RigidArray(capacity: capacity.exports)
    for _ in 0..<capacity.exports { inProgress.append(noCell) }
    copiedCounts = RigidArray(capacity: capacity.exports)
    for _ in 0..<capacity.exports { copiedCounts.append(0) }
    fresh = FixedQueue(capacity: powerOfTwo(atLeast: capacity.serverRequests), filler: .none)
    cells = RecordPool(capacity: capacity.bulkOperations, filler: BulkCell(owner: 0, length: 0))
    work = FixedQueue(
      capacity: powerOfTwo(atLeast: capacity.requests + capacity.serverRequests), filler: 0)

    requestTimers = RigidArray(capacity: capacity.requests)
    for slot in 0..<capacity.requests {
      requestTimers.append(Self.timer(.request, slot, timerKind, &turn))
    }
    serverTimers = RigidArray(capacity: capacity.serverRequests)
    for slot in 0..<capacity.serverRequests {
      serverTimers.append(Self.timer(.serverRequest, slot, timerKind, &turn))
    }
    workTimer = Self.timer(.work, 0, timerKind, &turn)
  }

  private static func timer(
    _ kind: RPCTimer, _ slot: Int, _ timerKind: UInt8, _ turn: inout Turn
  ) -> TimerID {
    guard let timer = turn.timers.make(kind: timerKind, owner: kind.owner(slot: slot)) else {
      preconditionFailure("no timers left for PtlRPC")
    }
    return timer
  }

  /// Whether the node may hand in the next event or expiry; else it takes `events` first.
  package var hasRoom: Bool { mutating get { events.freeCapacity >= 16 || capacity.events < 16 } }

  /// Whether an event of LNet with this tag is this room's.
  @inline(__always)
  package static func owns(tag: UInt64) -> Bool { tag >> 62 == 1 }

  /// Hands in an event of LNet whose tag `owns` says is ours. LNet is asked for nothing that gives it more than one
  /// event to report in return, so that its queue always drains.
  package mutating func handle(_ event: LNetEvent, lnet: inout LNet, turn: inout Turn) {
    guard let tag = RPCTag(raw: event.tag) else { preconditionFailure("an event of another room") }
    switch tag.kind {
    case .requestSend: requestSent(tag.index, event, turn: &turn)
    case .replySink: replyArrived(tag.index, event, lnet: &lnet, turn: &turn)
    case .clientBulk: clientBulkMoved(tag.index, event, turn: &turn)
    case .service: requestArrived(tag.index, event, lnet: &lnet, turn: &turn)
    case .replySend: replySent(tag.index, event, turn: &turn)
    case .earlyReplySend: earlyReplySent(tag.index, event, turn: &turn)
    case .serverBulk: serverBulkMoved(tag.index, event, turn: &turn)
    }
  }

  // MARK: - Numbers

  /// A new XID, or new match bits: both come from one counter of the node (spec 10 §9.1).
  mutating func makeXID() -> UInt64 {
    let xid = nextXID
    nextXID += RPCLimits.xidStep
    return xid
  }

  package var requestCount: Int { requests.count }
  package var serverRequestCount: Int { serverRequests.count }
}

func powerOfTwo(atLeast count: Int) -> Int {
  var power = 1
  while power < count { power <<= 1 }
  return power
}

/// "No cell", in links between cells of the tables.
let noCell = UInt32.max
