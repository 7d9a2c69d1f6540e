internal import BasicContainers
internal import CLinuxShims
internal import Glibc
public import RDMATransport
internal import Structures

extension EmulatedTransport {
  /// Answers to requests of which nothing is kept here, waiting for room; more are dropped, and
  /// their senders time out.
  static var refusalCountMax: Int { 256 }

  // MARK: - Out

  /// Notes that a connection has a message to send; it goes out at the end of the call.
  mutating func queue(_ slot: Int, _ message: Connection.Outbox) {
    guard queuePairs[slot].link >= 0 else { return }
    connections[slot].outbox.insert(message)
    guard !connections[slot].isInOutboxList else { return }
    connections[slot].isInOutboxList = true
    outbox.append(slot)
  }

  /// Takes a request back: silently if it did not go out yet.
  mutating func withdraw(_ slot: Int) {
    if connections[slot].outbox.contains(.request) {
      connections[slot].outbox.remove(.request)
    } else {
      queue(slot, .withdraw)
    }
  }

  mutating func refuse(
    _ request: PendingRequest, reason: UInt16, privateData: PrivateData = PrivateData()
  ) {
    var message = ConnectMessage(.reject, source: Handle.none.raw, destination: request.peer.raw)
    message.reason = reason
    message.carry(privateData, limit: PrivateData.rejectByteCountMax)
    reply(message, on: Int(request.link))
  }

  mutating func reply(_ message: ConnectMessage, on link: Int) {
    if !refusals.contains(where: { $0.link == link }), write(message, to: link) { return }
    if refusals.count < Self.refusalCountMax { refusals.append((link, message)) }
  }

  /// Sends what waits, as far as the peers have room, to each in the order of the outbox: a new connect that came
  /// before the ends of older ones would make the peer answer over one of those.
  ///
  /// - Parameter first: where in the outbox to begin; what waits before that waits for the next poll.
  mutating func sendOutbox(from first: Int = 0) {
    if first == 0 { outboxPass &+= 1 }
    if first == 0 && !refusals.isEmpty {
      var kept: [(link: Int, message: ConnectMessage)] = []
      for refusal in refusals where !write(refusal.message, to: refusal.link) {
        kept.append(refusal)
      }
      refusals = kept
    }
    var kept = first
    for index in first..<outbox.count {
      let slot = outbox[index]
      if sendMessages(of: slot) {
        connections[slot].isInOutboxList = false
        freeSlotIfUnused(slot)
      } else {
        outbox[kept] = slot
        kept += 1
      }
    }
    outbox.removeLast(outbox.count - kept)
  }

  private mutating func sendMessages(of slot: Int) -> Bool {
    let link = Int(queuePairs[slot].link)
    let order: InlineArray<6, Connection.Outbox> = [
      .request, .reply, .ready, .reject, .withdraw, .disconnect,
    ]
    for index in 0..<6 where connections[slot].outbox.contains(order[index]) {
      guard links[link].state == .up else {
        connections[slot].outbox = []
        return true
      }
      guard links[link].fullInPass != outboxPass else { return false }
      guard write(message(order[index], of: slot), to: link) else {
        links[link].fullInPass = outboxPass
        return false
      }
      connections[slot].outbox.remove(order[index])
    }
    return true
  }

  private func message(_ kind: Connection.Outbox, of slot: Int) -> ConnectMessage {
    let kinds: ConnectMessage.Kind =
      switch kind {
      case .request: .request
      case .reply: .reply
      case .ready: .ready
      case .reject: .reject
      case .withdraw: .withdraw
      default: .disconnect
      }
    var message = ConnectMessage(
      kinds, source: queuePairs[slot].handle.raw,
      destination: queuePairs[slot].remoteHandle.raw)
    message.sourceAddress = connections[slot].local.ipv4
    message.sourcePort = connections[slot].local.port
    message.destinationAddress = connections[slot].remote.ipv4
    message.destinationPort = connections[slot].remote.port
    message.responderResources = connections[slot].attributes.responderResources
    message.initiatorDepth = connections[slot].attributes.initiatorDepth
    switch kind {
    case .request:
      message.carry(connections[slot].privateData, limit: PrivateData.requestByteCountMax)
    case .reply:
      message.carry(connections[slot].privateData, limit: PrivateData.replyByteCountMax)
    case .reject:
      message.reason = ConnectFailure.reasonConsumer
      message.carry(connections[slot].privateData, limit: PrivateData.rejectByteCountMax)
    default: break
    }
    return message
  }

  /// Writes a message into the peer's ring and marks it; false when the ring is full.
  private mutating func write(_ message: ConnectMessage, to link: Int) -> Bool {
    guard links[link].state == .up else { return true }
    let peer = links[link].peer
    let block = links[link].peerBlock
    guard hasRoomForMessage(link) else { return false }
    let position = links[link].outMessagePosition
    let cell = Self.messageCell(block, position)
    peer.write(message, cell + 8)
    peer.store(position &+ 1, cell)
    links[link].outMessagePosition = position &+ 1
    // Marked whether the peer looks at the link or not: it looks at completions only.
    markReady(link)
    notify(link)
    return true
  }

  private mutating func hasRoomForMessage(_ link: Int) -> Bool {
    let position = links[link].outMessagePosition
    if position &- links[link].outMessageHead < UInt64(Layout.messageCount) { return true }
    links[link].outMessageHead = links[link].peer.load64(
      links[link].peerBlock + Layout.messageHead)
    return position &- links[link].outMessageHead < UInt64(Layout.messageCount)
  }

  private static func messageCell(_ block: Int, _ position: UInt64) -> Int {
    block + Layout.messages + Int(position % UInt64(Layout.messageCount)) * Layout.messageStride
  }

  // MARK: - In

  public mutating func poll(events output: inout OutputSpan<CMEvent>) {
    serveSockets()
    collectReady()
    if !linksWithMessages.isEmpty { receiveMessages() }
    if nextTimeout != .max { expireTimeouts() }
    if !outbox.isEmpty || !refusals.isEmpty { sendOutbox() }
    while !events.isEmpty, output.freeCapacity > 0 { output.append(events.removeFirst()) }
  }

  private mutating func receiveMessages() {
    var index = 0
    while index < linksWithMessages.count {
      let link = linksWithMessages[index]
      links[link].hasMessages = false
      index += 1
      // At most a ring full: a peer that never stops must not stop the loop.
      var left = Layout.messageCount
      while links[link].block != 0, left > 0, receiveMessage(link) { left -= 1 }
      if left == 0 && !links[link].hasMessages {
        links[link].hasMessages = true
        markOwn(link)
      }
    }
    linksWithMessages.removeAll(keepingCapacity: true)
  }

  /// Marks a link of our own for the next poll.
  private mutating func markOwn(_ link: Int) {
    links[link].hasMessages = false
    segment.or(1 << UInt64(link & 63), Layout.readyWords + link / 64 * 8)
    segment.or(1 << UInt64(link / 64), Layout.readySummary)
  }

  private mutating func receiveMessage(_ link: Int) -> Bool {
    let position = links[link].messagePosition
    let block = links[link].block
    let cell = Self.messageCell(block, position)
    guard segment.load64(cell) == position &+ 1 else { return false }
    let message = segment.read(ConnectMessage.self, cell + 8)
    links[link].messagePosition = position &+ 1
    segment.store(position &+ 1, block + Layout.messageHead)
    guard let kind = ConnectMessage.Kind(rawValue: message.kind) else {
      counters.peerViolationCount += 1
      return true
    }
    switch kind {
    case .request: receiveRequest(message, on: link)
    case .withdraw: receiveWithdraw(message, on: link)
    case .disconnect: receiveDisconnect(message, on: link)
    case .reply, .ready, .reject, .disconnected:
      let handle = Handle(raw: message.destination)
      let slot = handle.slot
      guard slot < queuePairs.count, queuePairs[slot].handle == handle,
        queuePairs[slot].link == Int32(link)
      else { return true }
      switch kind {
      case .reply: receiveReply(message, slot)
      case .ready: receiveReady(slot)
      case .reject: receiveReject(message, slot)
      default: receiveDisconnected(slot)
      }
    }
    return true
  }

  private mutating func receiveRequest(_ message: ConnectMessage, on link: Int) {
    var request = PendingRequest()
    request.isLive = true
    request.link = Int32(link)
    request.peer = Handle(raw: message.source)
    request.source = SocketAddress(ipv4: message.sourceAddress, port: message.sourcePort)
    request.destination = SocketAddress(
      ipv4: message.destinationAddress, port: message.destinationPort)
    request.responderResources = message.responderResources
    request.initiatorDepth = message.initiatorDepth
    let isOurs = addresses.contains(message.destinationAddress)
    guard isOurs, let listener = listeners.first(where: { $0.takes(request.destination) })
    else { return refuse(request, reason: ConnectFailure.reasonInvalidServiceID) }
    let index: Int
    if let free = freeRequests.popLast() {
      index = free
    } else if requests.count < limits.pendingRequestCountMax {
      index = requests.count
      requests.append(PendingRequest())
    } else {
      counters.refusedRequestCount += 1
      return refuse(request, reason: Self.reasonNoResources)
    }
    request.generation = requests[index].generation &+ 1
    requests[index] = request
    let handle = ConnectRequestHandle(raw: UInt64(request.generation) << 32 | UInt64(index))
    emit(
      listener.owner,
      .connectRequest(
        handle, source: request.source,
        privateData: message.privateData(paddedTo: PrivateData.requestByteCountMax)))
  }

  /// IB's REJ reason "no resources".
  static var reasonNoResources: UInt16 { 3 }

  private mutating func receiveWithdraw(_ message: ConnectMessage, on link: Int) {
    let peer = Handle(raw: message.source)
    for index in requests.indices
    where requests[index].isLive && requests[index].link == Int32(link)
      && requests[index].peer == peer
    {
      requests[index].isLive = false
      freeRequests.append(index)
      return
    }
    for slot in 0..<connections.count
    where queuePairs[slot].link == Int32(link) && queuePairs[slot].remoteHandle == peer
      && !connections[slot].isActive
    {
      let phase = connections[slot].phase
      guard phase == .answering || phase == .accepted else { continue }
      // It never was connected, so it never wrote to us.
      connections[slot].isKnownToPeer = false
      return failConnect(slot, .accept, ECONNRESET)
    }
  }

  private mutating func receiveReply(_ message: ConnectMessage, _ slot: Int) {
    // A reply that crossed a withdrawal is void: the peer learns of it by that.
    guard connections[slot].phase == .requested else { return }
    queuePairs[slot].remoteHandle = Handle(raw: message.source)
    queuePairs[slot].initiatorDepth = min(
      queuePairs[slot].initiatorDepth, message.responderResources)
    guard joinPeer(slot) else {
      counters.peerViolationCount += 1
      queue(slot, .withdraw)
      return failConnect(slot, .connect, EPROTO)
    }
    connections[slot].phase = .established
    connections[slot].isKnownToPeer = true
    queue(slot, .ready)
    establish(
      slot, privateData: message.privateData(paddedTo: PrivateData.replyByteCountMax))
  }

  private mutating func receiveReady(_ slot: Int) {
    guard connections[slot].phase == .accepted else { return }
    connections[slot].phase = .established
    establish(slot, privateData: PrivateData())
  }

  private mutating func establish(_ slot: Int, privateData: PrivateData) {
    clearTimeout(slot)
    let now = clinux_monotonic_nanoseconds()
    connections[slot].timing.exchange = UInt32(clamping: now - connections[slot].began)
    if queuePairs[slot].state != .error {
      queuePairs[slot].state = .connected
      if !queuePairs[slot].sends.isEmpty { resume(slot) }
    }
    emit(
      connections[slot].owner, .established(privateData: privateData), connections[slot].timing)
  }

  /// Looks up where the peer's receives are; false when what it shares cannot be.
  mutating func joinPeer(_ slot: Int) -> Bool {
    let link = Int(queuePairs[slot].link)
    let peer = links[link].peer
    let handle = queuePairs[slot].remoteHandle
    guard links[link].state == .up, handle.slot < Layout.queuePairCountMax else { return false }
    let remote = Layout.queuePair(handle.slot)
    let ring = peer.load64(remote + Layout.receiveRing)
    let mask = peer.load32(remote + Layout.receiveMask)
    guard mask & (mask &+ 1) == 0, mask < 1 << 15, ring & 15 == 0,
      peer.holds(ring, (UInt64(mask) + 1) * UInt64(Layout.receiveStride))
    else { return false }
    queuePairs[slot].remote = remote
    queuePairs[slot].remoteRing = Int(truncatingIfNeeded: ring)
    queuePairs[slot].remoteMask = mask
    queuePairs[slot].remoteHead = 0
    queuePairs[slot].remoteTail = 0
    queuePairs[slot].remoteState = Layout.stateWord(
      generation: handle.generation, isOpen: true)
    return true
  }

  private mutating func receiveReject(_ message: ConnectMessage, _ slot: Int) {
    switch connections[slot].phase {
    case .requested:
      failConnect(
        slot, .connect, ECONNREFUSED, reason: message.reason,
        privateData: message.privateData(paddedTo: PrivateData.rejectByteCountMax))
    default: return
    }
  }

  private mutating func receiveDisconnect(_ message: ConnectMessage, on link: Int) {
    let handle = Handle(raw: message.destination)
    let slot = handle.slot
    let isKnown =
      slot < queuePairs.count && queuePairs[slot].handle == handle
      && queuePairs[slot].link == Int32(link)
    // Before the answer, so that it is true: nothing is written into the peer's queue pair any more.
    if isKnown { peerDisconnected(slot) }
    reply(
      ConnectMessage(.disconnected, source: message.destination, destination: message.source),
      on: link)
  }

  private mutating func peerDisconnected(_ slot: Int) {
    switch connections[slot].phase {
    case .established:
      connections[slot].phase = .disconnecting
      fail(slot)
      // It is owed an answer to our own side of it: our queue pair is free when the peer is out too.
      queue(slot, .disconnect)
      if !connections[slot].isDestroyed { emit(connections[slot].owner, .disconnected) }
      connections[slot].phase = .disconnected
    case .accepted:
      failConnect(slot, .established, ECONNRESET)
      queue(slot, .disconnect)
    case .requested: failConnect(slot, .connect, ECONNRESET)
    default: break
    }
  }

  /// The peer says that it writes no more into this queue pair.
  private mutating func receiveDisconnected(_ slot: Int) {
    connections[slot].isKnownToPeer = false
    if connections[slot].phase == .disconnecting {
      connections[slot].phase = .disconnected
      if !connections[slot].isDestroyed { emit(connections[slot].owner, .disconnected) }
    }
    freeSlotIfUnused(slot)
  }

  mutating func peerDied(_ slot: Int) {
    connections[slot].isKnownToPeer = false
    connections[slot].outbox = []
    switch connections[slot].phase {
    case .resolving: failConnect(slot, .resolveAddress, EHOSTUNREACH)
    case .prepared, .requested: failConnect(slot, .connect, ECONNRESET)
    case .answering: failConnect(slot, .accept, ECONNRESET)
    case .accepted: failConnect(slot, .established, ECONNRESET)
    case .established, .disconnecting:
      connections[slot].phase = .disconnected
      fail(slot)
      if !connections[slot].isDestroyed { emit(connections[slot].owner, .disconnected) }
    case .disconnected, .failed, .free: break
    }
    freeSlotIfUnused(slot)
  }

  mutating func failConnect(
    _ slot: Int, _ step: ConnectStep, _ errno: Int32, reason: UInt16 = 0,
    privateData: PrivateData = PrivateData()
  ) {
    clearTimeout(slot)
    connections[slot].phase = .failed
    fail(slot)
    guard !connections[slot].isDestroyed else { return }
    let failure = ConnectFailure(
      step: step, errno: errno, rejectReason: reason, privateData: privateData)
    emit(connections[slot].owner, .failed(failure), connections[slot].timing)
  }

  // MARK: - Deadlines

  mutating func setTimeout(_ slot: Int, milliseconds: UInt32) {
    let deadline = clinux_monotonic_nanoseconds() &+ UInt64(milliseconds) * 1_000_000
    connections[slot].deadline = deadline
    nextTimeout = min(nextTimeout, deadline)
    guard connections[slot].timedIndex < 0 else { return }
    connections[slot].timedIndex = Int32(timed.count)
    timed.append(slot)
  }

  mutating func clearTimeout(_ slot: Int) {
    let index = Int(connections[slot].timedIndex)
    guard index >= 0 else { return }
    let moved = timed[timed.count - 1]
    timed[index] = moved
    connections[moved].timedIndex = Int32(index)
    timed.removeLast()
    connections[slot].timedIndex = -1
    if timed.isEmpty { nextTimeout = .max }
  }

  /// Looks at all deadlines only when the first of them may have passed: they are as many as connects in flight.
  private mutating func expireTimeouts() {
    let now = clinux_monotonic_nanoseconds()
    guard now >= nextTimeout else { return }
    var expired: [Int] = []
    nextTimeout = .max
    for slot in timed {
      if connections[slot].deadline <= now {
        expired.append(slot)
      } else {
        nextTimeout = min(nextTimeout, connections[slot].deadline)
      }
    }
    for slot in expired {
      switch connections[slot].phase {
      case .resolving: failConnect(slot, .resolveAddress, ETIMEDOUT)
      case .requested:
        withdraw(slot)
        failConnect(slot, .connect, ETIMEDOUT)
      case .accepted:
        // The peer may be connected, and writing.
        queue(slot, .disconnect)
        failConnect(slot, .established, ETIMEDOUT)
      default: clearTimeout(slot)
      }
    }
  }
}
