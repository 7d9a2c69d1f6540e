// Property: imports and exports come about, last, and end as spec 11 §3, §9 and §17 say.
// Method: a server and clients in virtual time; states, histories, counts and granted values are compared.
import LustreWire
import NodeCore
@testable import NodeWorld
import Testing

@testable import Connections

struct ConnectTests {
  @Test func aMountConnectsToEveryTarget() throws {
    let world = World()
    let server = Server(objectTargets: 2)
    let client = Client(objectTargets: 2)
    try world.add(server)
    try world.add(client, limits: World.limits(cookie: 0x2000))
    client.connectAll()
    world.run(5) { client.states.allSatisfy { $0 == .full } }
    #expect(client.states == [.full, .full, .full, .full])
    #expect((0..<4).map { server.exportCount($0) } == [1, 1, 1, 1])
    #expect(client.count(.connected) == 4)
    for index in 0..<4 {
      #expect(client.states(index) == ["NEW", "CONNECTING", "FULL"])
      #expect(client.view(index)?.connectionCount == 1)
    }
    let granted = try #require(client.view(1)?.granted)
    #expect(granted.flags.rawValue == 0xAE7A_5E7B_E344_D2B8)
    #expect(granted.flags2.rawValue == 0x24_6CDE_FFBD)
    #expect(granted.grantByteCount == 2_146_304)
    #expect(try #require(client.view(2)?.granted).grantByteCount == 8_437_760)
    #expect(world.leaks().isEmpty)
  }

  @Test("§2: cookies of both sides are known to the other, and step by 7")
  func cookies() throws {
    let (world, server, client) = try mounted()
    let export = server.use { core in
      core.connections.export(ofClient: client.mount, atTarget: server.targets[1])
        .flatMap { core.connections.view($0) }
    }
    let view = try #require(client.view(1))
    #expect(export?.handle == view.remoteHandle)
    #expect(export?.clientHandle == view.clientHandle)
    #expect((view.clientHandle.rawValue - 0x2000) % 7 == 0)
    #expect((view.remoteHandle.rawValue - 0x1000) % 7 == 0)
    #expect(export?.nid == World.nid(client.number))
    #expect(world.leaks().isEmpty)
  }

  @Test("§9.7: an import that is not used is pinged every 25 s; an OSC disconnects instead")
  func pings() throws {
    let (world, server, client) = try mounted()
    world.run(80)
    let pings = client.use { $0.connections.counters.pingsSent }
    #expect(pings == 6)
    #expect(server.use { $0.connections.counters.pingsAnswered } == 6)
    #expect(client.states == [.full, .full, .idle])
    #expect((0..<3).map { server.exportCount($0) } == [1, 1, 0])
    #expect(client.states(2) == ["NEW", "CONNECTING", "FULL", "CONNECTING", "IDLE"])
    #expect(client.count(.idle) == 1)
  }

  @Test("§9.3, §9.8: a request wakes an idle import, with a first CONNECT and the next count")
  func wakes() throws {
    let (world, server, client) = try mounted()
    world.run(30) { client.state(2) == .idle }
    let before = try #require(client.view(2))
    #expect(before.state == .idle && before.remoteHandle.isNone)
    #expect(client.send(.ostStatfs, on: 2, tag: 7))
    world.run(5) { client.ends[7] != nil }
    #expect(client.ends[7]?.first?.kind == .replied)
    let view = try #require(client.view(2))
    #expect(view.state == .full)
    #expect(view.connectionCount == 2)
    #expect(view.generation == before.generation + 1)
    #expect(view.granted.grantByteCount == 8_437_760)
    #expect(server.exportCount(2) == 1)
    #expect(world.leaks().isEmpty)
  }

  @Test("§9.8: who leaves is forgotten")
  func leaves() throws {
    let (world, server, client) = try mounted()
    client.closeAll()
    world.run(5) { client.count(.closed) == 3 }
    #expect(client.states == [.closed, .closed, .closed])
    #expect((0..<3).map { server.exportCount($0) } == [0, 0, 0])
    #expect(server.count(.exportGone) == 3)
    #expect(world.leaks().isEmpty)
    client.use { core in
      for handle in client.imports { core.connections.removeImport(handle, turn: &core.turn) }
    }
    #expect(client.use { $0.connections.importCount } == 0)
  }

  @Test("who leaves while it connects leaves nothing behind")
  func leavesEarly() throws {
    for delay in [0.0, 0.00001, 0.0001, 0.0003, 0.001] {
      let world = World()
      let server = Server()
      let client = Client()
      try world.add(server)
      try world.add(client)
      client.connectAll()
      world.run(delay)
      client.closeAll()
      world.run(30) { client.count(.closed) == 3 }
      #expect(client.states == [.closed, .closed, .closed], "after \(delay)")
      world.run(5)
      #expect((0..<3).map { server.exportCount($0) } == [0, 0, 0], "after \(delay)")
      #expect(world.leaks().isEmpty)
    }
  }

  @Test("§1.1: N targets and M clients make N × M exports")
  func manyClients() throws {
    let world = World()
    let server = Server(objectTargets: 3)
    try world.add(server)
    let clients = (0..<5).map { Client(objectTargets: 3, mount: "mount-\($0)") }
    for client in clients { try world.add(client) }
    for client in clients { client.connectAll() }
    world.run(10) { clients.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
    #expect((0..<5).map { server.exportCount($0) } == [5, 5, 5, 5, 5])
    #expect(server.use { $0.connections.exportCount } == 25)
    clients[2].closeAll()
    world.run(5) { clients[2].count(.closed) == 5 }
    #expect((0..<5).map { server.exportCount($0) } == [4, 4, 4, 4, 4])
    #expect(world.leaks().isEmpty)
  }

  @Test("a target by its name instead of its UUID (spec 11 §1.2); an unknown one")
  func names() throws {
    let world = World()
    let server = Server()
    let client = Client()
    try world.add(server)
    try world.add(client)
    let handles = client.use { core in
      ["lfs-OST0000", "lfs-OST0007_UUID"].compactMap { name in
        core.connections.makeImport(
          ImportDescription(
            proposal: Proposal(role: .osc), target: uuid(name), client: client.mount),
          rpc: &core.rpc, turn: &core.turn)
      }
    }
    client.use { core in
      for handle in handles {
        _ = core.connections.addConnection(World.nid(0), to: handle)
        core.connections.connect(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
      }
    }
    world.run(2)
    #expect(client.use { $0.connections.view(handles[0])?.state } == .full)
    #expect(client.use { $0.connections.view(handles[1])?.state } == .disconnected)
    let failed = client.heard.filter { $0.event.kind == .attemptFailed }
    #expect(failed.map(\.event.status) == [-19])
  }
}

/// A server and a client whose imports are all FULL.
func mounted(
  timing: TimingProfile = .lustre, objectTargets: Int = 1
) throws -> (World, Server, Client) {
  let world = World()
  let server = Server(objectTargets: objectTargets)
  let client = Client(objectTargets: objectTargets)
  try world.add(server)
  try world.add(client, limits: World.limits(timing: timing, cookie: 0x2000))
  client.connectAll()
  world.run(5) { client.states.allSatisfy { $0 == .full } }
  return (world, server, client)
}
