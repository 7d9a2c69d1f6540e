// Nodes with PtlRPC on a simulated fabric, in virtual time: driven turn by turn, each with a program that hears
// what its PtlRPC reports.
import LNet
import LustreWire
import NodeCore
import O2IBLND
import PtlRPC
import RDMATransport
import Simulation
import Structures

let second: UInt64 = 1_000_000_000

/// What runs on a node of the world.
class Program {
  func started(_ core: inout NodeCore) {}
  func received(_ event: RPCEvent, _ core: inout NodeCore) {}
}

final class World {
  let fabric: SimulatedFabric
  private(set) var nodes: [SimulatedNode] = []
  private var programs: [Program] = []
  private var isDead: [Bool] = []

  init(seed: UInt64 = 1, model: NetworkModel = NetworkModel()) {
    fabric = SimulatedFabric(seed: seed, model: model)
  }

  static func nid(_ number: Int) -> NID { .o2ib(0x0A00_0001 + UInt32(number)) }

  static func limits(_ change: (inout SimulatedNode.Limits) -> Void = { _ in })
    -> SimulatedNode.Limits
  {
    var limits = SimulatedNode.Limits()
    limits.rpc = RPCConfiguration(unixSeconds: 1_790_000_000)
    limits.rpc.capacity.requests = 64
    limits.rpc.capacity.serverRequests = 128
    limits.rpc.capacity.copiedRequests = 32
    limits.lnet.messagesInPlace = 32
    change(&limits)
    limits.rpc.capacity.raise(&limits.lnet)
    return limits
  }

  @discardableResult
  func add(
    _ program: Program, limits: SimulatedNode.Limits = World.limits(), seed: UInt64 = 7
  ) throws -> Int {
    let number = nodes.count
    let node = try SimulatedNode(
      number: number, nids: [Self.nid(number)], stamp: 1000 + UInt64(number),
      seed: seed + UInt64(number), configuration: O2IBConfiguration(), limits: limits,
      fabric: fabric)
    nodes.append(node)
    programs.append(program)
    isDead.append(false)
    node.use(at: fabric.now) { core in
      core.start()
      program.started(&core)
    }
    return number
  }

  /// Ends a node's life at once, and nobody is told.
  func kill(_ number: Int) {
    fabric.powerOff(nodes[number].host)
    isDead[number] = true
  }

  /// Calls down into a node, as its loop would.
  func use<Result, Failure: Error>(
    _ number: Int, _ body: (inout NodeCore) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let result = try nodes[number].use(at: fabric.now, body)
    nodes[number].use(at: fabric.now) { $0.pump() }
    return result
  }

  /// Runs so many seconds, or until something holds.
  func run(_ seconds: Double, until isDone: () -> Bool = { false }) {
    let end = fabric.now + UInt64(seconds * Double(second))
    while !isDone() {
      for (number, node) in nodes.enumerated() where !isDead[number] {
        while turn(node, programs[number]) {}
      }
      var next = fabric.nextTime ?? .max
      for (number, node) in nodes.enumerated() where !isDead[number] {
        // The wheel's times are as coarse as its ticks.
        let deadline = node.driver.core.nextDeadline().map { max($0, fabric.now + 100_000) }
        next = min(next, deadline ?? .max)
      }
      if isDone() { return }
      guard next < end else { break }
      fabric.advance(to: next)
      _ = fabric.takeAwakened()
    }
    fabric.advance(to: max(fabric.now, end))
  }

  private func turn(_ node: SimulatedNode, _ program: Program) -> Bool {
    node.driver.turn(at: fabric.now, { _, _ in }) { event, core in
      program.received(event, &core)
    }
  }

  /// What is left on nodes that live although nothing is going on.
  func leaks() -> [String] {
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
