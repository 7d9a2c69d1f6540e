// Property: a lock that is granted when there is no room to tell of it is told later, with what the handler knows then; a
// target's own lock is nobody's to be evicted for; what an eviction costs does not grow with the square of its locks.
// Method: servers with few places for events, or one for requests, and clients that take them; in virtual time.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Simulation
import Structures
import Testing

@testable import Connections

/// A server that counts how often it is told of locks that are granted late.
private final class CountingServer: Server {
  private(set) var toldCount = 0

  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    switch event.kind {
    case .requested
    where core.rpc.received(event.serverRequest).body.opcode == .ldlmEnqueue:
      _ = core.connections.serveEnqueue(
        event.serverRequest, of: ExportHandle(raw: Handle(raw: event.tag)),
        value: ObjectLockValue(), rpc: &core.rpc, turn: &core.turn)
    case .lockGranted:
      toldCount += 1
      core.connections.complete(
        LockHandle(raw: event.handle), value: ObjectLockValue(), rpc: &core.rpc, turn: &core.turn)
    default: super.received(event, &core)
    }
  }
}

struct LockTellingTests {
  private static func object(_ number: UInt64) -> ResourceID {
    ResourceID(number, 0, 0x1_0000_0400, 0)
  }

  private func mount(
    clients: Int, _ change: (inout SimulatedNode.Limits) -> Void
  ) throws -> (World, CountingServer, [LockClient]) {
    let world = World()
    let server = CountingServer()
    try world.add(server, limits: World.limits { change(&$0) })
    let clients = (0..<clients).map { LockClient(mount: "mount-\($0)") }
    for (number, client) in clients.enumerated() {
      try world.add(client, limits: World.limits(cookie: 0x10_0000 * UInt64(number + 1)))
      client.connectAll()
    }
    world.run(5) { clients.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
    return (world, server, clients)
  }

  @Test func nobodyIsEvictedForAnOwnLock() throws {
    let (world, server, clients) = try mount(clients: 2) { limits in
      limits.connections.capacity.events = 32
      limits.connections.capacity.locks = 64
    }
    clients[0].cancelsWhenBlocked = false
    let held = try #require(
      clients[0].enqueue(LockWish(object: Self.object(1), mode: .protectedWrite), on: 2, tag: 0))
    world.run(1)
    for tag in 1...40 {
      let wish = LockWish(object: Self.object(1), mode: .protectedRead, through: 4095)
      clients[1].enqueue(wish, on: 2, tag: UInt32(tag))
      world.run(0.05)
    }
    let own = server.use { core in
      core.connections.lock(
        Self.object(1), .protectedWrite, from: 1 << 20, through: .max,
        ofTarget: server.targets[2], rpc: &core.rpc, turn: &core.turn)
    }
    guard case .waiting(let name)? = own else {
      Issue.record("granted at once")
      return
    }
    clients[1].enqueue(
      LockWish(object: Self.object(1), mode: .protectedWrite, extent: 1 << 20), on: 2, tag: 41)
    world.run(0.1)
    let isSent = clients[0].use {
      $0.connections.cancel(held, rpc: &$0.rpc, lnet: &$0.lnet, turn: &$0.turn)
    }
    #expect(isSent)
    world.run(60)
    #expect(clients[1].news.count == 40)
    server.use { $0.connections.unlock(name, rpc: &$0.rpc, turn: &$0.turn) }
    world.run(5)
    #expect(clients[1].news.count == 41)
    let counters = server.use { $0.connections.counters }
    #expect(counters.evictionsByLock == 0 && counters.lockCallsDelayed > 0)
  }

  @Test("10 §11.2: what a client is told late is what the handler knows by then")
  func theHandlerIsAskedAgain() throws {
    let (world, server, clients) = try mount(clients: 3) { $0.rpc.capacity.requests = 1 }
    clients[0].enqueue(LockWish(object: Self.object(1), mode: .protectedWrite), on: 2, tag: 0)
    clients[1].cancelsWhenBlocked = false
    let held = try #require(
      clients[1].enqueue(LockWish(object: Self.object(2), mode: .protectedWrite), on: 2, tag: 1))
    world.run(1)
    clients[2].enqueue(LockWish(object: Self.object(2), mode: .protectedRead), on: 2, tag: 2)
    world.run(1)
    #expect(clients[1].news == ["held 1", "blocked 1"])
    world.kill(clients[0].number)
    // The call to the dead client takes the only place until he is evicted.
    clients[2].enqueue(LockWish(object: Self.object(1), mode: .protectedRead), on: 2, tag: 3)
    world.run(1)
    let isSent = clients[1].use {
      $0.connections.cancel(held, rpc: &$0.rpc, lnet: &$0.lnet, turn: &$0.turn)
    }
    #expect(isSent)
    world.run(5)
    #expect(clients[2].news == [] && server.toldCount > 3)
    world.run(300) { clients[2].news.count == 2 }
    #expect(Set(clients[2].news) == ["held 2", "held 3"])
  }

  @Test func anEvictionLooksThroughEachResourceOnce() throws {
    let (world, server, clients) = try mount(clients: 2) { $0.connections.capacity.locks = 256 }
    for client in clients { client.cancelsWhenBlocked = false }
    for tag in UInt32(0)..<100 {
      let wish = LockWish(object: Self.object(UInt64(tag % 2)), mode: .protectedRead)
      clients[0].enqueue(wish, on: 2, tag: tag)
      world.run(0.01)
    }
    for tag in UInt32(0)..<40 {
      let wish = LockWish(object: Self.object(UInt64(tag % 2)), mode: .protectedWrite)
      clients[1].enqueue(wish, on: 2, tag: tag)
      world.run(0.1)
    }
    #expect(clients[1].news == [])
    let steps = server.use { core in
      let before = core.connections.counters.lockSteps
      let export = core.connections.export(
        ofClient: clients[0].mount, atTarget: server.targets[2])
      if let export { core.connections.evict(export, rpc: &core.rpc, turn: &core.turn) }
      return core.connections.counters.lockSteps - before
    }
    // A hundred locks go, and forty are looked through: not forty for each of a hundred.
    print("steps: \(steps)")
    #expect((140...8000).contains(steps))
    #expect(server.use { $0.connections.serverLockCount } == 40)
    world.run(1)
    #expect(Set(clients[1].news) == ["held 0", "held 1", "blocked 0", "blocked 1"])
  }
}
