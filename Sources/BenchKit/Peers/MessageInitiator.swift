internal import CLinuxShims
package import LNet
package import LustreWire
package import NodeCore
internal import RDMATransport
package import Verbena

/// What a message benchmark asks for.
package struct MessagePlan: Sendable {
  package var target: NID
  /// Bytes of each payload, 0 to 3976.
  package var byteCount: Int
  /// Messages that count.
  package var count: Int
  /// Messages before those, to warm up.
  package var warmup: Int
  /// Messages under way: 1 is the ping-pong that latency is measured with.
  package var window: Int
  /// Whether each one comes back before the next goes; else the target drops them.
  package var isEchoed: Bool

  package init(
    target: NID, byteCount: Int, count: Int, warmup: Int, window: Int, isEchoed: Bool
  ) {
    self.target = target
    self.byteCount = byteCount
    self.count = count
    self.warmup = warmup
    self.window = window
    self.isEchoed = isEchoed
  }
}

/// What came of it.
package struct MessageOutcome: Sendable {
  /// Nanoseconds of each round trip, in order; empty when nothing was echoed.
  package var roundTrips: [UInt64] = []
  /// Nanoseconds from the first counted message to the end of the last.
  package var elapsed: UInt64 = 0
  package var count = 0
  /// Messages that failed.
  package var failures = 0
}

/// The active end of a message benchmark: LNet PUTs without ACK, on the node's own loop.
package struct MessageInitiator: NodeProgram {
  private static var echoTag: UInt64 { 1 }
  private static var firstSendTag: UInt64 { 16 }

  private let plan: MessagePlan
  private let done: Call<MessageOutcome>
  private var outcome = MessageOutcome()
  private var buffers: [MessageBuffer] = []
  private var sent = 0
  private var ended = 0
  private var startedAt: UInt64 = 0
  private var sentAt: UInt64 = 0

  package init(_ plan: MessagePlan, done: Call<MessageOutcome>) {
    self.plan = plan
    self.done = done
    outcome.roundTrips.reserveCapacity(plan.isEchoed ? plan.count : 0)
  }

  package mutating func started(_ node: inout NodeCore) {
    if plan.isEchoed {
      _ = try? node.lnet.expose(
        MatchEntry(portal: BenchProtocol.echoPortal, matchBits: BenchProtocol.echo),
        MemoryDescriptor(memory: .none, options: [.put, .truncate], tag: Self.echoTag),
        turn: &node.turn)
    }
    for index in 0..<plan.window {
      let tag = Self.firstSendTag + UInt64(index)
      guard let buffer = MessageBuffer(byteCount: plan.byteCount, tag: tag, &node) else { break }
      buffers.append(buffer)
    }
    for index in buffers.indices { send(index, &node) }
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    switch event.kind {
    case .send:
      if event.status != 0 { outcome.failures += 1 }
      if !plan.isEchoed || event.status != 0 {
        finishOne(&node)
        send(Int(event.tag - Self.firstSendTag), &node)
      }
    case .put:
      node.lnet.release(event.delivery, turn: &node.turn)
      let now = clinux_monotonic_nanoseconds()
      if sent > plan.warmup, outcome.roundTrips.count < plan.count {
        outcome.roundTrips.append(now &- sentAt)
      }
      finishOne(&node)
      send(0, &node)
    default: break
    }
  }

  private mutating func send(_ index: Int, _ node: inout NodeCore) {
    guard sent < plan.warmup + plan.count else { return }
    if sent == plan.warmup { startedAt = clinux_monotonic_nanoseconds() }
    sent += 1
    if plan.isEchoed { sentAt = clinux_monotonic_nanoseconds() }
    do throws(LNetError) {
      try node.lnet.put(
        PutRequest(
          descriptor: buffers[index].descriptor, target: ProcessID(nid: plan.target),
          portal: BenchProtocol.messagePortal,
          matchBits: plan.isEchoed ? BenchProtocol.echo : BenchProtocol.discard),
        turn: &node.turn)
    } catch {
      outcome.failures += 1
      finishOne(&node)
    }
  }

  private mutating func finishOne(_ node: inout NodeCore) {
    ended += 1
    guard ended == plan.warmup + plan.count else { return }
    outcome.elapsed = clinux_monotonic_nanoseconds() &- startedAt
    outcome.count = plan.count
    done.finish(.success(outcome))
  }
}
