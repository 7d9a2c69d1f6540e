package import LNet
package import LustreWire
package import NodeCore
internal import O2IBLND
internal import RDMATransport
internal import Verbena

/// What a measurement of connects asks for.
package struct ConnectPlan: Sendable {
  package var target: NID
  /// Connections that count.
  package var count: Int
  /// Connections before those, to warm up.
  package var warmupCount: Int
  /// Connections that are made at a time.
  package var inFlight: Int
  /// For one set of them and its first ping, in nanoseconds.
  package var deadlineNanoseconds: UInt64

  package init(
    target: NID, count: Int, warmupCount: Int, inFlight: Int, deadlineNanoseconds: UInt64
  ) {
    self.target = target
    self.count = count
    self.warmupCount = warmupCount
    self.inFlight = inFlight
    self.deadlineNanoseconds = deadlineNanoseconds
  }
}

/// Connects to a peer again and again, as its first message makes the driver do: a ping starts all the connects;
/// when they stand and one more ping was answered, they are closed.
package struct ConnectClient: NodeProgram {
  private static let firstTag: UInt64 = 1
  private static let secondTag: UInt64 = 2

  private let plan: ConnectPlan
  private let timings: ConnectTimings
  private let desk: BenchDesk
  private var outcome = BenchOutcome()
  private var isWarm = false
  private var beganAt: UInt64 = 0
  private var burstAt: UInt64 = 0
  private var pingAt: UInt64 = 0
  private var establishedBefore: UInt64 = 0
  /// Connections of the set under way: the last has what is left.
  private var setCount = 0
  /// Whether connects are under way or were not closed yet.
  private var isUnderWay = false
  /// Whether the first ping was answered.
  private var isAnswered = false
  /// Whether all connections of the set stand.
  private var stands = false
  private var isDone = false

  package init(_ plan: ConnectPlan, timings: ConnectTimings, desk: BenchDesk) {
    self.plan = plan
    self.timings = timings
    self.desk = desk
  }

  package mutating func started(_ node: inout NodeCore) {}

  package mutating func received(_ event: LNetEvent, _ node: inout NodeCore) {
    if event.tag == BenchClient.bellTag, event.kind == .send {
      if desk.takePhase() != nil {
        beginBurst(&node)
      } else if desk.isAbandoned, !isDone {
        finish(status: -110)
      }
      return
    }
    guard event.kind == .pinged, !isDone else { return }
    let wasAnswered = event.status == 0
    if wasAnswered { node.lnet.release(event.ping, turn: &node.turn) }
    guard wasAnswered else { return finish(status: event.status) }
    if event.tag == Self.firstTag {
      timings.record(.total, node.turn.now &- burstAt)
      isAnswered = true
      if stands { ping(Self.secondTag, &node) }
    } else {
      timings.record(.ping, node.turn.now &- pingAt)
      endBurst(&node)
    }
  }

  /// Looks whether the last of the connects has come to its end: no message tells of it.
  package mutating func turned(_ node: inout NodeCore) {
    guard isUnderWay, !stands else { return }
    let count = node.lnd.counters.establishedActive &- establishedBefore
    guard count >= UInt64(setCount) else { return }
    stands = true
    timings.record(.share, (node.turn.now &- burstAt) / count)
    if isAnswered { ping(Self.secondTag, &node) }
  }

  private mutating func beginBurst(_ node: inout NodeCore) {
    if !isWarm, outcome.count >= plan.warmupCount {
      isWarm = true
      outcome = BenchOutcome()
      beganAt = node.turn.now
      timings.begin()
    }
    let left = (isWarm ? plan.count : plan.warmupCount) - outcome.count
    setCount = min(plan.inFlight, left)
    node.lnd.connectAtOnce(setCount)
    burstAt = node.turn.now
    isUnderWay = true
    isAnswered = false
    stands = false
    establishedBefore = node.lnd.counters.establishedActive
    ping(Self.firstTag, &node)
  }

  private mutating func ping(_ tag: UInt64, _ node: inout NodeCore) {
    pingAt = node.turn.now
    do throws(LNetError) {
      try node.lnet.ping(
        plan.target, timeout: plan.deadlineNanoseconds, tag: tag, turn: &node.turn)
    } catch { finish(status: -11) }
  }

  /// All of them stand: away with them, and the next ones.
  private mutating func endBurst(_ node: inout NodeCore) {
    isUnderWay = false
    outcome.count += setCount
    outcome.elapsedNanoseconds = node.turn.now &- beganAt
    if isWarm { desk.note(outcome.count) }
    node.lnd.closePeer(plan.target, interface: 0, &node.turn)
    if desk.isStopped || (isWarm && outcome.count >= plan.count) {
      finish(status: 0)
    } else {
      beginBurst(&node)
    }
  }

  private mutating func finish(status: Int32) {
    isDone = true
    isUnderWay = false
    outcome.status = status
    desk.finish(outcome)
  }
}
