#if Verbs
internal import CRDMA
internal import RDMATransport
internal import Structures
internal import Synchronization

extension ConnectionThread {
  /// An event of librdmacm: of a connection, or a request on a listener.
  func handle(_ event: ChannelEvent) {
    if event.type == RDMA_CM_EVENT_DEVICE_REMOVAL {
      if isOfThisDevice(event) { deviceRemoved() }
      return
    }
    guard event.key > 0, let connection = connection(Int(event.key) - 1) else {
      // A waiting request whose requester gave up carries its listener's context no more.
      return handleOnRequest(event)
    }
    switch event.type {
    case RDMA_CM_EVENT_CONNECT_REQUEST: requestArrived(event, on: connection)
    case RDMA_CM_EVENT_ADDR_RESOLVED: addressResolved(connection)
    case RDMA_CM_EVENT_ROUTE_RESOLVED: routeResolved(connection)
    case RDMA_CM_EVENT_CONNECT_RESPONSE: responseArrived(event, connection)
    case RDMA_CM_EVENT_ESTABLISHED: establishedArrived(connection)
    case RDMA_CM_EVENT_ADDR_ERROR: failed(connection, .resolveAddress, event, otherwise: 113)
    case RDMA_CM_EVENT_ROUTE_ERROR: failed(connection, .resolveRoute, event, otherwise: 113)
    case RDMA_CM_EVENT_UNREACHABLE: failed(connection, .connect, event, otherwise: 113)
    case RDMA_CM_EVENT_CONNECT_ERROR: failed(connection, .connect, event, otherwise: 103)
    case RDMA_CM_EVENT_REJECTED: rejected(connection, event)
    case RDMA_CM_EVENT_DISCONNECTED: disconnectedByPeer(connection)
    case RDMA_CM_EVENT_TIMEWAIT_EXIT:
      connection.needsTimeWait = false
      if connection.phase == .timeWait { endTimeWait(connection) }
    default: break
    }
  }

  /// Whether a removal is that of our device: an address may have led a connection to another one.
  private func isOfThisDevice(_ event: ChannelEvent) -> Bool {
    guard event.key > 0, let connection = connection(Int(event.key) - 1) else { return true }
    return unsafe connection.id?.context == device.context
  }

  // MARK: - Requests

  private static var requestKeyBase: UInt { 1 << 40 }

  private func requestArrived(_ event: ChannelEvent, on listener: Connection) {
    guard let id = event.request else { return }
    let link = listener.link
    guard listener.phase == .listening, link.requests.count < Limits.waitingRequestCountMax else {
      link.link.refusedRequests.wrappingAdd(1, ordering: .relaxed)
      return refuse(id)
    }
    let handle = ConnectRequestHandle(raw: nextRequest)
    nextRequest += 1
    id.key = Self.requestKeyBase + UInt(handle.raw)
    link.requests[handle.raw] = WaitingRequest(
      id: id, responderResources: event.responderResources, initiatorDepth: event.initiatorDepth,
      deadline: now &+ Limits.requestLife)
    watchRequests()
    link.report(
      listener.owner,
      .connectRequest(handle, source: id.peer, privateData: event.privateData))
  }

  /// The requester of a waiting request has given up: who takes it on will be told.
  private func handleOnRequest(_ event: ChannelEvent) {
    guard event.key >= Self.requestKeyBase else { return }
    let raw = UInt64(event.key - Self.requestKeyBase)
    for link in links {
      guard let request = link.requests[raw], request.id.key == event.key else { continue }
      link.requests[raw] = nil
      request.id.destroy()
      return
    }
  }

  // MARK: - Active side

  private func addressResolved(_ connection: Connection) {
    guard connection.phase == .resolvingAddress, let id = connection.id else { return }
    connection.timing.resolveAddress = endStep(connection)
    do throws(CallFailure) {
      guard unsafe id.context == device.context else {
        throw CallFailure(call: "rdma_resolve_addr", errno: 19)
      }
      if let service = connection.route?.typeOfService { try id.setTypeOfService(service) }
      connection.phase = .resolvingRoute
      armResolution(connection)
      let milliseconds = connection.route?.resolveTimeoutMilliseconds ?? 0
      try id.resolveRoute(milliseconds: Int32(clamping: milliseconds))
    } catch {
      let step: ConnectStep = connection.phase == .resolvingRoute ? .resolveRoute : .resolveAddress
      fail(connection, ConnectFailure(step: step, errno: error.errno))
    }
  }

  private func routeResolved(_ connection: Connection) {
    guard connection.phase == .resolvingRoute else { return }
    connection.timing.resolveRoute = endStep(connection)
    leaveGates(connection)
    // At once: a failure below must not leave the gates again.
    connection.phase = .ready
    timers.disarm(connection.timer)
    do throws(CallFailure) {
      try makeQueuePair(connection)
    } catch {
      fail(connection, ConnectFailure(step: .createQueuePair, errno: error.errno))
    }
  }

  /// The peer has accepted: the queue pair learns of it, and then the peer that it may send.
  private func responseArrived(_ event: ChannelEvent, _ connection: Connection) {
    guard connection.phase == .connecting, let id = connection.id, let pair = connection.pair
    else { return }
    connection.needsTimeWait = true
    do throws(CallFailure) {
      connection.attributes.initiatorDepth = try pair.start(
        with: id, responderResources: connection.attributes.responderResources,
        initiatorDepth: connection.attributes.initiatorDepth)
      try id.establish()
    } catch {
      try? id.reject(PrivateData())
      return fail(connection, ConnectFailure(step: .established, errno: error.errno))
    }
    established(connection, privateData: event.privateData)
  }

  // MARK: - Both sides

  private func establishedArrived(_ connection: Connection) {
    guard connection.phase == .accepting else { return }
    established(connection, privateData: PrivateData())
  }

  private func established(_ connection: Connection, privateData: PrivateData) {
    connection.timing.exchange = endStep(connection)
    leaveGates(connection)
    timers.disarm(connection.timer)
    connection.phase = .established
    // The address tells the loop how many RDMA READs it may have in flight.
    connection.link.push(
      LinkEvent(
        .forOwner, handle: connection.handle,
        address: UInt(connection.attributes.initiatorDepth),
        event: CMEvent(
          owner: connection.owner, kind: .established(privateData: privateData),
          timing: connection.timing)))
  }

  private func failed(
    _ connection: Connection, _ step: ConnectStep, _ event: ChannelEvent, otherwise: Int32
  ) {
    switch connection.phase {
    case .resolvingAddress, .resolvingRoute, .connecting, .accepting:
      let isPassive = connection.phase == .accepting
      // The peer may have taken the request on already, and would refuse this number as stale.
      if connection.phase == .connecting { connection.needsTimeWait = true }
      fail(
        connection,
        ConnectFailure(
          step: isPassive ? .accept : step,
          errno: event.status < 0 ? -event.status : otherwise))
    case .prepared:
      // The requester gave up before we accepted; accept would only fail too.
      fail(connection, ConnectFailure(step: .accept, errno: 104))
    default: break
    }
  }

  private func rejected(_ connection: Connection, _ event: ChannelEvent) {
    switch connection.phase {
    case .connecting, .accepting, .prepared:
      let reason = UInt16(clamping: event.status)
      // The peer refuses this number until it has forgotten it: the next attempt takes another.
      if reason == ConnectFailure.reasonStaleConnection { connection.needsTimeWait = true }
      fail(
        connection,
        ConnectFailure(
          step: connection.phase == .connecting ? .connect : .accept, errno: 111,
          rejectReason: reason, privateData: event.privateData))
    default: break
    }
  }

  func fail(_ connection: Connection, _ failure: ConnectFailure) {
    leaveGates(connection)
    timers.disarm(connection.timer)
    connection.phase = .ended
    connection.link.report(connection.owner, .failed(failure), timing: connection.timing)
  }

  /// Gives back the place that the connection holds among those in flight.
  func leaveGates(_ connection: Connection) {
    switch connection.phase {
    case .resolvingAddress, .resolvingRoute: resolutionsInFlight -= 1
    case .connecting: exchangesInFlight -= 1
    default: break
    }
  }

  // MARK: - The device's own events

  enum AsyncEvent {
    case established(UInt32)
    case queuePairFailed(UInt32)
    case portError
    case deviceGone
    case other
  }

  func nextAsyncEvent() -> AsyncEvent? {
    // SAFETY: the context lives as long as the device; the event is ours and is acknowledged once, before
    // its queue pair can be destroyed, as both happen on this thread.
    var event = unsafe ibv_async_event()
    guard unsafe ibv_get_async_event(device.context, &event) == 0 else { return nil }
    defer { unsafe ibv_ack_async_event(&event) }
    switch unsafe event.event_type {
    case IBV_EVENT_COMM_EST: return unsafe .established(event.element.qp.pointee.qp_num)
    case IBV_EVENT_QP_FATAL, IBV_EVENT_QP_REQ_ERR, IBV_EVENT_QP_ACCESS_ERR:
      return unsafe .queuePairFailed(event.element.qp.pointee.qp_num)
    case IBV_EVENT_PORT_ERR: return .portError
    case IBV_EVENT_DEVICE_FATAL, IBV_EVENT_CQ_ERR: return .deviceGone
    default: return .other
    }
  }

  func handle(_ event: AsyncEvent) {
    switch event {
    case .established(let number):
      guard let connection = keysByPair[number].flatMap({ connection($0) }),
        connection.phase == .accepting
      else { return }
      // It fails only when the connection has ended meanwhile, of which an event tells.
      try? connection.id?.notifyEstablished()
    case .queuePairFailed(let number):
      guard let connection = keysByPair[number].flatMap({ connection($0) }) else { return }
      connection.link.push(LinkEvent(.errored, handle: connection.handle))
    case .portError:
      for link in links { link.link.portErrors.wrappingAdd(1, ordering: .relaxed) }
    case .deviceGone: deviceRemoved()
    case .other: break
    }
  }
}
#endif
