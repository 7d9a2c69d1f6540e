// Property: imports come back after the loss of a connection, of the server or of their export, and requests end as
// spec 10 §12 and 12 §4 say, each exactly once.
// Method: a server that evicts, dies, comes back or answers with errors, in virtual time; states and ends are compared.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Testing

@testable import Connections

struct RecoveryTests {
  @Test("§17.2: an administrator's reconnect: same handle, RECOVER, FULL")
  func forcedReconnect() throws {
    let (world, server, client) = try mounted()
    let before = try #require(client.view(1))
    client.use { core in
      core.connections.recover(
        client.imports[1], rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
    world.run(5) { client.state(1) == .full }
    let after = try #require(client.view(1))
    #expect(
      client.states(1) == ["NEW", "CONNECTING", "FULL", "DISCONN", "CONNECTING", "RECOVER", "FULL"])
    #expect(after.remoteHandle == before.remoteHandle)
    #expect(after.clientHandle == before.clientHandle)
    #expect(after.connectionCount == 2)
    #expect(after.generation == before.generation)
    #expect(server.exportCount(1) == 1)
    #expect(world.leaks().isEmpty)
  }

  @Test("§17.2: evicted by the server: the next request is lost, a new handle, EVICTED, FULL")
  func eviction() throws {
    let (world, server, client) = try mounted()
    let before = try #require(client.view(1))
    let export = try #require(
      server.use {
        $0.connections.export(ofClient: client.mount, atTarget: server.targets[1])
      })
    server.use { $0.connections.evict(export, rpc: &$0.rpc, turn: &$0.turn) }
    #expect(server.exportCount(1) == 0)
    #expect(client.send(.mdsStatfs, on: 1, tag: 1))
    world.run(5) { client.state(1) == .full && client.ends[1] != nil }
    #expect(client.ends[1]?.map(\.status) == [WireErrno.eio.status])
    let after = try #require(client.view(1))
    #expect(
      client.states(1) == [
        "NEW", "CONNECTING", "FULL", "DISCONN", "CONNECTING", "EVICTED", "RECOVER", "FULL",
      ])
    #expect(after.remoteHandle != before.remoteHandle)
    #expect(after.generation == before.generation + 1)
    #expect(client.count(.evicted) == 1)
    #expect(server.exportCount(1) == 1)
    #expect(client.send(.mdsStatfs, on: 1, tag: 2))
    world.run(5) { client.ends[2] != nil }
    #expect(client.ends[2]?.map(\.kind) == [.replied])
    #expect(world.leaks().isEmpty)
  }

  @Test("10 §12: who is asked for patience comes again, whatever else is sent meanwhile")
  func patience() throws {
    let (world, server, client) = try mounted()
    server.answers = [WireErrno.einprogress.status]
    #expect(client.send(.mdsStatfs, on: 1, tag: 1))
    world.run(0.1)
    for tag in UInt32(2)...8 {
      #expect(client.ends[1] == nil || tag > 3)
      #expect(client.send(.mdsStatfs, on: 1, tag: tag))
      world.run(0.5)
    }
    #expect(client.ends[1]?.map(\.status) == [0])
    #expect(server.served.count == 9)
  }

  @Test("evicted by NID: all exports of the node, and of no other")
  func evictionByNID() throws {
    let world = World()
    let server = Server(objectTargets: 2)
    try world.add(server)
    let clients = [Client(objectTargets: 2, mount: "one"), Client(objectTargets: 2, mount: "two")]
    for client in clients {
      try world.add(client)
      client.connectAll()
    }
    world.run(5) { clients.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
    let count = server.use {
      $0.connections.evict(nid: World.nid(clients[0].number), rpc: &$0.rpc, turn: &$0.turn)
    }
    #expect(count == 4)
    #expect((0..<4).map { server.exportCount($0) } == [1, 1, 1, 1])
    // The pings find out.
    world.run(30)
    // Unused imports of object targets had nothing to lose: they are idle by then.
    #expect(clients[0].count(.evicted) == 2)
    #expect(clients[1].count(.evicted) == 0)
    #expect(server.exportCount(1) == 2)
  }

  @Test(
    "a server that dies and comes back: everybody is forgotten, and returns",
    arguments: [
      TimingProfile.lustre, .fast,
    ])
  func restart(_ timing: TimingProfile) throws {
    let (world, _, client) = try mounted(timing: timing)
    world.kill(0)
    world.run(1)
    #expect(client.send(.mdsStatfs, on: 1, tag: 1))
    world.run(40)
    #expect(client.states(1).contains("DISCONN"))
    let back = Server(instance: 2)
    try world.revive(0, back, limits: World.limits(cookie: 0x9000_0000))
    let start = world.fabric.now
    world.run(200) { client.state(1) == .full && client.ends[1] != nil }
    #expect(client.state(1) == .full)
    #expect((world.fabric.now - start) / second < (timing == .fast ? 20 : 80))
    #expect(client.ends[1]?.count == 1)
    #expect(client.view(1)?.granted.instance == 2)
    #expect(back.exportCount(1) == 1)
    world.run(100)
    #expect(client.state(0) == .full)
    #expect(back.exportCount(0) == 1)
    #expect(world.leaks().isEmpty)
  }

  @Test("the profile fast notices a lost server by its connection, lustre by a deadline")
  func notices() throws {
    for timing in [TimingProfile.lustre, .fast] {
      let (world, server, client) = try mounted(timing: timing)
      // The server's process ends, and its host closes what it had open.
      server.use { $0.stop() }
      world.run(3)
      let hasNoticed = client.states(1).contains("DISCONN")
      #expect(hasNoticed == (timing == .fast))
    }
  }

  @Test("§9.4: the other NID of the target is tried, and becomes the first")
  func failover() throws {
    let world = World()
    try world.add(Server())
    let server = Server()
    try world.add(server)
    let client = Client(servers: [0, 1])
    try world.add(client)
    world.kill(0)
    client.connectAll()
    world.run(60) { client.state(1) == .full }
    #expect(client.state(1) == .full)
    #expect(client.view(1)?.connections[0].nid == World.nid(1))
    #expect(server.exportCount(1) == 1)
  }

  @Test("§10 §12: requests wait while there is no connection, and go in their order")
  func delayed() throws {
    let (world, server, client) = try mounted()
    client.use { core in
      core.connections.recover(
        client.imports[1], rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
    for tag in UInt32(1)...5 { #expect(client.send(.mdsStatfs, on: 1, tag: tag)) }
    #expect(client.send(.mdsGetRoot, on: 1, tag: 6, options: .noDelay))
    world.run(5) { client.ends.count == 6 }
    #expect(client.ends[6]?.map(\.status) == [WireErrno.eagain.status])
    for tag in UInt32(1)...5 { #expect(client.ends[tag]?.map(\.kind) == [.replied]) }
    #expect(server.served.map(\.xid) == server.served.map(\.xid).sorted())
    #expect(server.served.count == 5)
    #expect(world.leaks().isEmpty)
  }

  @Test("12 §4: EINPROGRESS is asked again later, under a new XID; other errors are the owner's")
  func comeAgain() throws {
    let (world, server, client) = try mounted()
    let start = world.fabric.now
    server.answers = [-115, -115, 0, -28, -116]
    #expect(client.send(.mdsStatfs, on: 1, tag: 1))
    world.run(10) { client.ends[1] != nil }
    #expect(client.ends[1]?.map(\.status) == [0])
    #expect((world.fabric.now - start) / second == 3)
    #expect(Set(server.served.map(\.xid)).count == 3)
    for (tag, status) in [(UInt32(2), Int32(-28)), (3, -116)] {
      #expect(client.send(.mdsStatfs, on: 1, tag: tag))
      world.run(10) { client.ends[tag] != nil }
      #expect(client.ends[tag]?.map(\.status) == [status])
    }
    server.answers = [-115]
    #expect(client.send(.mdsStatfs, on: 1, tag: 4, options: .noResend))
    world.run(10) { client.ends[4] != nil }
    #expect(client.ends[4]?.map(\.status) == [-115])
    #expect(client.state(1) == .full)
  }

  @Test("12 §4: a request that is not answered costs the connection, and is sent again as RESENT")
  func silence() throws {
    let (world, server, client) = try mounted()
    server.isSilent = true
    #expect(client.send(.mdsStatfs, on: 1, tag: 1))
    #expect(client.send(.mdsStatfs, on: 1, tag: 2, options: .noResend))
    world.run(0.1)
    #expect(server.served.count == 2)
    server.isSilent = false
    // Early replies are sent for those that are kept, until the server gives them up.
    world.run(2000) { client.ends[2] != nil && client.states(1).contains("DISCONN") }
    #expect(client.ends[2]?.map(\.status) == [WireErrno.etimedout.status])
    world.run(20) { client.state(1) == .full }
    // Its resend finds it in progress still, and is answered with it.
    #expect(client.ends[1] == nil)
    world.run(1)
    server.answerKept()
    world.run(20) { client.ends[1] != nil }
    #expect(client.ends[1]?.map(\.status) == [0])
    #expect(server.served.count == 2)
  }

  @Test("§9.3: deactivated, requests fail; activated, it connects again")
  func deactivation() throws {
    let (world, _, client) = try mounted()
    client.use { $0.connections.deactivate(client.imports[1], rpc: &$0.rpc, turn: &$0.turn) }
    #expect(client.send(.mdsStatfs, on: 1, tag: 1))
    world.run(1) { client.ends[1] != nil }
    #expect(client.ends[1]?.map(\.status) == [WireErrno.eshutdown.status])
    client.use { core in
      core.connections.activate(
        client.imports[1], rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
    #expect(client.send(.mdsStatfs, on: 1, tag: 2))
    world.run(5) { client.ends[2] != nil }
    #expect(client.ends[2]?.map(\.kind) == [.replied])
    #expect(world.leaks().isEmpty)
  }
}
