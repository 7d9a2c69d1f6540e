// Property: however many requests of others a target has not answered, connects and pings to it and to the targets beside
// it are answered; one client's many do not keep the credits of others.
// Method: a server that answers nothing but what the connections answer themselves, and clients that flood it.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Simulation
import Testing

struct RequestShareTests {
  private struct Scene {
    let world = World()
    let server = Server(objectTargets: 2)
    let crowd: [Client]
    let other = Client(objectTargets: 2, mount: "other")

    init(
      crowd count: Int, requests: Int, _ change: (inout SimulatedNode.Limits) -> Void
    ) throws {
      crowd = (0..<count).map { Client(mount: "crowd-\($0)") }
      try world.add(
        server,
        limits: World.limits { limits in
          limits.lnet.messagesInPlace = 512
          change(&limits)
        })
      for (number, client) in (crowd + [other]).enumerated() {
        try world.add(client, limits: World.limits(cookie: 0x10_0000 * UInt64(number + 1)))
      }
      for client in crowd { client.connectAll() }
      let crowd = crowd
      world.run(5) { crowd.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
      server.isSilent = true
      for client in crowd {
        for number in 0..<requests {
          let isSent = client.send(.ostGetAttributes, on: 2, tag: UInt32(number))
          #expect(isSent)
        }
      }
      world.run(1)
    }

    /// Whether the other client can connect to the target that is flooded and the one beside it, and stays connected.
    func serves(_ client: Client, seconds: Double = 4) -> Bool {
      client.connectAll()
      world.run(seconds) { client.states.allSatisfy { $0 == .full } }
      return client.states.allSatisfy { $0 == .full }
    }
  }

  @Test("more than are executed at a time: a connect does not wait for its turn")
  func turns() throws {
    let scene = try Scene(crowd: 3, requests: 50) { limits in
      limits.rpc.capacity.serverRequests = 256
      limits.rpc.capacity.copiedRequests = 256
    }
    #expect(scene.server.kept.count == ServiceDescription.ost[0].activeCountMax)
    #expect(scene.serves(scene.other))
    let before = scene.server.use { $0.connections.counters.pingsAnswered }
    #expect(scene.other.send(.ping, on: 3, tag: 1000))
    scene.world.run(1)
    #expect(scene.other.ends[1000]?.first?.kind == .replied)
    let pings = scene.server.use { $0.connections.counters.pingsAnswered } - before
    #expect(pings >= 1)
  }

  @Test("more than there are places: some are kept for connects and pings")
  func places() throws {
    let scene = try Scene(crowd: 3, requests: 40) { limits in
      limits.rpc.capacity.serverRequests = 64
      limits.rpc.capacity.copiedRequests = 256
    }
    let dropped = scene.server.use { $0.rpc.counters.requestsWithoutSlot }
    #expect(dropped > 0)
    #expect(scene.serves(scene.other))
  }

  @Test("one client's many requests leave others their credits")
  func copies() throws {
    let scene = try Scene(crowd: 1, requests: 60) { limits in
      limits.rpc.capacity.copiedRequests = 32
    }
    #expect(scene.serves(scene.other))
    // As many as it has credits for.
    for number in 0..<8 {
      #expect(scene.other.send(.ostGetAttributes, on: 3, tag: UInt32(number)))
    }
    scene.world.run(1)
    #expect(scene.other.send(.ping, on: 3, tag: 1000))
    scene.world.run(1)
    #expect(scene.other.ends[1000]?.first?.kind == .replied)
  }
}
