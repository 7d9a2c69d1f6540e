// Property: nodes of two processes see each other as two of one do, and a killed process is a death, not a silence.
// Method: the peer runs in the child process of an exit test, on the same fabric; it exits, or is killed.
import EmulatedTransport
import Glibc
import RDMATransport
import Testing

/// A peer at address 2 that answers each message with the same bytes plus one, until it has answered `count`.
private func echo(fabric: String, count: Int) throws -> Endpoint {
  let node = try Endpoint(fabric, 2, access: [.localWrite, .remoteWrite])
  node.execute(.listen(owner: 9, address: node.at(987), backlog: 0))
  var request: ConnectRequestHandle?
  settle(node) {
    if case .connectRequest(let handle, _, _)? = node.take(9, where: isRequest)?.kind {
      request = handle
    }
    return request != nil
  }
  guard let request else { throw TransportError(call: "t", errno: 0, explanation: "no request") }
  node.execute(
    .prepareReply(
      owner: 2, request: request,
      attributes: QueuePairAttributes(sendCapacity: 8, receiveCapacity: 8)))
  var queuePair = QueuePairHandle.none
  settle(node) {
    if case .ready(let handle, _)? = node.take(2, where: isReady)?.kind { queuePair = handle }
    return queuePair != .none
  }
  for index in 0..<4 { node.receive(queuePair, index, id: UInt64(index)) }
  node.execute(.accept(owner: 2, parameters: ConnectionParameters(privateData: PrivateData())))
  for _ in 0..<count {
    settle(node) { node.completions.contains { $0.operation == .receive } }
    let index = try #require(node.completions.firstIndex { $0.operation == .receive })
    let completion = node.completions.remove(at: index)
    node.fill(8, node.bytes(Int(completion.id), Int(completion.byteCount)).map { $0 &+ 1 })
    node.receive(queuePair, Int(completion.id), id: completion.id)
    node.send(queuePair, 8, id: 50, length: completion.byteCount)
  }
  return node
}

private func connected(fabric: String) throws -> (Endpoint, QueuePairHandle) {
  let node = try Endpoint(fabric, 1)
  let peer = SocketAddress(ipv4: 10 << 24 | 2, port: 987)
  let attributes = QueuePairAttributes(sendCapacity: 8, receiveCapacity: 8)
  // The peer's process may still be starting: try again until it listens.
  for owner in 1... as PartialRangeFrom<UInt64> {
    node.execute(
      .prepare(
        owner: owner, route: ConnectRoute(source: node.at(0), destination: peer),
        attributes: attributes))
    var queuePair = QueuePairHandle.none
    var hasFailed = false
    settle(node) {
      if case .ready(let handle, _)? = node.take(owner, where: isReady)?.kind { queuePair = handle }
      hasFailed = node.take(owner, where: isFailed) != nil
      return queuePair != .none || hasFailed
    }
    if !hasFailed {
      for index in 0..<4 { node.receive(queuePair, index, id: UInt64(index)) }
      node.execute(
        .connect(owner: owner, parameters: ConnectionParameters(privateData: PrivateData())))
      var isOpen = false
      settle(node) {
        isOpen = node.take(owner, where: isEstablished) != nil
        hasFailed = node.take(owner, where: isFailed) != nil
        return isOpen || hasFailed
      }
      if isOpen { return (node, queuePair) }
    }
    node.execute(.destroy(owner: owner))
    usleep(2000)
  }
  fatalError("unreachable")
}

private func converse(_ node: Endpoint, _ queuePair: QueuePairHandle, count: Int) throws {
  for number in 0..<count {
    node.fill(9, [UInt8(truncatingIfNeeded: number), 1])
    node.send(queuePair, 9, id: 90, length: 2)
    settle(node) { node.completions.contains { $0.operation == .receive } }
    let index = try #require(node.completions.firstIndex { $0.operation == .receive })
    let completion = node.completions.remove(at: index)
    #expect(node.bytes(Int(completion.id), 2) == [UInt8(truncatingIfNeeded: number &+ 1), 2])
    node.receive(queuePair, Int(completion.id), id: completion.id)
    settle(node) { node.completions.contains { $0.id == 90 } }
    node.completions.removeAll()
  }
}

@Suite(.serialized) struct ProcessTests {
  @Test func twoProcessesConverse() async throws {
    let fabric = uniqueFabric()
    async let child = #expect(processExitsWith: .success) { [fabric = fabric as String] in
      let node = try echo(fabric: fabric, count: 500)
      // Until the other side has all of it.
      settle(node) { node.take(2, where: isDisconnected) != nil }
    }
    do {
      let (node, queuePair) = try connected(fabric: fabric)
      try converse(node, queuePair, count: 500)
    }
    _ = await child
  }

  @Test func aKilledProcessIsADeathAndItsAddressIsFree() async throws {
    let fabric = uniqueFabric()
    async let child = #expect(processExitsWith: .signal(SIGKILL)) { [fabric = fabric as String] in
      let node = try echo(fabric: fabric, count: 1)
      for _ in 0..<100 { node.turn() }
      kill(getpid(), SIGKILL)
    }
    let (node, queuePair) = try connected(fabric: fabric)
    try converse(node, queuePair, count: 1)
    settle(node) { node.completions.count == 4 && node.events.contains { isDisconnected($0.kind) } }
    #expect(node.completions.allSatisfy { $0.status == .flushed })
    _ = await child
    // The socket of the dead is still there, and is taken over.
    _ = try Endpoint(fabric, 2)
  }

  @Test func anAddressOfALiveNodeIsRefusedWithItsProcess() throws {
    let fabric = uniqueFabric()
    let node = try Endpoint(fabric, 1)
    do {
      _ = try EmulatedTransport.open(fabric: fabric, addresses: [node.address])
      Issue.record("an address was given twice")
    } catch {
      #expect(error.errno == EADDRINUSE && error.explanation.contains("\(getpid())"))
    }
  }

  @Test(arguments: ["", "a/b", "a b", String(repeating: "x", count: 33)])
  func namesThatAreNoNamesAreRefused(name: String) {
    #expect(throws: TransportError.self) {
      _ = try EmulatedTransport.open(fabric: name, addresses: [1])
    }
  }
}
