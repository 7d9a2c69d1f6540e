internal import RDMATransport

/// A message between connection managers. They may be lost and overtake each other.
enum CMMessage {
  case request(from: SimulatedConnection)
  case reply(from: SimulatedConnection, to: SimulatedConnection)
  case readyToUse(to: SimulatedConnection)
  case reject(
    from: SimulatedConnection?, to: SimulatedConnection, reason: UInt16, privateData: PrivateData)
  case disconnectRequest(from: SimulatedConnection, to: SimulatedConnection)
  case disconnectReply(to: SimulatedConnection)

  var traceNumber: UInt64 {
    switch self {
    case .request: 1
    case .reply: 2
    case .readyToUse: 3
    case .reject: 4
    case .disconnectRequest: 5
    case .disconnectReply: 6
    }
  }
}

extension SimulatedFabric {
  func send(_ message: CMMessage, from source: UInt32, to destination: UInt32) {
    trace.event(9, message.traceNumber, UInt64(source), UInt64(destination))
    guard reaches(source, destination), !chance(perMille: model.connectDropPerMille) else {
      return
    }
    heap.add(
      .message(message), at: now + model.connectLatency + draw(upTo: model.connectJitter))
  }

  func deliver(_ message: CMMessage) {
    switch message {
    case .request(let from): deliverRequest(from)
    case .reply(let from, let to): deliverReply(from: from, to: to)
    case .readyToUse(let to):
      if to.phase == .accepting, !to.isDead { to.establish(privateData: PrivateData()) }
    case .reject(_, let to, let reason, let privateData):
      guard !to.isDead, to.phase == .connecting || to.phase == .accepting else { return }
      to.fail(
        to.isActive ? .connect : .accept, Errno.connectionRefused, reason: reason,
        privateData: privateData)
    case .disconnectRequest(let from, let to):
      // The kernel answers for whoever is gone.
      send(.disconnectReply(to: from), from: to.localAddress, to: to.remoteAddress)
      if !to.isDead { to.peerDisconnected() }
    case .disconnectReply(let to):
      if !to.isDead, to.phase == .disconnecting { to.peerDisconnected() }
    }
  }

  private func deliverRequest(_ from: SimulatedConnection) {
    guard !from.isDead, from.phase == .connecting else { return }
    guard let listener = listener(at: from.remote) else {
      guard reaches(from.remoteAddress, from.remoteAddress) else { return }
      return reject(from, reason: ConnectFailure.reasonInvalidServiceID)
    }
    let host = listener.host
    if let known = host.connections.first(where: { $0.request?.from === from }) {
      // A repeat: if its answer was lost, answer again.
      if known.phase == .accepting || known.phase == .established {
        send(.reply(from: known, to: from), from: known.localAddress, to: known.remoteAddress)
      }
      return
    }
    guard !host.requests.contains(where: { $0.from === from }) else { return }
    let pair = UInt64(from.localAddress) << 32 | UInt64(from.remoteAddress)
    if acquainted.contains(pair), chance(perMille: model.staleRejectPerMille) {
      return reject(from, reason: ConnectFailure.reasonStaleConnection)
    }
    acquainted.insert(pair)
    let limit = listener.backlog > 0 ? listener.backlog : Self.waitingRequestCountMax
    guard host.requests.count < limit else {
      return reject(
        from, reason: ConnectFailure.reasonConsumer,
        privateData: Self.padded(PrivateData(), to: PrivateData.rejectByteCountMax))
    }
    let handle = ConnectRequestHandle(raw: nextRequestHandle)
    nextRequestHandle += 1
    host.requests.append(PendingConnectRequest(handle: handle, from: from, listener: listener))
    host.report(
      listener.owner,
      .connectRequest(
        handle, source: from.local,
        privateData: Self.padded(
          from.parameters.privateData, to: PrivateData.requestByteCountMax)))
  }

  /// How many connect requests wait for their answer at one listener that names no backlog.
  static var waitingRequestCountMax: Int { 1024 }

  private func reject(
    _ connection: SimulatedConnection, reason: UInt16, privateData: PrivateData = PrivateData()
  ) {
    send(
      .reject(from: nil, to: connection, reason: reason, privateData: privateData),
      from: connection.remoteAddress, to: connection.localAddress)
  }

  func refuse(_ request: PendingConnectRequest, privateData: PrivateData) {
    guard !request.from.isDead else { return }
    reject(
      request.from, reason: ConnectFailure.reasonConsumer,
      privateData: Self.padded(privateData, to: PrivateData.rejectByteCountMax))
  }

  /// The active end gives up: what it asked for is no more to be answered.
  func cancelRequests(from connection: SimulatedConnection) {
    for host in hosts {
      for passive in host.connections where passive.request?.from === connection {
        send(
          .reject(from: connection, to: passive, reason: 28, privateData: PrivateData()),
          from: connection.localAddress, to: connection.remoteAddress)
      }
    }
  }

  private func deliverReply(from: SimulatedConnection, to: SimulatedConnection) {
    guard !to.isDead else { return rejectReply(from, to) }
    switch to.phase {
    case .connecting:
      to.peer = from
      to.queuePair?.peer = from.queuePair
      send(.readyToUse(to: from), from: to.localAddress, to: to.remoteAddress)
      to.establish(
        privateData: Self.padded(
          from.parameters.privateData, to: PrivateData.replyByteCountMax))
    case .established where to.peer === from:
      send(.readyToUse(to: from), from: to.localAddress, to: to.remoteAddress)
    case .disconnecting where to.peer === from: break
    default: rejectReply(from, to)
    }
  }

  private func rejectReply(_ passive: SimulatedConnection, _ active: SimulatedConnection) {
    send(
      .reject(from: active, to: passive, reason: 6, privateData: PrivateData()),
      from: active.localAddress, to: active.remoteAddress)
  }

  static func padded(_ data: PrivateData, to count: Int) -> PrivateData {
    PrivateData(data.bytes, paddedTo: count)
  }
}
