// A transport with its arena and what it has reported, for tests that play the owner of connections by hand.
import RDMATransport
import Simulation
import Structures

final class Endpoint {
  var transport: SimulatedTransport
  var arena: Arena
  var events: [CMEvent] = []
  var completions: [WorkCompletion] = []
  let address: UInt32

  init(_ fabric: SimulatedFabric, address: UInt32, access: MemoryAccess) throws {
    self.address = address
    var transport = fabric.openTransport(addresses: [address])
    let region = try transport.allocate(byteCount: 64 * 4096, access: access)
    self.transport = transport
    arena = Arena(region: region, pieceByteCount: 4096, isBulk: false)
  }

  func poll() {
    completions += [WorkCompletion](capacity: 256) { transport.poll(completions: &$0) }
    events += [CMEvent](capacity: 64) { transport.poll(events: &$0) }
  }

  func run(_ commands: CMCommand...) { transport.execute(commands.span) }

  func receive(on queuePair: QueuePairHandle, id: UInt64) -> BufferRef {
    guard let piece = arena.allocatePiece() else { fatalError("the test takes too many pieces") }
    let request = [ReceiveRequest(queuePair: queuePair, segment: arena.segment(piece), id: id)]
    _ = transport.post(receives: request.span)
    return piece
  }

  /// A new piece that starts with these bytes.
  func piece(_ bytes: [UInt8]) -> BufferRef {
    guard let piece = arena.allocatePiece() else { fatalError("the test takes too many pieces") }
    let part = piece.part(offset: 0, length: bytes.count)
    fill(&arena, part, with: bytes)
    return part
  }

  func content(_ piece: BufferRef, count: Int) -> [UInt8] {
    read(arena, piece.part(offset: 0, length: count))
  }

  func post(_ requests: SendRequest...) -> PostResult {
    transport.post(sends: requests.span)
  }

  /// The queue pair of an owner, once it is ready.
  func queuePair(of owner: CMOwner) -> QueuePairHandle? {
    for event in events where event.owner == owner {
      if case .ready(let handle, _) = event.kind { return handle }
    }
    return nil
  }

  func request() -> ConnectRequestHandle? {
    for event in events { if case .connectRequest(let handle, _, _) = event.kind { return handle } }
    return nil
  }

  func failure(of owner: CMOwner) -> ConnectFailure? {
    for event in events where event.owner == owner {
      if case .failed(let failure) = event.kind { return failure }
    }
    return nil
  }

  func has(_ owner: CMOwner, _ number: Int) -> Bool {
    events.contains { $0.owner == owner && $0.kind.number == number }
  }
}

extension CMEvent.Kind {
  var number: Int {
    switch self {
    case .listening: 0
    case .listenFailed: 1
    case .connectRequest: 2
    case .ready: 3
    case .established: 4
    case .failed: 5
    case .disconnected: 6
    case .released: 7
    case .deviceRemoved: 8
    }
  }
}

// Spans cannot be taken of a class's property, but of a parameter they can.

private func fill(_ arena: inout Arena, _ piece: BufferRef, with bytes: [UInt8]) {
  var span = arena.mutableBytes(piece)
  for index in bytes.indices {
    span.storeBytes(of: bytes[index], toByteOffset: index, as: UInt8.self)
  }
}

private func read(_ arena: borrowing Arena, _ piece: BufferRef) -> [UInt8] {
  let span = arena.bytes(piece)
  return (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
}

/// Two endpoints on one fabric: `a` connects as owner 1, `b` listens as owner 9 and accepts as owner 2.
final class Pair {
  let fabric: SimulatedFabric
  let a: Endpoint
  let b: Endpoint
  static let port: UInt16 = 987

  convenience init(model: NetworkModel = NetworkModel(), seed: UInt64 = 1) throws {
    try self.init(
      SimulatedFabric(seed: seed, model: model), access: [.localWrite, .remoteWrite])
  }

  init(_ fabric: SimulatedFabric, access: MemoryAccess) throws {
    self.fabric = fabric
    a = try Endpoint(fabric, address: 0x0A00_0001, access: .localWrite)
    b = try Endpoint(fabric, address: 0x0A00_0002, access: access)
    b.run(
      .listen(owner: 9, address: SocketAddress(ipv4: b.address, port: Self.port), backlog: 0))
  }

  func settle(nanoseconds: UInt64 = 100_000_000) {
    let end = fabric.now + nanoseconds
    while let next = fabric.nextTime, next <= end {
      fabric.advance(to: next)
      a.poll()
      b.poll()
    }
    fabric.advance(to: end)
    a.poll()
    b.poll()
  }

  func prepare(_ attributes: QueuePairAttributes) {
    let source = SocketAddress(ipv4: a.address, port: 1023)
    let destination = SocketAddress(ipv4: b.address, port: Self.port)
    a.run(
      .prepare(
        owner: 1, route: ConnectRoute(source: source, destination: destination),
        attributes: attributes))
    settle()
  }

  static func parameters(_ bytes: [UInt8] = [], timeoutMilliseconds: UInt32 = 5000)
    -> ConnectionParameters
  {
    ConnectionParameters(
      timeoutMilliseconds: timeoutMilliseconds, privateData: PrivateData(bytes.span.bytes))
  }

  /// Both ends established, each with so many receives (numbered from 100); returns their queue pairs.
  func connect(
    attributes: QueuePairAttributes = QueuePairAttributes(sendCapacity: 16, receiveCapacity: 16),
    receives: Int = 4
  ) -> (a: QueuePairHandle, b: QueuePairHandle) {
    prepare(attributes)
    guard let first = a.queuePair(of: 1) else { fatalError("no queue pair") }
    for index in 0..<receives { _ = a.receive(on: first, id: UInt64(100 + index)) }
    a.run(.connect(owner: 1, parameters: Self.parameters([1, 2, 3])))
    settle()
    guard let request = b.request() else { fatalError("no connect request") }
    b.run(.prepareReply(owner: 2, request: request, attributes: attributes))
    b.poll()
    guard let second = b.queuePair(of: 2) else { fatalError("no queue pair") }
    for index in 0..<receives { _ = b.receive(on: second, id: UInt64(100 + index)) }
    b.run(.accept(owner: 2, parameters: Self.parameters([4, 5])))
    settle()
    return (first, second)
  }
}
