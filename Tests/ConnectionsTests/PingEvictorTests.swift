// Property: a client that falls silent is evicted when others are heard (spec 12 §3.1), and never when it was the server
// that heard nobody.
// Method: the rules by hand; then clients whose nodes die or lose their way in virtual time, and who is evicted when.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@testable import Connections

struct PingEvictorTests {
  @Test("§3.1: two pings and their way, and a sixteenth")
  func allowances() {
    func seconds(_ estimate: UInt32, _ latency: UInt32, _ settings: AdaptiveSettings) -> Double {
      let allowance = PingEvictor.allowance(estimate: estimate, latency: latency, settings)
      return Double(allowance) / Double(second)
    }
    var off = AdaptiveSettings()
    off.maximum = 0
    #expect(seconds(5, 1, AdaptiveSettings()) == 72.25)
    #expect(seconds(40, 1, AdaptiveSettings()) == 119)
    #expect(seconds(5, 1, off) == 106.25)
    #expect(PingEvictor.respite(latency: 1) == 175_312_500_000)
    #expect(PingEvictor.respite(latency: 60) == 207_187_500_000)
  }

  private func world(clients count: Int) throws -> (World, Server, [Client]) {
    let world = World()
    let server = Server()
    try world.add(server)
    var clients: [Client] = []
    for index in 0..<count {
      clients.append(Client(mount: "client-\(index)"))
      try world.add(clients[index])
      clients[index].connectAll()
    }
    world.run(5) { clients.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
    return (world, server, clients)
  }

  @Test("a dead client goes when its time has passed and another one is heard")
  func deadClient() throws {
    let (world, server, clients) = try world(clients: 3)
    world.kill(clients[0].number)
    let start = world.fabric.now
    // Exactly the first time of 150 s: nothing was heard that could have moved it.
    world.run(149)
    #expect(server.exportCount(1) == 3)
    world.run(300) { server.exportCount(1) == 2 }
    let passed = (world.fabric.now - start) / second
    #expect(passed >= 149 && passed <= 176)
    #expect(server.use { $0.connections.counters.evictionsBySilence } >= 1)
    #expect(clients[1].count(.evicted) == 0)
    #expect(clients[2].count(.evicted) == 0)
    // Nobody times the clients of a management server.
    world.run(600)
    #expect(server.exportCount(0) == 3)
    #expect(server.exportCount(1) == 2)
    #expect(world.leaks().isEmpty)
  }

  @Test("a client that was heard later has the time from then on")
  func deadlineMoves() throws {
    let (world, server, clients) = try world(clients: 2)
    world.run(200)
    world.kill(clients[0].number)
    let start = world.fabric.now
    world.run(300) { server.exportCount(1) == 1 }
    let passed = (world.fabric.now - start) / second
    // Its last ping was up to 25 s before, and the other one's next comes up to 25 s after.
    #expect(passed >= 45 && passed <= 100)
  }

  @Test("when all were cut off, the first to come back does not end the others")
  func respite() throws {
    let (world, server, clients) = try world(clients: 2)
    world.run(100)
    for client in clients { world.kill(client.number) }
    world.run(400)
    #expect(server.exportCount(1) == 2)
    // Another one comes now: a target that has heard nobody for so long gives all of them time.
    let late = Client(mount: "late")
    try world.add(late)
    late.connectAll()
    world.run(5) { late.state(1) == .full }
    let start = world.fabric.now
    #expect(server.exportCount(1) == 3)
    world.run(150)
    #expect(server.exportCount(1) == 3)
    world.run(100) { server.exportCount(1) == 1 }
    let passed = (world.fabric.now - start) / second
    #expect(passed >= 175 && passed <= 230)
    #expect(late.count(.evicted) == 0)
  }
}
