internal import BasicContainers
internal import CLinuxShims
internal import Glibc
public import RDMATransport
internal import Structures

/// What a node on an emulated fabric may take of its host.
public struct FabricLimits: Equatable, Sendable {
  /// Bytes of registered memory and rings: room that is set aside, and taken only when it is touched.
  public var memoryByteCountMax: Int
  /// Connect requests that wait for an answer, on all listeners together.
  public var pendingRequestCountMax: Int
  /// Nanoseconds for which a queue pair that ends waits for a peer in the middle of writing to it. A peer
  /// that takes longer is frozen or hostile, and its link is hung up as if it had died.
  public var peerWriteNanosecondsMax: UInt64
  /// Nanoseconds after that for which what the peer was writing to is not used again, unless the peer finishes
  /// or dies before: it may go on where it stood. One that is thawed later spoils what is there by then.
  public var peerThawNanosecondsMax: UInt64

  /// Each parameter is the property of its name.
  public init(
    memoryByteCountMax: Int = 8 << 30, pendingRequestCountMax: Int = 1024,
    peerWriteNanosecondsMax: UInt64 = 5_000_000_000,
    peerThawNanosecondsMax: UInt64 = 60_000_000_000
  ) {
    self.memoryByteCountMax = memoryByteCountMax
    self.pendingRequestCountMax = pendingRequestCountMax
    self.peerWriteNanosecondsMax = peerWriteNanosecondsMax
    self.peerThawNanosecondsMax = peerThawNanosecondsMax
  }
}

/// What happened on a transport that no completion or event tells.
public struct FabricCounters: Equatable, Sendable {
  /// Connect requests that were refused because too many waited.
  public var refusedRequestCount = 0
  /// Things in shared memory that no honest peer writes; each was ignored, or ended its link.
  public var peerViolationCount = 0
  /// Sends that found no receive at the peer and were tried again.
  public var receiverNotReadyCount = 0
  /// Times a sleeping peer was woken.
  public var bellCount = 0
}

/// The fabric of one host: the semantics of verbs over shared memory, for nodes in one process or in several.
///
/// A fabric has a name and is a directory; a node on it holds IPv4 addresses, each a socket there. Two nodes
/// that connect for the first time exchange their memory and their doorbells over that socket and form a
/// *link*, the same for two nodes of one process and of two. From then on who sends does what the
/// device does: it takes the next receive that the peer posted, copies the bytes, and writes a completion
/// into the peer's ring. The kernel is called only to wake a peer that sleeps. A link's hang-up is
/// the peer's death.
///
/// One loop owns a transport; nothing blocks, and there is no other thread. A peer is a process of the same
/// user, which could also read this one's memory by other means; so what it writes into shared
/// memory is checked as far as needed for it not to crash this process.
///
/// Memory of an idle connection, per side: 8 KiB of rings for a link (all connections between two
/// nodes share it), and for each queue pair 128 bytes, 32 bytes for each receive, 88 for each send of its
/// capacity, and some 800 bytes of records: 6.3 KB measured with 64 sends and 18 receives. Plus page
/// tables. Descriptors: 3 for a node, one for each of its addresses, one for each end of a link, and one for each
/// node that the process has a link to, however many of its own nodes have one.
@safe
public struct EmulatedTransport: RDMATransport, ~Copyable {
  // What the message path touches.
  let segment: SharedMemory
  var queuePairs: UniqueArray<QueuePair>
  var links: UniqueArray<Link>
  var regions: UniqueArray<Region>
  /// Completions of sends, as many at most as all queue pairs can have.
  var localCompletions = Ring<WorkCompletion>(minimumCapacity: 256)
  /// Links whose completions are looked at in every poll.
  var polledLinks = Ring<Int32>(minimumCapacity: 64)
  var heldQueuePairs: UniqueArray<Int32>
  var flushingQueuePairs: UniqueArray<Int32>
  var isAsleep = false
  /// A queue pair got something to flush since the last poll.
  var hasFreshFlush = false
  /// Links whose peers did not stop writing to a queue pair that ends; hung up after the flush.
  var stuckLinks: [Int] = []

  // The connection manager's.
  var connections: UniqueArray<Connection>
  var slotByOwner: [CMOwner: Int] = [:]
  var freeSlots: [Int] = []
  var sendCapacitySum = 0
  var listeners: [Listener] = []
  var requests: [PendingRequest] = []
  var freeRequests: [Int] = []
  var events = Ring<CMEvent>(minimumCapacity: 16)
  var linkByAddress: [UInt32: Int] = [:]
  var freeLinks: [Int] = []
  var linksWithMessages: [Int] = []
  var callingLinks: [Int] = []
  var outbox: [Int] = []
  /// Counts how often the outbox was gone through from its beginning.
  var outboxPass: UInt64 = 0
  /// Answers to requests that have no connection here; bounded by `refusalCountMax`.
  var refusals: [(link: Int, message: ConnectMessage)] = []
  var timed: [Int] = []
  var nextTimeout = UInt64.max
  var nextPort: UInt16 = 49152
  /// Memory that was taken back while a peer may still have been writing.
  var discarded: [Region] = []
  /// Whether the segment stays mapped when this ends.
  var keepsMemory = false
  var pollsToSockets = 0
  /// When the listeners are watched again, in nanoseconds; 0 as long as they are.
  var listenersRestUntil: UInt64 = 0

  var heap: SegmentHeap
  var freeKeys: [Int] = []
  let directory: FabricDirectory
  let limits: FabricLimits
  /// The addresses of this node, as they were given.
  public let addresses: [UInt32]
  let memory: Int32
  /// By which a process with several nodes that are linked to this one knows it.
  let identity = clinux_random()
  /// The listening socket of each address.
  let sockets: [Int32]
  let bell: Int32
  let epoll: Int32
  /// Where the fabric's sockets are, for messages to users.
  public var directoryPath: String { directory.path }
  /// Since the transport was opened; read on the loop's thread.
  public internal(set) var counters = FabricCounters()

  /// Takes addresses on a fabric: all of them or none.
  ///
  /// - Parameters:
  ///   - fabric: its name, 1 to 32 of: letters, digits, `-`, `_`, `.`. It comes into being with its first node.
  ///   - addresses: IPv4 addresses as numbers in host order, at least one, each once; on a fabric they need not be
  ///     of this host.
  ///   - limits: what the node may take.
  /// - Throws: EADDRINUSE with the owner's process when a live node holds one of them; EINVAL, EPERM for
  ///   the name and the directory; EMFILE, ENOMEM for want of descriptors and memory.
  public static func open(
    fabric: String, addresses: [UInt32], limits: FabricLimits = FabricLimits()
  ) throws(TransportError) -> EmulatedTransport {
    precondition(!addresses.isEmpty)
    precondition(limits.memoryByteCountMax > 0 && limits.pendingRequestCountMax > 0)
    _ = clinux_raise_descriptor_limit()
    let directory = try FabricDirectory(fabric: fabric)
    let sockets = try directory.claim(addresses)
    var descriptors = sockets
    do {
      let byteCount = (Layout.heap + limits.memoryByteCountMax + 4095) & ~4095
      let memory = try SystemFailure.check(
        "memfd_create", unsafe clinux_memory_create("verbena", UInt64(byteCount)))
      descriptors.append(memory)
      let segment = try SharedMemory(mapping: memory, byteCount: byteCount)
      let bell = try SystemFailure.check("eventfd", clinux_eventfd())
      descriptors.append(bell)
      let epoll = try SystemFailure.check("epoll_create1", clinux_epoll())
      descriptors.append(epoll)
      _ = try SystemFailure.check(
        "epoll_ctl", clinux_fabric_watch(epoll, bell, SocketTag.bell, 1))
      for (index, socket) in sockets.enumerated() {
        _ = try SystemFailure.check(
          "epoll_ctl", clinux_fabric_watch(epoll, socket, SocketTag.listener(index), 0))
      }
      return EmulatedTransport(
        segment: segment, directory: directory, limits: limits, addresses: addresses,
        memory: memory, sockets: sockets, bell: bell, epoll: epoll)
    } catch {
      for address in addresses { directory.disclaim(address) }
      for descriptor in descriptors { clinux_close(descriptor) }
      throw TransportError(
        call: error.call, errno: error.errno,
        explanation: "a node takes \(3 + addresses.count) descriptors and"
          + " \(limits.memoryByteCountMax) bytes of address space; this process may have"
          + " \(clinux_raise_descriptor_limit()) descriptors; see ulimit -n and -v")
    }
  }

  private init(
    segment: SharedMemory, directory: FabricDirectory, limits: FabricLimits, addresses: [UInt32],
    memory: Int32, sockets: [Int32], bell: Int32, epoll: Int32
  ) {
    self.segment = segment
    self.directory = directory
    self.limits = limits
    self.addresses = addresses
    self.memory = memory
    self.sockets = sockets
    self.bell = bell
    self.epoll = epoll
    heap = SegmentHeap(from: Layout.heap, to: segment.byteCount)
    queuePairs = UniqueArray()
    connections = UniqueArray()
    links = UniqueArray()
    regions = UniqueArray()
    // Key 0 is nobody's.
    regions.append(Region())
    heldQueuePairs = UniqueArray()
    flushingQueuePairs = UniqueArray()
    segment.store(Layout.magic, 0)
  }

  deinit {
    for index in addresses.indices {
      directory.disclaim(addresses[index])
      clinux_close(sockets[index])
    }
    for index in 0..<links.count where links[index].state != .free {
      if links[index].socket >= 0 { clinux_close(links[index].socket) }
      if let key = links[index].peerKey { PeerTable.ofProcess.giveBack(key) }
    }
    if keepsMemory {
      // A peer that is slower to notice must not write to what somebody here still reads.
      for index in regions.indices { segment.store(UInt32(0), Layout.key(index) + Layout.keyValue) }
    } else {
      segment.unmap()
    }
    clinux_close(memory)
    clinux_close(bell)
    clinux_close(epoll)
  }

  public var capabilities: TransportCapabilities {
    TransportCapabilities(
      queuePairCountMax: Layout.queuePairCountMax, sendCapacityMax: 1 << 15,
      receiveCapacityMax: 1 << 15, sendSegmentsMax: 2, inlineByteCountMax: 0,
      supportsRDMARead: true, mtu: 4096)
  }

  public var wakeDescriptor: Int32 { epoll }

  // MARK: - Memory

  public mutating func allocate(
    byteCount: Int, access: MemoryAccess
  ) throws(TransportError) -> MemoryRegion {
    precondition(byteCount > 0)
    let rounded = (byteCount + 4095) & ~4095
    takeBackDiscarded()
    guard let index = freeKeys.popLast() ?? newKey() else {
      throw TransportError(
        call: "allocate", errno: ENOMEM,
        explanation: "\(Layout.keyCountMax) regions are registered; release one")
    }
    guard let offset = heap.allocate(max(rounded, 4096)) else {
      freeKeys.append(index)
      throw TransportError(
        call: "allocate", errno: ENOMEM,
        explanation: "\(byteCount) bytes do not fit into the \(limits.memoryByteCountMax) of this"
          + " node; raise memoryByteCountMax")
    }
    let key = regions[index].generation << 10 | UInt32(index)
    regions[index].key = key
    regions[index].offset = UInt64(offset)
    regions[index].byteCount = UInt64(rounded)
    regions[index].access = access
    let entry = Layout.key(index)
    segment.store(UInt32(access.rawValue), entry + Layout.keyAccess)
    segment.store(UInt64(offset), entry + Layout.keyOffset)
    segment.store(UInt64(rounded), entry + Layout.keyLength)
    segment.store(key, entry + Layout.keyValue)
    let isRemote = access.contains(.remoteWrite) || access.contains(.remoteRead)
    return MemoryRegion(
      address: segment.address + UInt64(offset), byteCount: rounded, localKey: key,
      remoteKey: isRemote ? key : 0)
  }

  private mutating func newKey() -> Int? {
    guard regions.count < Layout.keyCountMax else { return nil }
    var region = Region()
    region.generation = 1
    regions.append(region)
    return regions.count - 1
  }

  public mutating func keepMemory() { keepsMemory = true }

  public mutating func release(_ region: MemoryRegion) {
    let index = Int(region.localKey & 1023)
    precondition(
      index > 0 && index < regions.count && regions[index].key == region.localKey,
      "a region that is not registered here")
    segment.exchange(0, Layout.key(index) + Layout.keyValue)
    discarded.append(regions[index])
    // 22 bits above the index.
    regions[index].generation = regions[index].generation &+ 1 & 0x3F_FFFF
    if regions[index].generation == 0 { regions[index].generation = 1 }
    regions[index].key = 0
    freeKeys.append(index)
    takeBackDiscarded()
  }

  /// Uses discarded memory again once no peer can be in the middle of a write to it: the keys are gone, so whoever
  /// begins from now on is refused.
  private mutating func takeBackDiscarded() {
    guard !discarded.isEmpty else { return }
    for slot in 0..<queuePairs.count where isPeerWriting(slot) {
      let link = Int(queuePairs[slot].link)
      if connections[slot].isKnownToPeer || links[link].state == .leaving { return }
    }
    for region in discarded {
      _ = clinux_memory_discard(memory, region.offset, region.byteCount)
      heap.free(Int(region.offset), Int(region.byteCount))
    }
    discarded.removeAll(keepingCapacity: true)
  }

  /// The offset of a segment in our memory; nil when its key does not cover it with such an access.
  @inline(__always)
  func localOffset(_ piece: Segment, access: MemoryAccess) -> Int? {
    let index = Int(piece.localKey & 1023)
    guard index < regions.count, regions[index].key == piece.localKey, piece.localKey != 0 else {
      return nil
    }
    let offset = piece.address &- segment.address
    guard offset >= regions[index].offset,
      offset &- regions[index].offset <= regions[index].byteCount,
      UInt64(piece.length) <= regions[index].byteCount &- (offset &- regions[index].offset),
      regions[index].access.isSuperset(of: access)
    else { return nil }
    return Int(truncatingIfNeeded: offset)
  }
}
