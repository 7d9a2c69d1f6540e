internal import LustreWire
internal import RDMATransport
internal import Structures

/// A peer without cores: it speaks whole frames of its own making, good and bad ones, over a transport.
final class HostilePeer {
  /// What it answers to a connect request of somebody else.
  enum Manner { case accept, acceptWrongly, reject, silence }

  struct Link {
    var owner: CMOwner
    var queuePair: QueuePairHandle?
    var hello: [UInt8]
    var isPassive: Bool
    var isEstablished = false
    var isDead = false
  }

  /// Memory that the victim has told of, and the cookies that go with it.
  struct Offer {
    var link: Int
    var sourceCookie: UInt64
    var sinkCookie: UInt64
    var key: UInt32
    var address: UInt64
    var byteCount: UInt32
  }

  let nid: NID
  let victim: NID
  var victimStamp: UInt64 = 0
  let stamp: UInt64
  var transport: SimulatedTransport
  private let region: MemoryRegion
  private var freePieces: [Int]
  private(set) var links: [Link] = []
  private var nextOwner: CMOwner = 1000
  private let listener: CMOwner = 7
  var manner = Manner.accept
  var wrongReply: [UInt8] = []
  /// Whether receives are posted again, as a decent peer would.
  var reposts = true
  // What was learnt from the victim's messages.
  private(set) var putCookies: [(link: Int, cookie: UInt64)] = []
  private(set) var gets: [Offer] = []
  private(set) var puts: [Offer] = []

  private static var pieceCount: Int { 512 }
  static var receiveCount: Int { 18 }
  private static var linkCountMax: Int { 40 }

  init?(fabric: SimulatedFabric, nid: NID, victim: NID) {
    self.nid = nid
    self.victim = victim
    stamp = fabric.now / 1000 + 77
    var transport = fabric.openTransport(addresses: [nid.address])
    guard
      let region = try? transport.allocate(
        byteCount: Self.pieceCount * 4096, access: [.localWrite, .remoteWrite])
    else { return nil }
    self.transport = transport
    self.region = region
    freePieces = Array(0..<Self.pieceCount)
    execute(
      .listen(
        owner: listener, address: SocketAddress(ipv4: nid.address, port: 987), backlog: 0))
  }

  var key: UInt32 { region.remoteKey }
  var address: UInt64 { region.address }
  var liveLinks: [Int] { links.indices.filter { links[$0].isEstablished && !links[$0].isDead } }

  private func execute(_ command: CMCommand) { transport.execute([command].span) }

  private func segment(_ piece: Int, _ byteCount: Int) -> Segment {
    Segment(
      address: region.address + UInt64(piece * 4096), length: UInt32(byteCount),
      localKey: region.localKey)
  }

  // MARK: - Deeds

  func connect(hello: [UInt8]) {
    guard links.count < Self.linkCountMax else { return }
    let owner = newLink(hello, isPassive: false)
    execute(
      .prepare(
        owner: owner,
        route: ConnectRoute(
          source: SocketAddress(ipv4: nid.address, port: 1023),
          destination: SocketAddress(ipv4: victim.address, port: 987)),
        attributes: Self.attributes))
  }

  private static var attributes: QueuePairAttributes {
    QueuePairAttributes(sendCapacity: 64, receiveCapacity: 64)
  }

  private func newLink(_ hello: [UInt8], isPassive: Bool) -> CMOwner {
    nextOwner += 1
    links.append(Link(owner: nextOwner, queuePair: nil, hello: hello, isPassive: isPassive))
    return nextOwner
  }

  func send(_ bytes: [UInt8], on link: Int) {
    guard let queuePair = links[link].queuePair, let piece = freePieces.popLast() else { return }
    let segment = segment(piece, min(bytes.count, 4096))
    _ = transport.host.memory.scatter(
      Array(bytes.prefix(4096)), key: region.localKey, address: segment.address,
      needs: .localWrite)
    let request = SendRequest(
      queuePair: queuePair, operation: .send, id: UInt64(piece), segment: segment)
    if transport.post(sends: [request].span) != .posted { freePieces.append(piece) }
  }

  /// Writes into the victim's memory, or tries to.
  func write(key: UInt32, address: UInt64, byteCount: Int, on link: Int) {
    guard let queuePair = links[link].queuePair, let piece = freePieces.popLast() else { return }
    let request = SendRequest(
      queuePair: queuePair, operation: .rdmaWrite, id: UInt64(piece),
      segment: segment(piece, min(byteCount, 4096)), remoteAddress: address, remoteKey: key)
    if transport.post(sends: [request].span) != .posted { freePieces.append(piece) }
  }

  func end(_ link: Int, orderly: Bool) {
    if orderly { execute(.disconnect(owner: links[link].owner)) }
    execute(.destroy(owner: links[link].owner))
    links[link].isDead = true
  }

  // MARK: - What comes

  func poll() {
    let events = [CMEvent](capacity: 64) { transport.poll(events: &$0) }
    for event in events { take(event) }
    let completions = [WorkCompletion](capacity: 256) { transport.poll(completions: &$0) }
    for completion in completions { take(completion) }
  }

  private func take(_ event: CMEvent) {
    if case .connectRequest(let handle, _, _) = event.kind { return answer(handle) }
    guard let link = links.firstIndex(where: { $0.owner == event.owner }) else { return }
    switch event.kind {
    case .ready(let queuePair, _):
      links[link].queuePair = queuePair
      for _ in 0..<Self.receiveCount { postReceive(link) }
      let hello = links[link].hello
      let parameters = ConnectionParameters(
        timeoutMilliseconds: 2000, privateData: PrivateData(hello.rawBytes))
      execute(
        links[link].isPassive
          ? .accept(owner: event.owner, parameters: parameters)
          : .connect(owner: event.owner, parameters: parameters))
    case .established(let data):
      links[link].isEstablished = true
      if let message = try? O2IBMessage(decoding: data.bytes) {
        victimStamp = message.envelope.sourceStamp
      }
    case .failed(let failure):
      links[link].isDead = true
      if let reject = try? O2IBReject(decoding: failure.privateData.bytes) {
        victimStamp = reject.incarnation
      }
      execute(.destroy(owner: event.owner))
    case .disconnected:
      links[link].isDead = true
      execute(.destroy(owner: event.owner))
    case .released, .listening, .listenFailed, .connectRequest, .deviceRemoved: break
    }
  }

  private func answer(_ request: ConnectRequestHandle) {
    switch manner {
    case .silence: break
    case .reject:
      execute(.reject(request: request, privateData: privateData(wrongReply)))
    case .accept, .acceptWrongly:
      guard links.count < Self.linkCountMax else { return }
      let hello = manner == .accept ? self.hello(.connectAcknowledge) : wrongReply
      execute(
        .prepareReply(
          owner: newLink(hello, isPassive: true), request: request, attributes: Self.attributes))
    }
  }

  private func privateData(_ bytes: [UInt8]) -> PrivateData { PrivateData(bytes.rawBytes) }

  private func postReceive(_ link: Int) {
    guard let queuePair = links[link].queuePair, let piece = freePieces.popLast() else { return }
    let request = ReceiveRequest(
      queuePair: queuePair, segment: segment(piece, 4096), id: UInt64(piece))
    if transport.post(receives: [request].span) != .posted { freePieces.append(piece) }
  }

  private func take(_ completion: WorkCompletion) {
    let piece = Int(completion.id)
    defer { freePieces.append(piece) }
    guard completion.operation == .receive, completion.status == .success,
      let link = links.firstIndex(where: { $0.queuePair == completion.queuePair }),
      let bytes = transport.host.memory.gather([segment(piece, Int(completion.byteCount))])
    else { return }
    learn(bytes, link)
    if reposts { postReceive(link) }
  }

  /// Cookies and memory that only the victim can have told.
  private func learn(_ bytes: [UInt8], _ link: Int) {
    guard let message = try? O2IBMessage(decoding: bytes.rawBytes) else { return }
    victimStamp = message.envelope.sourceStamp
    switch message.body {
    case .putRequest(let request): putCookies.append((link, request.cookie))
    case .putAcknowledge(let answer):
      let fragment = answer.descriptor.fragment(at: 0, in: bytes.rawBytes)
      puts.append(
        Offer(
          link: link, sourceCookie: answer.sourceCookie, sinkCookie: answer.sinkCookie,
          key: answer.descriptor.remoteKey, address: fragment.address,
          byteCount: fragment.byteCount))
    case .getRequest(let request):
      let fragment = request.descriptor.fragment(at: 0, in: bytes.rawBytes)
      gets.append(
        Offer(
          link: link, sourceCookie: request.cookie, sinkCookie: 0,
          key: request.descriptor.remoteKey, address: fragment.address,
          byteCount: fragment.byteCount))
    default: break
    }
  }
}
