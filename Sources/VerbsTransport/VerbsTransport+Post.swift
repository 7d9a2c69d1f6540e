#if Verbs
internal import BasicContainers
internal import CRDMA
internal import Glibc
public import RDMATransport
internal import Structures

extension VerbsTransport {
  /// The slot of a live queue pair; nil for a stale handle.
  func slotIndex(_ handle: QueuePairHandle) -> Int? {
    let index = handle.handle.slot
    guard index < slots.count, slots[index].raw == handle.handle.raw else { return nil }
    return index
  }

  public mutating func post(sends requests: Span<SendRequest>) -> PostResult {
    var done = 0
    while done < requests.count {
      let handle = requests[done].queuePair
      guard let slot = slotIndex(handle) else {
        return .stopped(accepted: done, queueFull: false, errno: EINVAL)
      }
      guard slots[slot].phase == .established || slots[slot].phase == .failed else {
        return .stopped(accepted: done, queueFull: false, errno: EINVAL)
      }
      var chained = 0
      var refusal: PostResult?
      while chained < Limits.batchCount, done + chained < requests.count,
        requests[done + chained].queuePair == handle
      {
        refusal = chain(requests[done + chained], at: chained, slot: slot, index: done + chained)
        if refusal != nil { break }
        chained += 1
      }
      if chained > 0 {
        let (accepted, reason) = ring(slot, count: chained)
        done += accepted
        if accepted < chained {
          return .stopped(accepted: done, queueFull: reason == ENOMEM, errno: reason)
        }
      }
      if let refusal { return refusal }
    }
    return .posted
  }

  /// Writes one request into the chain; says why it cannot be posted, if so.
  private mutating func chain(_ request: SendRequest, at place: Int, slot: Int, index: Int)
    -> PostResult?
  {
    if slots[slot].sends.isFull {
      return .stopped(accepted: index, queueFull: true, errno: ENOMEM)
    }
    var flags: UInt32 = request.isSignaled ? IBV_SEND_SIGNALED.rawValue : 0
    if request.isInline {
      let byteCount =
        (request.segmentCount > 0 ? Int(request.segments.0.length) : 0)
        + (request.segmentCount > 1 ? Int(request.segments.1.length) : 0)
      guard byteCount <= Int(slots[slot].inlineByteCount), request.operation != .rdmaRead else {
        return .stopped(accepted: index, queueFull: false, errno: EINVAL)
      }
      flags |= IBV_SEND_INLINE.rawValue
    }
    let operation: ibv_wr_opcode
    switch request.operation {
    case .send: operation = IBV_WR_SEND
    case .rdmaWrite: operation = IBV_WR_RDMA_WRITE
    case .rdmaRead where slots[slot].initiatorDepth > 0: operation = IBV_WR_RDMA_READ
    case .rdmaRead, .receive: return .stopped(accepted: index, queueFull: false, errno: EINVAL)
    }
    guard request.segmentCount <= slots[slot].sendSegments else {
      return .stopped(accepted: index, queueFull: false, errno: EINVAL)
    }
    let id = WorkID(
      handle: slots[slot].raw, isReceive: false, place: slots[slot].sends.nextPlace)
    slots[slot].sends.append(request.id)
    // SAFETY: `place` is below the batch count, and each request has two segments of its own.
    let raw = unsafe requests.sends + place
    unsafe raw.pointee.wr_id = id.raw
    unsafe raw.pointee.num_sge = Int32(request.segmentCount)
    unsafe raw.pointee.opcode = operation
    unsafe raw.pointee.send_flags = flags
    unsafe raw.pointee.wr.rdma.remote_addr = request.remoteAddress
    unsafe raw.pointee.wr.rdma.rkey = request.remoteKey
    let segments = unsafe requests.segments + 2 * place
    unsafe segments.pointee = Self.raw(request.segments.0)
    unsafe (segments + 1).pointee = Self.raw(request.segments.1)
    return nil
  }

  static func raw(_ segment: Segment) -> ibv_sge {
    ibv_sge(addr: segment.address, length: segment.length, lkey: segment.localKey)
  }

  /// Posts the chain; how many requests the device took, and why not the next.
  private mutating func ring(_ slot: Int, count: Int) -> (accepted: Int, errno: Int32) {
    guard let pair = unsafe slots[slot].pair else { return (0, EINVAL) }
    var bad: UnsafeMutablePointer<ibv_send_wr>?
    // SAFETY: the slot's queue pair lives until we answer `drained`. The chain is cut behind its last request
    // for the call and mended after it.
    let last = unsafe requests.sends + (count - 1)
    let next = unsafe last.pointee.next
    unsafe last.pointee.next = nil
    let result = unsafe ibv_post_send(pair, requests.sends, &bad)
    unsafe last.pointee.next = next
    if result == 0 { return (count, 0) }
    let accepted = unsafe bad.map { unsafe $0 - requests.sends } ?? 0
    slots[slot].sends.takeBack(UInt32(count - accepted))
    return (accepted, result == -1 ? Glibc.errno : abs(result))
  }

  public mutating func post(receives requests: Span<ReceiveRequest>) -> PostResult {
    var done = 0
    while done < requests.count {
      let handle = requests[done].queuePair
      guard let slot = slotIndex(handle) else {
        return .stopped(accepted: done, queueFull: false, errno: EINVAL)
      }
      switch slots[slot].phase {
      case .ready, .established, .failed: break
      case .free, .draining, .purging, .drained:
        return .stopped(accepted: done, queueFull: false, errno: EINVAL)
      }
      var chained = 0
      var isFull = false
      while chained < Limits.batchCount, done + chained < requests.count,
        requests[done + chained].queuePair == handle
      {
        isFull = slots[slot].receives.isFull
        if isFull { break }
        chain(requests[done + chained], at: chained, slot: slot)
        chained += 1
      }
      if chained > 0 {
        let (accepted, reason) = fill(slot, count: chained)
        done += accepted
        if accepted < chained {
          return .stopped(accepted: done, queueFull: reason == ENOMEM, errno: reason)
        }
        if slots[slot].phase == .failed {
          send(.flush(handle))
          device.wakeThread()
        }
      }
      if isFull { return .stopped(accepted: done, queueFull: true, errno: ENOMEM) }
    }
    return .posted
  }

  private mutating func chain(_ request: ReceiveRequest, at place: Int, slot: Int) {
    let id = WorkID(
      handle: slots[slot].raw, isReceive: true, place: slots[slot].receives.nextPlace)
    slots[slot].receives.append(request.id)
    // SAFETY: `place` is below the batch count.
    let raw = unsafe requests.receives + place
    unsafe raw.pointee.wr_id = id.raw
    unsafe (requests.segments + 2 * place).pointee = Self.raw(request.segment)
  }

  private mutating func fill(_ slot: Int, count: Int) -> (accepted: Int, errno: Int32) {
    guard let pair = unsafe slots[slot].pair else { return (0, EINVAL) }
    var bad: UnsafeMutablePointer<ibv_recv_wr>?
    // SAFETY: as in `ring`.
    let last = unsafe requests.receives + (count - 1)
    let next = unsafe last.pointee.next
    unsafe last.pointee.next = nil
    let result = unsafe ibv_post_recv(pair, requests.receives, &bad)
    unsafe last.pointee.next = next
    if result == 0 { return (count, 0) }
    let accepted = unsafe bad.map { unsafe $0 - requests.receives } ?? 0
    slots[slot].receives.takeBack(UInt32(count - accepted))
    return (accepted, result == -1 ? Glibc.errno : abs(result))
  }

  /// Posts the send behind which nothing is in flight on a queue pair in ERROR.
  mutating func postMarker(_ slot: Int) {
    let place = slots[slot].sends.nextPlace
    // SAFETY: as in `chain` and `ring`; a send without segments reads no memory.
    let raw = unsafe requests.sends
    unsafe raw.pointee.wr_id =
      WorkID(handle: slots[slot].raw, isReceive: false, place: place).raw
    unsafe raw.pointee.num_sge = 0
    unsafe raw.pointee.opcode = IBV_WR_SEND
    unsafe raw.pointee.send_flags = IBV_SEND_SIGNALED.rawValue
    slots[slot].sends.append(0)
    slots[slot].marker = place
    // When it is refused, the deadline of the drain ends it.
    if ring(slot, count: 1).accepted == 0 { slots[slot].marker = nil }
  }
}
#endif
