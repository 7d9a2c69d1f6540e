internal import CLinuxShims
package import RDMATransport

/// One side of a case: a transport, two pieces of memory, and all that the transport has reported.
@safe
package struct Endpoint<T: RDMATransport & ~Copyable>: ~Copyable {
  /// Nil once it has died.
  package var transport: T?
  let address: UInt32
  let capabilities: TransportCapabilities
  /// Registered for local writing only, like a node's messages.
  let messages: MemoryRegion
  /// Registered for remote reading and writing too.
  let bulk: MemoryRegion
  var events: [CMEvent] = []
  var completions: [WorkCompletion] = []

  static var regionByteCount: Int { 1 << 20 }

  init(_ transport: consuming T, address: UInt32) throws {
    // All that can fail first: a half-made value without copies cannot be left.
    var transport = transport
    let messages = try transport.allocate(byteCount: Self.regionByteCount, access: .localWrite)
    let bulk = try transport.allocate(
      byteCount: Self.regionByteCount, access: [.localWrite, .remoteWrite, .remoteRead])
    self.address = address
    capabilities = transport.capabilities
    self.messages = messages
    self.bulk = bulk
    self.transport = consume transport
  }

  /// Takes in what there is; whether there was anything.
  mutating func pump() -> Bool {
    guard transport != nil else { return false }
    let newCompletions = [WorkCompletion](capacity: 64) { output in
      transport?.poll(completions: &output)
    }
    let newEvents = [CMEvent](capacity: 16) { output in
      transport?.poll(events: &output)
    }
    completions += newCompletions
    events += newEvents
    return !newCompletions.isEmpty || !newEvents.isEmpty
  }

  /// The transport ends as in a process that dies: nothing is taken down before.
  mutating func die() { transport = nil }

  mutating func execute(_ commands: CMCommand...) { transport?.execute(commands.span) }

  // MARK: - Posting

  static var refused: PostResult { .stopped(accepted: 0, queueFull: false, errno: -1) }

  mutating func post(_ sends: [SendRequest]) -> PostResult {
    transport?.post(sends: sends.span) ?? Self.refused
  }

  mutating func post(_ receives: [ReceiveRequest]) -> PostResult {
    transport?.post(receives: receives.span) ?? Self.refused
  }

  /// A part of the message memory.
  func segment(_ offset: Int, _ count: Int) -> Segment {
    Segment(
      address: messages.address + UInt64(offset), length: UInt32(count), localKey: messages.localKey
    )
  }

  /// Posts receives of 4096 bytes, one behind the other in the upper half of the message memory.
  mutating func postReceives(_ pair: QueuePairHandle, ids: Range<UInt64>, length: Int = 4096)
    throws
  {
    let requests = ids.map { id in
      ReceiveRequest(queuePair: pair, segment: segment(Self.place(of: id), length), id: id)
    }
    try expectEqual(post(requests), .posted, "posting \(ids.count) receives")
  }

  /// Where the bytes of a receive go.
  static func place(of id: UInt64) -> Int {
    regionByteCount / 2 + Int(id % 100) * 4096
  }

  // MARK: - Memory

  private func pointer(_ region: MemoryRegion, _ offset: Int, _ count: Int)
    -> UnsafeMutableRawPointer
  {
    precondition(offset >= 0 && offset + count <= region.byteCount)
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: UInt(region.address)) else {
      preconditionFailure("memory at address 0")
    }
    // SAFETY: the transport keeps the region mapped, and the part lies inside it.
    return unsafe base + offset
  }

  func write(_ bytes: [UInt8], to region: MemoryRegion, at offset: Int) {
    guard !bytes.isEmpty else { return }
    // SAFETY: `pointer` has checked that so many bytes are there.
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      unsafe pointer(region, offset, bytes.count).copyMemory(from: start, byteCount: bytes.count)
    }
  }

  func read(_ count: Int, from region: MemoryRegion, at offset: Int) -> [UInt8] {
    guard count > 0 else { return [] }
    // SAFETY: as in `write`.
    return unsafe Array(
      UnsafeRawBufferPointer(start: pointer(region, offset, count), count: count))
  }

  // MARK: - What was reported

  func events(of owner: CMOwner) -> [CMEvent] { events.filter { $0.owner == owner } }

  func completions(of pair: QueuePairHandle) -> [WorkCompletion] {
    completions.filter { $0.queuePair == pair }
  }

  func completion(_ id: UInt64) -> WorkCompletion? { completions.first { $0.id == id } }

  func isReleased(_ owner: CMOwner) -> Bool {
    events.contains { if case .released = $0.kind { $0.owner == owner } else { false } }
  }

  func isEstablished(_ owner: CMOwner) -> Bool {
    events.contains { if case .established = $0.kind { $0.owner == owner } else { false } }
  }

  func isDisconnected(_ owner: CMOwner) -> Bool {
    events.contains { if case .disconnected = $0.kind { $0.owner == owner } else { false } }
  }

  func isListening(_ owner: CMOwner) -> Bool {
    events.contains { if case .listening = $0.kind { $0.owner == owner } else { false } }
  }

  func listenErrno(_ owner: CMOwner) -> Int32? {
    for event in events(of: owner) {
      if case .listenFailed(let errno) = event.kind { return errno }
    }
    return nil
  }

  func failure(_ owner: CMOwner) -> ConnectFailure? {
    for event in events(of: owner) {
      if case .failed(let failure) = event.kind { return failure }
    }
    return nil
  }

  func ready(_ owner: CMOwner) -> (pair: QueuePairHandle, granted: QueuePairAttributes)? {
    for event in events(of: owner) {
      if case .ready(let pair, let granted) = event.kind { return (pair, granted) }
    }
    return nil
  }

  /// The connect requests, in order.
  var requests: [(handle: ConnectRequestHandle, source: SocketAddress, privateData: PrivateData)] {
    events.compactMap { event in
      guard case .connectRequest(let handle, let source, let data) = event.kind else { return nil }
      return (handle, source, data)
    }
  }

  func establishedData(_ owner: CMOwner) -> PrivateData? {
    for event in events(of: owner) {
      if case .established(let data) = event.kind { return data }
    }
    return nil
  }

  static func bytes(_ data: PrivateData) -> [UInt8] {
    var result: [UInt8] = []
    let span = data.bytes
    for index in 0..<span.byteCount {
      // SAFETY: the index is inside, and any bits are a UInt8.
      unsafe result.append(span.unsafeLoad(fromByteOffset: index, as: UInt8.self))
    }
    return result
  }
}
