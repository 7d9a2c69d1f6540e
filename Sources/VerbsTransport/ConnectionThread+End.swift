#if Verbs
internal import CLinuxShims
internal import CRDMA
internal import RDMATransport
internal import Structures
internal import Synchronization

/// How connections begin and end for the device: queue pairs, disconnects, drains, removal.
extension ConnectionThread {
  /// Makes the queue pair of a connection and shows it to the loop: it takes receives from now on.
  func makeQueuePair(_ connection: Connection) throws(CallFailure) {
    guard let id = connection.id else { return }
    connection.stepStart = clinux_monotonic_nanoseconds()
    let link = connection.link
    let attributes = granted(connection.attributes)
    let pair = try link.takePair(attributes, device: device)
    do throws(CallFailure) {
      try pair.initialize(with: id)
    } catch {
      link.give(pair)
      throw error
    }
    guard let slot = link.slots.insert(connection.key) else {
      link.give(pair)
      throw CallFailure(call: "ibv_create_qp", errno: 28)
    }
    connection.attributes = attributes
    connection.pair = pair
    connection.handle = QueuePairHandle(handle: slot)
    keysByPair[pair.number] = connection.key
    connection.timing.createQueuePair = endStep(connection)
    link.push(
      LinkEvent(
        .ready, handle: connection.handle, address: pair.address,
        event: CMEvent(
          owner: connection.owner, kind: .ready(connection.handle, granted: attributes),
          timing: connection.timing)))
  }

  /// What the device has of what was asked for.
  private func granted(_ wanted: QueuePairAttributes) -> QueuePairAttributes {
    let limits = device.description
    var result = wanted
    // One work request more is made for the marker of a drain.
    result.sendCapacity = min(wanted.sendCapacity, UInt32(max(limits.workRequestCountMax - 1, 1)))
    result.receiveCapacity = min(wanted.receiveCapacity, UInt32(limits.workRequestCountMax))
    result.sendSegments = min(wanted.sendSegments, UInt8(clamping: limits.segmentCountMax))
    result.inlineByteCount = min(wanted.inlineByteCount, UInt16(limits.inlineByteCountMax))
    let reads = UInt8(clamping: limits.readsPerQueuePairMax)
    result.responderResources = min(wanted.responderResources, reads)
    result.initiatorDepth = min(wanted.initiatorDepth, reads)
    return result
  }

  // MARK: - Disconnect

  func disconnect(_ connection: Connection) {
    connection.phase = .disconnecting
    connection.needsTimeWait = true
    fail(pairOf: connection)
    arm(connection, after: Limits.disconnect)
    // A connection that the peer has ended meanwhile reports itself.
    try? connection.id?.disconnect()
  }

  /// Puts the queue pair into ERROR, and lets the loop know.
  private func fail(pairOf connection: Connection) {
    guard let pair = connection.pair else { return }
    // It fails only when the device is gone; the drain's deadline handles that.
    try? pair.fail()
    connection.link.push(LinkEvent(.errored, handle: connection.handle))
  }

  func disconnectedByPeer(_ connection: Connection) {
    switch connection.phase {
    case .established:
      fail(pairOf: connection)
      // Our answer, without which the peer would ask again and again.
      try? connection.id?.disconnect()
      ended(connection)
    case .disconnecting: ended(connection)
    case .accepting:
      try? connection.id?.disconnect()
      fail(connection, ConnectFailure(step: .established, errno: 104))
    default: break
    }
  }

  func ended(_ connection: Connection) {
    timers.disarm(connection.timer)
    connection.phase = .ended
    connection.link.report(connection.owner, .disconnected, timing: connection.timing)
  }

  // MARK: - Destroy

  func destroy(_ connection: Connection) {
    switch connection.phase {
    // Asked twice.
    case .draining, .timeWait: return
    case .established, .accepting:
      connection.needsTimeWait = true
      fail(pairOf: connection)
      try? connection.id?.disconnect()
    case .connecting:
      // The peer may have taken the request on already: without its id the kernel refuses the reply, so
      // that the peer need not wait for it.
      connection.needsTimeWait = true
      leaveGates(connection)
      connection.phase = .ended
      connection.id?.destroy()
      connection.id = nil
    case .prepared:
      try? connection.id?.reject(PrivateData())
    default: break
    }
    leaveGates(connection)
    connection.phase = .draining
    guard let pair = connection.pair else { return released(connection) }
    arm(connection, after: Limits.drain)
    do throws(CallFailure) {
      try pair.fail()
      connection.link.push(LinkEvent(.drain, handle: connection.handle))
    } catch {
      purge(connection)
    }
  }

  /// The loop has posted receives on a queue pair in ERROR.
  func flushAgain(_ handle: QueuePairHandle, on link: LinkState) {
    guard link.slots.contains(handle.handle),
      let connection = connection(link.slots[handle.handle])
    else { return }
    // A queue pair that went to ERROR by itself is told so for the first time here.
    try? connection.pair?.fail()
  }

  /// The device did not flush: it will not touch the memory any more, and the loop completes the rest.
  func purge(_ connection: Connection) {
    connection.link.link.purgedPairs.wrappingAdd(1, ordering: .relaxed)
    timers.disarm(connection.timer)
    // It fails only when the device is gone, which does not touch memory either.
    try? connection.pair?.reset()
    connection.link.push(LinkEvent(.purge, handle: connection.handle))
  }

  func drained(_ handle: QueuePairHandle, on link: LinkState) {
    guard link.slots.contains(handle.handle),
      let connection = connection(link.slots[handle.handle]), connection.phase == .draining
    else { return }
    released(connection)
  }

  private func released(_ connection: Connection) {
    let link = connection.link
    timers.disarm(connection.timer)
    link.owners[connection.owner] = nil
    if connection.handle != .none { link.slots.remove(connection.handle.handle) }
    link.push(
      LinkEvent(
        .forget, handle: connection.handle,
        event: CMEvent(owner: connection.owner, kind: .released, timing: connection.timing)))
    guard let pair = connection.pair, connection.needsTimeWait, connection.id != nil,
      link.link.configuration.poolsQueuePairs, link.timeWaitCount < Limits.timeWaitCountMax
    else { return recycle(connection) }
    keysByPair[pair.number] = nil
    connection.phase = .timeWait
    link.timeWaitCount += 1
    arm(connection, after: Limits.timeWait)
  }

  /// TIMEWAIT has ended, or its deadline has passed without a word of its end.
  func endTimeWait(_ connection: Connection) {
    connection.link.timeWaitCount -= 1
    recycle(connection)
  }

  private func recycle(_ connection: Connection) {
    connection.id?.destroy()
    connection.id = nil
    if let pair = connection.pair {
      keysByPair[pair.number] = nil
      connection.pair = nil
      if connection.needsTimeWait {
        drop(pair, of: connection.link)
      } else {
        connection.link.give(pair)
      }
    }
    forget(connection)
  }

  /// Destroys a queue pair whose TIMEWAIT has not ended for all we know: a new one gets a new number, so it
  /// never meets this one's past.
  private func drop(_ pair: QueuePair, of link: LinkState) {
    do throws(CallFailure) {
      try link.drop(pair)
    } catch {
      link.link.lostPairs.wrappingAdd(1, ordering: .relaxed)
    }
  }

  // MARK: - The end of a transport, and of the device

  /// Gives back all that a transport has: its connections end for their peers.
  func detach(_ link: LinkState) {
    for request in link.requests.values { refuse(request.id) }
    link.requests.removeAll()
    for connection in connections.compactMap({ $0 }) where connection.link === link {
      leaveGates(connection)
      if connection.phase == .established { try? connection.id?.disconnect() }
      connection.id?.destroy()
      if let pair = connection.pair {
        keysByPair[pair.number] = nil
        link.pool.append(pair)
      }
      forget(connection)
    }
    var kit: CompletionQueuePool.Kit? = link.kit
    for pair in link.pool {
      do throws(CallFailure) {
        try pair.destroy()
      } catch {
        // A completion queue that still has a queue pair can serve nobody else.
        kit = nil
      }
    }
    let last = kit
    link.link.kit.withLock { $0 = last }
    link.link.isDetached.store(true, ordering: .releasing)
    clinux_eventfd_ring(link.link.detachedBell)
  }

  /// The device is gone: every connection ends, and each loop is told.
  func deviceRemoved() {
    if device.isRemoved.exchange(true, ordering: .acquiringAndReleasing) { return }
    for link in links {
      link.report(0, .deviceRemoved)
      for request in link.requests.values { request.id.destroy() }
      link.requests.removeAll()
    }
    for connection in connections.compactMap({ $0 }) {
      switch connection.phase {
      case .listening: connection.phase = .ended
      case .established, .disconnecting:
        fail(pairOf: connection)
        ended(connection)
      case .waitingToResolve, .resolvingAddress, .resolvingRoute, .ready, .waitingToConnect,
        .connecting, .prepared, .accepting:
        fail(connection, ConnectFailure(step: .connect, errno: 19))
      case .ended, .draining, .timeWait: break
      }
      connection.id?.destroy()
      connection.id = nil
    }
    // The loops still poll and give back what they have; the last of them takes the rest with it.
  }
}
#endif
