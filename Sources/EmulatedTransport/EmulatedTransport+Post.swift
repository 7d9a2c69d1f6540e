internal import BasicContainers
internal import CLinuxShims
internal import Glibc
public import RDMATransport
internal import Structures

/// How an attempt to carry out a send ended.
private enum Outcome {
  case done
  case held(HoldReason)
  case failed(CompletionStatus)
}

extension EmulatedTransport {
  /// The slot of a queue pair that is in use; nil for a handle of an earlier life.
  @inline(__always)
  func slot(of handle: Handle) -> Int? {
    let slot = handle.slot
    guard slot < queuePairs.count, queuePairs[slot].handle == handle,
      queuePairs[slot].state != .free
    else { return nil }
    return slot
  }

  // MARK: - Receives

  public mutating func post(receives: Span<ReceiveRequest>) -> PostResult {
    for index in 0..<receives.count {
      let request = receives[index]
      guard let slot = slot(of: request.queuePair.handle) else {
        return .stopped(accepted: index, queueFull: false, errno: EINVAL)
      }
      guard queuePairs[slot].receives.count < queuePairs[slot].receiveCapacity else {
        return .stopped(accepted: index, queueFull: true, errno: ENOMEM)
      }
      queuePairs[slot].receives.append(
        PostedReceive(
          id: request.id, length: request.segment.length,
          offset: Int(truncatingIfNeeded: request.segment.address &- segment.address)))
      if queuePairs[slot].state == .error {
        addToFlush(slot)
        continue
      }
      let tail = queuePairs[slot].receiveTail
      let capacity = UInt32(queuePairs[slot].receives.capacity)
      let cell =
        queuePairs[slot].receiveRing + Int(tail & (capacity - 1)) * Layout.receiveStride
      let offset = localOffset(request.segment, access: .localWrite)
      segment.write(UInt64(offset ?? 0), cell)
      segment.write(request.segment.length, cell + Layout.receiveLength)
      // A key that does not cover the buffer is found when a message comes, as by a device.
      segment.write(UInt32(offset == nil ? 1 : 0), cell + Layout.receiveFlags)
      queuePairs[slot].receiveTail = tail &+ 1
      segment.store(tail &+ 1, Layout.queuePair(slot) + Layout.receiveTail)
    }
    return .posted
  }

  // MARK: - Sends

  public mutating func post(sends: Span<SendRequest>) -> PostResult {
    var current = -1
    var isOpen = false
    var result = PostResult.posted
    for index in 0..<sends.count {
      let handle = sends[index].queuePair.handle
      if current < 0 || queuePairs[current].handle != handle {
        if isOpen { endRun(current) }
        isOpen = false
        current = -1
        guard let slot = slot(of: handle), queuePairs[slot].state != .ready else {
          result = .stopped(accepted: index, queueFull: false, errno: EINVAL)
          break
        }
        current = slot
        isOpen = beginRun(slot)
      }
      if sends[index].segmentCount > 2 || sends[index].operation == .receive
        || (sends[index].isInline && sends[index].segments.0.length > 0)
        || (sends[index].operation == .rdmaRead && queuePairs[current].initiatorDepth == 0)
      {
        result = .stopped(accepted: index, queueFull: false, errno: EINVAL)
        break
      }
      guard accept(sends[index], on: current) else {
        result = .stopped(accepted: index, queueFull: true, errno: ENOMEM)
        break
      }
    }
    if isOpen { endRun(current) }
    return result
  }

  /// Carries a send out, or keeps it; false when the queue is full.
  @inline(__always)
  private mutating func accept(_ request: SendRequest, on slot: Int) -> Bool {
    let waiting = queuePairs[slot].sends.count
    guard waiting + queuePairs[slot].unpolled < queuePairs[slot].sendCapacity else { return false }
    guard queuePairs[slot].state == .connected, waiting == 0 else {
      queuePairs[slot].sends.append(request)
      if queuePairs[slot].state == .error { addToFlush(slot) }
      return true
    }
    switch carryOut(request, on: slot) {
    case .done:
      if request.isSignaled { complete(request, on: slot, .success) }
    case .held(let reason):
      queuePairs[slot].sends.append(request)
      hold(slot, for: reason)
    case .failed(let status):
      complete(request, on: slot, status)
      fail(slot)
    }
    return true
  }

  @inline(__always)
  private mutating func complete(
    _ request: SendRequest, on slot: Int, _ status: CompletionStatus
  ) {
    queuePairs[slot].unpolled += 1
    localCompletions.append(
      WorkCompletion(
        id: request.id, queuePair: request.queuePair, byteCount: 0, status: status,
        operation: request.operation))
  }

  /// Tells the peer that we may be writing, before we look whether we may; false when we may not for sure.
  @inline(__always)
  private func beginRun(_ slot: Int) -> Bool {
    guard queuePairs[slot].state == .connected else { return false }
    links[Int(queuePairs[slot].link)].peer.exchange(1, queuePairs[slot].remote + Layout.busy)
    return true
  }

  /// Tells the peer that we are out, and that there is something for it if it does not look.
  @inline(__always)
  private mutating func endRun(_ slot: Int) {
    let link = Int(queuePairs[slot].link)
    links[link].peer.exchange(0, queuePairs[slot].remote + Layout.busy)
    notify(link)
    fetchNext(slot, link)
  }

  /// Asks for the lines that the next send will write: the peer read them last, and to fetch them then would cost
  /// that send as much as the rest of it.
  @inline(__always)
  private mutating func fetchNext(_ slot: Int, _ link: Int) {
    let peer = links[link].peer
    peer.prefetchForWrite(completionCellAtPeer(link))
    if queuePairs[slot].remoteHead == queuePairs[slot].remoteTail {
      queuePairs[slot].remoteTail = peer.load32(
        queuePairs[slot].remote + Layout.receiveTail)
      if queuePairs[slot].remoteHead == queuePairs[slot].remoteTail { return }
    }
    let cell = receiveCellAtPeer(slot)
    let offset = peer.read(UInt64.self, cell)
    guard peer.holds(offset, 192) else { return }
    let sink = Int(truncatingIfNeeded: offset)
    for line in 0..<3 { peer.prefetchForWrite(sink + line * 64) }
  }

  /// Where the next completion goes.
  @inline(__always)
  private func completionCellAtPeer(_ link: Int) -> Int {
    links[link].peerBlock + Layout.completions
      + Int(links[link].outPosition & UInt32(Layout.completionCount - 1))
      * Layout.completionStride
  }

  /// The receive that the next send takes.
  @inline(__always)
  private func receiveCellAtPeer(_ slot: Int) -> Int {
    queuePairs[slot].remoteRing
      + Int(queuePairs[slot].remoteHead & queuePairs[slot].remoteMask) * Layout.receiveStride
  }

  /// Marks this link at the peer if it stopped looking, and wakes it if it sleeps. What was
  /// written before must be ordered before this by an exchange.
  @inline(__always)
  mutating func notify(_ link: Int) {
    let peer = links[link].peer
    let armed = links[link].peerBlock + Layout.armed
    if peer.load32(armed) != 0 && peer.exchange(0, armed) != 0 { markReady(link) }
    if peer.load32(Layout.sleeping) != 0 && peer.exchange(0, Layout.sleeping) != 0 {
      counters.bellCount += 1
      clinux_eventfd_ring(links[link].bell)
    }
  }

  func markReady(_ link: Int) {
    links[link].peer.or(links[link].peerBit, Layout.readyWords + links[link].peerWord * 8)
    links[link].peer.or(links[link].peerSummary, Layout.readySummary)
  }

  // MARK: - What a device does

  @inline(__always)
  private mutating func carryOut(_ request: SendRequest, on slot: Int) -> Outcome {
    let link = Int(queuePairs[slot].link)
    let peer = links[link].peer
    guard
      peer.load32(queuePairs[slot].remote + Layout.state) == queuePairs[slot].remoteState
    else { return .held(.peer) }
    guard hasRoomAtPeer(link) else { return .held(.room) }
    if request.operation == .send { return send(request, on: slot, link: link) }
    return access(request, on: slot, link: link)
  }

  @inline(__always)
  private mutating func hasRoomAtPeer(_ link: Int) -> Bool {
    let used = links[link].outPosition &- links[link].outHead
    if used < UInt32(Layout.completionCount) { return true }
    links[link].outHead = links[link].peer.load32(
      links[link].peerBlock + Layout.completionHead)
    return links[link].outPosition &- links[link].outHead < UInt32(Layout.completionCount)
  }

  /// The offsets of both segments in our memory; nil when a key does not cover one.
  @inline(__always)
  private func gather(
    _ request: SendRequest, access: MemoryAccess
  ) -> (first: Int, second: Int, firstCount: Int, secondCount: Int)? {
    var result = (first: 0, second: 0, firstCount: 0, secondCount: 0)
    if request.segmentCount > 0 && request.segments.0.length > 0 {
      guard let offset = localOffset(request.segments.0, access: access) else { return nil }
      result.first = offset
      result.firstCount = Int(request.segments.0.length)
    }
    if request.segmentCount > 1 && request.segments.1.length > 0 {
      guard let offset = localOffset(request.segments.1, access: access) else { return nil }
      result.second = offset
      result.secondCount = Int(request.segments.1.length)
    }
    return result
  }

  @inline(__always)
  private mutating func send(
    _ request: SendRequest, on slot: Int, link: Int
  ) -> Outcome {
    let peer = links[link].peer
    if queuePairs[slot].remoteHead == queuePairs[slot].remoteTail {
      queuePairs[slot].remoteTail = peer.load32(
        queuePairs[slot].remote + Layout.receiveTail)
    }
    let posted = queuePairs[slot].remoteTail &- queuePairs[slot].remoteHead
    guard posted != 0, posted <= queuePairs[slot].remoteMask &+ 1 else { return .held(.receive) }
    guard let pieces = gather(request, access: []) else { return .failed(.localProtectionError) }
    let head = queuePairs[slot].remoteHead
    let cell = receiveCellAtPeer(slot)
    let offset = peer.read(UInt64.self, cell)
    let length = peer.read(UInt32.self, cell + Layout.receiveLength)
    let isRefused = peer.read(UInt32.self, cell + Layout.receiveFlags) != 0
    guard peer.holds(offset, UInt64(length)) else {
      counters.peerViolationCount += 1
      return .failed(.remoteOperationError)
    }
    queuePairs[slot].remoteHead = head &+ 1
    let total = pieces.firstCount + pieces.secondCount
    if isRefused || total > Int(length) {
      writeCompletion(
        slot, link: link, byteCount: 0,
        status: isRefused ? .localProtectionError : .localLengthError)
      return .failed(isRefused ? .remoteOperationError : .remoteInvalidRequest)
    }
    let sink = Int(truncatingIfNeeded: offset)
    if pieces.firstCount > 0 {
      peer.copy(from: segment, pieces.first, to: sink, pieces.firstCount)
    }
    if pieces.secondCount > 0 {
      peer.copy(from: segment, pieces.second, to: sink + pieces.firstCount, pieces.secondCount)
    }
    writeCompletion(slot, link: link, byteCount: UInt32(total), status: .success)
    return .done
  }

  /// Appends to the ring of the peer's completions; there must be room.
  @inline(__always)
  private mutating func writeCompletion(
    _ slot: Int, link: Int, byteCount: UInt32, status: CompletionStatus,
    kind: UInt8 = CompletionCell.Kind.received
  ) {
    let position = links[link].outPosition
    let cell = completionCellAtPeer(link)
    let peer = links[link].peer
    peer.write(queuePairs[slot].remoteHandle.raw, cell + 4)
    peer.write(byteCount, cell + 8)
    peer.write(UInt32(status.rawValue) | UInt32(kind) << 8, cell + 12)
    peer.store(position &+ 1, cell)
    links[link].outPosition = position &+ 1
  }

  /// An RDMA WRITE or READ: keys, bounds and rights are the owner's, as its shared table has them.
  private mutating func access(
    _ request: SendRequest, on slot: Int, link: Int
  ) -> Outcome {
    let isRead = request.operation == .rdmaRead
    guard let pieces = gather(request, access: isRead ? .localWrite : []) else {
      return .failed(isRead ? .localAccessError : .localProtectionError)
    }
    let peer = links[link].peer
    let total = pieces.firstCount + pieces.secondCount
    if total == 0 { return .done }
    let entry = Layout.key(Int(request.remoteKey & 1023))
    let start = peer.load64(entry + Layout.keyOffset)
    let length = peer.load64(entry + Layout.keyLength)
    let right = isRead ? MemoryAccess.remoteRead : MemoryAccess.remoteWrite
    let rights = MemoryAccess(
      rawValue: UInt8(truncatingIfNeeded: peer.load32(entry + Layout.keyAccess)))
    let offset = request.remoteAddress &- links[link].peerSegmentAddress
    guard request.remoteKey != 0, peer.load32(entry + Layout.keyValue) == request.remoteKey,
      rights.contains(right), offset >= start, offset &- start <= length,
      UInt64(total) <= length &- (offset &- start), peer.holds(offset, UInt64(total))
    else { return refuse(slot, link: link, .remoteAccessError) }
    let place = Int(truncatingIfNeeded: offset)
    if isRead {
      segment.copy(from: peer, place, to: pieces.first, pieces.firstCount)
      segment.copy(from: peer, place + pieces.firstCount, to: pieces.second, pieces.secondCount)
    } else {
      peer.copy(from: segment, pieces.first, to: place, pieces.firstCount)
      peer.copy(from: segment, pieces.second, to: place + pieces.firstCount, pieces.secondCount)
    }
    return .done
  }

  /// A refused access ends both queue pairs; the peer's hears of it in the order of what was sent.
  private mutating func refuse(
    _ slot: Int, link: Int, _ status: CompletionStatus
  ) -> Outcome {
    writeCompletion(
      slot, link: link, byteCount: 0, status: .generalError,
      kind: CompletionCell.Kind.refusedAccess)
    return .failed(status)
  }

  // MARK: - Holding

  /// The pace at which held sends are tried while nothing else calls for a turn.
  static var holdPaceNanoseconds: UInt64 { 200_000 }
  /// One RNR retry: the timer that a device's receiver asks for (IB code 24).
  static var receiverNotReadyNanoseconds: UInt64 { 40_960_000 }
  /// One retry of an unacknowledged packet: 4.096 µs · 2¹⁴, as a device's timeout of 14.
  static var retryNanoseconds: UInt64 { 67_108_864 }

  private mutating func hold(_ slot: Int, for reason: HoldReason) {
    if queuePairs[slot].heldIndex < 0 {
      queuePairs[slot].heldIndex = Int32(heldQueuePairs.count)
      heldQueuePairs.append(Int32(slot))
    }
    guard queuePairs[slot].holdReason != reason else { return }
    queuePairs[slot].holdReason = reason
    queuePairs[slot].holdDeadline = 0
    if reason == .receive { counters.receiverNotReadyCount += 1 }
    if let patience = patience(slot, for: reason) {
      queuePairs[slot].holdDeadline = clinux_monotonic_nanoseconds() &+ patience
    }
  }

  private func patience(_ slot: Int, for reason: HoldReason) -> UInt64? {
    switch reason {
    case .none, .room: return nil
    case .receive:
      let count = UInt64(queuePairs[slot].receiverNotReadyRetryCount)
      // 7 means without end; 0 fails at once, which is the next poll.
      return count >= 7 ? nil : count * Self.receiverNotReadyNanoseconds
    case .peer: return UInt64(queuePairs[slot].retryCount + 1) * Self.retryNanoseconds
    }
  }

  func isHeld(_ slot: Int) -> Bool { queuePairs[slot].heldIndex >= 0 }

  mutating func removeFromHeld(_ slot: Int) {
    let index = Int(queuePairs[slot].heldIndex)
    guard index >= 0 else { return }
    let last = heldQueuePairs.count - 1
    let moved = heldQueuePairs[last]
    heldQueuePairs[index] = moved
    queuePairs[Int(moved)].heldIndex = Int32(index)
    heldQueuePairs.removeLast()
    queuePairs[slot].heldIndex = -1
    queuePairs[slot].holdReason = .none
    queuePairs[slot].holdDeadline = 0
  }

  /// Goes on with the sends of a queue pair that wait; for a connection that is established just now too.
  mutating func resume(_ slot: Int) {
    guard queuePairs[slot].state == .connected, !queuePairs[slot].sends.isEmpty else {
      removeFromHeld(slot)
      return
    }
    guard beginRun(slot) else { return }
    while queuePairs[slot].state == .connected, !queuePairs[slot].sends.isEmpty {
      let request = queuePairs[slot].sends.first
      switch carryOut(request, on: slot) {
      case .done:
        _ = queuePairs[slot].sends.removeFirst()
        if request.isSignaled { complete(request, on: slot, .success) }
        queuePairs[slot].holdReason = .none
        continue
      case .failed(let status):
        _ = queuePairs[slot].sends.removeFirst()
        complete(request, on: slot, status)
        fail(slot)
      case .held(let reason):
        hold(slot, for: reason)
        if isPatienceOver(slot) {
          _ = queuePairs[slot].sends.removeFirst()
          complete(
            request, on: slot,
            reason == .receive ? .receiverNotReadyRetryExceeded : .retryExceeded)
          fail(slot)
        }
      }
      break
    }
    endRun(slot)
    if queuePairs[slot].sends.isEmpty { removeFromHeld(slot) }
  }

  private func isPatienceOver(_ slot: Int) -> Bool {
    let deadline = queuePairs[slot].holdDeadline
    return deadline != 0 && clinux_monotonic_nanoseconds() >= deadline
  }
}
