internal import RDMATransport

/// A SEND or WRITE that was on the wire when its queue pair went: it may still arrive, and nobody hears whether.
struct StrayPacket {
  var responder: SimulatedQueuePair
  var sequence: UInt64
  var request: SendRequest
  var bytes: [UInt8]
}

extension SimulatedFabric {
  /// What a queue pair has sent and not had acknowledged stays on the wire when it goes: of a last stretch of
  /// it the first part arrives, in order. Its requests are flushed all the same, so that their poster cannot know.
  func leaveOnTheWire(_ queuePair: SimulatedQueuePair) {
    guard let responder = queuePair.peer, !queuePair.isStalled,
      reaches(queuePair.connection.localAddress, queuePair.connection.remoteAddress)
    else { return }
    let first = max(queuePair.firstSequence, responder.expectedSequence)
    guard first < queuePair.nextSequence else { return }
    var time = now
    for sequence in first..<first + draw(upTo: queuePair.nextSequence - first) {
      guard let index = queuePair.index(of: sequence) else { return }
      let pending = queuePair.sends[index]
      let isInline = pending.request.isInline
      guard pending.request.operation != .rdmaRead,
        let bytes = isInline
          ? pending.snapshot : queuePair.host.memory.gather(pending.request.usedSegments)
      else { return }
      time += draw(upTo: model.latency + model.jitter)
      heap.add(
        .stray(
          StrayPacket(
            responder: responder, sequence: sequence, request: pending.request, bytes: bytes)),
        at: time)
    }
  }

  func arrive(_ packet: StrayPacket) {
    let responder = packet.responder
    guard responder.takesMessages, responder.expectedSequence == packet.sequence else { return }
    trace.event(
      10, UInt64(responder.number), packet.sequence,
      UInt64(packet.request.operation.rawValue) << 32 | UInt64(packet.bytes.count))
    switch packet.request.operation {
    case .send:
      guard let receive = responder.receives.first,
        packet.bytes.count <= Int(receive.segment.length)
      else { return }
      _ = deliver(packet.bytes, sequence: packet.sequence, in: receive, at: responder)
    case .rdmaWrite:
      let address = packet.request.remoteAddress
      guard
        responder.host.memory.allowsRemote(
          key: packet.request.remoteKey, address: address, byteCount: packet.bytes.count,
          needs: .remoteWrite)
      else { return responder.enterError() }
      responder.expectedSequence = packet.sequence + 1
      perform(
        lateWrite: LateWrite(
          host: responder.host, key: packet.request.remoteKey, address: address,
          bytes: packet.bytes))
      observer?.written(byteCount: packet.bytes.count, on: responder)
    case .rdmaRead, .receive: break
    }
  }
}
