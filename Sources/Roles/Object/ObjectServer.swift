internal import BasicContainers
package import Connections
internal import LustreWire
package import NodeCore
package import PtlRPC
internal import RDMATransport
package import Storage
internal import Structures

/// What an object server has done, for operators and tests.
package struct ObjectServerCounters: Equatable, Sendable, BitwiseCopyable {
  package var reads: UInt64 = 0
  package var writes: UInt64 = 0
  package var bytesRead: UInt64 = 0
  package var bytesWritten: UInt64 = 0
  package var created: UInt64 = 0
  package var destroyed: UInt64 = 0
  /// Requests that contradict themselves: refused.
  package var refused: UInt64 = 0
  /// Requests answered with an errno of the disk.
  package var failed: UInt64 = 0
  /// Requests that were given up without an answer: their bulk failed, or their client is not there any more.
  package var abandoned: UInt64 = 0
  /// Modifying requests that came again and were answered as before, not executed.
  package var repeated: UInt64 = 0
  /// Requests that had to wait for memory or for the disk.
  package var delayed: UInt64 = 0
  /// Transfers whose data had a checksum, which was computed here too.
  package var checksums: UInt64 = 0
  /// Data that came with another checksum than its client had made.
  package var checksumMismatches: UInt64 = 0

  package init() {}
}

/// An object target: objects and their bytes, locks on them, statistics (spec 10 §11.1, 13).
///
/// A request is an operation from its turn until its answer. What it needs — bulk memory, places in the queue to the
/// disk — is taken when it is there; until then it waits in order, for bulk memory apart from those that need none
/// (spec 13 §5.4): these pass. Data goes between bulk memory and the disk, and is copied nowhere. Nothing allocates per
/// request, but for the first object of a new sequence.
package struct ObjectServer: TargetServer, ~Copyable {
  package let specification: TargetSpecification
  package internal(set) var counters = ObjectServerCounters()
  /// Its place among the targets of the node, and the connections' number for it.
  let target: Int
  let slot: UInt32
  let bulkByteCountMax: Int

  /// By slot of a request in PtlRPC.
  var operations: RigidArray<ObjectOperation>
  /// Slots of operations that have something and wait for more; of those that have not begun; and of those that wait for
  /// bulk memory and have nothing yet. Each in order; an operation is in one of them at most.
  var held: FixedQueue<UInt32>
  var waiting: FixedQueue<UInt32>
  var wanting: FixedQueue<UInt32>
  /// How many may take bulk memory now: other targets of the node want some, too.
  var memoryShare = Int.max
  /// Creations are executed one after the other: the first one is under way.
  var creations: FixedQueue<UInt32>
  /// The last id that was given out in a sequence.
  var lastIDs: [UInt64: UInt64]

  var grants: ObjectGrants
  /// By slot of an export.
  var clients: RigidArray<ObjectClientFacts>
  var clientSlots: ClientSlots
  /// What it hands out to metadata targets that make objects here.
  var sequences: OwnSequences
  var allowance: SequenceAllowance
  var durableTransno: UInt64
  var statistics = StoreStatistics()
  var asksForStatistics = false
  /// The disk has said how full it is.
  private var isFreeKnown = false
  /// Locks that were granted late and whose clients are told as soon as the disk has said what the object is: those
  /// that it has not been asked about, and those whose answers are to come.
  var grantedLocks: FixedQueue<Handle>
  var askedLocks: FixedQueue<Handle>

  /// Whose listing of objects is under way, and what the last one has brought.
  var listing = ObjectListing()
  var listingTag: UInt32?
  var isListed = false

  /// Commands' numbers that are no slots of requests.
  static let statisticsTicket: UInt32 = .max
  static let lockTicket: UInt32 = .max - 1
  static let listingTicket: UInt32 = .max - 2
  static let grantedLocksMax = 256

  /// What a client was granted when it connected.
  struct ObjectClientFacts: BitwiseCopyable {
    var connectionCount: UInt32 = 0
    var bulkByteCount = 0
    var isReadOnly = false
    /// The last transaction that it was told of.
    var lastTransno: UInt64 = 0
  }

  /// - Parameters:
  ///   - requests: peers' requests that PtlRPC keeps.
  ///   - exports: clients that the connections keep.
  init(
    _ specification: TargetSpecification, target: Int, slot: UInt32, image: TargetImage,
    requests: Int, exports: Int
  ) {
    self.specification = specification
    self.target = target
    self.slot = slot
    let traits = TargetTraits(kind: .ost)
    bulkByteCountMax = Int(traits.bulkByteCountMax)
    operations = RigidArray(capacity: requests)
    for _ in 0..<requests { operations.append(.filler) }
    var places = 1
    while places < requests { places *= 2 }
    held = FixedQueue(capacity: places, filler: 0)
    waiting = FixedQueue(capacity: places, filler: 0)
    wanting = FixedQueue(capacity: places, filler: 0)
    creations = FixedQueue(capacity: places, filler: 0)
    lastIDs = [:]
    for (sequence, id) in image.sequences { lastIDs[sequence] = min(id, Self.numberMax) }
    grants = ObjectGrants(
      exports: exports, tax: UInt64(traits.extentTaxKiB) * 1024,
      chunk: UInt64(traits.initialGrant(bulkByteCount: traits.bulkByteCountMax)))
    clients = RigidArray(capacity: exports)
    for _ in 0..<exports { clients.append(ObjectClientFacts()) }
    clientSlots = ClientSlots(image: image, exports: exports)
    sequences = OwnSequences(index: specification.index, flags: 1, stored: image.sequences)
    allowance = SequenceAllowance(exports: exports)
    durableTransno = image.lastTransno
    grantedLocks = FixedQueue(capacity: Self.grantedLocksMax, filler: .none)
    askedLocks = FixedQueue(capacity: Self.grantedLocksMax, filler: .none)
  }

  package mutating func serve(
    _ request: ServerRequestHandle, of export: ExportHandle, _ disk: inout TargetDisk,
    _ node: inout NodeCore
  ) {
    let received = node.rpc.received(request)
    let index = request.raw.slot
    operations[index] = ObjectOperation(received.body.opcode, request, of: export)
    operations[index].connectionCount = clients[export.raw.slot].connectionCount
    if received.body.opcode == .sequenceQuery { sequences.record(&disk) }
    do throws(ObjectRefusal) {
      try admit(index, received, &node)
      try recallReply(index, received, node)
    } catch {
      refuse(index, error, &node)
      return
    }
    if received.body.opcode == .ostDestroy {
      // Locks that the client gives up with the object (spec 10 §11.1): nobody need ask for them back.
      node.connections.cancelLocks(
        from: 0, buffer: 2, of: request, export: export, rpc: &node.rpc, turn: &node.turn)
    }
    operations[index].stage = .start
    clientSlots.settle(&disk)
    // Those that have memory come first at the disk, however many come that need none.
    let mustWait = !held.isEmpty || !waiting.isEmpty || !clientSlots.isSettled
    if mustWait || !step(index, &disk, &node) { wait(index) }
  }

  package mutating func handle(
    _ event: ConnectionsEvent, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    switch event.kind {
    case .transferred: transferred(event, &disk, &node)
    case .exportConnected: connected(event.exportHandle, &disk, &node)
    case .exportGone:
      grants.left(event.handle.slot)
      clientSlots.left(event.handle.slot)
      clients[event.handle.slot] = ObjectClientFacts()
    case .calledBack: calledBack(event, &node)
    case .lockGranted: lockGranted(event.handle, &disk, &node)
    default: break
    }
    resume(&disk, &node)
  }

  package mutating func ended(
    _ result: StorageResult, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    if case .statistics(let value) = result.value {
      statistics = value
      grants.note(value)
      isFreeKnown = true
    }
    switch result.ticket {
    case Self.statisticsTicket: asksForStatistics = false
    case Self.lockTicket: completeLock(result, &node)
    case Self.listingTicket: listed(result)
    case OwnSequences.ticket: sequences.recorded(result.errno)
    case let ticket where ClientSlots.owns(ticket): clientSlots.ended(result)
    default: commandEnded(Int(result.ticket), result, &disk, &node)
    }
    resume(&disk, &node)
  }

  package mutating func durable(
    _ transno: UInt64, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    durableTransno = max(durableTransno, transno)
  }

  /// Goes on with what waits, as far as there is room: after anything may have become free.
  mutating func resume(_ disk: inout TargetDisk, _ node: inout NodeCore) {
    clientSlots.settle(&disk)
    sequences.settle(&disk)
    if isFreeKnown { node.connections.setUnpromised(grants.unpromised, ofTarget: slot) }
    askAboutLocks(&disk, &node)
    while let first = held.first, step(Int(first), &disk, &node) { held.dropFirst() }
    // What a new client does must not be known to the disk before the client is.
    guard held.isEmpty, clientSlots.isSettled else { return }
    // The first one of those that want memory is the only one to get any: a large one does not starve.
    while let first = wanting.first {
      guard step(Int(first), &disk, &node) || moves(Int(first), from: .memory) else { break }
      wanting.dropFirst()
    }
    while let first = waiting.first {
      guard step(Int(first), &disk, &node) || moves(Int(first), from: .start) else { break }
      waiting.dropFirst()
    }
  }

  /// Whether more bulk memory is all that it takes to go on.
  var waitsForMemoryOnly: Bool {
    mutating get { !wanting.isEmpty && held.isEmpty && clientSlots.isSettled }
  }

  mutating func wait(_ index: Int) {
    counters.delayed += 1
    line(up: index)
  }

  /// Where an operation that cannot go on waits.
  private mutating func line(up index: Int) {
    switch operations[index].stage {
    case .start: waiting.append(UInt32(index))
    case .memory: wanting.append(UInt32(index))
    default: held.append(UInt32(index))
    }
  }

  /// Whether an operation has come so far that it waits elsewhere now.
  private mutating func moves(_ index: Int, from stage: ObjectOperation.Stage) -> Bool {
    guard operations[index].stage != stage else { return false }
    line(up: index)
    return true
  }

  // MARK: - Clients

  private mutating func connected(
    _ export: ExportHandle, _ disk: inout TargetDisk, _ node: inout NodeCore
  ) {
    guard let view = node.connections.view(export) else { return }
    let slot = export.raw.slot
    let granted = view.granted
    grants.connected(
      slot, grant: granted.flags.contains(.grant) ? UInt64(granted.grantByteCount) : 0)
    clientSlots.connected(export, &node)
    clients[slot].connectionCount = view.connectionCount
    clients[slot].isReadOnly = granted.flags.contains(.readOnly)
    clients[slot].bulkByteCount =
      granted.flags.contains(.bulkSize) ? Int(granted.bulkByteCount) : bulkByteCountMax
    askForStatistics(&disk)
  }

  mutating func askForStatistics(_ disk: inout TargetDisk) {
    guard !asksForStatistics, disk.hasRoom() else { return }
    asksForStatistics = true
    disk.ask(StorageCommand(.statistics, ticket: Self.statisticsTicket))
  }

  /// Whether the client is still there over the connection that the request came by (spec 13 §5.6).
  func isCurrent(_ index: Int, _ node: borrowing NodeCore) -> Bool {
    let operation = operations[index]
    return node.connections.isLive(operation.export)
      && clients[operation.export.raw.slot].connectionCount == operation.connectionCount
  }
}

/// Why a request is not executed.
enum ObjectRefusal: Error {
  /// Refused by the RPC layer (4712), or answered by the handler (4713; spec 10 §5.1).
  case rpc(WireErrno)
  case handler(WireErrno)
  /// A real server says nothing at all.
  case silent
}
