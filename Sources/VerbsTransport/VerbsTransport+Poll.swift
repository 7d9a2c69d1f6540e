#if Verbs
internal import BasicContainers
internal import CLinuxShims
internal import CRDMA
internal import CRDMAShims
public import RDMATransport
internal import Rings
internal import Structures
internal import Synchronization

extension VerbsTransport {
  // MARK: - Completions

  public mutating func poll(completions: inout OutputSpan<WorkCompletion>) {
    while stashNext < stashed, completions.freeCapacity > 0 {
      deliver(stashNext, to: &completions)
      stashNext += 1
    }
    guard stashNext == stashed else { return }
    stashed = 0
    stashNext = 0
    if !purging.isEmpty { purge(into: &completions) }
    var idle = 0
    while idle < queues.count, completions.freeCapacity > 0 {
      let wanted = min(completions.freeCapacity, Limits.batchCount)
      let count = take(wanted, from: nextQueue)
      for index in 0..<count { deliver(index, to: &completions) }
      if count < wanted {
        idle += 1
        nextQueue = nextQueue + 1 < queues.count ? nextQueue + 1 : 0
      } else {
        idle = 0
      }
    }
  }

  /// Takes completions of one queue into the buffer.
  private mutating func take(_ count: Int, from queue: Int) -> Int {
    // SAFETY: the queue belongs to this transport's kit; the buffer has room for a batch. A negative result
    // means that the queue is broken, of which an event of the device tells.
    let taken = unsafe ibv_poll_cq(
      Self.pointer(queues[queue].address), Int32(count), requests.completions)
    if taken > 0 { hasTaken = true }
    return max(Int(taken), 0)
  }

  private mutating func deliver(_ index: Int, to completions: inout OutputSpan<WorkCompletion>) {
    // SAFETY: the buffer's entry was filled by the last `take`.
    let raw = unsafe requests.completions + index
    let id = WorkID(raw: unsafe raw.pointee.wr_id)
    let handle = QueuePairHandle(handle: Handle(raw: id.handle))
    guard let slot = slotIndex(handle) else { return countStale() }
    let status = unsafe Self.status(raw.pointee.status)
    let owner =
      id.isReceive
      ? slots[slot].receives.retire(through: id.place)
      : slots[slot].sends.retire(through: id.place)
    guard let owner else { return countStale() }
    let isMarker = !id.isReceive && slots[slot].marker == id.place
    if !isMarker {
      let operation: Operation =
        id.isReceive
        ? .receive : status == .success ? unsafe Self.operation(raw.pointee.opcode) : .send
      completions.append(
        WorkCompletion(
          id: owner, queuePair: handle,
          byteCount: id.isReceive && status == .success ? unsafe raw.pointee.byte_len : 0,
          status: status, operation: operation,
          vendorError: status == .success ? 0 : unsafe raw.pointee.vendor_err))
    }
    switch slots[slot].phase {
    case .ready, .established:
      if status != .success { slots[slot].phase = .failed }
    // The last to come may have succeeded before its queue pair went to ERROR.
    case .draining: finishDrain(slot)
    case .free, .failed, .purging, .drained: break
    }
  }

  private static func status(_ raw: ibv_wc_status) -> CompletionStatus {
    CompletionStatus(rawValue: UInt8(truncatingIfNeeded: raw.rawValue)) ?? .generalError
  }

  private static func operation(_ raw: ibv_wc_opcode) -> Operation {
    switch raw {
    case IBV_WC_RDMA_WRITE: .rdmaWrite
    case IBV_WC_RDMA_READ: .rdmaRead
    default: .send
    }
  }

  // MARK: - The end of a queue pair

  private mutating func finishDrain(_ slot: Int) {
    guard slots[slot].isDrained else { return }
    slots[slot].phase = .drained
    send(.drained(QueuePairHandle(handle: Handle(raw: slots[slot].raw))))
    device.wakeThread()
  }

  private mutating func startDrain(_ slot: Int) {
    slots[slot].phase = .draining
    // Sends without a completion of their own may be done: only what comes behind them tells.
    if slots[slot].sends.inFlight > 0 { postMarker(slot) }
    if slots[slot].receives.inFlight > 0 {
      send(.flush(QueuePairHandle(handle: Handle(raw: slots[slot].raw))))
      device.wakeThread()
    }
    finishDrain(slot)
  }

  /// Completes what a reset queue pair left, as much as there is room for.
  private mutating func purge(into completions: inout OutputSpan<WorkCompletion>) {
    while let raw = purging.last {
      let handle = QueuePairHandle(handle: Handle(raw: raw))
      guard let slot = slotIndex(handle) else {
        purging.removeLast()
        continue
      }
      while completions.freeCapacity > 0, !slots[slot].isDrained {
        let isReceive = slots[slot].sends.inFlight == 0
        // The marker is none of the owner's.
        let isMarker = !isReceive && slots[slot].marker == slots[slot].sends.oldestPlace
        let id =
          isReceive ? slots[slot].receives.retireOldest() : slots[slot].sends.retireOldest()
        guard let id, !isMarker else { continue }
        completions.append(
          WorkCompletion(
            id: id, queuePair: handle, byteCount: 0, status: .flushed,
            operation: isReceive ? .receive : .send))
      }
      guard slots[slot].isDrained else { return }
      purging.removeLast()
      finishDrain(slot)
    }
  }

  // MARK: - Events

  public mutating func poll(events: inout OutputSpan<CMEvent>) {
    flushWaiting()
    while events.freeCapacity > 0, let event = link.events.pop() {
      let slot = slotIndex(event.handle)
      switch event.kind {
      case .forOwner:
        if case .established = event.event.kind, let slot, slots[slot].phase == .ready {
          slots[slot].phase = .established
          slots[slot].initiatorDepth = UInt8(truncatingIfNeeded: event.address)
        }
        if case .deviceRemoved = event.event.kind {
          // The kernel keeps it in error from now on, and the loop awake.
          _ = crdma_unwatch(wakeDescriptor, kit.descriptor)
        }
        events.append(event.event)
      case .ready:
        guard case .ready(let handle, let granted) = event.event.kind else { continue }
        slots[handle.handle.slot].open(handle, address: event.address, granted)
        events.append(event.event)
      case .errored:
        if let slot, slots[slot].phase == .ready || slots[slot].phase == .established {
          slots[slot].phase = .failed
        }
      case .drain:
        if let slot { startDrain(slot) }
      case .purge:
        if let slot {
          slots[slot].phase = .purging
          purging.append(event.handle.handle.raw)
        }
      case .completionQueue:
        queues.append(CompletionQueue(address: event.address))
      case .forget:
        if let slot { slots[slot].close() }
        events.append(event.event)
      }
    }
  }

  // MARK: - Sleeping

  public mutating func arm() -> Bool {
    guard stashNext == stashed, purging.isEmpty else { return false }
    quiet()
    for index in 0..<queues.count where !queues[index].isArmed {
      // SAFETY: a completion queue of this transport.
      _ = unsafe ibv_req_notify_cq(Self.pointer(queues[index].address), 0)
      queues[index].isArmed = true
    }
    // What completed before the request gives no event: look once more, and keep what is there.
    for index in 0..<queues.count {
      let count = take(Limits.batchCount, from: index)
      if count > 0 {
        stashed = count
        stashNext = 0
        return false
      }
    }
    link.loopSleeps.store(true, ordering: .sequentiallyConsistent)
    if !link.events.isEmpty {
      link.loopSleeps.store(false, ordering: .sequentiallyConsistent)
      return false
    }
    return true
  }

  /// Takes back what may have woken the loop, with as few calls as can be: a connect wakes it time and again. What is
  /// left over wakes it once more, for nothing, and is taken then: neither completions nor the bell explain that.
  private mutating func quiet() {
    let hasRung = !link.loopSleeps.load(ordering: .sequentiallyConsistent)
    if hasRung { owesDrain = true }
    // The bell may follow the mark: then there is nothing to drain yet.
    if owesDrain && clinux_eventfd_drain(link.bell) { owesDrain = false }
    if hasTaken || !hasRung { drainChannel() }
    hasTaken = false
  }

  /// Takes the events off the completion channel; acknowledges them by the hundred.
  private mutating func drainChannel() {
    var queue: UnsafeMutablePointer<ibv_cq>?
    var context: UnsafeMutableRawPointer?
    // SAFETY: the channel is alive and non-blocking; its events name queues of this transport.
    while unsafe ibv_get_cq_event(kit.channel, &queue, &context) == 0 {
      let address = UInt(bitPattern: queue)
      for index in 0..<queues.count where queues[index].address == address {
        queues[index].isArmed = false
        queues[index].eventCount += 1
        if queues[index].eventCount == Limits.eventsPerAcknowledgement {
          unsafe ibv_ack_cq_events(queue, queues[index].eventCount)
          queues[index].eventCount = 0
        }
      }
    }
  }
}
#endif
