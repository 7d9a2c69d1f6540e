internal import RDMATransport

/// What is done to a request at the peer, and what comes of it.
extension SimulatedFabric {
  /// Puts on the wire what has not been.
  func transmit(_ queuePair: SimulatedQueuePair) {
    guard queuePair.state == .readyToSend, !queuePair.isStalled else { return }
    while let index = queuePair.index(of: queuePair.nextSequence) {
      let request = queuePair.sends[index].request
      let size = UInt64(request.operation == .rdmaRead ? 0 : request.byteCount) + 64
      let host = queuePair.host
      let departure =
        max(now, host.egressFreeAt) + size / max(1, model.bytesPerMicrosecond) * 1000
        + size % max(1, model.bytesPerMicrosecond) * 1000 / max(1, model.bytesPerMicrosecond)
      host.egressFreeAt = departure
      let arrival = max(
        departure + model.latency + draw(upTo: model.jitter), queuePair.lastArrival)
      queuePair.lastArrival = arrival
      heap.add(
        .arrive(queuePair, sequence: queuePair.nextSequence, epoch: queuePair.epoch), at: arrival)
      queuePair.nextSequence += 1
    }
  }

  func arrive(_ queuePair: SimulatedQueuePair, sequence: UInt64, epoch: UInt32) {
    guard queuePair.epoch == epoch, queuePair.state == .readyToSend, !queuePair.isStalled,
      let index = queuePair.index(of: sequence)
    else { return }
    guard let responder = queuePair.peer, responder.takesMessages,
      reaches(queuePair.connection.localAddress, queuePair.connection.remoteAddress),
      !chance(perMille: model.packetLossPerMille)
    else { return lose(queuePair, sequence: sequence) }
    let pending = queuePair.sends[index]
    trace.event(
      7, UInt64(queuePair.number), sequence,
      UInt64(pending.request.operation.rawValue) << 32 | UInt64(pending.request.byteCount))
    guard sequence >= responder.expectedSequence || pending.request.operation == .rdmaRead else {
      // Done before, and its acknowledgement was lost.
      return answer(queuePair, sequence, .success)
    }
    guard sequence <= responder.expectedSequence else { return }
    switch pending.request.operation {
    case .send: receive(pending, sequence: sequence, from: queuePair, at: responder)
    case .rdmaWrite: write(pending, sequence: sequence, from: queuePair, at: responder)
    case .rdmaRead: read(index: index, sequence: sequence, from: queuePair, at: responder)
    case .receive: break
    }
  }

  // MARK: - The three operations

  private func receive(
    _ pending: SimulatedQueuePair.Pending, sequence: UInt64, from queuePair: SimulatedQueuePair,
    at responder: SimulatedQueuePair
  ) {
    guard let bytes = content(of: pending, sequence: sequence, on: queuePair) else { return }
    guard let receive = responder.receives.first, !chance(perMille: model.falseNotReadyPerMille)
    else {
      if responder.receives.isEmpty { observer?.receiverWasNotReady(responder) }
      return notReady(queuePair)
    }
    queuePair.notReadyRetries = 0
    guard bytes.count <= Int(receive.segment.length) else {
      responder.completeFirstReceive(.localLengthError, byteCount: 0)
      return refuse(.remoteInvalidRequest, sequence, from: responder, to: queuePair)
    }
    guard deliver(bytes, sequence: sequence, in: receive, at: responder) else {
      responder.completeFirstReceive(.localProtectionError, byteCount: 0)
      return refuse(.remoteOperationError, sequence, from: responder, to: queuePair)
    }
    answer(queuePair, sequence, .success)
  }

  /// Puts a message into the receive it takes; false when that is not the responder's memory.
  func deliver(
    _ bytes: [UInt8], sequence: UInt64, in receive: ReceiveRequest,
    at responder: SimulatedQueuePair
  ) -> Bool {
    let delivered = sabotage.tamper(bytes)
    guard
      responder.host.memory.scatter(
        delivered, key: receive.segment.localKey, address: receive.segment.address,
        needs: .localWrite)
    else { return false }
    mixContent(delivered)
    responder.expectedSequence = sequence + 1
    observer?.delivered(bytes: delivered, on: responder)
    responder.completeFirstReceive(.success, byteCount: bytes.count)
    if sabotage.duplicates(delivered), let again = responder.receives.first {
      _ = responder.host.memory.scatter(
        delivered, key: again.segment.localKey, address: again.segment.address,
        needs: .localWrite)
      observer?.delivered(bytes: delivered, on: responder)
      responder.completeFirstReceive(.success, byteCount: bytes.count)
    }
    responder.connection.messageArrived()
    return true
  }

  private func write(
    _ pending: SimulatedQueuePair.Pending, sequence: UInt64, from queuePair: SimulatedQueuePair,
    at responder: SimulatedQueuePair
  ) {
    guard let bytes = content(of: pending, sequence: sequence, on: queuePair) else { return }
    let request = pending.request
    guard
      responder.host.memory.allowsRemote(
        key: request.remoteKey, address: request.remoteAddress, byteCount: bytes.count,
        needs: .remoteWrite)
    else { return refuse(.remoteAccessError, sequence, from: responder, to: queuePair) }
    responder.expectedSequence = sequence + 1
    let late = LateWrite(
      host: responder.host, key: request.remoteKey, address: request.remoteAddress, bytes: bytes)
    if sabotage.delaysWrite(byteCount: bytes.count) {
      heap.add(.lateWrite(late), at: now + 50_000_000)
    } else {
      perform(lateWrite: late)
    }
    observer?.written(byteCount: bytes.count, on: responder)
    answer(queuePair, sequence, .success)
  }

  func perform(lateWrite write: LateWrite) {
    guard write.host.life != .closed else { return }
    _ = write.host.memory.scatter(
      write.bytes, key: write.key, address: write.address, needs: .remoteWrite)
  }

  private func read(
    index: Int, sequence: UInt64, from queuePair: SimulatedQueuePair,
    at responder: SimulatedQueuePair
  ) {
    let request = queuePair.sends[index].request
    guard responder.attributes.responderResources > 0 else {
      return refuse(.remoteInvalidRequest, sequence, from: responder, to: queuePair)
    }
    let segment = Segment(
      address: request.remoteAddress, length: UInt32(request.byteCount),
      localKey: request.remoteKey & 0x7FFF_FFFF)
    guard
      responder.host.memory.allowsRemote(
        key: request.remoteKey, address: request.remoteAddress, byteCount: request.byteCount,
        needs: .remoteRead),
      let bytes = responder.host.memory.gather([segment])
    else { return refuse(.remoteAccessError, sequence, from: responder, to: queuePair) }
    responder.expectedSequence = max(responder.expectedSequence, sequence + 1)
    queuePair.sends[index].response = bytes
    answer(queuePair, sequence, .success)
  }

  /// What a request carries now; nil when its memory is not the requester's, which ends the queue pair.
  private func content(
    of pending: SimulatedQueuePair.Pending, sequence: UInt64, on queuePair: SimulatedQueuePair
  ) -> [UInt8]? {
    if pending.request.isInline, let snapshot = pending.snapshot { return snapshot }
    guard let bytes = queuePair.host.memory.gather(pending.request.usedSegments) else {
      // What was sent before completes first: the error stands where the request stands.
      queuePair.failWhenFirst(sequence, fabric: self)
      return nil
    }
    if let snapshot = pending.snapshot, snapshot != bytes {
      observer?.changedWhilePosted(pending.request, on: queuePair)
    }
    return bytes
  }

  /// Of a message as long as envelopes are: addresses of this process lie further on.
  private func mixContent(_ bytes: [UInt8]) {
    var word: UInt64 = 0
    for index in 0..<min(64, bytes.count) {
      word = word << 8 | UInt64(bytes[index])
      if index & 7 == 7 {
        trace.mix(word)
        word = 0
      }
    }
    trace.mix(word)
  }

  // MARK: - Acknowledgement and loss

  private func answer(
    _ queuePair: SimulatedQueuePair, _ sequence: UInt64, _ status: CompletionStatus
  ) {
    let time = max(
      now + model.latency + draw(upTo: model.jitter), queuePair.lastAcknowledge)
    queuePair.lastAcknowledge = time
    heap.add(.acknowledge(queuePair, sequence: sequence, status: status), at: time)
  }

  /// Says no to a request: both queue pairs are of no more use.
  private func refuse(
    _ status: CompletionStatus, _ sequence: UInt64, from responder: SimulatedQueuePair,
    to queuePair: SimulatedQueuePair
  ) {
    answer(queuePair, sequence, status)
    responder.enterError()
  }

  func acknowledge(
    _ queuePair: SimulatedQueuePair, through sequence: UInt64, status: CompletionStatus
  ) {
    guard queuePair.state == .readyToSend else { return }
    guard reaches(queuePair.connection.remoteAddress, queuePair.connection.localAddress) else {
      return lose(queuePair, sequence: sequence)
    }
    while queuePair.firstSequence <= sequence, let first = queuePair.sends.first {
      if queuePair.firstSequence == sequence && status != .success { return queuePair.fail(status) }
      if first.request.operation == .rdmaRead {
        guard let response = first.response else { return }
        guard store(response, in: first.request, of: queuePair.host) else {
          return queuePair.fail(.localProtectionError)
        }
      }
      queuePair.retries = 0
      queuePair.completeFirstSend(.success)
    }
  }

  private func store(_ bytes: [UInt8], in request: SendRequest, of host: SimulatedHost) -> Bool {
    var offset = 0
    for segment in request.usedSegments {
      let part = Array(bytes[offset..<offset + Int(segment.length)])
      guard
        host.memory.scatter(
          part, key: segment.localKey, address: segment.address, needs: .localWrite)
      else { return false }
      offset += part.count
    }
    return true
  }

  private func lose(_ queuePair: SimulatedQueuePair, sequence: UInt64) {
    heap.add(
      .lost(queuePair, sequence: sequence, epoch: queuePair.epoch),
      at: now + model.acknowledgeTimeout)
  }

  /// The timer of a lost packet: sends again from the oldest request, or gives up.
  func resendLost(_ queuePair: SimulatedQueuePair, sequence: UInt64, epoch: UInt32) {
    guard queuePair.epoch == epoch, queuePair.state == .readyToSend,
      queuePair.firstSequence <= sequence
    else { return }
    queuePair.retries += 1
    guard queuePair.retries <= queuePair.retryCount else {
      trace.event(8, UInt64(queuePair.number), sequence, 0)
      return queuePair.fail(.retryExceeded)
    }
    queuePair.epoch &+= 1
    queuePair.isStalled = false
    queuePair.nextSequence = queuePair.firstSequence
    transmit(queuePair)
  }

  /// The peer has no receive posted: everything from this request on is sent again later.
  private func notReady(_ queuePair: SimulatedQueuePair) {
    queuePair.epoch &+= 1
    queuePair.isStalled = true
    queuePair.notReadyRetries += 1
    let limit = queuePair.notReadyRetryCount
    // 7 means without end.
    if limit != 7 && queuePair.notReadyRetries > limit {
      heap.add(
        .fail(queuePair, epoch: queuePair.epoch, status: .receiverNotReadyRetryExceeded),
        at: max(now + model.latency, queuePair.lastAcknowledge))
      return
    }
    queuePair.nextSequence = queuePair.firstSequence
    heap.add(
      .retransmit(queuePair, epoch: queuePair.epoch),
      at: max(now + model.latency + model.receiverNotReadyTimer, queuePair.lastAcknowledge))
  }
}

extension SimulatedQueuePair {
  /// A request cannot be carried out at this end: it fails once all before it are done.
  func failWhenFirst(_ sequence: UInt64, fabric: SimulatedFabric) {
    if firstSequence == sequence { return fail(.localProtectionError) }
    isStalled = true
    epoch &+= 1
    nextSequence = firstSequence
    fabric.heap.add(.retransmit(self, epoch: epoch), at: max(fabric.now, lastAcknowledge))
  }
}
