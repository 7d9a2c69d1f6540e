// Nodes with connections on a simulated fabric, in virtual time: driven turn by turn, each with a program that hears
// what its connections report. Tests import it `@testable`, so that they can derive programs of their own.
internal import Connections
internal import LNet
internal import LustreWire
internal import NodeCore
internal import O2IBLND
internal import PtlRPC
internal import RDMATransport
internal import Simulation

let second: UInt64 = 1_000_000_000

/// What runs on a node of the world.
class Program {
  fileprivate(set) var number = -1
  fileprivate(set) weak var world: World?
  /// What was heard, with the time.
  private(set) var heard: [(time: UInt64, event: ConnectionsEvent)] = []

  init() {}

  func started(_ core: inout NodeCore) {}
  func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {}
  /// On a node without connections.
  func received(_ event: RPCEvent, _ core: inout NodeCore) {}
  /// What LNet reports to those who speak it themselves.
  func received(_ event: LNetEvent, _ core: inout NodeCore) {}
  /// A timer that was made with `NodeCore.makeProgramTimer`, by its owner's number.
  func expired(timer owner: UInt32, _ core: inout NodeCore) {}
  /// The last word of a turn, before what it sends is handed over.
  func turnEnds(_ core: inout NodeCore) {}
  /// What the turn sends is about to be handed over.
  func handsOver(_ core: inout NodeCore) {}
  /// When the program wants a turn although nothing happens on the wire; nil for never.
  func nextDeadline() -> UInt64? { nil }

  fileprivate func hear(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    heard.append((core.turn.now, event))
    received(event, &core)
  }

  func count(_ kind: ConnectionsEvent.Kind) -> Int { heard.count { $0.event.kind == kind } }

  /// Calls down into the program's node, as its loop would.
  func use<Result>(_ body: (inout NodeCore) -> Result) -> Result {
    guard let world else { preconditionFailure("a program without a world") }
    return world.use(number, body)
  }
}

final class World {
  let fabric: SimulatedFabric
  private(set) var nodes: [SimulatedNode] = []
  private(set) var programs: [Program] = []
  private var isDead: [Bool] = []

  init(seed: UInt64 = 1, model: NetworkModel = NetworkModel()) {
    fabric = SimulatedFabric(seed: seed, model: model)
  }

  static func nid(_ number: Int) -> NID { .o2ib(0x0A00_0001 + UInt32(number)) }

  static func limits(
    timing: TimingProfile = .lustre, cookie: UInt64 = 0x1000,
    _ change: (inout SimulatedNode.Limits) -> Void = { _ in }
  ) -> SimulatedNode.Limits {
    var limits = SimulatedNode.Limits()
    limits.rpc = RPCConfiguration(unixSeconds: 1_790_000_000)
    limits.rpc.capacity.requests = 64
    limits.rpc.capacity.serverRequests = 128
    limits.rpc.capacity.copiedRequests = 32
    limits.connections = ConnectionsConfiguration(timing: timing, firstCookie: cookie)
    limits.connections.processID = 4242
    limits.lnet.messagesInPlace = 32
    change(&limits)
    limits.rpc.capacity.imports = max(
      1, Connections.rpcImportCount(limits.connections.capacity))
    limits.rpc.capacity.exports = limits.connections.capacity.exports
    limits.rpc.capacity.raise(&limits.lnet)
    return limits
  }

  @discardableResult
  func add(
    _ program: Program, at nid: NID? = nil, beside others: [NID] = [],
    limits: SimulatedNode.Limits = World.limits(), seed: UInt64 = 7
  ) throws -> Int {
    let number = nodes.count
    let node = try SimulatedNode(
      number: number, nids: [nid ?? Self.nid(number)] + others, stamp: 1000 + UInt64(number),
      seed: seed + UInt64(number), configuration: O2IBConfiguration(), limits: limits,
      fabric: fabric)
    nodes.append(node)
    programs.append(program)
    isDead.append(false)
    start(program, number)
    return number
  }

  private func start(_ program: Program, _ number: Int) {
    program.number = number
    program.world = self
    nodes[number].use(at: fabric.now) { core in
      core.start()
      program.started(&core)
      core.pump()
      program.turnEnds(&core)
      core.pump()
    }
  }

  /// Ends a node's life at once, and nobody is told.
  func kill(_ number: Int) {
    fabric.powerOff(nodes[number].host)
    isDead[number] = true
  }

  /// Another life of a node that was killed: same NIDs, nothing remembered.
  func revive(
    _ number: Int, _ program: Program, limits: SimulatedNode.Limits, seed: UInt64 = 99
  ) throws {
    nodes[number] = try SimulatedNode(
      number: number, nids: [Self.nid(number)], stamp: 2000 + UInt64(number), seed: seed,
      configuration: O2IBConfiguration(), limits: limits, fabric: fabric)
    programs[number] = program
    isDead[number] = false
    start(program, number)
  }

  /// Calls down into a node, as its loop would.
  func use<Result, Failure: Error>(
    _ number: Int, _ body: (inout NodeCore) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let result = try nodes[number].use(at: fabric.now, body)
    nodes[number].use(at: fabric.now) { core in
      core.pump()
      programs[number].turnEnds(&core)
      core.pump()
    }
    return result
  }

  /// Runs so many seconds, or until something holds.
  func run(_ seconds: Double, until isDone: () -> Bool = { false }) {
    let end = fabric.now + UInt64(seconds * Double(second))
    while !isDone() {
      for number in nodes.indices where !isDead[number] {
        while turn(nodes[number], programs[number]) {}
      }
      var next = fabric.nextTime ?? .max
      for number in nodes.indices where !isDead[number] {
        // The wheel's times are as coarse as its ticks.
        let deadline = nodes[number].driver.core.nextDeadline().map {
          max($0, fabric.now + 100_000)
        }
        let wish = programs[number].nextDeadline().map { max($0, fabric.now + 1000) }
        next = min(next, deadline ?? .max, wish ?? .max)
      }
      if isDone() { return }
      guard next < end else { break }
      fabric.advance(to: next)
      _ = fabric.takeAwakened()
    }
    if !isDone() { fabric.advance(to: max(fabric.now, end)) }
  }

  private func turn(_ node: SimulatedNode, _ program: Program) -> Bool {
    node.driver.turn(
      at: fabric.now, { event, core in program.received(event, &core) },
      { event, core in program.received(event, &core) },
      { event, core in program.hear(event, &core) },
      expired: { owner, core in
        if owner >= NodeCore.firstProgramTimer {
          program.expired(timer: owner - NodeCore.firstProgramTimer, &core)
        }
      },
      ended: { core in program.turnEnds(&core) },
      handingOver: { core in program.handsOver(&core) })
  }

  /// What is left on nodes that live although nothing is going on.
  func leaks() -> [String] {
    run(0.5)
    var result: [String] = []
    for (number, node) in nodes.enumerated() where !isDead[number] {
      if node.driver.core.rpc.requestCount != 0 {
        result.append("node \(number): \(node.driver.core.rpc.requestCount) requests")
      }
      if node.driver.core.rpc.serverRequestCount != 0 {
        result.append("node \(number): \(node.driver.core.rpc.serverRequestCount) peer requests")
      }
    }
    return result
  }

  /// Stops all nodes that live; what is still taken then.
  func stop() -> [String] {
    for (number, node) in nodes.enumerated() where !isDead[number] {
      node.use(at: fabric.now) { $0.stop() }
    }
    run(100) {
      self.nodes.indices.allSatisfy { self.isDead[$0] || self.nodes[$0].leaks.isEmpty }
    }
    return leaks()
      + nodes.enumerated().filter { !isDead[$0.offset] }.flatMap { number, node in
        node.leaks.map { "node \(number): \($0)" }
      }
  }
}
