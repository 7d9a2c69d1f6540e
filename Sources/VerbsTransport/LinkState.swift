#if Verbs
internal import CRDMA
internal import RDMATransport
internal import Rings
internal import Structures
internal import Synchronization

/// What the device's thread keeps of one transport.
// Only that thread touches it.
final class LinkState {
  let link: LoopLink
  /// The connection of each owner.
  var owners: [CMOwner: Int] = [:]
  /// The queue pairs that the loop knows, with their connections' keys.
  var slots: SlotTable<Int>
  /// Connect requests that wait, by the raw value of their handles.
  var requests: [UInt64: WaitingRequest] = [:]
  /// Reset queue pairs, ready for another connection.
  var pool: [QueuePair] = []
  var timeWaitCount = 0
  var kit: CompletionQueuePool.Kit
  /// Entries of each completion queue that queue pairs may fill.
  var reservedEntries: [Int]
  /// Events for which the ring had no room, in order.
  private var spill: [LinkEvent] = []
  private var isDirty = false

  init(_ link: LoopLink, kit: CompletionQueuePool.Kit) {
    self.link = link
    self.kit = kit
    reservedEntries = Array(repeating: 0, count: kit.queues.count)
    slots = SlotTable(capacity: link.configuration.queuePairCountMax)
  }

  var hasSpill: Bool { !spill.isEmpty }

  func push(_ event: LinkEvent) {
    isDirty = true
    if spill.isEmpty && link.events.push(event) { return }
    // Bounded by the owners: each has a handful of events in its life.
    spill.append(event)
  }

  func report(_ owner: CMOwner, _ kind: CMEvent.Kind, timing: ConnectTiming = ConnectTiming()) {
    push(LinkEvent(.forOwner, event: CMEvent(owner: owner, kind: kind, timing: timing)))
  }

  /// Moves what waits into the ring, and wakes the loop if it sleeps.
  func flush() {
    var moved = 0
    while moved < spill.count, link.events.push(spill[moved]) { moved += 1 }
    if moved > 0 { spill.removeFirst(moved) }
    guard isDirty || moved > 0 else { return }
    isDirty = false
    link.wakeLoop()
  }

  // MARK: - Queue pairs

  /// A queue pair in RESET: from the pool, or a new one.
  func takePair(_ attributes: QueuePairAttributes, device: OpenDevice) throws(CallFailure)
    -> QueuePair
  {
    if let index = pool.lastIndex(where: { $0.attributes == attributes }) {
      link.reusedPairs.wrappingAdd(1, ordering: .relaxed)
      return pool.remove(at: index)
    }
    let needed = QueuePair.completionCount(attributes)
    let queue = try queueIndex(needed: needed, device: device)
    // SAFETY: domain and queue outlive the pair: it is destroyed before the kit is given back.
    let pair = try unsafe QueuePair.create(
      domain: device.domain, queue: kit.queues[queue].raw, queueIndex: queue,
      attributes: attributes)
    reservedEntries[queue] += needed
    link.createdPairs.wrappingAdd(1, ordering: .relaxed)
    return pair
  }

  /// A completion queue that cannot overflow with so many entries more; makes one if need be.
  private func queueIndex(needed: Int, device: OpenDevice) throws(CallFailure) -> Int {
    for index in reservedEntries.indices where reservedEntries[index] + needed <= kit.entries {
      return index
    }
    // A larger queue pair of another shape may keep the entries occupied.
    if let index = pool.indices.first {
      let idle = pool.remove(at: index)
      try drop(idle)
      return try queueIndex(needed: needed, device: device)
    }
    guard kit.queues.count < Limits.completionQueueCountMax, needed <= kit.entries else {
      throw CallFailure(call: "ibv_create_cq", errno: 28)
    }
    // SAFETY: the device's context lives as long as the device.
    let queue = try unsafe CompletionQueuePool.queue(of: kit, device.context)
    kit.queues.append(queue)
    reservedEntries.append(0)
    push(LinkEvent(.completionQueue, address: queue.address))
    return kit.queues.count - 1
  }

  /// Destroys a queue pair, and gives its entries of the completion queue back.
  func drop(_ pair: QueuePair) throws(CallFailure) {
    try pair.destroy()
    reservedEntries[pair.completionQueue] -= QueuePair.completionCount(pair.attributes)
  }

  /// Takes a queue pair back that nobody uses.
  func give(_ pair: QueuePair) {
    do throws(CallFailure) {
      if link.configuration.poolsQueuePairs && pool.count < Limits.pooledQueuePairCountMax {
        try pair.reset()
        pool.append(pair)
      } else {
        try drop(pair)
      }
    } catch {
      // The device is gone: it may take back what it cannot reset.
      do throws(CallFailure) {
        try drop(pair)
      } catch {
        link.lostPairs.wrappingAdd(1, ordering: .relaxed)
      }
    }
  }
}
#endif
