internal import BasicContainers
internal import LNet
internal import LustreWire
package import RDMATransport
internal import Structures

extension O2IBLND {
  /// Ends a turn: posts what has room and credit, and issues the commands that were decided on.
  ///
  /// What finds no room in the turn's batches stays for the next one.
  package mutating func flush(_ turn: inout Turn) {
    isUrgent = false
    if !refusals.isEmpty { flushRefusals(&turn) }
    if listenersPending { flushListeners(&turn) }
    var c = dirtyHead
    let last = dirtyTail
    dirtyHead = Connection.none
    dirtyTail = Connection.none
    while c >= 0 {
      let index = Int(c)
      let next = connections[index].nextDirty
      connections[index].isDirty = false
      if !flushConnection(index, &turn) { list(index) }
      if c == last { break }
      c = next
    }
  }

  /// Whether another turn is due at once: something was left for want of room in a batch, or has come up
  /// since `flush`. What waits for a completion, a credit or a piece is not meant.
  package var needsFlush: Bool {
    mutating get { isUrgent || !refusals.isEmpty || listenersPending }
  }

  /// False when the connection has to be looked at again.
  private mutating func flushConnection(_ c: Int, _ turn: inout Turn) -> Bool {
    guard connections[c].state != .free else { return true }
    var isDone = true
    if !connections[c].toPost.isEmpty { isDone = postReceives(c, &turn) }
    if connections[c].state == .established { isDone = pump(c, &turn) && isDone }
    if connections[c].commands.rawValue != 0 { isDone = flushCommands(c, &turn) && isDone }
    return isDone
  }

  private mutating func flushCommands(_ c: Int, _ turn: inout Turn) -> Bool {
    let owner = WorkID.owner(handle(of: c))
    while connections[c].commands.rawValue != 0 {
      guard turn.commands.freeCapacity > 0 else {
        isUrgent = true
        return false
      }
      let commands = connections[c].commands
      if commands.contains(.prepare) {
        connections[c].commands.remove(.prepare)
        turn.commands.append(prepareCommand(c, owner))
      } else if commands.contains(.connect) {
        guard connections[c].toPost.isEmpty else { return false }
        connections[c].commands.remove(.connect)
        let parameters = exchangeParameters(c)
        turn.commands.append(
          connections[c].isActive
            ? .connect(owner: owner, parameters: parameters)
            : .accept(owner: owner, parameters: parameters))
      } else if commands.contains(.reject) {
        connections[c].commands.remove(.reject)
        counters.rejectsSent.count(connections[c].rejectReason)
        turn.commands.append(
          .rejectPrepared(
            owner: owner,
            privateData: rejectData(
              connections[c].rejectReason, Int(connections[c].interface))))
      } else if commands.contains(.disconnect) {
        connections[c].commands.remove(.disconnect)
        turn.commands.append(.disconnect(owner: owner))
      } else {
        connections[c].commands.remove(.destroy)
        turn.commands.append(.destroy(owner: owner))
      }
    }
    return true
  }

  private func prepareCommand(_ c: Int, _ owner: CMOwner) -> CMCommand {
    let attributes = QueuePairAttributes(
      sendCapacity: UInt32(limits.sendQueue),
      receiveCapacity: UInt32(connections[c].receiveCount), sendSegments: 1,
      inlineByteCount: limits.inlineByteCount)
    guard connections[c].isActive else {
      return .prepareReply(
        owner: owner, request: connections[c].request, attributes: attributes)
    }
    let own = interfaces[Int(connections[c].interface)].given
    let port: UInt16 = configuration.usesPrivilegedPort ? 1023 : 0
    return .prepare(
      owner: owner,
      route: ConnectRoute(
        source: SocketAddress(ipv4: own.ipv4, port: port),
        destination: SocketAddress(
          ipv4: connections[c].peerNID.address, port: configuration.service),
        typeOfService: UInt8(exactly: configuration.typeOfService)),
      attributes: attributes)
  }

  /// CONNREQ or CONNACK (spec 02 §4.1, §4.2) with the CM's own parameters round it.
  private func exchangeParameters(_ c: Int) -> CMExchange {
    let isActive = connections[c].isActive
    let envelope = O2IBEnvelope(
      type: isActive ? .connectRequest : .connectAcknowledge, credits: 0,
      byteCount: UInt32(O2IBProtocol.helloBytes), sourceNID: connections[c].localNID,
      sourceStamp: connections[c].localStamp, destinationNID: connections[c].peerNID,
      destinationStamp: connections[c].peerStamp)
    let proposed = WireParameters(
      queueDepth: connections[c].wantedDepth, maximumFragments: connections[c].wantedFragments)
    let data = PrivateData(byteCount: O2IBProtocol.helloBytes) { bytes in
      envelope.encode(into: &bytes)
      proposed.encode(into: &bytes, at: O2IBEnvelope.byteCount)
    }
    return CMExchange(
      retryCount: UInt8(configuration.retryCount),
      receiverNotReadyRetryCount: UInt8(configuration.receiverNotReadyRetryCount),
      timeoutMilliseconds: configuration.connectTimeoutMilliseconds, privateData: data)
  }

  private func rejectData(_ reason: RejectReason, _ interface: Int) -> PrivateData {
    var stamp: UInt64 = 0
    var parameters = WireParameters(queueDepth: 0, maximumFragments: 0)
    if interface >= 0 {
      stamp = interfaces[interface].given.stamp
      parameters = WireParameters(queueDepth: UInt16(configuration.peerCredits))
    }
    let reject = O2IBReject(reason: reason, incarnation: stamp, parameters: parameters)
    return PrivateData(byteCount: O2IBProtocol.rejectBytes) { bytes in
      _ = reject.encode(into: &bytes)
    }
  }

  private mutating func flushRefusals(_ turn: inout Turn) {
    while !refusals.isEmpty, turn.commands.freeCapacity > 0,
      let refusal = refusals.popFirst()
    {
      turn.commands.append(
        .reject(
          request: refusal.request,
          privateData: rejectData(refusal.reason, Int(refusal.interface))))
    }
  }

  private mutating func flushListeners(_ turn: inout Turn) {
    listenersPending = false
    for slot in 0..<interfaces.count where interfaces[slot].isPending {
      guard turn.commands.freeCapacity > 0 else {
        listenersPending = true
        return
      }
      interfaces[slot].isPending = false
      let owner = WorkID.listener(slot)
      if interfaces[slot].listen == .stopping {
        turn.commands.append(.destroy(owner: owner))
      } else {
        let address = SocketAddress(
          ipv4: interfaces[slot].given.ipv4, port: configuration.service)
        turn.commands.append(.listen(owner: owner, address: address, backlog: 0))
      }
    }
  }
}
