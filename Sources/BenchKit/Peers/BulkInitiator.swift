internal import CLinuxShims
package import LNet
package import LustreWire
package import NodeCore
internal import RDMATransport
package import Verbena

/// What a bulk benchmark asks for.
package struct BulkPlan: Sendable {
  package var target: NID
  /// Bytes of each transfer, 1 to 1048576.
  package var byteCount: Int
  /// Transfers that count.
  package var count: Int
  /// Transfers before those, to warm up.
  package var warmup: Int
  /// Transfers under way, 1 to `BenchProtocol.bulkSlotCount`.
  package var window: Int
  /// GET instead of PUT.
  package var isRead: Bool

  package init(
    target: NID, byteCount: Int, count: Int, warmup: Int, window: Int, isRead: Bool
  ) {
    self.target = target
    self.byteCount = byteCount
    self.count = count
    self.warmup = warmup
    self.window = window
    self.isRead = isRead
  }
}

/// What came of it.
package struct BulkOutcome: Sendable {
  /// Nanoseconds of each transfer, from its call to its end, in the order of their ends.
  package var durations: [UInt64] = []
  /// Nanoseconds from the first counted transfer to the end of the last.
  package var elapsed: UInt64 = 0
  package var byteCount: UInt64 = 0
  package var failures = 0
}

/// The active end of a bulk benchmark: PUTs with ACK, or GETs, each into a slot of the target's own.
package struct BulkInitiator: NodeProgram {
  private static var firstTag: UInt64 { 16 }

  private struct Slot {
    var memory: BufferRef
    var beganAt: UInt64 = 0
    var isCounted = false
  }

  private let plan: BulkPlan
  private let done: Call<BulkOutcome>
  private var outcome = BulkOutcome()
  private var slots: [Slot] = []
  private var begun = 0
  private var ended = 0
  private var startedAt: UInt64 = 0

  package init(_ plan: BulkPlan, done: Call<BulkOutcome>) {
    self.plan = plan
    self.done = done
    outcome.durations.reserveCapacity(plan.count)
  }

  package mutating func started(_ node: inout NodeCore) {
    for _ in 0..<plan.window {
      guard let memory = node.turn.memory.bulk.allocateRun(byteCount: plan.byteCount) else {
        break
      }
      slots.append(Slot(memory: memory))
    }
    for index in slots.indices { begin(index, &node) }
  }

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    guard event.tag >= Self.firstTag, event.isUnlinked else { return }
    let index = Int(event.tag - Self.firstTag)
    let isRight =
      event.status == 0 && (event.kind == .send || Int(event.movedLength) == plan.byteCount)
    if !isRight { outcome.failures += 1 }
    finish(index)
    begin(index, &node)
  }

  private mutating func begin(_ index: Int, _ node: inout NodeCore) {
    guard begun < plan.warmup + plan.count else { return }
    let now = clinux_monotonic_nanoseconds()
    if begun == plan.warmup { startedAt = now }
    slots[index].isCounted = begun >= plan.warmup
    slots[index].beganAt = now
    begun += 1
    do throws(LNetError) {
      let descriptor = try node.lnet.bind(
        MemoryDescriptor(
          memory: slots[index].memory, threshold: 2, tag: Self.firstTag + UInt64(index)))
      let target = ProcessID(nid: plan.target)
      let portal = BenchProtocol.bulkPortal
      if plan.isRead {
        try node.lnet.get(
          GetRequest(
            descriptor: descriptor, target: target, portal: portal, matchBits: UInt64(index)),
          turn: &node.turn)
      } else {
        try node.lnet.put(
          PutRequest(
            descriptor: descriptor, target: target, portal: portal, matchBits: UInt64(index),
            wantsAcknowledge: true),
          turn: &node.turn)
      }
    } catch {
      outcome.failures += 1
      finish(index)
    }
  }

  private mutating func finish(_ index: Int) {
    let now = clinux_monotonic_nanoseconds()
    if slots[index].isCounted {
      outcome.durations.append(now &- slots[index].beganAt)
      outcome.byteCount += UInt64(plan.byteCount)
    }
    ended += 1
    guard ended == plan.warmup + plan.count else { return }
    outcome.elapsed = now &- startedAt
    done.finish(.success(outcome))
  }
}
