internal import BasicContainers
internal import CLinuxShims
internal import Glibc
public import RDMATransport
internal import Structures

extension EmulatedTransport {
  public mutating func execute(_ commands: Span<CMCommand>) {
    let waiting = outbox.count
    for index in 0..<commands.count { execute(commands[index]) }
    sendOutbox(from: waiting)
  }

  private mutating func execute(_ command: CMCommand) {
    switch command {
    case .prepare(let owner, let route, let attributes):
      prepare(owner, route, attributes)
    case .connect(let owner, let parameters): connect(owner, parameters)
    case .prepareReply(let owner, let request, let attributes):
      prepareReply(owner, request, attributes)
    case .accept(let owner, let parameters): accept(owner, parameters)
    case .reject(let request, let privateData): reject(request, privateData)
    case .rejectPrepared(let owner, let privateData): rejectPrepared(owner, privateData)
    case .listen(let owner, let address, _): listen(owner, address)
    case .disconnect(let owner): disconnect(owner)
    case .destroy(let owner): destroy(owner)
    }
  }

  mutating func emit(_ owner: CMOwner, _ kind: CMEvent.Kind, _ timing: ConnectTiming = .init()) {
    events.reserve(events.count + 1)
    events.append(CMEvent(owner: owner, kind: kind, timing: timing))
  }

  // MARK: - Slots

  private mutating func takeSlot(for owner: CMOwner) -> Int? {
    precondition(slotByOwner[owner] == nil, "an owner that is in use")
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
    } else {
      guard queuePairs.count < Layout.queuePairCountMax else { return nil }
      slot = queuePairs.count
      queuePairs.append(QueuePair(handle: Handle(slot: slot, generation: 0)))
      connections.append(Connection())
      heldQueuePairs.reserveCapacity(queuePairs.count)
      flushingQueuePairs.reserveCapacity(queuePairs.count)
    }
    connections[slot] = Connection()
    connections[slot].owner = owner
    slotByOwner[owner] = slot
    return slot
  }

  /// Makes the queue pair of a slot: rings, and what the peer sees of it.
  mutating func makeQueuePair(_ slot: Int) -> Bool {
    var attributes = connections[slot].attributes
    attributes.sendCapacity = min(max(attributes.sendCapacity, 1), 1 << 15)
    attributes.receiveCapacity = min(max(attributes.receiveCapacity, 1), 1 << 15)
    attributes.sendSegments = 2
    attributes.inlineByteCount = 0
    let began = clinux_monotonic_nanoseconds()
    let receiveCount = Ring<PostedReceive>.capacity(for: Int(attributes.receiveCapacity))
    guard let ring = heap.allocate(receiveCount * Layout.receiveStride) else { return false }
    connections[slot].attributes = attributes
    queuePairs[slot].receives = Ring(minimumCapacity: receiveCount)
    queuePairs[slot].sends = Ring(minimumCapacity: Int(attributes.sendCapacity))
    queuePairs[slot].receiveRing = ring
    queuePairs[slot].receiveTail = 0
    queuePairs[slot].receiveCapacity = Int(attributes.receiveCapacity)
    queuePairs[slot].sendCapacity = Int(attributes.sendCapacity)
    queuePairs[slot].initiatorDepth = attributes.initiatorDepth
    sendCapacitySum += Int(attributes.sendCapacity)
    localCompletions.reserve(sendCapacitySum)
    let place = Layout.queuePair(slot)
    segment.store(0 as UInt32, place + Layout.receiveTail)
    segment.store(UInt64(ring), place + Layout.receiveRing)
    segment.store(UInt32(receiveCount - 1), place + Layout.receiveMask)
    segment.store(0 as UInt32, place + Layout.busy)
    let word = Layout.stateWord(generation: queuePairs[slot].handle.generation, isOpen: true)
    segment.exchange(word, place + Layout.state)
    queuePairs[slot].state = .ready
    let now = clinux_monotonic_nanoseconds()
    connections[slot].timing.createQueuePair = UInt32(clamping: now - began)
    return true
  }

  private func queuePairHandle(_ slot: Int) -> QueuePairHandle {
    QueuePairHandle(handle: queuePairs[slot].handle)
  }

  mutating func attach(_ slot: Int, to link: Int) {
    queuePairs[slot].link = Int32(link)
    links[link].connectionCount += 1
  }

  // MARK: - The active side

  private mutating func prepare(
    _ owner: CMOwner, _ route: ConnectRoute, _ attributes: QueuePairAttributes
  ) {
    guard let slot = takeSlot(for: owner) else {
      emit(owner, .failed(ConnectFailure(step: .createQueuePair, errno: ENOMEM)))
      return
    }
    connections[slot].isActive = true
    connections[slot].attributes = attributes
    connections[slot].phase = .resolving
    let source = route.source.ipv4 == 0 ? addresses[0] : route.source.ipv4
    connections[slot].local = SocketAddress(ipv4: source, port: route.source.port)
    if route.source.port == 0 {
      connections[slot].local.port = nextPort
      nextPort = nextPort == .max ? 49152 : nextPort + 1
    }
    connections[slot].remote = route.destination
    connections[slot].began = clinux_monotonic_nanoseconds()
    guard addresses.contains(source) else {
      return failConnect(slot, .bind, EADDRNOTAVAIL)
    }
    switch findLink(to: route.destination.ipv4, from: source) {
    case .failure(let failure): failConnect(slot, .resolveAddress, failure.errno)
    case .success(let link):
      attach(slot, to: link)
      switch links[link].state {
      case .up: finishPrepare(slot)
      case .leaving, .dead: failConnect(slot, .resolveAddress, EHOSTUNREACH)
      default: setTimeout(slot, milliseconds: route.resolveTimeoutMilliseconds)
      }
    }
  }

  /// The link is up: the queue pair can be made.
  mutating func finishPrepare(_ slot: Int) {
    clearTimeout(slot)
    let now = clinux_monotonic_nanoseconds()
    connections[slot].timing.resolveAddress = UInt32(clamping: now - connections[slot].began)
    guard makeQueuePair(slot) else { return failConnect(slot, .createQueuePair, ENOMEM) }
    connections[slot].phase = .prepared
    emit(
      connections[slot].owner,
      .ready(queuePairHandle(slot), granted: connections[slot].attributes),
      connections[slot].timing)
  }

  private mutating func connect(_ owner: CMOwner, _ parameters: ConnectionParameters) {
    guard let slot = slotByOwner[owner], connections[slot].phase == .prepared else { return }
    guard parameters.privateData.count <= PrivateData.requestByteCountMax else {
      return failConnect(slot, .connect, EINVAL)
    }
    adopt(parameters, slot)
    connections[slot].phase = .requested
    queue(slot, .request)
  }

  private mutating func adopt(_ parameters: ConnectionParameters, _ slot: Int) {
    queuePairs[slot].receiverNotReadyRetryCount = parameters.receiverNotReadyRetryCount
    queuePairs[slot].retryCount = parameters.retryCount
    connections[slot].privateData = parameters.privateData
    connections[slot].began = clinux_monotonic_nanoseconds()
    setTimeout(slot, milliseconds: parameters.timeoutMilliseconds)
  }

  // MARK: - The passive side

  private mutating func listen(_ owner: CMOwner, _ wanted: SocketAddress) {
    var errno: Int32 = 0
    let isTaken = listeners.contains {
      $0.address.port == wanted.port
        && ($0.address.ipv4 == wanted.ipv4 || $0.address.ipv4 == 0 || wanted.ipv4 == 0)
    }
    if isTaken { errno = EADDRINUSE }
    if wanted.ipv4 != 0 && !addresses.contains(wanted.ipv4) { errno = EADDRNOTAVAIL }
    if wanted.port == 0 { errno = EINVAL }
    guard errno == 0 else { return emit(owner, .listenFailed(errno: errno)) }
    listeners.append(Listener(owner: owner, address: wanted))
    emit(owner, .listening)
  }

  /// Takes a request out of the table; nil when it is stale.
  private mutating func takeRequest(_ handle: ConnectRequestHandle) -> PendingRequest? {
    let index = Int(handle.raw & 0xFFFF_FFFF)
    guard index < requests.count, requests[index].isLive,
      UInt64(requests[index].generation) == handle.raw >> 32
    else { return nil }
    let request = requests[index]
    requests[index].isLive = false
    freeRequests.append(index)
    return request
  }

  private mutating func prepareReply(
    _ owner: CMOwner, _ handle: ConnectRequestHandle, _ attributes: QueuePairAttributes
  ) {
    guard let slot = takeSlot(for: owner) else {
      emit(owner, .failed(ConnectFailure(step: .createQueuePair, errno: ENOMEM)))
      return
    }
    connections[slot].attributes = attributes
    connections[slot].phase = .answering
    guard let request = takeRequest(handle) else {
      // It withdrew, or died.
      return failConnect(slot, .accept, ECONNRESET)
    }
    attach(slot, to: Int(request.link))
    connections[slot].local = request.destination
    connections[slot].remote = request.source
    queuePairs[slot].remoteHandle = request.peer
    connections[slot].attributes.responderResources = min(
      attributes.responderResources, request.initiatorDepth)
    connections[slot].attributes.initiatorDepth = min(
      attributes.initiatorDepth, request.responderResources)
    guard makeQueuePair(slot), joinPeer(slot) else {
      queue(slot, .reject)
      return failConnect(slot, .createQueuePair, ENOMEM)
    }
    emit(
      owner, .ready(queuePairHandle(slot), granted: connections[slot].attributes),
      connections[slot].timing)
  }

  private mutating func accept(_ owner: CMOwner, _ parameters: ConnectionParameters) {
    guard let slot = slotByOwner[owner], connections[slot].phase == .answering else { return }
    adopt(parameters, slot)
    connections[slot].phase = .accepted
    queuePairs[slot].state = .accepted
    connections[slot].isKnownToPeer = true
    queue(slot, .reply)
  }

  private mutating func reject(_ handle: ConnectRequestHandle, _ privateData: PrivateData) {
    guard let request = takeRequest(handle) else { return }
    refuse(
      request, reason: ConnectFailure.reasonConsumer, privateData: privateData)
  }

  private mutating func rejectPrepared(_ owner: CMOwner, _ privateData: PrivateData) {
    guard let slot = slotByOwner[owner], connections[slot].phase == .answering else { return }
    connections[slot].privateData = privateData
    connections[slot].phase = .failed
    queue(slot, .reject)
    fail(slot)
  }

  // MARK: - The end

  private mutating func disconnect(_ owner: CMOwner) {
    guard let slot = slotByOwner[owner] else { return }
    switch connections[slot].phase {
    case .established, .accepted:
      connections[slot].phase = .disconnecting
      clearTimeout(slot)
      fail(slot)
      queue(slot, .disconnect)
    default: return
    }
  }

  private mutating func destroy(_ owner: CMOwner) {
    if let index = listeners.firstIndex(where: { $0.owner == owner }) {
      listeners.remove(at: index)
      return emit(owner, .released)
    }
    guard let slot = slotByOwner[owner] else { return emit(owner, .released) }
    guard !connections[slot].isDestroyed else { return }
    connections[slot].isDestroyed = true
    clearTimeout(slot)
    switch connections[slot].phase {
    case .requested:
      connections[slot].phase = .failed
      withdraw(slot)
    case .answering:
      connections[slot].phase = .failed
      connections[slot].privateData = PrivateData()
      queue(slot, .reject)
    case .accepted, .established:
      connections[slot].phase = .disconnecting
      queue(slot, .disconnect)
    case .resolving, .prepared: connections[slot].phase = .failed
    case .disconnecting, .disconnected, .failed, .free: break
    }
    if queuePairs[slot].state == .free { return release(slot) }
    fail(slot)
    addToFlush(slot)
  }

  /// Everything that was posted has completed: the owner is told, and the slot is free once the peer is out.
  mutating func release(_ slot: Int) {
    guard connections[slot].isDestroyed, !connections[slot].isReleased else { return }
    connections[slot].isReleased = true
    let owner = connections[slot].owner
    slotByOwner[owner] = nil
    queuePairs[slot].state = .free
    emit(owner, .released)
    freeSlotIfUnused(slot)
  }

  mutating func freeSlotIfUnused(_ slot: Int) {
    guard connections[slot].isReleased, connections[slot].phase != .free,
      !connections[slot].isKnownToPeer, connections[slot].outbox.isEmpty
    else { return }
    if queuePairs[slot].receiveRing != 0 {
      heap.free(
        queuePairs[slot].receiveRing,
        queuePairs[slot].receives.capacity * Layout.receiveStride)
      sendCapacitySum -= queuePairs[slot].sendCapacity
    }
    let link = Int(queuePairs[slot].link)
    let next = queuePairs[slot].handle.generation &+ 1 & 0xFFF
    queuePairs[slot] = QueuePair(handle: Handle(slot: slot, generation: next))
    connections[slot].phase = .free
    freeSlots.append(slot)
    if link >= 0 {
      links[link].connectionCount -= 1
      freeLinkIfUnused(link)
    }
  }
}
