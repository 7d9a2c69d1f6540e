internal import BasicContainers
internal import CLinuxShims
public import RDMATransport
internal import Structures

extension EmulatedTransport {
  /// Idle polls after which a link is no longer looked at in every poll; its peer then marks it.
  private static var idlePollsMax: Int { 2048 }
  /// Links that are looked at in every poll although they were idle in the last one.
  private static var attentiveLinkCountMax: Int { 4 }

  public mutating func poll(completions: inout OutputSpan<WorkCompletion>) {
    if isAsleep { wakeUp() }
    if !heldQueuePairs.isEmpty { resumeHeld() }
    while !localCompletions.isEmpty, completions.freeCapacity > 0 {
      let completion = localCompletions.removeFirst()
      queuePairs[completion.queuePair.handle.slot].unpolled -= 1
      completions.append(completion)
    }
    collectReady()
    var left = polledLinks.count
    while left > 0, completions.freeCapacity > 0 {
      left -= 1
      let link = Int(polledLinks.removeFirst())
      drain(link, into: &completions)
    }
    if !flushingQueuePairs.isEmpty, localCompletions.isEmpty { flush(into: &completions) }
  }

  private mutating func wakeUp() {
    isAsleep = false
    segment.store(0 as UInt32, Layout.sleeping)
    pollsToSockets = 0
  }

  private mutating func resumeHeld() {
    var index = heldQueuePairs.count - 1
    while index >= 0 {
      // A queue pair that is done with makes room for one that was visited already.
      if index < heldQueuePairs.count { resume(Int(heldQueuePairs[index])) }
      index -= 1
    }
  }

  // MARK: - What comes in

  /// Takes the marks that peers left on links.
  @inline(__always)
  mutating func collectReady() {
    if segment.load64(Layout.readySummary) != 0 { takeMarks() }
  }

  private mutating func takeMarks() {
    var summary = segment.take64(Layout.readySummary)
    while summary != 0 {
      let word = summary.trailingZeroBitCount
      summary &= summary - 1
      var bits = segment.take64(Layout.readyWords + word * 8)
      while bits != 0 {
        let link = word * 64 + bits.trailingZeroBitCount
        bits &= bits - 1
        guard link < links.count, links[link].block != 0 else { continue }
        startPolling(link)
        noteMessages(link)
      }
    }
  }

  mutating func startPolling(_ link: Int) {
    guard !links[link].isPolled else { return }
    links[link].isPolled = true
    links[link].idlePolls = 0
    polledLinks.reserve(polledLinks.count + 1)
    polledLinks.append(Int32(link))
  }

  mutating func noteMessages(_ link: Int) {
    guard !links[link].hasMessages else { return }
    links[link].hasMessages = true
    linksWithMessages.append(link)
  }

  @inline(__always)
  private func hasCompletion(_ link: Int) -> Bool {
    let position = links[link].completionPosition
    return segment.load32(completionCell(link, position)) == position &+ 1
  }

  @inline(__always)
  private func completionCell(_ link: Int, _ position: UInt32) -> Int {
    links[link].block + Layout.completions
      + Int(position & UInt32(Layout.completionCount - 1)) * Layout.completionStride
  }

  /// Takes what a link's peer completed, as much as there is room for, and decides whether to go on looking.
  @inline(__always)
  private mutating func drain(_ link: Int, into completions: inout OutputSpan<WorkCompletion>) {
    guard links[link].block != 0 else {
      links[link].isPolled = false
      return
    }
    let start = links[link].completionPosition
    while completions.freeCapacity > 0, hasCompletion(link) {
      let position = links[link].completionPosition
      let cell = segment.read(CompletionCell.self, completionCell(link, position))
      links[link].completionPosition = position &+ 1
      take(cell, from: link, into: &completions)
    }
    let block = links[link].block
    if links[link].completionPosition != start {
      segment.store(links[link].completionPosition, block + Layout.completionHead)
      links[link].idlePolls = 0
    } else if completions.freeCapacity > 0 {
      links[link].idlePolls += 1
      if links[link].idlePolls > Self.idlePollsMax
        || polledLinks.count >= Self.attentiveLinkCountMax
      {
        // From here on the peer marks the link; what came just before must be seen now.
        segment.exchange(1, block + Layout.armed)
        if !hasCompletion(link) {
          links[link].isPolled = false
          return
        }
        segment.exchange(0, block + Layout.armed)
        links[link].idlePolls = 0
      }
    }
    polledLinks.append(Int32(link))
  }

  @inline(__always)
  private mutating func take(
    _ cell: CompletionCell, from link: Int, into completions: inout OutputSpan<WorkCompletion>
  ) {
    let handle = Handle(raw: cell.queuePair)
    guard let slot = slot(of: handle), queuePairs[slot].link == Int32(link) else {
      // A queue pair that was closed meanwhile, or nonsense.
      return
    }
    if cell.kind == CompletionCell.Kind.refusedAccess {
      fail(slot)
      return
    }
    guard !queuePairs[slot].receives.isEmpty,
      cell.byteCount <= queuePairs[slot].receives.first.length
    else {
      counters.peerViolationCount += 1
      fail(slot)
      return
    }
    let posted = queuePairs[slot].receives.removeFirst()
    fetch(posted, cell.byteCount, slot)
    var status = CompletionStatus.success
    if cell.status != 0 {
      status = CompletionStatus(rawValue: cell.status) ?? .generalError
      fail(slot)
    }
    completions.append(
      WorkCompletion(
        id: posted.id, queuePair: QueuePairHandle(handle: handle), byteCount: cell.byteCount,
        status: status, operation: .receive))
  }

  /// Asks for the lines of a message all at once, and for those that the next receive is posted in.
  @inline(__always)
  private func fetch(_ posted: PostedReceive, _ byteCount: UInt32, _ slot: Int) {
    if segment.holds(UInt64(bitPattern: Int64(posted.offset)), UInt64(byteCount)) {
      for line in 0..<min(4, (Int(byteCount) + 63) / 64) {
        segment.prefetch(posted.offset + line * 64)
      }
    }
    let mask = UInt32(queuePairs[slot].receives.capacity - 1)
    segment.prefetchForWrite(
      queuePairs[slot].receiveRing
        + Int(queuePairs[slot].receiveTail & mask) * Layout.receiveStride)
    segment.prefetchForWrite(Layout.queuePair(slot) + Layout.receiveTail)
  }

  // MARK: - Errors and flushing

  /// Puts a queue pair into ERROR: whoever wants to write to it from now on is refused.
  mutating func fail(_ slot: Int) {
    guard queuePairs[slot].state != .error, queuePairs[slot].state != .free else { return }
    queuePairs[slot].state = .error
    let word = Layout.stateWord(generation: queuePairs[slot].handle.generation, isOpen: false)
    segment.exchange(word, Layout.queuePair(slot) + Layout.state)
    removeFromHeld(slot)
    addToFlush(slot)
  }

  mutating func addToFlush(_ slot: Int) {
    hasFreshFlush = true
    guard queuePairs[slot].flushIndex < 0 else { return }
    queuePairs[slot].flushIndex = Int32(flushingQueuePairs.count)
    flushingQueuePairs.append(Int32(slot))
  }

  private mutating func removeFromFlush(_ slot: Int) {
    let index = Int(queuePairs[slot].flushIndex)
    guard index >= 0 else { return }
    let last = flushingQueuePairs.count - 1
    let moved = flushingQueuePairs[last]
    flushingQueuePairs[index] = moved
    queuePairs[Int(moved)].flushIndex = Int32(index)
    flushingQueuePairs.removeLast()
    queuePairs[slot].flushIndex = -1
  }

  private mutating func flush(into completions: inout OutputSpan<WorkCompletion>) {
    hasFreshFlush = false
    var index = flushingQueuePairs.count - 1
    while index >= 0, completions.freeCapacity > 0 {
      if index < flushingQueuePairs.count {
        let slot = Int(flushingQueuePairs[index])
        if flush(slot, into: &completions) {
          removeFromFlush(slot)
          if connections[slot].isDestroyed { release(slot) }
        }
      }
      index -= 1
    }
    if index >= 0 { hasFreshFlush = true }
    if !stuckLinks.isEmpty { hangUpStuckLinks() }
  }

  /// After the flush's loop, since a hang-up may free queue pairs and makes others fail.
  private mutating func hangUpStuckLinks() {
    for link in stuckLinks {
      if links[link].state == .up {
        counters.peerViolationCount += 1
        leave(link)
      } else {
        hangUp(link)
      }
    }
    stuckLinks.removeAll()
  }

  /// Completes what was posted on a queue pair in ERROR; true when nothing is left of it.
  private mutating func flush(
    _ slot: Int, into completions: inout OutputSpan<WorkCompletion>
  ) -> Bool {
    let handle = QueuePairHandle(handle: queuePairs[slot].handle)
    while !queuePairs[slot].sends.isEmpty, completions.freeCapacity > 0 {
      let request = queuePairs[slot].sends.removeFirst()
      completions.append(
        WorkCompletion(
          id: request.id, queuePair: handle, byteCount: 0, status: .flushed,
          operation: request.operation))
    }
    guard isPeerOut(slot) else { return false }
    while !queuePairs[slot].receives.isEmpty, completions.freeCapacity > 0 {
      let posted = queuePairs[slot].receives.removeFirst()
      completions.append(
        WorkCompletion(
          id: posted.id, queuePair: handle, byteCount: 0, status: .flushed, operation: .receive))
    }
    return queuePairs[slot].receives.isEmpty && queuePairs[slot].sends.isEmpty
      && queuePairs[slot].unpolled == 0
  }

  /// Whether the peer writes no more to this queue pair, and all that it completed has been taken.
  private mutating func isPeerOut(_ slot: Int) -> Bool {
    let link = Int(queuePairs[slot].link)
    guard link >= 0, links[link].block != 0,
      connections[slot].isKnownToPeer || links[link].state == .leaving
    else { return true }
    if !queuePairs[slot].isPeerOut {
      if isPeerWriting(slot) {
        watchPeerWrite(slot)
        return false
      }
      queuePairs[slot].isPeerOut = true
      var end = links[link].completionPosition
      var count = 0
      while count < Layout.completionCount,
        segment.load32(completionCell(link, end)) == end &+ 1
      {
        end &+= 1
        count += 1
      }
      queuePairs[slot].flushAfter = end
      // The rest is taken in the polls to come, whoever marks the link.
      if count > 0 { startPolling(link) }
    }
    return Int32(bitPattern: links[link].completionPosition &- queuePairs[slot].flushAfter) >= 0
  }

  /// Whether a living peer says that it is writing to a queue pair, or through it to registered memory.
  func isPeerWriting(_ slot: Int) -> Bool {
    let link = Int(queuePairs[slot].link)
    guard link >= 0 else { return false }
    switch links[link].state {
    case .up, .leaving: return segment.load32(Layout.queuePair(slot) + Layout.busy) != 0
    case .free, .calling, .greeting, .dead: return false
    }
  }

  /// A write is in progress for as long as its sender says so. The sender gets a limited time for it, and the
  /// memory another one after that.
  private mutating func watchPeerWrite(_ slot: Int) {
    let now = clinux_monotonic_nanoseconds()
    if queuePairs[slot].peerOutDeadline == 0 {
      queuePairs[slot].peerOutDeadline = now &+ limits.peerWriteNanosecondsMax
    }
    let link = Int(queuePairs[slot].link)
    let isLeaving = links[link].state == .leaving
    let deadline =
      queuePairs[slot].peerOutDeadline &+ (isLeaving ? limits.peerThawNanosecondsMax : 0)
    if now >= deadline && !stuckLinks.contains(link) { stuckLinks.append(link) }
  }

  // MARK: - Sleeping

  public mutating func arm() -> Bool {
    segment.exchange(1, Layout.sleeping)
    isAsleep = true
    var isIdle =
      events.isEmpty && localCompletions.isEmpty && linksWithMessages.isEmpty && !hasFreshFlush
      && segment.load64(Layout.readySummary) == 0
    if isIdle {
      for _ in 0..<polledLinks.count {
        let link = polledLinks.removeFirst()
        polledLinks.append(link)
        if links[Int(link)].block != 0 && hasCompletion(Int(link)) { isIdle = false }
      }
    }
    if !isIdle { wakeUp() }
    return isIdle
  }

  public mutating func nextDeadline() -> UInt64? {
    var deadline = nextTimeout
    if !heldQueuePairs.isEmpty || !flushingQueuePairs.isEmpty || !callingLinks.isEmpty
      || !outbox.isEmpty || !refusals.isEmpty
    {
      deadline = min(deadline, clinux_monotonic_nanoseconds() &+ Self.holdPaceNanoseconds)
    }
    if listenersRestUntil != 0 { deadline = min(deadline, listenersRestUntil) }
    return deadline == .max ? nil : deadline
  }
}
