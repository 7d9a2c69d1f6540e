internal import CLinuxShims
package import RDMATransport

/// Two transports of one backend, driven in turn by one thread until something holds or time is up.
package struct Pair<T: RDMATransport & ~Copyable>: ~Copyable {
  package var server: Endpoint<T>
  package var client: Endpoint<T>
  let silentAddress: UInt32?
  /// Of the listener; every case has its own.
  let port: UInt16
  private var nextOwner: CMOwner = 100
  private var nextID: UInt64 = 1000

  static var listener: CMOwner { 1 }
  /// How long anything may take that must happen, in nanoseconds.
  static var patience: UInt64 { 20_000_000_000 }
  /// The longest sleep between two polls, in nanoseconds: what a backend does by itself must not need it,
  /// which the cases of `arm` check; here it only bounds a test that fails.
  static var nap: Int64 { 20_000_000 }

  init(_ backend: Backend<T>, port: UInt16) throws {
    let server = try Endpoint(backend.make(.server), address: backend.address(.server))
    let client = try Endpoint(backend.make(.client), address: backend.address(.client))
    self.server = server
    self.client = client
    silentAddress = backend.silentAddress
    self.port = port
  }

  mutating func newOwner() -> CMOwner {
    nextOwner += 1
    return nextOwner
  }

  mutating func newIDs(_ count: Int) -> Range<UInt64> {
    nextID += UInt64(count)
    return nextID - UInt64(count)..<nextID
  }

  // MARK: - Time

  /// Polls both sides once; whether anything was there.
  mutating func pump() -> Bool {
    let a = server.pump()
    let b = client.pump()
    return a || b
  }

  /// Drives both sides until the condition holds.
  mutating func wait(
    for what: @autoclosure () -> String, line: Int = #line,
    until condition: (borrowing Pair<T>) -> Bool
  ) throws {
    let deadline = clinux_monotonic_nanoseconds() + Self.patience
    while !condition(self) {
      if pump() { continue }
      if clinux_monotonic_nanoseconds() > deadline {
        throw Stop.failure("never came: \(what()) (line \(line))")
      }
      sleep()
    }
  }

  /// Drives both sides for a while, to see that nothing happens.
  mutating func settle(milliseconds: UInt64) {
    let deadline = clinux_monotonic_nanoseconds() + milliseconds * 1_000_000
    while clinux_monotonic_nanoseconds() < deadline {
      if !pump() { sleep() }
    }
  }

  /// Sleeps until a side has something to poll.
  private mutating func sleep() {
    let serverSleeps = server.transport?.arm() ?? true
    let clientSleeps = client.transport?.arm() ?? true
    guard serverSleeps && clientSleeps else { return }
    let epoll = clinux_epoll()
    defer { clinux_close(epoll) }
    if let descriptor = server.transport?.wakeDescriptor { clinux_epoll_add(epoll, descriptor) }
    if let descriptor = client.transport?.wakeDescriptor { clinux_epoll_add(epoll, descriptor) }
    _ = clinux_epoll_sleep(epoll, Self.nap)
  }

  // MARK: - Connections

  /// What a connection of a case is made with.
  struct Plan {
    var client = QueuePairAttributes(sendCapacity: 16, receiveCapacity: 16)
    var server = QueuePairAttributes(sendCapacity: 16, receiveCapacity: 16)
    var clientData: [UInt8] = Array(1...56)
    var serverData: [UInt8] = Array(1...56)
    var receiverNotReadyRetryCount: UInt8 = 6
    var timeoutMilliseconds: UInt32 = 10_000
    /// Receives posted on each side before the exchange.
    var receives = 0

    init() {}

    func parameters(_ data: [UInt8]) -> ConnectionParameters {
      ConnectionParameters(
        receiverNotReadyRetryCount: receiverNotReadyRetryCount,
        timeoutMilliseconds: timeoutMilliseconds, privateData: privateData(data))
    }
  }

  /// An established connection.
  struct Connection {
    var clientOwner: CMOwner
    var serverOwner: CMOwner
    var client: QueuePairHandle
    var server: QueuePairHandle
    var clientGranted: QueuePairAttributes
    var serverGranted: QueuePairAttributes
    /// Of the receives that the plan asked for.
    var clientReceives: Range<UInt64>
    var serverReceives: Range<UInt64>
  }

  mutating func listen() throws {
    let address = SocketAddress(ipv4: server.address, port: port)
    server.execute(.listen(owner: Self.listener, address: address, backlog: 0))
    try wait(for: "listening or the reason why not") {
      $0.server.isListening(Self.listener) || $0.server.listenErrno(Self.listener) != nil
    }
    try expectEqual(server.listenErrno(Self.listener), nil, "errno of the listener")
  }

  func route(to destination: SocketAddress? = nil) -> ConnectRoute {
    ConnectRoute(
      source: SocketAddress(ipv4: client.address, port: 0),
      destination: destination ?? SocketAddress(ipv4: server.address, port: port))
  }

  /// The active side up to *ready*.
  mutating func prepare(_ plan: Plan) throws -> (owner: CMOwner, pair: QueuePairHandle) {
    let owner = newOwner()
    client.execute(.prepare(owner: owner, route: route(), attributes: plan.client))
    try wait(for: "the client's queue pair") {
      $0.client.ready(owner) != nil || $0.client.failure(owner) != nil
    }
    guard let ready = client.ready(owner) else {
      throw Stop.failure("prepare: \(client.failure(owner).map { "\($0)" } ?? "?")")
    }
    return (owner, ready.pair)
  }

  /// The active side up to the request that the passive one sees.
  mutating func request(_ plan: Plan) throws -> (
    owner: CMOwner, pair: QueuePairHandle, request: ConnectRequestHandle
  ) {
    let (owner, pair) = try prepare(plan)
    let before = server.requests.count
    client.execute(.connect(owner: owner, parameters: plan.parameters(plan.clientData)))
    try wait(for: "the connect request") { $0.server.requests.count > before }
    guard let request = server.requests.last else { throw Stop.failure("no request") }
    return (owner, pair, request.handle)
  }

  /// A whole connection; `listen` comes first.
  mutating func connect(_ plan: Plan = Plan()) throws -> Connection {
    let (clientOwner, clientPair) = try prepare(plan)
    let clientIDs = newIDs(plan.receives)
    try client.postReceives(clientPair, ids: clientIDs)
    let before = server.requests.count
    client.execute(.connect(owner: clientOwner, parameters: plan.parameters(plan.clientData)))
    try wait(for: "the connect request") {
      $0.server.requests.count > before || $0.client.failure(clientOwner) != nil
    }
    guard server.requests.count > before, let request = server.requests.last else {
      throw Stop.failure("connect: \(client.failure(clientOwner).map { "\($0)" } ?? "?")")
    }
    let serverOwner = newOwner()
    server.execute(
      .prepareReply(owner: serverOwner, request: request.handle, attributes: plan.server))
    try wait(for: "the server's queue pair") { $0.server.ready(serverOwner) != nil }
    guard let serverReady = server.ready(serverOwner), let clientReady = client.ready(clientOwner)
    else { throw Stop.failure("no queue pair") }
    let serverIDs = newIDs(plan.receives)
    try server.postReceives(serverReady.pair, ids: serverIDs)
    server.execute(.accept(owner: serverOwner, parameters: plan.parameters(plan.serverData)))
    try wait(for: "established on both sides") {
      $0.server.isEstablished(serverOwner) && $0.client.isEstablished(clientOwner)
    }
    return Connection(
      clientOwner: clientOwner, serverOwner: serverOwner, client: clientReady.pair,
      server: serverReady.pair, clientGranted: clientReady.granted,
      serverGranted: serverReady.granted, clientReceives: clientIDs, serverReceives: serverIDs)
  }

  /// Destroys both ends and waits for *released*.
  mutating func destroy(_ connection: Connection) throws {
    client.execute(.destroy(owner: connection.clientOwner))
    server.execute(.destroy(owner: connection.serverOwner))
    try wait(for: "released on both sides") {
      $0.client.isReleased(connection.clientOwner) && $0.server.isReleased(connection.serverOwner)
    }
  }

  /// A send of the client's message memory.
  func send(
    _ pair: QueuePairHandle, _ id: UInt64, offset: Int = 0, count: Int, signaled: Bool = true
  ) -> SendRequest {
    SendRequest(
      queuePair: pair, operation: .send, isSignaled: signaled, id: id,
      segment: client.segment(offset, count))
  }

  /// An RDMA WRITE from the client's message memory into the server's bulk memory.
  func write(
    _ pair: QueuePairHandle, _ id: UInt64, count: Int, remoteOffset: Int = 0, key: UInt32? = nil,
    signaled: Bool = true
  ) -> SendRequest {
    SendRequest(
      queuePair: pair, operation: .rdmaWrite, isSignaled: signaled, id: id,
      segment: client.segment(0, count),
      remoteAddress: server.bulk.address &+ UInt64(bitPattern: Int64(remoteOffset)),
      remoteKey: key ?? server.bulk.remoteKey)
  }
}

/// Bytes that differ from place to place and from seed to seed.
func pattern(_ count: Int, seed: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8) &+ seed &* 17 &+ 1) }
}

func privateData(_ bytes: [UInt8]) -> PrivateData {
  // SAFETY: an array's span holds for the expression.
  unsafe PrivateData(bytes.span.bytes)
}
