// A node of a test: a transport, what it reported so far, and short ways to ask for things.
// Method: tests drive all their nodes in turn, by `settle`, until what they wait for has come.
import EmulatedTransport
import Glibc
import RDMATransport
import Testing

final class Endpoint {
  var transport: EmulatedTransport
  var events: [CMEvent] = []
  var completions: [WorkCompletion] = []
  let memory: MemoryRegion
  let address: UInt32

  init(
    _ fabric: String, _ last: UInt32, others: [UInt32] = [], access: MemoryAccess = .localWrite,
    limits: FabricLimits = FabricLimits(memoryByteCountMax: 64 << 20)
  ) throws {
    address = 10 << 24 | last
    transport = try EmulatedTransport.open(
      fabric: fabric, addresses: ([last] + others).map { 10 << 24 | $0 }, limits: limits)
    memory = try transport.allocate(byteCount: 64 * 4096, access: access)
  }

  func at(_ port: UInt16) -> SocketAddress { SocketAddress(ipv4: address, port: port) }

  func turn(room: Int = 64) {
    withUnsafeTemporaryAllocation(of: WorkCompletion.self, capacity: room) { buffer in
      var output = OutputSpan(buffer: buffer, initializedCount: 0)
      transport.poll(completions: &output)
      let count = output.finalize(for: buffer)
      completions += buffer[0..<count]
    }
    withUnsafeTemporaryAllocation(of: CMEvent.self, capacity: room) { buffer in
      var output = OutputSpan(buffer: buffer, initializedCount: 0)
      transport.poll(events: &output)
      let count = output.finalize(for: buffer)
      events += buffer[0..<count]
    }
  }

  func execute(_ command: CMCommand) { transport.execute([command].span) }

  func piece(_ index: Int, length: UInt32 = 4096) -> Segment {
    Segment(
      address: memory.address + UInt64(index) * 4096, length: length, localKey: memory.localKey)
  }

  func bytes(_ index: Int, _ count: Int) -> [UInt8] {
    let start = UnsafeRawPointer(bitPattern: UInt(memory.address) + UInt(index) * 4096)
    return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  func fill(_ index: Int, _ bytes: [UInt8]) {
    let start = UnsafeMutableRawPointer(bitPattern: UInt(memory.address) + UInt(index) * 4096)
    start?.copyMemory(from: bytes, byteCount: bytes.count)
  }

  @discardableResult
  func receive(_ queuePair: QueuePairHandle, _ index: Int, id: UInt64, length: UInt32 = 4096)
    -> PostResult
  {
    let request = ReceiveRequest(
      queuePair: queuePair, segment: piece(index, length: length), id: id)
    return transport.post(receives: [request].span)
  }

  @discardableResult
  func send(_ request: SendRequest) -> PostResult { transport.post(sends: [request].span) }

  @discardableResult
  func send(_ queuePair: QueuePairHandle, _ index: Int, id: UInt64, length: UInt32 = 64)
    -> PostResult
  {
    send(
      SendRequest(
        queuePair: queuePair, operation: .send, id: id, segment: piece(index, length: length)))
  }

  /// The first event of an owner that is of a kind, taken out.
  func take(_ owner: CMOwner, where matches: (CMEvent.Kind) -> Bool) -> CMEvent? {
    guard let index = events.firstIndex(where: { $0.owner == owner && matches($0.kind) }) else {
      return nil
    }
    return events.remove(at: index)
  }

  func takeCompletion(_ id: UInt64) -> WorkCompletion? {
    guard let index = completions.firstIndex(where: { $0.id == id }) else { return nil }
    return completions.remove(at: index)
  }
}

/// Gives every node turns until a condition holds; false when it does not within ten seconds.
@discardableResult
func settle(_ nodes: Endpoint..., until condition: () -> Bool) -> Bool {
  let end = clock() + 10
  var turns = 0
  while !condition() {
    for node in nodes { node.turn() }
    turns += 1
    if turns % 1000 == 0 {
      if clock() > end { return false }
      sched_yield()
    }
  }
  return true
}

private func clock() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec
}

/// A name that no other test, and no other run, has.
func uniqueFabric(_ line: Int = #line) -> String {
  "test-\(getpid())-\(line)-\(UInt32.random(in: 0 ..< .max))"
}

/// Two nodes with an established connection: owner 1 at `a`, owner 2 at `b`, listener 9 at `b`.
struct Pair {
  let a: Endpoint
  let b: Endpoint
  var qa = QueuePairHandle.none
  var qb = QueuePairHandle.none
  static var port: UInt16 { 987 }

  init(
    fabric: String, access: MemoryAccess = .localWrite, receives: Int = 4,
    attributes: QueuePairAttributes = QueuePairAttributes(sendCapacity: 8, receiveCapacity: 8),
    parameters: ConnectionParameters = ConnectionParameters(privateData: PrivateData()),
    limits: FabricLimits = FabricLimits(memoryByteCountMax: 64 << 20)
  ) throws {
    a = try Endpoint(fabric, 1, access: access, limits: limits)
    b = try Endpoint(fabric, 2, access: access, limits: limits)
    b.execute(.listen(owner: 9, address: b.at(Self.port), backlog: 0))
    b.turn()
    b.events.removeAll()
    try connect(
      activeOwner: 1, passiveOwner: 2, receives: receives, attributes: attributes,
      parameters: parameters)
  }

  /// Connects `a` to `b`, with so many receives of 4096 bytes posted on both, ids 100 and up.
  mutating func connect(
    activeOwner: CMOwner, passiveOwner: CMOwner, receives: Int, attributes: QueuePairAttributes,
    parameters: ConnectionParameters
  ) throws {
    let route = ConnectRoute(source: a.at(0), destination: b.at(Self.port))
    a.execute(.prepare(owner: activeOwner, route: route, attributes: attributes))
    qa = try ready(a, activeOwner)
    for index in 0..<receives { a.receive(qa, 16 + index, id: 100 + UInt64(index)) }
    a.execute(.connect(owner: activeOwner, parameters: parameters))
    var request: ConnectRequestHandle?
    settle(a, b) {
      if case .connectRequest(let handle, _, _)? = b.take(9, where: isRequest)?.kind {
        request = handle
      }
      return request != nil
    }
    b.execute(
      .prepareReply(owner: passiveOwner, request: try #require(request), attributes: attributes))
    qb = try ready(b, passiveOwner)
    for index in 0..<receives { b.receive(qb, 16 + index, id: 100 + UInt64(index)) }
    b.execute(.accept(owner: passiveOwner, parameters: parameters))
    var isOpen = (false, false)
    settle(a, b) {
      isOpen.0 = isOpen.0 || a.take(activeOwner, where: isEstablished) != nil
      isOpen.1 = isOpen.1 || b.take(passiveOwner, where: isEstablished) != nil
      return isOpen.0 && isOpen.1
    }
    #expect(isOpen == (true, true))
  }

  func ready(_ node: Endpoint, _ owner: CMOwner) throws -> QueuePairHandle {
    var queuePair: QueuePairHandle?
    settle(a, b) {
      if case .ready(let handle, _)? = node.take(owner, where: isReady)?.kind { queuePair = handle }
      return queuePair != nil
    }
    return try #require(queuePair)
  }
}

func isReady(_ kind: CMEvent.Kind) -> Bool { if case .ready = kind { true } else { false } }
func isRequest(_ kind: CMEvent.Kind) -> Bool {
  if case .connectRequest = kind { true } else { false }
}
func isEstablished(_ kind: CMEvent.Kind) -> Bool {
  if case .established = kind { true } else { false }
}
func isDisconnected(_ kind: CMEvent.Kind) -> Bool {
  if case .disconnected = kind { true } else { false }
}
func isReleased(_ kind: CMEvent.Kind) -> Bool { if case .released = kind { true } else { false } }
func isFailed(_ kind: CMEvent.Kind) -> Bool { if case .failed = kind { true } else { false } }

func isReadable(_ descriptor: Int32) -> Bool {
  var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
  return poll(&item, 1, 0) == 1
}
