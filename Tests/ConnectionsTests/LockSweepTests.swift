// Property: a lock that is given up lets in whom nothing stands against any more, at a cost that hardly grows faster than
// the locks of its resource; one client has no more locks than one may have.
// Method: random locks beside a rule that compares each with each; steps counted at two sizes; a server with a low bound.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Structures
import Testing

@testable import Connections

struct LockSweepTests {
  private static let modes: [LockMode] = [
    .exclusive, .protectedWrite, .protectedRead, .concurrentWrite, .concurrentRead, .null, .group,
  ]

  private static func descriptor(_ random: inout some RandomNumberGenerator) -> LockDescriptor {
    var descriptor = LockDescriptor()
    descriptor.type = Int.random(in: 0..<8, using: &random) == 0 ? .plain : .extent
    descriptor.requestedMode = modes.randomElement(using: &random) ?? .null
    // Some end before they begin: a peer may say so.
    descriptor.policy = LockPolicy(
      extent: .random(in: 0...40, using: &random),
      through: Bool.random(using: &random) ? .random(in: 0...40, using: &random) : .max,
      group: .random(in: 1...2, using: &random))
    return descriptor
  }

  @Test("an obstacle is found when there is one, and only then", arguments: 0..<60)
  func agreesWithTheRule(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let locks = (0..<Int.random(in: 1...40, using: &random)).map { _ in Self.descriptor(&random) }
    var sweep = LockSweep(capacity: 64)
    // What an earlier look has left is not seen.
    for round in 0..<2 {
      sweep.removeAll()
      for (slot, lock) in locks.enumerated() { sweep.add(slot + round, lock, order: UInt64(slot)) }
      sweep.prepare()
      var entered: [Int] = []
      for index in locks.indices.shuffled(using: &random) {
        let expected = entered.filter { LockConflict.conflicts(locks[index], with: locks[$0]) }
        let found = sweep.obstacle(to: index)
        #expect(found.map(expected.contains) ?? expected.isEmpty)
        if Bool.random(using: &random) { continue }
        sweep.enter(index)
        entered.append(index)
      }
    }
  }

  /// A server without clients, where a target takes locks for itself.
  private func steps(waiting count: Int, extent: (Int) -> (UInt64, UInt64)) throws -> UInt64 {
    let world = World()
    let server = Server()
    try world.add(
      server,
      limits: World.limits {
        $0.connections.capacity.locks = count + 1
        $0.connections.capacity.events = 8192
      })
    return server.use { core in
      let object = ResourceID(7, 0, 0x1_0000_0400, 0)
      func take(_ first: UInt64, _ last: UInt64, _ core: inout NodeCore) -> EnqueueResult? {
        core.connections.lock(
          object, .protectedWrite, from: first, through: last, ofTarget: 2, rpc: &core.rpc,
          turn: &core.turn)
      }
      guard case .granted(let holder)? = take(0, .max, &core) else {
        Issue.record("not granted")
        return 0
      }
      for number in 0..<count {
        let (first, last) = extent(number)
        _ = take(first, last, &core)
      }
      let before = core.connections.counters.lockSteps
      core.connections.unlock(holder, rpc: &core.rpc, turn: &core.turn)
      return core.connections.counters.lockSteps - before
    }
  }

  @Test("four times as many waiters cost about four times as much", arguments: [0, 1, 2])
  func cost(shape: Int) throws {
    let extent: (Int) -> (UInt64, UInt64) = { number in
      switch shape {
      // Apart from each other; all the same; each over the next one's beginning.
      case 0: (UInt64(10 * number), UInt64(10 * number + 9))
      case 1: (0, .max)
      default: (UInt64(10 * number), UInt64(10 * number + 10))
      }
    }
    let few = try steps(waiting: 256, extent: extent)
    let many = try steps(waiting: 1024, extent: extent)
    print("steps: \(few), \(many)")
    #expect(few >= 256 && many < 10 * few)
  }

  @Test("a client has so many locks and no more; others have theirs")
  func bound() throws {
    let world = World()
    let server = LockServer()
    try world.add(server, limits: World.limits { $0.connections.capacity.locksPerExport = 8 })
    let clients = (0..<2).map { LockClient(mount: "mount-\($0)") }
    for (number, client) in clients.enumerated() {
      try world.add(client, limits: World.limits(cookie: 0x10_0000 * UInt64(number + 1)))
      client.connectAll()
    }
    world.run(5) { clients.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
    func enqueue(_ client: Int, _ number: UInt32) -> LockHandle? {
      let object = ResourceID(UInt64(number), 0, 0x1_0000_0400, 0)
      let handle = clients[client].enqueue(
        LockWish(object: object, mode: .protectedRead), on: 2, tag: number)
      world.run(0.1)
      return handle
    }
    let first = try #require(enqueue(0, 0))
    for number in 1..<10 { _ = enqueue(0, UInt32(number)) }
    #expect(clients[0].news.count { $0.hasPrefix("held") } == 8)
    #expect(clients[0].news.suffix(2) == ["failed 8 -12", "failed 9 -12"])
    _ = enqueue(1, 20)
    #expect(clients[1].news == ["held 20"])
    // One goes, another may come.
    let isSent = clients[0].use {
      $0.connections.cancel(first, rpc: &$0.rpc, lnet: &$0.lnet, turn: &$0.turn)
    }
    #expect(isSent)
    world.run(0.1)
    _ = enqueue(0, 30)
    #expect(clients[0].news.last == "held 30")
    let counters = server.use { $0.connections.counters }
    #expect(counters.locksOverBound == 2 && counters.locksExhausted == 0)
    #expect(world.leaks().isEmpty)
  }
}
