#if Verbs
internal import BasicContainers
internal import CLinuxShims
internal import CRDMA
internal import CRDMAShims
internal import Glibc
public import RDMATransport
internal import Rings
internal import Structures
internal import Synchronization

/// A transport over an RDMA device: libibverbs for the data, librdmacm for the connections.
///
/// All methods are for one thread, the loop's. Posting and polling touch the device alone; everything that can
/// block is done by one thread per device, which this one reaches through two bounded rings.
///
/// A queue pair may complete receives before its *established* event: the peer's first message can
/// overtake the end of the exchange. A READ is refused with EINVAL when the peer allows none.
/// `deviceRemoved` has owner 0.
@safe
public struct VerbsTransport: RDMATransport, ~Copyable {
  /// Whether this build has the backend.
  public static let isAvailable = true
  /// No: the device's thread makes them.
  public static let pollsForConnections = false

  let device: OpenDevice
  /// Goes last: until then the device's objects stay, even when it is removed.
  private let use: DeviceUse
  let link: LoopLink
  let kit: CompletionQueuePool.Kit
  /// The local address, in host order.
  public let address: UInt32
  public let capabilities: TransportCapabilities
  /// An epoll descriptor over the completion channel and the bell of events.
  public let wakeDescriptor: Int32

  var slots: RigidArray<QueuePairSlot>
  var queues: RigidArray<CompletionQueue>
  var nextQueue = 0
  let requests: RequestBuffers
  /// Completions that `arm` found, before the next poll takes them.
  var stashed = 0
  var stashNext = 0
  /// Whether completions were taken since `arm` looked for their events.
  var hasTaken = true
  /// Whether the device's thread rings the bell, or has rung it, and nobody has drained it since.
  var owesDrain = false
  /// Queue pairs that we complete ourselves.
  var purging: [UInt32] = []
  /// Commands for which the ring had no room, in order.
  var waiting: [LinkCommand] = []
  var regions: [UInt64: Registration] = [:]
  /// Whether memory stays mapped when this ends.
  var keepsMemory = false
  /// Completions of an earlier life of a queue pair: always a fault of the provider.
  private var staleCompletionCount = 0

  /// A completion queue, and its events that are not acknowledged yet.
  struct CompletionQueue {
    var address: UInt
    var eventCount: UInt32 = 0
    /// Whether an event was asked for that has not been read.
    var isArmed = false
  }

  /// The devices of this machine, opened for the moment; one that cannot be opened says why.
  public static func devices() throws(TransportError) -> [VerbsDevice] { VerbsDevice.all() }

  /// Opens the device, or joins those who have it open. Blocks for milliseconds; call it at set-up.
  ///
  /// - Throws: what is missing and what the user can do about it.
  public init(_ configuration: Configuration) throws(TransportError) {
    precondition((1...65_536).contains(configuration.queuePairCountMax))
    let isNarrowed =
      configuration.address == nil || configuration.deviceName != nil
      || configuration.port != nil || configuration.gidIndex != nil
    let address = try DeviceChoice.address(
      for: configuration, devices: isNarrowed ? VerbsDevice.all() : [])
    let use = try OpenDevice.open(address: address)
    let device = use.device
    for further in configuration.furtherAddresses where further != address {
      try device.confirm(address: further, beside: address)
    }
    var configuration = configuration
    configuration.completionQueueEntries = min(
      configuration.completionQueueEntries, max(device.description.completionQueueEntriesMax, 1))
    let (link, kit, epoll) = try Self.open(configuration, on: device)
    self.address = address
    self.use = use
    self.device = device
    self.link = link
    self.kit = kit
    wakeDescriptor = epoll
    capabilities = Self.capabilities(of: device, configuration)
    slots = RigidArray(capacity: configuration.queuePairCountMax)
    for _ in 0..<configuration.queuePairCountMax { slots.append(QueuePairSlot()) }
    queues = RigidArray(capacity: Limits.completionQueueCountMax)
    for queue in kit.queues { queues.append(CompletionQueue(address: queue.address)) }
    requests = RequestBuffers()
    link.kit.withLock { $0 = kit }
    device.attach(link)
  }

  /// The link, the completion queues and the descriptor that watches both.
  private static func open(_ configuration: Configuration, on device: OpenDevice)
    throws(TransportError) -> (LoopLink, CompletionQueuePool.Kit, Int32)
  {
    do throws(CallFailure) {
      let link = try LoopLink(configuration: configuration)
      let epoll = try CallFailure.checkNegative("epoll_create1", clinux_epoll())
      do throws(CallFailure) {
        let kit = try unsafe device.queues.take(
          device.context, entries: configuration.completionQueueEntries)
        for descriptor in [kit.descriptor, link.bell] {
          _ = try CallFailure.checkNegative("epoll_ctl", clinux_epoll_add(epoll, descriptor))
        }
        return (link, kit, epoll)
      } catch {
        clinux_close(epoll)
        throw error
      }
    } catch {
      throw Explanation.open(
        error, deviceCount: 1, forbiddenFile: SystemFiles.forbiddenDeviceFile)
    }
  }

  private static func capabilities(of device: OpenDevice, _ configuration: Configuration)
    -> TransportCapabilities
  {
    let description = device.description
    let port = description.ports.first { $0.number == Int(device.port) }
    return TransportCapabilities(
      queuePairCountMax: min(configuration.queuePairCountMax, description.queuePairCountMax),
      sendCapacityMax: max(description.workRequestCountMax - 1, 1),
      receiveCapacityMax: description.workRequestCountMax,
      sendSegmentsMax: min(description.segmentCountMax, 2),
      inlineByteCountMax: description.inlineByteCountMax,
      supportsRDMARead: description.readsPerQueuePairMax > 0,
      mtu: port?.activeMTU ?? 1024)
  }

  /// Ends every connection for its peer, and gives everything back; blocks until that is done.
  deinit {
    // The thread may be behind, but it never stops taking commands.
    var next = 0
    while next < waiting.count {
      if link.commands.push(waiting[next]) { next += 1 } else { device.wakeThread() }
    }
    while !link.commands.push(.detach) { device.wakeThread() }
    device.wakeThread()
    Self.waitForDetach(link)
    for slot in 0..<slots.count {
      slots[slot].sends.free()
      slots[slot].receives.free()
    }
    requests.free()
    clinux_close(wakeDescriptor)
    // If the device's thread is stuck, the device may still write: the memory is then kept for ever.
    guard link.isDetached.load(ordering: .acquiring) else { return }
    giveBackQueues()
    for registration in regions.values { registration.free(unmapping: !keepsMemory) }
  }

  private static func waitForDetach(_ link: LoopLink) {
    let epoll = clinux_epoll()
    defer { clinux_close(epoll) }
    let deadline = clinux_monotonic_nanoseconds() &+ Limits.detach
    _ = clinux_epoll_add(epoll, link.detachedBell)
    while !link.isDetached.load(ordering: .acquiring) {
      let now = clinux_monotonic_nanoseconds()
      if now >= deadline { break }
      _ = clinux_epoll_sleep(epoll, Int64(deadline - now))
    }
  }

  /// Returns the completion queues to the device's pool, as clean as new ones.
  private func giveBackQueues() {
    guard let kit = link.takeKit() else { return }
    for index in 0..<queues.count where queues[index].eventCount > 0 {
      // SAFETY: the queues are ours until they are given back.
      unsafe ibv_ack_cq_events(
        Self.pointer(queues[index].address), queues[index].eventCount)
    }
    _ = drainChannel(acknowledging: true)
    for queue in kit.queues {
      // SAFETY: `requests` is gone, so a completion of our own takes the leavings of dead queue pairs.
      var completion = ibv_wc()
      while unsafe ibv_poll_cq(queue.raw, 1, &completion) > 0 {}
    }
    device.queues.give(kit)
  }

  /// Reads the events that lie on the completion channel, for queues that nobody polls any more.
  private func drainChannel(acknowledging: Bool) -> Int {
    var count = 0
    var queue: UnsafeMutablePointer<ibv_cq>?
    var context: UnsafeMutableRawPointer?
    // SAFETY: the channel is alive; each event read is acknowledged once.
    while unsafe ibv_get_cq_event(kit.channel, &queue, &context) == 0 {
      if acknowledging { unsafe ibv_ack_cq_events(queue, 1) }
      count += 1
    }
    return count
  }

  /// What has happened behind the loop so far, by kind.
  public var counters: Counters {
    Counters(
      createdQueuePairs: link.createdPairs.load(ordering: .relaxed),
      reusedQueuePairs: link.reusedPairs.load(ordering: .relaxed),
      lostQueuePairs: link.lostPairs.load(ordering: .relaxed),
      purgedQueuePairs: link.purgedPairs.load(ordering: .relaxed),
      refusedRequests: link.refusedRequests.load(ordering: .relaxed),
      ignoredCommands: link.ignoredCommands.load(ordering: .relaxed),
      portErrors: link.portErrors.load(ordering: .relaxed),
      staleCompletions: staleCompletionCount)
  }

  /// The device's name.
  public var deviceName: String { device.description.name }

  static func pointer(_ address: UInt) -> UnsafeMutablePointer<ibv_cq>? {
    // SAFETY: the address of a completion queue of this transport's kit.
    unsafe UnsafeMutablePointer(bitPattern: address)
  }

  mutating func countStale() { staleCompletionCount += 1 }

  // MARK: - Commands

  public mutating func execute(_ commands: Span<CMCommand>) {
    guard !commands.isEmpty else { return }
    for index in commands.indices { send(.command(commands[index])) }
    device.wakeThread()
  }

  /// Hands a command on, behind those that wait.
  mutating func send(_ command: LinkCommand) {
    if waiting.isEmpty && link.commands.push(command) { return }
    waiting.append(command)
  }

  mutating func flushWaiting() {
    guard !waiting.isEmpty else { return }
    var moved = 0
    while moved < waiting.count, link.commands.push(waiting[moved]) { moved += 1 }
    waiting.removeFirst(moved)
    device.wakeThread()
  }
}
#endif
