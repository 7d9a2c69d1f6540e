package import RDMATransport

/// A transport whose messages are written to a capture file as RoCEv2 frames, which tshark's `lnet` dissector and
/// `verbena decode` read.
///
/// Sends are recorded when they are posted, receives when they complete, the connection manager's messages when a
/// command is given or an event is polled. It costs an allocation for each frame: it is for looking, not
/// for measuring.
package struct Capturing<Base: RDMATransport & ~Copyable>: RDMATransport, ~Copyable {
  package var base: Base
  private var log: ConversationLog
  private let sink: ([UInt8]) -> Void

  /// - Parameters:
  ///   - base: what moves the messages.
  ///   - now: the time since 1970 in nanoseconds.
  ///   - sink: takes the file's bytes, in order; called on the loop's thread.
  package init(
    _ base: consuming Base, now: @escaping () -> UInt64, sink: @escaping ([UInt8]) -> Void
  ) {
    log = ConversationLog(pathMTU: base.capabilities.mtu, now: now)
    self.base = base
    self.sink = sink
  }

  package var capabilities: TransportCapabilities { base.capabilities }
  package var deviceName: String { base.deviceName }

  package static func explainListenFailure(errno: Int32, address: SocketAddress) -> TransportError {
    Base.explainListenFailure(errno: errno, address: address)
  }
  package var wakeDescriptor: Int32 { base.wakeDescriptor }

  package mutating func allocate(
    byteCount: Int, access: MemoryAccess
  ) throws(TransportError) -> MemoryRegion {
    try base.allocate(byteCount: byteCount, access: access)
  }

  package mutating func release(_ region: MemoryRegion) { base.release(region) }
  package mutating func keepMemory() { base.keepMemory() }

  package mutating func execute(_ commands: Span<CMCommand>) {
    for index in 0..<commands.count { log.record(commands[index]) }
    base.execute(commands)
    flush()
  }

  package mutating func post(receives: Span<ReceiveRequest>) -> PostResult {
    let result = base.post(receives: receives)
    for index in 0..<result.acceptedCount(of: receives.count) { log.record(receives[index]) }
    return result
  }

  package mutating func post(sends: Span<SendRequest>) -> PostResult {
    let result = base.post(sends: sends)
    for index in 0..<result.acceptedCount(of: sends.count) { log.record(sends[index]) }
    flush()
    return result
  }

  package mutating func poll(completions: inout OutputSpan<WorkCompletion>) {
    let first = completions.count
    base.poll(completions: &completions)
    let polled = completions.span
    for index in first..<polled.count { log.record(polled[index]) }
    flush()
  }

  package mutating func poll(events: inout OutputSpan<CMEvent>) {
    let first = events.count
    base.poll(events: &events)
    let polled = events.span
    for index in first..<polled.count { log.record(polled[index]) }
    flush()
  }

  package static var pollsForConnections: Bool { Base.pollsForConnections }
  package mutating func arm() -> Bool { base.arm() }
  package mutating func nextDeadline() -> UInt64? { base.nextDeadline() }

  private mutating func flush() {
    let bytes = log.drain()
    if !bytes.isEmpty { sink(bytes) }
  }
}

extension PostResult {
  /// How many of so many requests were accepted.
  func acceptedCount(of count: Int) -> Int {
    switch self {
    case .posted: count
    case .stopped(let accepted, _, _): accepted
    }
  }
}
