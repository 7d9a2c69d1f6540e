// Property: what a lock needs and there is no room for just now is done later: nobody is evicted who was not asked, nobody
// waits for a lock that he has, and a target's own locks can be looked at.
// Method: servers with one place for requests, or few for events, and clients that take them; in virtual time.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Simulation
import Structures
import Testing

@testable import Connections

struct LockRoomTests {
  private static func object(_ number: UInt64) -> ResourceID {
    ResourceID(number, 0, 0x1_0000_0400, 0)
  }

  private func mount(
    clients: Int, _ change: (inout SimulatedNode.Limits) -> Void
  ) throws -> (World, LockServer, [LockClient]) {
    let world = World()
    let server = LockServer()
    try world.add(server, limits: World.limits { change(&$0) })
    let clients = (0..<clients).map { LockClient(mount: "mount-\($0)") }
    for (number, client) in clients.enumerated() {
      try world.add(client, limits: World.limits(cookie: 0x10_0000 * UInt64(number + 1)))
      client.connectAll()
    }
    world.run(5) { clients.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
    return (world, server, clients)
  }

  @Test("12 §3.3: a holder's time begins when he is asked, and he is asked when there is room")
  func askedLater() throws {
    let (world, server, clients) = try mount(clients: 3) { $0.rpc.capacity.requests = 1 }
    clients[0].enqueue(LockWish(object: Self.object(1), mode: .protectedWrite), on: 2, tag: 0)
    clients[1].enqueue(LockWish(object: Self.object(2), mode: .protectedWrite), on: 2, tag: 1)
    world.run(1)
    #expect(clients[1].news == ["held 1"])
    world.kill(clients[0].number)
    // The call to the dead client takes the only place until he is evicted.
    clients[2].enqueue(LockWish(object: Self.object(1), mode: .protectedRead), on: 2, tag: 2)
    world.run(1)
    clients[2].enqueue(LockWish(object: Self.object(2), mode: .protectedRead), on: 2, tag: 3)
    world.run(100)
    #expect(clients[1].news == ["held 1"])
    world.run(200) { clients[2].news.count == 2 }
    world.run(1)
    #expect(clients[1].news == ["held 1", "blocked 1", "released 1 0"])
    #expect(Set(clients[2].news) == ["held 2", "held 3"])
    #expect(clients[1].count(.evicted) == 0)
    let counters = server.use { $0.connections.counters }
    #expect(counters.lockCallsDelayed > 50 && counters.evictionsByLock <= 1)
  }

  @Test("holders who are to be asked cost nearly nothing until there is room to ask them")
  func waitingToAsk() throws {
    let (world, server, clients) = try mount(clients: 3) { $0.rpc.capacity.requests = 1 }
    clients[0].enqueue(LockWish(object: Self.object(1), mode: .protectedWrite), on: 2, tag: 0)
    for tag in 1...30 {
      clients[1].enqueue(
        LockWish(object: Self.object(2), mode: .protectedRead), on: 2, tag: UInt32(tag))
      world.run(0.05)
    }
    world.kill(clients[0].number)
    clients[2].enqueue(LockWish(object: Self.object(1), mode: .protectedRead), on: 2, tag: 100)
    world.run(1)
    clients[2].enqueue(LockWish(object: Self.object(2), mode: .exclusive), on: 2, tag: 101)
    world.run(0.1)
    // What excludes nobody stands in front of the one that waits.
    for tag in 102...180 {
      clients[2].enqueue(LockWish(object: Self.object(2), mode: .null), on: 2, tag: UInt32(tag))
      world.run(0.05)
    }
    let before = server.use { $0.connections.counters.lockSteps }
    world.run(60)
    #expect(clients[1].news.count == 30)
    let steps = server.use { $0.connections.counters.lockSteps } - before
    #expect(steps < 1000)
    world.run(400) { clients[2].news.contains("held 101") }
    #expect(clients[2].news.contains("held 101") && clients[1].count(.evicted) == 0)
  }

  @Test("many are granted at once: each hears of it, though there is no room for all events")
  func grantedInTurn() throws {
    let (world, server, clients) = try mount(clients: 2) { limits in
      limits.connections.capacity.events = 32
      limits.connections.capacity.locks = 64
    }
    clients[0].cancelsWhenBlocked = false
    let held = try #require(
      clients[0].enqueue(LockWish(object: Self.object(1), mode: .exclusive), on: 2, tag: 0))
    world.run(1)
    for tag in 1...40 {
      clients[1].enqueue(
        LockWish(object: Self.object(1), mode: .protectedRead), on: 2, tag: UInt32(tag))
      world.run(0.05)
    }
    #expect(clients[1].news == [])
    let isSent = clients[0].use {
      $0.connections.cancel(held, rpc: &$0.rpc, lnet: &$0.lnet, turn: &$0.turn)
    }
    #expect(isSent)
    world.run(60)
    #expect(clients[1].news.count == 40)
    let counters = server.use { $0.connections.counters }
    #expect(counters.eventsLost == 0 && counters.lockCallsDelayed > 0)
    #expect(clients[1].count(.evicted) == 0)
  }

  @Test func ownLocksAreListed() throws {
    let (world, server, clients) = try mount(clients: 1) { _ in }
    clients[0].cancelsWhenBlocked = false
    clients[0].enqueue(LockWish(object: Self.object(1), mode: .protectedWrite), on: 2, tag: 0)
    world.run(1)
    let views = server.use { core in
      let own = core.connections.lock(
        Self.object(1), .protectedRead, from: 0, through: .max, ofTarget: 2, rpc: &core.rpc,
        turn: &core.turn)
      #expect(own != nil)
      return (0..<core.connections.serverLockPlaceCount).compactMap {
        core.connections.serverLock(at: $0)
      }
    }
    #expect(views.count { $0.export == .none } == 1)
    #expect(views.count { $0.export != .none } == 1)
  }
}
