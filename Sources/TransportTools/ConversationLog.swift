internal import Capture
internal import LustreWire
internal import RDMATransport

/// Writes what passes on one node's connections as the frames that a RoCE device would have sent.
///
/// A transport does not tell the peer's queue pair number, nor packets' sequence numbers; the log makes them up, the
/// same for all messages of a connection. It shows what this node sees: a peer's RDMA WRITEs are not among it, nor
/// READs, nor acknowledgements.
struct ConversationLog {
  /// A connection, as far as it is known.
  private struct Conversation {
    var local = SocketAddress(ipv4: 0, port: 0)
    var remote = SocketAddress(ipv4: 0, port: 0)
    var isActive: Bool
    var hasAskedForEnd = false
    var number: UInt32
    var outgoing: RoCEFlow
    var incoming: RoCEFlow
    /// Buffers of posted receives, in order.
    var receives: [Segment] = []
  }

  /// A connect request that came in and is not answered yet.
  private struct Request {
    var source: SocketAddress
    var local: SocketAddress
    var number: UInt32
  }

  private var writer = PcapWriter()
  private var conversations: [CMOwner: Conversation] = [:]
  private var ownerByQueuePair: [QueuePairHandle: CMOwner] = [:]
  private var listeners: [CMOwner: SocketAddress] = [:]
  private var requests: [ConnectRequestHandle: Request] = [:]
  private var nextNumber = firstNumber
  /// Queue pairs 0 and 1 are the management's on every device, and readers take them for that.
  private static var firstNumber: UInt32 { 0x11 }
  private let pathMTU: Int
  private let now: () -> UInt64

  init(pathMTU: Int, now: @escaping () -> UInt64) {
    self.pathMTU = pathMTU
    self.now = now
  }

  /// What was written since the last call.
  mutating func drain() -> [UInt8] { writer.bytes.isEmpty ? [] : writer.drain() }

  // MARK: - The connection manager

  private mutating func newNumber() -> UInt32 {
    defer { nextNumber = nextNumber == 0x3F_FFFF ? Self.firstNumber : nextNumber + 1 }
    return nextNumber
  }

  private mutating func begin(
    _ owner: CMOwner, local: SocketAddress, remote: SocketAddress, isActive: Bool,
    number: UInt32
  ) {
    conversations[owner] = Conversation(
      local: local, remote: remote, isActive: isActive, number: number,
      outgoing: RoCEFlow(
        source: local.ipv4, destination: remote.ipv4, destinationQueuePair: number | 0x80_0000,
        nextSequence: 0, pathMTU: pathMTU),
      incoming: RoCEFlow(
        source: remote.ipv4, destination: local.ipv4, destinationQueuePair: number,
        nextSequence: 0, pathMTU: pathMTU))
  }

  mutating func record(_ command: CMCommand) {
    switch command {
    case .prepare(let owner, let route, _):
      begin(
        owner, local: route.source, remote: route.destination, isActive: true,
        number: newNumber())
    case .connect(let owner, let parameters):
      guard let conversation = conversations[owner] else { return }
      write(
        .request(
          Self.request(
            conversation, retryCount: parameters.retryCount,
            receiverNotReadyRetryCount: parameters.receiverNotReadyRetryCount,
            parameters.privateData)), conversation, isOurs: true)
    case .prepareReply(let owner, let handle, _):
      guard let request = requests.removeValue(forKey: handle) else { return }
      begin(
        owner, local: request.local, remote: request.source, isActive: false,
        number: request.number)
    case .accept(let owner, let parameters):
      guard let conversation = conversations[owner] else { return }
      let data = Self.bytes(parameters.privateData, padded: PrivateData.replyByteCountMax)
      write(
        .reply(Self.reply(conversation, data, isOurs: true)), conversation, isOurs: true)
    case .reject(let handle, let data):
      guard let request = requests.removeValue(forKey: handle) else { return }
      let padded = Self.bytes(data, padded: PrivateData.rejectByteCountMax)
      let reject = CMMessage.Reject(
        ids: CMMessage.Pair(local: request.number, remote: request.number | 0x8000_0000),
        reason: ConnectFailure.reasonConsumer,
        privateData: padded)
      append(
        RoCEFrameBuilder.connectionManager(
          .reject(reject), from: request.local.ipv4, to: request.source.ipv4))
    case .rejectPrepared(let owner, let data):
      guard let conversation = conversations[owner] else { return }
      let padded = Self.bytes(data, padded: PrivateData.rejectByteCountMax)
      write(
        .reject(
          CMMessage.Reject(
            ids: Self.ids(conversation, isOurs: true), reason: ConnectFailure.reasonConsumer,
            privateData: padded)), conversation, isOurs: true)
    case .listen(let owner, let address, _): listeners[owner] = address
    case .disconnect(let owner): recordEnd(owner)
    case .destroy: break
    }
  }

  private mutating func recordEnd(_ owner: CMOwner) {
    guard let conversation = conversations[owner], !conversation.hasAskedForEnd else { return }
    conversations[owner]?.hasAskedForEnd = true
    write(
      .disconnectRequest(
        Self.ids(conversation, isOurs: true),
        remoteQueuePair: conversation.outgoing.destinationQueuePair), conversation,
      isOurs: true)
  }

  mutating func record(_ event: CMEvent) {
    switch event.kind {
    case .connectRequest(let handle, let source, let data):
      guard let listener = listeners[event.owner] else { return }
      let request = Request(source: source, local: listener, number: newNumber())
      requests[handle] = request
      record(request, data)
    case .ready(let queuePair, _): ownerByQueuePair[queuePair] = event.owner
    case .established(let data):
      guard let conversation = conversations[event.owner] else { return }
      if conversation.isActive {
        write(
          .reply(Self.reply(conversation, Self.bytes(data, padded: data.count), isOurs: false)),
          conversation, isOurs: false)
      }
      write(
        .readyToUse(Self.ids(conversation, isOurs: conversation.isActive)), conversation,
        isOurs: conversation.isActive)
    case .failed(let failure):
      guard let conversation = conversations[event.owner], failure.rejectReason != 0 else {
        return
      }
      write(
        .reject(
          CMMessage.Reject(
            ids: Self.ids(conversation, isOurs: false), reason: failure.rejectReason,
            privateData: Self.bytes(failure.privateData, padded: failure.privateData.count))),
        conversation, isOurs: false)
    case .disconnected: recordPeersEnd(event.owner)
    case .released: forget(event.owner)
    case .listening, .listenFailed, .deviceRemoved: break
    }
  }

  private mutating func recordPeersEnd(_ owner: CMOwner) {
    guard let conversation = conversations[owner] else { return }
    if conversation.hasAskedForEnd {
      write(
        .disconnectReply(Self.ids(conversation, isOurs: false)), conversation, isOurs: false)
    } else {
      conversations[owner]?.hasAskedForEnd = true
      write(
        .disconnectRequest(
          Self.ids(conversation, isOurs: false),
          remoteQueuePair: conversation.incoming.destinationQueuePair), conversation,
        isOurs: false)
    }
  }

  private mutating func forget(_ owner: CMOwner) {
    conversations[owner] = nil
    listeners[owner] = nil
    // Rare, and as many as there are connections: not worth an index of its own.
    ownerByQueuePair = ownerByQueuePair.filter { $0.value != owner }
  }

  private mutating func record(_ request: Request, _ data: PrivateData) {
    let message = CMMessage.Request(
      localID: request.number | 0x8000_0000,
      serviceID: CMMessage.tcpService + UInt64(request.local.port),
      queuePair: request.number | 0x80_0000, startingSequence: 0,
      ip: CMMessage.IPHeader(
        sourcePort: request.source.port, source: request.source.ipv4,
        destination: request.local.ipv4),
      privateData: Self.bytes(data, padded: PrivateData.requestByteCountMax))
    append(
      RoCEFrameBuilder.connectionManager(
        .request(message), from: request.source.ipv4, to: request.local.ipv4))
  }

  private static func ids(_ conversation: Conversation, isOurs: Bool) -> CMMessage.Pair {
    let own = conversation.number
    let peers = conversation.number | 0x8000_0000
    return isOurs
      ? CMMessage.Pair(local: own, remote: peers) : CMMessage.Pair(local: peers, remote: own)
  }

  private static func request(
    _ conversation: Conversation, retryCount: UInt8, receiverNotReadyRetryCount: UInt8,
    _ data: PrivateData
  ) -> CMMessage.Request {
    CMMessage.Request(
      localID: ids(conversation, isOurs: true).local,
      serviceID: CMMessage.tcpService + UInt64(conversation.remote.port),
      queuePair: conversation.incoming.destinationQueuePair, startingSequence: 0,
      retryCount: retryCount,
      rnrRetryCount: receiverNotReadyRetryCount,
      ip: CMMessage.IPHeader(
        sourcePort: conversation.local.port, source: conversation.local.ipv4,
        destination: conversation.remote.ipv4),
      privateData: bytes(data, padded: PrivateData.requestByteCountMax))
  }

  private static func reply(
    _ conversation: Conversation, _ data: [UInt8], isOurs: Bool
  ) -> CMMessage.Reply {
    let flow = isOurs ? conversation.incoming : conversation.outgoing
    return CMMessage.Reply(
      ids: ids(conversation, isOurs: isOurs), queuePair: flow.destinationQueuePair,
      startingSequence: 0, privateData: data)
  }

  private static func bytes(_ data: PrivateData, padded: Int) -> [UInt8] {
    let span = data.bytes
    return (0..<padded).map { $0 < span.byteCount ? span.byte(at: $0) : 0 }
  }

  private mutating func write(
    _ message: CMMessage, _ conversation: Conversation, isOurs: Bool
  ) {
    let from = isOurs ? conversation.local : conversation.remote
    let to = isOurs ? conversation.remote : conversation.local
    append(RoCEFrameBuilder.connectionManager(message, from: from.ipv4, to: to.ipv4))
  }

  private mutating func append(_ frame: [UInt8]) {
    writer.append(frame: frame, timeNanoseconds: now())
  }

  // MARK: - Messages

  mutating func record(_ request: ReceiveRequest) {
    guard let owner = ownerByQueuePair[request.queuePair] else { return }
    conversations[owner]?.receives.append(request.segment)
  }

  mutating func record(_ request: SendRequest) {
    guard let owner = ownerByQueuePair[request.queuePair],
      var flow = conversations[owner]?.outgoing
    else { return }
    var data: [UInt8] = []
    if request.segmentCount > 0 { data += Self.memory(request.segments.0) }
    if request.segmentCount > 1 { data += Self.memory(request.segments.1) }
    let frames: [[UInt8]] =
      switch request.operation {
      case .send: RoCEFrameBuilder.send(data.rawBytes, on: &flow)
      case .rdmaWrite:
        RoCEFrameBuilder.write(
          data.rawBytes, to: request.remoteAddress, remoteKey: request.remoteKey, on: &flow)
      case .rdmaRead, .receive: []
      }
    for frame in frames { append(frame) }
    conversations[owner]?.outgoing = flow
  }

  mutating func record(_ completion: WorkCompletion) {
    guard completion.operation == .receive,
      let owner = ownerByQueuePair[completion.queuePair],
      var conversation = conversations[owner], !conversation.receives.isEmpty
    else { return }
    var segment = conversation.receives.removeFirst()
    if completion.status == .success {
      segment.length = min(segment.length, completion.byteCount)
      for frame in RoCEFrameBuilder.send(
        Self.memory(segment).rawBytes, on: &conversation.incoming)
      { append(frame) }
    }
    conversations[owner] = conversation
  }

  /// A copy of posted memory.
  private static func memory(_ segment: Segment) -> [UInt8] {
    // SAFETY: the poster vouches for the segment: the transport below reads or wrote the very same bytes.
    let start = unsafe UnsafeRawPointer(bitPattern: UInt(segment.address))
    guard segment.length > 0, let start = unsafe start else { return [] }
    return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: Int(segment.length)))
  }
}
