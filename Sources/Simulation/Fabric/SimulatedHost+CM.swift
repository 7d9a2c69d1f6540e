internal import RDMATransport
internal import Structures

/// The commands of the connection manager.
extension SimulatedHost {
  func execute(_ command: CMCommand) {
    guard life != .closed else { return }
    switch command {
    case .prepare(let owner, let route, let attributes):
      prepare(owner: owner, route: route, attributes: attributes)
    case .connect(let owner, let parameters): connection(owner)?.connect(parameters)
    case .prepareReply(let owner, let request, let attributes):
      prepareReply(owner: owner, handle: request, attributes: attributes)
    case .accept(let owner, let parameters): connection(owner)?.accept(parameters)
    case .reject(let handle, let privateData):
      guard let index = requests.firstIndex(where: { $0.handle == handle }) else { return }
      fabric.refuse(requests.remove(at: index), privateData: privateData)
    case .rejectPrepared(let owner, let privateData):
      guard let connection = connection(owner), let request = connection.request,
        connection.phase == .ready
      else { return }
      fabric.refuse(request, privateData: privateData)
      connection.enter(.failed)
      connection.queuePair?.enterError()
    case .listen(let owner, let address, let backlog):
      listen(owner: owner, address: address, backlog: Int(backlog))
    case .disconnect(let owner): connection(owner)?.disconnect()
    case .destroy(let owner): destroy(owner)
    }
  }

  private func connection(_ owner: CMOwner) -> SimulatedConnection? {
    connections.first { $0.owner == owner && $0.phase != .destroyed }
  }

  private func prepare(owner: CMOwner, route: ConnectRoute, attributes: QueuePairAttributes) {
    let connection = SimulatedConnection(
      owner: owner, host: self, isActive: true, local: route.source, remote: route.destination)
    connection.wanted = attributes
    connections.append(connection)
    guard life == .running else { return connection.fail(.bind, Errno.noDevice) }
    guard addresses.contains(route.source.ipv4) else {
      return connection.fail(.bind, Errno.addressNotAvailable)
    }
    connection.startResolving(route)
  }

  private func prepareReply(
    owner: CMOwner, handle: ConnectRequestHandle, attributes: QueuePairAttributes
  ) {
    let index = requests.firstIndex { $0.handle == handle }
    let request = index.map { requests.remove(at: $0) }
    let nowhere = SocketAddress(ipv4: 0, port: 0)
    let connection = SimulatedConnection(
      owner: owner, host: self, isActive: false, local: request?.from.remote ?? nowhere,
      remote: request?.from.local ?? nowhere)
    connection.request = request
    connection.wanted = attributes
    connections.append(connection)
    guard life == .running, request != nil else {
      return connection.fail(.accept, Errno.connectionReset)
    }
    makeQueuePair(for: connection)
  }

  func makeQueuePair(for connection: SimulatedConnection) {
    let limits = fabric.capabilities
    var granted = connection.wanted
    granted.sendCapacity = min(granted.sendCapacity, UInt32(limits.sendCapacityMax))
    granted.receiveCapacity = min(granted.receiveCapacity, UInt32(limits.receiveCapacityMax))
    granted.sendSegments = min(granted.sendSegments, UInt8(limits.sendSegmentsMax))
    granted.inlineByteCount = min(granted.inlineByteCount, UInt16(limits.inlineByteCountMax))
    guard queuePairs.count < limits.queuePairCountMax else {
      return connection.fail(.createQueuePair, Errno.noMemory)
    }
    let number = fabric.nextQueuePairNumber
    fabric.nextQueuePairNumber += 1
    // The table gives the handle only when it holds something: hold a stand-in with no name first.
    let standIn = SimulatedQueuePair(
      number: number, handle: .none, attributes: granted, host: self, connection: connection)
    guard let handle = queuePairs.insert(standIn) else {
      return connection.fail(.createQueuePair, Errno.noMemory)
    }
    let queuePair = SimulatedQueuePair(
      number: number, handle: QueuePairHandle(handle: handle), attributes: granted, host: self,
      connection: connection)
    queuePairs[handle] = queuePair
    connection.queuePair = queuePair
    connection.timing.createQueuePair = 1
    report(
      connection.owner, .ready(queuePair.handle, granted: granted), timing: connection.timing)
  }

  private func listen(owner: CMOwner, address: SocketAddress, backlog: Int) {
    guard life == .running else { return report(owner, .listenFailed(errno: Errno.noDevice)) }
    guard addresses.contains(address.ipv4) else {
      return report(owner, .listenFailed(errno: Errno.addressNotAvailable))
    }
    guard fabric.listener(at: address) == nil else {
      return report(owner, .listenFailed(errno: Errno.addressInUse))
    }
    listeners.append(
      SimulatedListener(owner: owner, host: self, address: address, backlog: backlog))
    report(owner, .listening)
  }

  private func destroy(_ owner: CMOwner) {
    if let connection = connection(owner) { return connection.destroy() }
    listeners.removeAll { $0.owner == owner }
    for request in requests where request.listener.owner == owner {
      fabric.refuse(request, privateData: PrivateData())
    }
    requests.removeAll { $0.listener.owner == owner }
    report(owner, .released)
  }
}
