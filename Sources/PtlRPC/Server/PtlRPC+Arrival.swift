internal import BasicContainers
package import LNet
package import LustreWire
package import RDMATransport
internal import Structures

// Services, and requests as they come in (spec 10 §2.2, §6.2).
extension PtlRPC {
  /// Opens a service's portal. One more service on a portal than there is room for is the node's mistake.
  ///
  /// - Returns: the service's number, which events carry as tag.
  @discardableResult
  package mutating func startService(
    _ description: ServiceDescription, lnet: inout LNet, turn: inout Turn
  ) throws(LNetError) -> UInt32 {
    precondition(services.count < services.capacity, "more services than the limit")
    precondition(
      service(on: description.requestPortal) == nil, "two services on one portal")
    let index = services.count
    lnet.setLazy(description.requestPortal, true, turn: &turn)
    let descriptor = try lnet.expose(
      MatchEntry(portal: description.requestPortal, matchBits: 0, ignoreBits: .max),
      MemoryDescriptor(
        memory: .none, options: [.put, .acknowledgeDisabled],
        tag: RPCTag(.service, index).raw), turn: &turn)
    services.append(ServiceRecord(description: description, descriptor: descriptor))
    return UInt32(index)
  }

  /// Closes all portals; what waits there is dropped.
  package mutating func stopServices(lnet: inout LNet, turn: inout Turn) {
    for index in 0..<services.count where !services[index].descriptor.isNone {
      lnet.setLazy(services[index].description.requestPortal, false, turn: &turn)
      try? lnet.unlink(services[index].descriptor, turn: &turn)
    }
  }

  /// The number of the service on a portal.
  package func service(on portal: Portal) -> UInt32? {
    for index in 0..<services.count where services[index].description.requestPortal == portal {
      return UInt32(index)
    }
    return nil
  }

  /// Seconds that a service's requests take.
  package mutating func estimate(ofService index: UInt32) -> UInt32 {
    services[Int(index)].estimate.current
  }

  /// A message has come on a service's portal.
  mutating func requestArrived(
    _ service: Int, _ event: LNetEvent, lnet: inout LNet, turn: inout Turn
  ) {
    if event.isUnlinked { services[service].descriptor = .none }
    guard event.kind == .put else { return }
    guard event.status == 0, !event.delivery.isNone else {
      counters.requestsMalformed += 1
      if !event.delivery.isNone { lnet.release(event.delivery, turn: &turn) }
      return
    }
    counters.requestsReceived += 1
    guard let received = check(service, event, turn: &turn) else {
      lnet.release(event.delivery, turn: &turn)
      return
    }
    // Some places are kept for what keeps connections alive.
    let taken = serverRequests.count
    guard taken < capacity.serverRequests - capacity.urgentRequests || received.isUrgent,
      let slot = serverRequests.take()
    else {
      counters.requestsWithoutSlot += 1
      lnet.release(event.delivery, turn: &turn)
      return
    }
    serverRequests.cells[slot] = ServerRequest(
      service: service, received: received, delivery: event.delivery)
    let handle = serverRequests.handle(slot)
    if !event.payload.isBulk { fresh.append(handle) }
    let isKept = events.append(RPCEvent(.arrived, handle, tag: UInt32(service)))
    precondition(isKept, "the node called in without room for events")
  }

  /// The checks of spec 10 §2.2; what fails them is dropped, and nobody is told.
  @inline(__always)
  private mutating func check(
    _ service: Int, _ event: LNetEvent, turn: inout Turn
  ) -> ReceivedRequest? {
    guard event.payload.length <= services[service].description.requestByteCountMax,
      let (message, body) = Self.decode(turn.memory.bytes(event.payload)),
      body.type == .request
    else {
      counters.requestsMalformed += 1
      return nil
    }
    guard message.header.flavor.isNull else {
      counters.requestsSecured += 1
      return nil
    }
    let waits =
      message.header.flags.contains(.adaptiveTimeouts)
      ? body.timeout : adaptive.fixedTimeout
    return ReceivedRequest(
      message: message, body: body, bytes: event.payload, xid: event.matchBits,
      source: ProcessID(nid: event.source, pid: event.initiatorPID), initiator: event.initiator,
      interface: event.interface, portal: services[service].description.requestPortal,
      arrivalTime: turn.now, deadline: turn.now &+ UInt64(waits) * nanosecondsPerSecond)
  }

  @inline(__always)
  private static func decode(_ bytes: borrowing RawSpan) -> (RPCMessage, RPCBody)? {
    do throws(WireError) {
      let message = try RPCMessage(decoding: bytes)
      return (message, try RPCBody(message, in: bytes))
    } catch { return nil }
  }

  // MARK: - What handlers ask

  /// A peer's request that was not answered or dropped yet.
  package mutating func received(_ handle: ServerRequestHandle) -> ReceivedRequest {
    serverRequests.cells[slot(of: handle)].received
  }

  /// Whether a request is still there: others may have ended it.
  package mutating func isLive(_ handle: ServerRequestHandle) -> Bool {
    serverRequests.slot(handle.raw) != nil
  }

  @inline(__always)
  mutating func slot(of handle: ServerRequestHandle) -> Int {
    guard let slot = serverRequests.slot(handle.raw) else {
      preconditionFailure("a stale handle of a peer's request")
    }
    return slot
  }

  // MARK: - Bytes and credits

  /// Copies requests that were not answered in this call out of their receive buffers: each withholds a credit
  /// of its sender, whose other requests would wait behind it.
  package mutating func copyFresh(lnet: inout LNet, turn: inout Turn) {
    while let handle = fresh.popFirst() {
      guard let slot = serverRequests.slot(handle), !serverRequests.cells[slot].delivery.isNone
      else {
        continue
      }
      let export =
        serverRequests.cells[slot].isInProgress ? serverRequests.cells[slot].export : noCell
      guard mayCopy(ofExport: export), lnet.hasRoom,
        let piece = turn.memory.messages.allocatePiece()
      else { continue }
      let bytes = serverRequests.cells[slot].received.bytes
      let copy = piece.part(offset: 0, length: Int(bytes.length))
      turn.memory.copy(from: bytes, to: copy)
      lnet.release(serverRequests.cells[slot].delivery, turn: &turn)
      serverRequests.cells[slot].delivery = .none
      serverRequests.cells[slot].received.bytes = copy
      serverRequests.cells[slot].isCopied = true
      serverRequests.cells[slot].copiedFor = export
      copiedCount += 1
      if export != noCell { copiedCounts[Int(export)] += 1 }
      counters.requestsCopied += 1
    }
  }

  /// No client has more copies than it leaves to others: when these send nothing it has half of all, and the second one
  /// finds as many as it needs to begin with.
  private func mayCopy(ofExport export: UInt32) -> Bool {
    let left = capacity.copiedRequests - copiedCount
    return left > 0 && (export == noCell || copiedCounts[Int(export)] < left)
  }

  /// The request's bytes are needed no more; the sender gets its credit back.
  mutating func releaseBytes(_ slot: Int, lnet: inout LNet, turn: inout Turn) {
    if !serverRequests.cells[slot].delivery.isNone {
      lnet.release(serverRequests.cells[slot].delivery, turn: &turn)
      serverRequests.cells[slot].delivery = .none
    } else if serverRequests.cells[slot].isCopied {
      turn.memory.release(serverRequests.cells[slot].received.bytes)
      serverRequests.cells[slot].isCopied = false
      copiedCount -= 1
      let export = serverRequests.cells[slot].copiedFor
      if export != noCell { copiedCounts[Int(export)] -= 1 }
    }
  }
}
