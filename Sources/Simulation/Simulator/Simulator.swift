internal import LNet
package import LustreWire
package import NodeCore
internal import O2IBLND
internal import RDMATransport
internal import Structures

/// Runs a scenario: real cores on a simulated fabric, in virtual time, under checkers.
///
/// First the scenario breaks what it likes, and nothing wrong may happen (safety); then everything is healed, and
/// everything must work again within a bound (liveness); at last all nodes stop, and nothing may be left.
package final class Simulator {
  /// What a run came to.
  package struct Report: Equatable, Sendable {
    package var violations: [String] = []
    package var trace = TraceHash()
    package var operationCount = 0
    package var succeededCount = 0
    /// Operations that their node would not begin, or whose node died.
    package var voidCount = 0
    package var messageCount = 0
    /// Nanoseconds of virtual time.
    package var duration: UInt64 = 0

    package init() {}
  }

  enum Agenda {
    case turn(node: Int, life: Int)
    case operation(Int)
    case fault(Int)
    case end(node: Int, life: Int)
  }

  static var portal: Portal { Portal(rawValue: 33) }
  /// Where nothing ever lies open.
  static var strayPortal: Portal { Portal(rawValue: 34) }
  static var startTime: UInt64 { 1_000_000_000 }

  package let scenario: Scenario
  package let fabric: SimulatedFabric
  package let violations: Violations
  package let checker: WireChecker
  let limits: SimulatedNode.Limits
  let configuration: O2IBConfiguration
  var ledger = OperationLedger()
  var nodes: [SimulatedNode?] = []
  /// How often each node has been started.
  var lives: [Int]
  /// By host number: whose life it is.
  private var owners: [Int: (node: Int, life: Int)] = [:]
  private var agenda = EventHeap<Agenda>()
  var random: SeededGenerator
  /// Steps of the whole run: a run that does not come to rest is a failure, not a hang.
  private var stepCount = 0
  private static var stepCountMax: Int { 3_000_000 }
  /// Called with each node before it starts: where a test bends its rules.
  private let prepare: (inout NodeCore) -> Void
  /// Called after every step with the hosts that woke up; a test that plays a host by hand drives it here.
  package var afterStep: (([Int]) -> Void)?

  package init(
    _ scenario: Scenario, sabotage: Sabotage = Sabotage(), limits: SimulatedNode.Limits? = nil,
    prepare: @escaping (inout NodeCore) -> Void = { _ in }
  ) {
    precondition(scenario.isLegal)
    self.scenario = scenario
    fabric = SimulatedFabric(
      seed: scenario.seed, model: scenario.model, now: Self.startTime)
    violations = Violations()
    checker = WireChecker(fabric: fabric, violations: violations)
    random = SeededGenerator(seed: scenario.seed ^ 0x5EED)
    lives = Array(repeating: 0, count: scenario.nodeCount)
    configuration = Self.configuration(scenario)
    self.limits = limits ?? Self.limits(scenario)
    self.prepare = prepare
    fabric.sabotage = sabotage
    fabric.observer = checker
    for operation in scenario.operations { _ = ledger.add(operation) }
    for node in 0..<scenario.nodeCount {
      nodes.append(nil)
      start(node)
    }
  }

  private static func configuration(_ scenario: Scenario) -> O2IBConfiguration {
    var configuration = O2IBConfiguration()
    do throws(O2IBConfigurationError) {
      try configuration.set("peer_credits", to: scenario.peerCredits)
      try configuration.set("conns_per_peer", to: scenario.connectionsPerPeer)
    } catch { preconditionFailure("a scenario with illegal tunables: \(error)") }
    return configuration
  }

  /// Bulk memory for everything that the scenario moves, and some.
  private static func limits(_ scenario: Scenario) -> SimulatedNode.Limits {
    var limits = scenario.isTight ? SimulatedNode.Limits.tight : SimulatedNode.Limits()
    // Every rail may talk to every other one: what a node has no room for, it refuses for good.
    let paths = (scenario.nodeCount - 1) * scenario.railCount * scenario.railCount
    limits.driver.peers = max(12, paths + 4)
    limits.driver.connections = max(24, 2 * paths * scenario.connectionsPerPeer + 12)
    var byteCount = 4 << 20
    for operation in scenario.operations { byteCount += (operation.byteCount + 4096) & ~4095 }
    limits.bulkByteCount = byteCount
    return limits
  }

  // MARK: - Nodes

  /// A NID of a node: each rail has addresses of its own, and all are on one LNet network.
  package static func nid(_ node: Int, rail: Int = 0) -> NID {
    .o2ib(0x0A00_0001 + UInt32(rail) << 16 + UInt32(node))
  }

  func start(_ number: Int) {
    guard nodes[number] == nil else { return }
    lives[number] += 1
    do {
      let node = try SimulatedNode(
        number: number, nids: (0..<scenario.railCount).map { Self.nid(number, rail: $0) },
        stamp: fabric.now / 1000 + UInt64(number),
        seed: random.next(), configuration: configuration, limits: limits, fabric: fabric)
      nodes[number] = node
      owners[node.host.number] = (number, lives[number])
      node.use(at: fabric.now) { core in
        prepare(&core)
        core.start()
      }
      exposeAll(at: node)
      wake(number, at: fabric.now)
    } catch { violations.add("node \(number) could not start: \(error)", at: fabric.now) }
  }

  /// Ends a node's life at once.
  func kill(_ number: Int, silently: Bool) {
    guard let node = nodes[number] else { return }
    ledger.voidAll(node: number)
    if silently { fabric.powerOff(node.host) }
    nodes[number] = nil
  }

  package func wake(_ number: Int, at time: UInt64) {
    guard let node = nodes[number] else { return }
    let due = max(time, node.frozenUntil)
    guard due < node.turnTime else { return }
    node.turnTime = due
    agenda.add(.turn(node: number, life: lives[number]), at: due)
  }

  private func turn(_ number: Int, life: Int) {
    guard let node = nodes[number], lives[number] == life, node.turnTime <= fabric.now else {
      return
    }
    node.turnTime = .max
    guard fabric.now >= node.frozenUntil else { return wake(number, at: node.frozenUntil) }
    let isBusy = node.driver.turn(at: fabric.now) { event, core in
      self.received(event, at: number, core: &core)
    }
    fabric.trace.event(20, UInt64(number), fabric.now, isBusy ? 1 : 0)
    if isBusy || node.host.hasWork { wake(number, at: fabric.now + 500) }
    if let deadline = node.driver.core.nextDeadline() {
      // The wheel's times are as coarse as its ticks: a passed one is looked at again a little later.
      wake(number, at: max(deadline, fabric.now + 100_000))
    }
  }

  // MARK: - Time

  /// Runs until a time, or until something holds, or something is wrong.
  package func run(until end: UInt64, or isDone: () -> Bool = { false }) {
    while violations.isEmpty, !isDone() {
      let next = min(fabric.nextTime ?? .max, agenda.nextTime ?? .max)
      guard next <= end else { break }
      stepCount += 1
      guard stepCount < Self.stepCountMax else {
        violations.add("no rest after \(stepCount) steps", at: fabric.now)
        return
      }
      if let time = fabric.nextTime, time == next {
        fabric.step()
      } else if let (time, entry) = agenda.popFirst() {
        fabric.advance(to: time)
        perform(entry)
      }
      let awakened = fabric.takeAwakened()
      for host in awakened {
        guard let owner = owners[host], lives[owner.node] == owner.life else { continue }
        // A loop is not always at the same place of its turn when something comes.
        wake(owner.node, at: fabric.now + UInt64.random(in: 0...2000, using: &random))
      }
      afterStep?(awakened)
    }
    if violations.isEmpty, !isDone() { fabric.advance(to: end) }
  }

  private func perform(_ entry: Agenda) {
    switch entry {
    case .turn(let node, let life): turn(node, life: life)
    case .operation(let index): begin(index)
    case .fault(let index): inject(scenario.faults[index])
    case .end(let node, let life): if lives[node] == life { kill(node, silently: false) }
    }
  }

  func schedule(_ entry: Agenda, at time: UInt64) { agenda.add(entry, at: time) }

  private func inject(_ fault: Scenario.Fault) {
    let address = Self.nid(fault.node).address
    switch fault.kind {
    case .cut: fabric.setLink(address, Self.nid(fault.other).address, isUp: false)
    case .mend: fabric.setLink(address, Self.nid(fault.other).address, isUp: true)
    case .crash: kill(fault.node, silently: true)
    case .kill: kill(fault.node, silently: false)
    case .restart: start(fault.node)
    case .remove:
      nodes[fault.node]?.host.removeDevice()
      // What is on a device that is gone cannot come back but in a new life.
      agenda.add(.end(node: fault.node, life: lives[fault.node]), at: fabric.now + 5_000_000)
    case .freeze:
      if let node = nodes[fault.node] {
        node.frozenUntil = fabric.now + UInt64(fault.other) * 1000
        node.turnTime = .max
        wake(fault.node, at: fabric.now)
      }
    }
  }
}
