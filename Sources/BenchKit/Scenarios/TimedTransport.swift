internal import CLinuxShims
package import RDMATransport

/// A transport that notes how long the steps of its connects take, and else does what the one below does.
package struct TimedTransport<Base: RDMATransport & ~Copyable>: RDMATransport, ~Copyable {
  private var base: Base
  private let timings: ConnectTimings
  /// Queue pairs of connects that wait to be established, by owner.
  private var preparing: [CMOwner: QueuePairHandle] = [:]
  /// Queue pairs that are established and have not sent yet, and since when.
  private var silent: [QueuePairHandle: UInt64] = [:]

  package init(_ base: consuming Base, timings: ConnectTimings) {
    self.base = base
    self.timings = timings
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
  package mutating func execute(_ commands: Span<CMCommand>) { base.execute(commands) }
  package mutating func post(receives: Span<ReceiveRequest>) -> PostResult {
    base.post(receives: receives)
  }
  package mutating func poll(completions: inout OutputSpan<WorkCompletion>) {
    base.poll(completions: &completions)
  }
  package mutating func arm() -> Bool { base.arm() }
  package mutating func nextDeadline() -> UInt64? { base.nextDeadline() }

  package mutating func post(sends: Span<SendRequest>) -> PostResult {
    if !silent.isEmpty {
      let now = clinux_monotonic_nanoseconds()
      for index in sends.indices {
        if let since = silent.removeValue(forKey: sends[index].queuePair) {
          timings.record(.hello, now &- since)
        }
      }
    }
    return base.post(sends: sends)
  }

  package mutating func poll(events: inout OutputSpan<CMEvent>) {
    let before = events.count
    base.poll(events: &events)
    guard events.count > before else { return }
    let now = clinux_monotonic_nanoseconds()
    for index in before..<events.count {
      let event = events.span[index]
      switch event.kind {
      case .ready(let queuePair, _): preparing[event.owner] = queuePair
      case .established:
        timings.record(.resolveAddress, UInt64(event.timing.resolveAddress))
        timings.record(.resolveRoute, UInt64(event.timing.resolveRoute))
        timings.record(.createQueuePair, UInt64(event.timing.createQueuePair))
        timings.record(.exchange, UInt64(event.timing.exchange))
        if let queuePair = preparing.removeValue(forKey: event.owner) { silent[queuePair] = now }
      case .released:
        if let queuePair = preparing.removeValue(forKey: event.owner) {
          silent.removeValue(forKey: queuePair)
        }
      default: break
      }
    }
  }
}
