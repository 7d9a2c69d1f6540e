// A node of a test over any transport, and a pair of them on an emulated fabric with one connection.
// Method: tests drive both in turn until what they wait for has come.
import EmulatedTransport
import Glibc
import RDMATransport
import Testing

final class Node<T: RDMATransport & ~Copyable> {
  var transport: T
  var events: [CMEvent] = []
  var completions: [WorkCompletion] = []
  let memory: MemoryRegion
  let address: UInt32

  init(_ transport: consuming T, address: UInt32) throws {
    var transport = transport
    memory = try transport.allocate(byteCount: 64 * 4096, access: [.localWrite, .remoteWrite])
    self.transport = transport
    self.address = address
  }

  func turn() {
    completions += [WorkCompletion](capacity: 64) { transport.poll(completions: &$0) }
    events += [CMEvent](capacity: 16) { transport.poll(events: &$0) }
  }

  func execute(_ command: CMCommand) { transport.execute([command].span) }

  func piece(_ index: Int, length: Int = 4096) -> Segment {
    Segment(
      address: memory.address + UInt64(index) * 4096, length: UInt32(length),
      localKey: memory.localKey)
  }

  func fill(_ index: Int, _ bytes: [UInt8]) {
    let start = UnsafeMutableRawPointer(bitPattern: UInt(memory.address) + UInt(index) * 4096)
    start?.copyMemory(from: bytes, byteCount: bytes.count)
  }

  @discardableResult
  func send(_ queuePair: QueuePairHandle, id: UInt64, _ bytes: [UInt8]) -> PostResult {
    fill(Int(id % 16), bytes)
    let request = SendRequest(
      queuePair: queuePair, operation: .send, id: id,
      segment: piece(Int(id % 16), length: bytes.count))
    return transport.post(sends: [request].span)
  }

  /// Receives with ids from 100 on.
  func postReceives(_ queuePair: QueuePairHandle, _ indices: Range<Int>) {
    for index in indices {
      let request = ReceiveRequest(
        queuePair: queuePair, segment: piece(16 + index), id: 100 + UInt64(index))
      #expect(transport.post(receives: [request].span) == .posted)
    }
  }

  func names(of owner: CMOwner) -> [String] {
    events.filter { $0.owner == owner }.map { event in
      let text = "\(event.kind)"
      return String(text.prefix { $0 != "(" })
    }
  }
}

/// A connection of owner 1 at `a` to owner 2 at `b`, whose listener is 9.
struct Conversation<A: RDMATransport & ~Copyable, B: RDMATransport & ~Copyable> {
  let a: Node<A>
  let b: Node<B>
  var qa = QueuePairHandle.none
  var qb = QueuePairHandle.none

  init(_ a: Node<A>, _ b: Node<B>) {
    self.a = a
    self.b = b
  }

  @discardableResult
  func settle(_ condition: () -> Bool) -> Bool {
    for turn in 0..<2_000_000 {
      if condition() { return true }
      a.turn()
      b.turn()
      if turn % 256 == 255 { sched_yield() }
    }
    return false
  }

  static var attributes: QueuePairAttributes {
    QueuePairAttributes(sendCapacity: 16, receiveCapacity: 16)
  }

  /// Up to the request that `b` sees; nil when none comes in so many turns.
  mutating func request(_ data: PrivateData = PrivateData(), turns: Int = 2_000_000)
    -> ConnectRequestHandle?
  {
    b.execute(
      .listen(owner: 9, address: SocketAddress(ipv4: b.address, port: 987), backlog: 0))
    let route = ConnectRoute(
      source: SocketAddress(ipv4: a.address, port: 1023),
      destination: SocketAddress(ipv4: b.address, port: 987))
    a.execute(.prepare(owner: 1, route: route, attributes: Self.attributes))
    settle { readyQueuePair(a, 1) != nil }
    qa = readyQueuePair(a, 1) ?? .none
    a.postReceives(qa, 0..<8)
    a.execute(.connect(owner: 1, parameters: ConnectionParameters(privateData: data)))
    for _ in 0..<turns {
      a.turn()
      b.turn()
      for event in b.events {
        if case .connectRequest(let handle, _, _) = event.kind { return handle }
      }
    }
    return nil
  }

  mutating func connect(_ data: PrivateData = PrivateData(), reply: PrivateData = PrivateData())
    throws
  {
    let handle = try #require(request(data))
    b.execute(.prepareReply(owner: 2, request: handle, attributes: Self.attributes))
    settle { readyQueuePair(b, 2) != nil }
    qb = readyQueuePair(b, 2) ?? .none
    b.postReceives(qb, 0..<8)
    b.execute(.accept(owner: 2, parameters: ConnectionParameters(privateData: reply)))
    #expect(
      settle {
        a.names(of: 1).contains("established") && b.names(of: 2).contains("established")
      })
  }

  private func readyQueuePair<T: RDMATransport & ~Copyable>(_ node: Node<T>, _ owner: CMOwner)
    -> QueuePairHandle?
  {
    for event in node.events where event.owner == owner {
      if case .ready(let queuePair, _) = event.kind { return queuePair }
    }
    return nil
  }
}

func openFabric(_ fabric: String, _ address: UInt32) throws -> EmulatedTransport {
  try EmulatedTransport.open(
    fabric: fabric, addresses: [address], limits: FabricLimits(memoryByteCountMax: 16 << 20))
}

func uniqueFabric() -> String { "tools-\(getpid())-\(UInt32.random(in: 0 ..< .max))" }
