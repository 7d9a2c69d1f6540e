internal import BasicContainers
package import LNet
package import LustreWire
package import PtlRPC
package import RDMATransport
package import Structures

/// The connections of one node, as one value: imports to targets elsewhere, targets that live here and the exports
/// of their clients (spec 11).
///
/// The room above calls down (`makeImport`, `connect`, `begin`, `submit`; `addTarget`, `reply` …) and reads
/// `events`. Whose request it is and whether it may be sent now is this room's matter; bytes and deadlines are
/// PtlRPC's, which it calls.
///
/// Bad input is one of: our own bug (trap); a peer's violation, refused as spec 10 §10 and 11 §5 say; a
/// legitimate race, ignored and counted; a limit: a new client is refused. Nothing allocates after `init`.
package struct Connections: ~Copyable {
  /// What the rooms above are to know.
  package var events: FixedQueue<ConnectionsEvent>
  package var counters = ConnectionsCounters()
  package let timing: TimingProfile

  /// Locks of clients at targets of this node.
  var locks: RecordPool<ServerLock>
  /// By cookie D.
  var lockIndex: SlotIndex
  /// By resource, and who stands in whose way.
  var lockTree: LockTree
  var lockOrder: UInt64 = 0
  /// How often locks have gone, and what then looks through those that wait.
  var lockSweep: UInt64 = 0
  var sweep: LockSweep
  /// Locks of imports of this node.
  var held: RecordPool<ClientLock>
  /// By cookie C.
  var heldIndex: SlotIndex

  let capacity: ConnectionsCapacity
  let processID: Int32
  let importTable = ImportTable()
  let replyTable = ReplyTable()
  let connectTable = ConnectTable()
  var cookies: CookieSource

  var imports: RecordPool<Import>
  /// By cookie B: callbacks name imports so.
  var importIndex: SlotIndex
  /// Imports that are FULL, by the NID over which they are.
  var serverIndex: SlotIndex
  /// By slot of PtlRPC's requests.
  var requests: RigidArray<OwnRequest>

  var targets: RecordPool<Target>
  /// By name (even entries) and by UUID (odd ones).
  var targetIndex: SlotIndex
  var exports: RecordPool<Export>
  /// By cookie A.
  var exportIndex: SlotIndex
  /// By target and client UUID.
  var clientIndex: SlotIndex
  /// By the client's NID.
  var nidIndex: SlotIndex
  /// Replies that may be asked for again, in lists of their exports.
  var savedReplies: RecordPool<SavedReply>
  /// Exports that have ended and have requests in progress, as a list of slots.
  var firstGone = noRecord
  var goneCount = 0

  /// - Parameters:
  ///   - requestCapacity: requests that PtlRPC keeps.
  ///   - timerKind: the kind under which this room's entries in the timer wheel expire.
  ///   - turn: has `configuration.capacity.timerCount` timers left.
  package init(
    configuration: ConnectionsConfiguration, requestCapacity: Int, timerKind: UInt8,
    turn: inout Turn
  ) {
    let capacity = configuration.capacity
    self.capacity = capacity
    timing = configuration.timing
    processID = configuration.processID
    cookies = CookieSource(start: configuration.firstCookie)
    events = FixedQueue(capacity: capacity.events, filler: ConnectionsEvent(.released, .none))
    imports = RecordPool(capacity: capacity.imports, filler: .filler)
    importIndex = SlotIndex(capacity: capacity.imports)
    serverIndex = SlotIndex(capacity: capacity.imports)
    let requestCount = capacity.imports + capacity.exports == 0 ? 0 : requestCapacity
    requests = RigidArray(capacity: requestCount)
    for _ in 0..<requestCount { requests.append(OwnRequest()) }
    targets = RecordPool(capacity: capacity.targets, filler: .filler)
    targetIndex = SlotIndex(capacity: 2 * capacity.targets)
    exports = RecordPool(capacity: capacity.exports, filler: .filler)
    exportIndex = SlotIndex(capacity: capacity.exports)
    clientIndex = SlotIndex(capacity: capacity.exports)
    nidIndex = SlotIndex(capacity: capacity.exports)
    savedReplies = RecordPool(
      capacity: capacity.exports == 0 ? 0 : capacity.savedReplies, filler: .filler)
    locks = RecordPool(capacity: capacity.locks, filler: .filler)
    lockIndex = SlotIndex(capacity: capacity.locks)
    lockTree = LockTree(capacity: capacity.locks)
    sweep = LockSweep(capacity: capacity.locks)
    held = RecordPool(capacity: capacity.heldLocks, filler: .filler)
    heldIndex = SlotIndex(capacity: capacity.heldLocks)
    for slot in 0..<(capacity.imports + capacity.locks) {
      guard let timer = turn.timers.make(kind: timerKind, owner: UInt32(slot)) else {
        preconditionFailure("no timers left for connections")
      }
      if slot < capacity.imports {
        imports.cells[slot].timer = timer
      } else {
        locks.cells[slot - capacity.imports].timer = timer
      }
    }
  }

  /// What PtlRPC must be able to keep for this room: lists and estimates of imports and of reverse imports.
  package static func rpcImportCount(_ capacity: ConnectionsCapacity) -> Int {
    capacity.imports + capacity.exports
  }

  /// Whether the node may hand in the next event or expiry; else it takes `events` first. One event may end all
  /// requests of an import, and each of those tells its owner.
  package var hasRoom: Bool {
    mutating get {
      // Nearly always there is room for all that may ever come, and nothing needs to be counted.
      2 * events.count <= capacity.events || events.freeCapacity >= reservedEventCount
    }
  }

  /// Places for events that are kept for what one event from below can bring about.
  var reservedEventCount: Int {
    mutating get { min(capacity.events / 2, 16 + requests.count + held.count) }
  }

  /// Appends an event for the rooms above. `hasRoom` keeps place for what one event can bring about; what a call
  /// from above brings about beyond that is lost, and counted.
  mutating func tell(_ event: ConnectionsEvent) {
    if !events.append(event) { counters.eventsLost += 1 }
  }

  /// Whether an event of LNet with this tag is this room's.
  @inline(__always)
  package static func owns(tag: UInt64) -> Bool { tag >> 62 == 2 }

  /// Hands in an event of LNet whose tag `owns` says is ours: the end of a discovery.
  package mutating func handle(
    _ event: LNetEvent, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    let slot = Int(UInt32(truncatingIfNeeded: event.tag))
    guard imports.isTaken(slot) else { return }
    discovered(slot, status: event.status, rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  /// Hands in an event of PtlRPC.
  package mutating func handle(
    _ event: RPCEvent, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    switch event.kind {
    case .replied, .timedOut, .failed:
      requestEnded(event, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .released:
      tell(ConnectionsEvent(.released, event.handle, tag: event.tag))
    case .arrived: requestArrived(event.serverRequest, service: event.tag, rpc: &rpc, turn: &turn)
    case .ready: serve(event.serverRequest, rpc: &rpc, lnet: &lnet, turn: &turn)
    case .acknowledged:
      tell(ConnectionsEvent(.acknowledged, event.handle, status: event.status))
    case .transferred:
      tell(ConnectionsEvent(.transferred, event.handle, status: event.status))
    }
  }

  /// The LND has lost its last connection to a node that it was using. Imports of that node connect anew at once
  /// where the profile says so, instead of waiting for a deadline.
  package mutating func peerDown(
    _ nid: NID, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    guard timing.followsConnection else { return }
    // Each step takes its import out of FULL, and so out of the index.
    while hasRoom, let slot = serverIndex.first(nid.rawValue) {
      step(slot, .requestFailed, rpc: &rpc, lnet: &lnet, turn: &turn)
    }
  }

  /// One of this room's timers has expired.
  package mutating func timerExpired(
    owner: UInt32, rpc: inout PtlRPC, lnet: inout LNet, turn: inout Turn
  ) {
    if Int(owner) >= capacity.imports {
      return lockTimerExpired(Int(owner) - capacity.imports, rpc: &rpc, turn: &turn)
    }
    importTimerExpired(Int(owner), rpc: &rpc, lnet: &lnet, turn: &turn)
  }

  /// Where requests of an import stand in PtlRPC's lists: imports first, then reverse imports.
  func rpcSlot(ofExport slot: Int) -> UInt32 { UInt32(capacity.imports + slot) }
}
