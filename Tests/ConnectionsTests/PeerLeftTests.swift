// Property: imports under `fast` follow a peer that closes its connections in order: they leave FULL at once and come back
// when the peer does; under `lustre` they notice with the next ping.
// Method: a server that stops, and one that takes its place, in virtual time.
import Connections
@testable import NodeWorld
import Testing

@Suite struct PeerLeftTests {
  private func mounted(_ timing: TimingProfile) throws -> (World, Client) {
    let world = World()
    try world.add(Server(), limits: World.limits(timing: timing))
    let client = Client()
    try world.add(client, limits: World.limits(timing: timing, cookie: 0x10_0000))
    client.connectAll()
    world.run(5) { client.states.allSatisfy { $0 == .full } }
    #expect(client.states.allSatisfy { $0 == .full })
    return (world, client)
  }

  @Test func fastFollows() throws {
    let (world, client) = try mounted(.fast)
    world.use(0) { $0.stop() }
    world.run(0.05)
    #expect(client.states.allSatisfy { $0 != .full })
    #expect(client.count(.lost) == 3)
    world.kill(0)
    try world.revive(
      0, Server(instance: 2), limits: World.limits(timing: .fast, cookie: 0x80_0000))
    world.run(10) { client.states.allSatisfy { $0 == .full } }
    #expect(client.states.allSatisfy { $0 == .full })
  }

  @Test func lustreWaitsForItsPing() throws {
    let (world, client) = try mounted(.lustre)
    world.use(0) { $0.stop() }
    world.run(1)
    #expect(client.states.allSatisfy { $0 == .full })
    #expect(client.count(.lost) == 0)
    world.run(60)
    #expect(client.states.allSatisfy { $0 != .full })
  }
}
