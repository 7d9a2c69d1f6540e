package import RDMATransport

/// One end of a connection as its connection manager sees it.
package final class SimulatedConnection {
  enum Phase: UInt8 {
    /// Active: address and route are being resolved.
    case resolving
    /// The queue pair is there.
    case ready
    /// Active: the request is out.
    case connecting
    /// Passive: the reply is out.
    case accepting
    case established
    /// Our disconnect is out.
    case disconnecting
    case disconnected
    case failed
    case destroyed
  }

  let owner: CMOwner
  unowned let host: SimulatedHost
  package let isActive: Bool
  private(set) var phase: Phase
  var queuePair: SimulatedQueuePair?
  /// What the queue pair is to hold.
  var wanted = QueuePairAttributes(sendCapacity: 1, receiveCapacity: 1)
  var parameters = ConnectionParameters(privateData: PrivateData())
  let local: SocketAddress
  let remote: SocketAddress
  /// The other end, from its first message on. It may be dead.
  var peer: SimulatedConnection?
  /// Of a passive end: what it answers.
  var request: PendingConnectRequest?
  var isReleased = false
  /// The process behind it is gone.
  private(set) var isDead = false
  /// Counts the phases, so that a timer of an earlier one is void.
  private var step = 0
  private var phaseStart: UInt64
  private var deadline: UInt64 = .max
  var timing = ConnectTiming()

  init(
    owner: CMOwner, host: SimulatedHost, isActive: Bool, local: SocketAddress,
    remote: SocketAddress
  ) {
    self.owner = owner
    self.host = host
    self.isActive = isActive
    self.local = local
    self.remote = remote
    phase = isActive ? .resolving : .ready
    phaseStart = host.fabric.now
  }

  var localAddress: UInt32 { local.ipv4 }
  var remoteAddress: UInt32 { remote.ipv4 }
  private var fabric: SimulatedFabric { host.fabric }

  /// The number of the other end's host, once it has been heard of.
  package var peerHost: Int? { peer?.host.number }

  /// What the passive end said when it accepted, as it was received.
  package var acceptData: PrivateData? {
    let data = isActive ? peer?.parameters.privateData : parameters.privateData
    return data.map { SimulatedFabric.padded($0, to: PrivateData.replyByteCountMax) }
  }

  /// What the active end said when it asked, as it was received.
  package var requestData: PrivateData? {
    let data = isActive ? parameters.privateData : peer?.parameters.privateData
    return data.map { SimulatedFabric.padded($0, to: PrivateData.requestByteCountMax) }
  }

  func enter(_ next: Phase) {
    phase = next
    step += 1
    phaseStart = fabric.now
  }

  /// The end of its life: what is still on the wire finds nobody.
  func dismantle() {
    isDead = true
    queuePair?.enter(.destroyed)
    queuePair?.peer = nil
    queuePair = nil
    peer = nil
    request = nil
  }

  private func startTimer(after delay: UInt64, attempt: Int) {
    fabric.heap.add(
      .connectionTimer(self, step: step, attempt: attempt), at: fabric.now + delay)
  }

  private var elapsed: UInt32 { UInt32(clamping: fabric.now - phaseStart) }

  // MARK: - Commands

  func startResolving(_ route: ConnectRoute) {
    guard fabric.exists(remoteAddress), fabric.reaches(localAddress, remoteAddress) else {
      // Nobody answers for the address.
      return startTimer(after: UInt64(route.resolveTimeoutMilliseconds) * 1_000_000, attempt: 1)
    }
    startTimer(
      after: fabric.model.connectLatency + fabric.draw(upTo: fabric.model.connectJitter),
      attempt: 0)
  }

  func connect(_ parameters: ConnectionParameters) {
    guard phase == .ready, isActive else { return }
    guard parameters.privateData.count <= PrivateData.requestByteCountMax else {
      return fail(.connect, Errno.invalid)
    }
    begin(.connecting, parameters)
    fabric.send(.request(from: self), from: localAddress, to: remoteAddress)
  }

  func accept(_ parameters: ConnectionParameters) {
    guard phase == .ready, !isActive else { return }
    guard let peer = request?.from, !peer.isDead, peer.phase == .connecting else {
      return fail(.accept, Errno.connectionReset)
    }
    self.peer = peer
    begin(.accepting, parameters)
    queuePair?.peer = peer.queuePair
    queuePair?.enter(.readyToReceive)
    fabric.send(.reply(from: self, to: peer), from: localAddress, to: remoteAddress)
  }

  private func begin(_ next: Phase, _ parameters: ConnectionParameters) {
    self.parameters = parameters
    enter(next)
    deadline = fabric.now + UInt64(parameters.timeoutMilliseconds) * 1_000_000
    queuePair?.retryCount = Int(parameters.retryCount)
    queuePair?.notReadyRetryCount = Int(parameters.receiverNotReadyRetryCount)
    startTimer(after: min(fabric.model.connectRetryInterval, deadline - fabric.now), attempt: 1)
  }

  func disconnect() {
    guard phase == .established else { return }
    enter(.disconnecting)
    queuePair?.enterError()
    sendDisconnect(attempt: 1)
  }

  private func sendDisconnect(attempt: Int) {
    if let peer {
      fabric.send(
        .disconnectRequest(from: self, to: peer), from: localAddress, to: remoteAddress)
    }
    startTimer(after: fabric.model.connectRetryInterval, attempt: attempt)
  }

  /// The owner or the process gives it up, in whatever phase: the peer is told.
  func abandon() {
    switch phase {
    case .connecting:
      fabric.cancelRequests(from: self)
      if let peer { tellRejected(peer) }
    case .accepting: if let peer { tellRejected(peer) }
    case .ready: if let request { fabric.refuse(request, privateData: PrivateData()) }
    case .established:
      if let peer {
        fabric.send(
          .disconnectRequest(from: self, to: peer), from: localAddress, to: remoteAddress)
      }
    case .resolving, .disconnecting, .disconnected, .failed, .destroyed: break
    }
  }

  private func tellRejected(_ peer: SimulatedConnection) {
    fabric.send(
      .reject(from: nil, to: peer, reason: 28, privateData: PrivateData()), from: localAddress,
      to: remoteAddress)
  }

  func destroy() {
    guard phase != .destroyed else { return }
    abandon()
    enter(.destroyed)
    queuePair?.enterError()
    host.releaseIfDone(self)
  }

  // MARK: - What comes to pass

  func fail(
    _ failedStep: ConnectStep, _ errno: Int32, reason: UInt16 = 0,
    privateData: PrivateData = PrivateData()
  ) {
    guard phase.rawValue < Phase.established.rawValue else { return }
    enter(.failed)
    queuePair?.enterError()
    host.report(
      owner,
      .failed(
        ConnectFailure(
          step: failedStep, errno: errno, rejectReason: reason, privateData: privateData)),
      timing: timing)
  }

  func establish(privateData: PrivateData) {
    timing.exchange = elapsed
    enter(.established)
    // No more READs in flight than the peer answers.
    if let queuePair {
      let answered = peer?.wanted.responderResources ?? 0
      queuePair.initiatorDepth = min(queuePair.attributes.initiatorDepth, answered)
    }
    queuePair?.enter(.readyToReceive)
    queuePair?.enter(.readyToSend)
    if let queuePair { fabric.observer?.established(queuePair) }
    host.report(owner, .established(privateData: privateData), timing: timing)
    if let queuePair { fabric.transmit(queuePair) }
  }

  /// A message on a connection that waits for its last word says as much.
  func messageArrived() {
    if phase == .accepting { establish(privateData: PrivateData()) }
  }

  func peerDisconnected() {
    switch phase {
    case .established, .disconnecting:
      enter(.disconnected)
      queuePair?.enterError()
      host.report(owner, .disconnected)
    case .accepting: fail(.established, Errno.connectionReset)
    default: break
    }
  }

  /// The device is gone.
  func endWithDevice() {
    switch phase {
    case .established, .disconnecting:
      enter(.disconnected)
      host.report(owner, .disconnected)
    case .resolving, .ready, .connecting, .accepting: fail(.connect, Errno.noDevice)
    case .disconnected, .failed, .destroyed: break
    }
    queuePair?.enterError()
  }

  func timerFired(step: Int, attempt: Int) {
    guard step == self.step, !isDead else { return }
    switch phase {
    case .resolving:
      guard attempt == 0 else { return fail(.resolveAddress, Errno.timedOut) }
      timing.resolveAddress = elapsed / 2
      timing.resolveRoute = elapsed - elapsed / 2
      enter(.ready)
      host.makeQueuePair(for: self)
    case .connecting, .accepting:
      guard fabric.now < deadline else {
        abandon()
        return fail(isActive ? .connect : .established, Errno.timedOut)
      }
      if isActive {
        fabric.send(.request(from: self), from: localAddress, to: remoteAddress)
      } else if let peer {
        fabric.send(.reply(from: self, to: peer), from: localAddress, to: remoteAddress)
      }
      startTimer(
        after: min(fabric.model.connectRetryInterval, deadline - fabric.now), attempt: attempt + 1)
    case .disconnecting:
      // As the kernel: a few repeats, then it is over without an answer.
      if attempt < 4 { sendDisconnect(attempt: attempt + 1) } else { peerDisconnected() }
    case .ready, .established, .disconnected, .failed, .destroyed: break
    }
  }
}

/// Where somebody listens.
package final class SimulatedListener {
  let owner: CMOwner
  unowned let host: SimulatedHost
  let address: SocketAddress
  let backlog: Int

  init(owner: CMOwner, host: SimulatedHost, address: SocketAddress, backlog: Int) {
    self.owner = owner
    self.host = host
    self.address = address
    self.backlog = backlog
  }
}

/// A connect request that its receiver has not answered.
package final class PendingConnectRequest {
  let handle: ConnectRequestHandle
  let from: SimulatedConnection
  let listener: SimulatedListener

  init(handle: ConnectRequestHandle, from: SimulatedConnection, listener: SimulatedListener) {
    self.handle = handle
    self.from = from
    self.listener = listener
  }
}
