#if Verbs
internal import RDMATransport
internal import Structures
internal import Synchronization

extension ConnectionThread {
  /// Carries out what a loop asked for; every failure ends in an event.
  func execute(_ command: CMCommand, for link: LinkState) {
    switch command {
    case .prepare(let owner, let route, let attributes):
      prepare(owner, on: link, route, attributes)
    case .connect(let owner, let parameters):
      connect(owner, on: link, parameters)
    case .prepareReply(let owner, let request, let attributes):
      prepareReply(owner, on: link, to: request, attributes)
    case .accept(let owner, let parameters):
      accept(owner, on: link, parameters)
    case .reject(let request, let privateData):
      guard let waiting = link.requests.removeValue(forKey: request.raw) else {
        return ignored(link)
      }
      refuse(waiting.id, privateData)
    case .rejectPrepared(let owner, let privateData):
      guard let connection = connection(of: owner, on: link), connection.phase == .prepared else {
        return ignored(link)
      }
      connection.phase = .ended
      // If the requester has gone meanwhile, there is nobody left to tell.
      try? connection.id?.reject(privateData)
    case .listen(let owner, let address, let backlog):
      listen(owner, on: link, address, backlog)
    case .disconnect(let owner):
      guard let connection = connection(of: owner, on: link), connection.phase == .established
      else { return ignored(link) }
      disconnect(connection)
    case .destroy(let owner):
      guard let connection = connection(of: owner, on: link) else { return ignored(link) }
      destroy(connection)
    }
  }

  /// A command that came too late: what it speaks of has ended meanwhile, and its owner is being told.
  private func ignored(_ link: LinkState) {
    link.link.ignoredCommands.wrappingAdd(1, ordering: .relaxed)
  }

  /// Refuses a request that no connection was made for.
  func refuse(_ id: ConnectionID, _ privateData: PrivateData = PrivateData()) {
    // If the requester has gone meanwhile, there is nobody left to tell.
    try? id.reject(privateData)
    id.destroy()
  }

  private func listen(
    _ owner: CMOwner, on link: LinkState, _ address: SocketAddress, _ backlog: Int32
  ) {
    guard let connection = makeConnection(owner, on: link, phase: .listening) else {
      return link.report(owner, .listenFailed(errno: 28))
    }
    do throws(CallFailure) {
      if isRemoved { throw CallFailure(call: "rdma_bind_addr", errno: 19) }
      let id = try ConnectionID.create(on: device.channel, key: UInt(connection.key) + 1)
      connection.id = id
      try id.bind(to: address)
      guard unsafe id.context == device.context else {
        throw CallFailure(call: "rdma_bind_addr", errno: 19)
      }
      try id.listen(backlog: backlog)
      link.report(owner, .listening)
    } catch {
      connection.phase = .ended
      link.report(owner, .listenFailed(errno: error.errno))
    }
  }

  // MARK: - Active side

  private func prepare(
    _ owner: CMOwner, on link: LinkState, _ route: ConnectRoute, _ attributes: QueuePairAttributes
  ) {
    guard
      let connection = makeConnection(
        owner, on: link, phase: .waitingToResolve, attributes: attributes)
    else {
      let failure = ConnectFailure(step: .bind, errno: 28)
      return link.report(owner, .failed(failure))
    }
    connection.route = route
    waitingToResolve.append(connection.key)
  }

  private func connect(_ owner: CMOwner, on link: LinkState, _ parameters: ConnectionParameters) {
    guard let connection = connection(of: owner, on: link), connection.phase == .ready else {
      return ignored(link)
    }
    connection.parameters = parameters
    connection.phase = .waitingToConnect
    connection.stepStart = now
    arm(connection, after: UInt64(parameters.timeoutMilliseconds) * 1_000_000)
    waitingToConnect.append(connection.key)
  }

  /// Lets as many active sides go on as may at a time.
  func startWaiting() {
    while resolutionsInFlight < Limits.resolutionsInFlightMax,
      let key = waitingToResolve.popFirst()
    {
      // It may have been destroyed while it waited, and its key taken by another.
      guard let connection = connection(key), connection.phase == .waitingToResolve else {
        continue
      }
      startResolving(connection)
    }
    while exchangesInFlight < Limits.exchangesInFlightMax, let key = waitingToConnect.popFirst() {
      guard let connection = connection(key), connection.phase == .waitingToConnect else {
        continue
      }
      startExchange(connection)
    }
  }

  private func startResolving(_ connection: Connection) {
    guard let route = connection.route else { return }
    connection.stepStart = now
    var step = ConnectStep.bind
    do throws(CallFailure) {
      if isRemoved { throw CallFailure(call: "rdma_bind_addr", errno: 19) }
      let id = try ConnectionID.create(on: device.channel, key: UInt(connection.key) + 1)
      connection.id = id
      var source: SocketAddress? = route.source
      if route.source.port != 0 {
        try id.reuseAddress()
        if try bindDownwards(id, from: route.source) { source = nil }
      }
      if source != nil { source?.port = 0 }
      step = .resolveAddress
      let milliseconds = Int32(clamping: route.resolveTimeoutMilliseconds)
      try id.resolve(from: source, to: route.destination, milliseconds: milliseconds)
      connection.phase = .resolvingAddress
      resolutionsInFlight += 1
      armResolution(connection)
    } catch {
      fail(connection, ConnectFailure(step: step, errno: error.errno))
    }
  }

  func armResolution(_ connection: Connection) {
    let milliseconds = UInt64(connection.route?.resolveTimeoutMilliseconds ?? 0)
    arm(connection, after: milliseconds * 1_000_000 + Limits.resolveGrace)
  }

  /// Binds to the highest free port from the given one down to 1, as a privileged o2iblnd does.
  ///
  /// - Returns: false when this process may not bind such ports; any port will do then.
  private func bindDownwards(_ id: ConnectionID, from source: SocketAddress) throws(CallFailure)
    -> Bool
  {
    var address = source
    while address.port > 0 {
      do throws(CallFailure) {
        try id.bind(to: address)
        return true
      } catch {
        switch error.errno {
        case 98: address.port -= 1
        case 13, 1: return false
        default: throw error
        }
      }
    }
    throw CallFailure(call: "rdma_bind_addr", errno: 98)
  }

  private func startExchange(_ connection: Connection) {
    guard let id = connection.id, let parameters = connection.parameters else { return }
    connection.phase = .connecting
    exchangesInFlight += 1
    do throws(CallFailure) {
      guard parameters.privateData.count <= PrivateData.requestByteCountMax else {
        throw CallFailure(call: "rdma_connect", errno: 22)
      }
      try id.connect(parameters, connection.exchange)
    } catch {
      fail(connection, ConnectFailure(step: .connect, errno: error.errno))
    }
  }

  // MARK: - Passive side

  private func prepareReply(
    _ owner: CMOwner, on link: LinkState, to request: ConnectRequestHandle,
    _ attributes: QueuePairAttributes
  ) {
    guard
      let connection = makeConnection(owner, on: link, phase: .prepared, attributes: attributes)
    else {
      return link.report(owner, .failed(ConnectFailure(step: .createQueuePair, errno: 28)))
    }
    guard let waiting = link.requests.removeValue(forKey: request.raw) else {
      // The requester has given up meanwhile.
      return fail(connection, ConnectFailure(step: .createQueuePair, errno: 104))
    }
    connection.id = waiting.id
    waiting.id.key = UInt(connection.key) + 1
    connection.offeredResponderResources = waiting.responderResources
    connection.offeredInitiatorDepth = waiting.initiatorDepth
    do throws(CallFailure) {
      try makeQueuePair(connection)
    } catch {
      try? waiting.id.reject(PrivateData())
      fail(connection, ConnectFailure(step: .createQueuePair, errno: error.errno))
    }
  }

  private func accept(_ owner: CMOwner, on link: LinkState, _ parameters: ConnectionParameters) {
    guard let connection = connection(of: owner, on: link), connection.phase == .prepared,
      let id = connection.id, let pair = connection.pair
    else { return ignored(link) }
    connection.phase = .accepting
    connection.stepStart = now
    arm(connection, after: UInt64(parameters.timeoutMilliseconds) * 1_000_000)
    connection.attributes.responderResources = min(
      connection.attributes.responderResources, connection.offeredResponderResources)
    connection.attributes.initiatorDepth = min(
      connection.attributes.initiatorDepth, connection.offeredInitiatorDepth)
    do throws(CallFailure) {
      // The queue pair must be able to answer before the peer learns that it may send.
      connection.attributes.initiatorDepth = try pair.start(
        with: id, responderResources: connection.attributes.responderResources,
        initiatorDepth: connection.attributes.initiatorDepth)
      try id.accept(parameters, connection.exchange)
      connection.needsTimeWait = true
    } catch {
      try? id.reject(PrivateData())
      fail(connection, ConnectFailure(step: .accept, errno: error.errno))
    }
  }
}
#endif
