// Property: whatever the network and the server do, exports and imports agree in the end, N × M in number; cookies
// and counts are never used again, no request is executed for two ends, and stale or doubled CONNECTs do no harm.
// Method: seeded worlds with loss and delay in which servers evict, die and come back, clients come and go;
// then the world heals and must settle within a bound.
import LNet
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import Simulation
import Structures
import Testing

@testable import Connections

struct StormTests {
  @Test(arguments: 1...12)
  func everyoneReturns(_ seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let world = World(seed: UInt64(seed))
    let targets = 2 + Int(random.next() % 3)
    let timing: TimingProfile = seed % 2 == 0 ? .fast : .lustre
    func serverLimits(_ life: UInt64) -> SimulatedNode.Limits {
      World.limits(cookie: UInt64(seed) << 40 | life << 32)
    }
    var server = Server(objectTargets: targets)
    try world.add(server, limits: serverLimits(1))
    let clients = (0..<3).map { Client(objectTargets: targets, mount: "mount-\($0)") }
    for (number, client) in clients.enumerated() {
      try world.add(
        client, limits: World.limits(timing: timing, cookie: UInt64(number + 1) << 24))
      client.connectAll()
    }
    var seen = Seen()
    var tag: UInt32 = 100
    var life: UInt64 = 1
    for _ in 0..<25 {
      world.run(Double(random.next() % 4000) / 1000)
      for client in clients { seen.look(client) }
      let client = clients[Int(random.next() % 3)]
      let index = Int(random.next() % UInt64(2 + targets))
      switch random.next() % 6 {
      case 0:
        client.use { core in
          core.connections.recover(
            client.imports[index], rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
        }
      case 1:
        let export = server.use {
          $0.connections.export(ofClient: client.mount, atTarget: server.targets[index])
        }
        if let export {
          server.use { $0.connections.evict(export, rpc: &$0.rpc, turn: &$0.turn) }
        }
      case 2 where life < 4:
        world.kill(0)
        world.run(Double(random.next() % 3000) / 1000)
        life += 1
        server = Server(objectTargets: targets, instance: UInt32(life))
        try world.revive(0, server, limits: serverLimits(life), seed: life)
      case 3:
        _ = server.use {
          $0.connections.evict(nid: World.nid(client.number), rpc: &$0.rpc, turn: &$0.turn)
        }
      default:
        tag += 1
        _ = client.send(.mdsStatfs, on: 1, tag: tag)
      }
    }
    heal(world, clients, targets: targets)
    for client in clients { seen.look(client) }
    for client in clients {
      for index in 0..<(2 + targets) {
        #expect(client.state(index) == .full, "seed \(seed): \(client.states(index))")
      }
      // Each request has ended exactly once.
      for (tag, ends) in client.ends { #expect(ends.count == 1, "seed \(seed), request \(tag)") }
    }
    for index in 0..<(2 + targets) {
      #expect(server.exportCount(index) == 3, "seed \(seed), target \(index)")
    }
    #expect(seen.faults.isEmpty, "seed \(seed): \(seen.faults)")
    #expect(world.leaks().isEmpty, "seed \(seed)")
  }

  /// Lets everything settle: every import is asked for, until all are FULL or too much time has passed.
  private func heal(_ world: World, _ clients: [Client], targets: Int) {
    for _ in 0..<40 {
      for client in clients {
        client.use { core in
          for handle in client.imports {
            core.connections.verify(handle, turn: &core.turn)
            if core.connections.view(handle)?.state == .idle {
              core.connections.connect(
                handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
            }
          }
        }
      }
      world.run(10)
      let isSettled = clients.allSatisfy { client in
        client.states.allSatisfy { $0 == .full }
          && client.ends.values.allSatisfy { !$0.isEmpty }
      }
      if isSettled, world.leaks().isEmpty { break }
    }
    // A last ping of each: nobody has been evicted without knowing.
    for client in clients {
      client.use { core in
        for handle in client.imports { core.connections.verify(handle, turn: &core.turn) }
      }
    }
    world.run(3)
  }

  @Test("stale, doubled and late CONNECTs of a hostile client", arguments: 1...6)
  func hostileConnects(_ seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let (world, server, client) = try mounted()
    let rogue = Rogue()
    try world.add(rogue, limits: World.limits { $0.connections = .none })
    let view = try #require(client.view(1))
    let knows = seed % 2 == 0
    for _ in 0..<200 {
      rogue.connect(
        to: 0, client: random.next() % 2 == 0 ? client.mount : uuid("rogue"),
        handle: random.next() % 3 == 0 ? view.remoteHandle : Cookie(rawValue: random.next() % 3),
        clientHandle: knows && random.next() % 3 == 0
          ? view.clientHandle : Cookie(rawValue: random.next() % 4),
        count: UInt32(random.next() % 4), isInitial: random.next() % 2 == 0)
      world.run(Double(random.next() % 100) / 1000)
    }
    // The client that was there from the beginning notices nothing; one whose cookie B is known may lose its
    // connection, and comes back as soon as its count is higher than the rogue's (§5 row 27).
    #expect(client.send(.mdsStatfs, on: 1, tag: 1))
    world.run(knows ? 120 : 2) { client.ends[1] != nil }
    #expect(client.ends[1]?.count == 1)
    #expect(client.state(1) == .full)
    if !knows { #expect(client.view(1)?.connectionCount == 1) }
    #expect(server.exportCount(1) <= 2)
    #expect(rogue.statuses.allSatisfy { [0, -114, -16, -22, -71].contains($0) })
    #expect(!rogue.statuses.isEmpty)
    // Stale ones are dropped, so that the rogue waits in vain.
    world.run(15)
    #expect(world.leaks().isEmpty)
  }
}

/// Counts and cookies that were ever seen at the imports of a world.
private struct Seen {
  private var counts: [String: UInt32] = [:]
  private var cookies: [Cookie: String] = [:]
  var faults: [String] = []

  mutating func look(_ client: Client) {
    for index in client.imports.indices {
      guard let view = client.view(index) else { continue }
      let name = "\(client.number)/\(index)"
      if let before = counts[name], view.connectionCount < before {
        faults.append("\(name): count \(before) then \(view.connectionCount)")
      }
      counts[name] = view.connectionCount
      for cookie in [view.remoteHandle, view.clientHandle] where !cookie.isNone {
        if let other = cookies[cookie], other != name {
          faults.append("cookie \(cookie) at \(other) and \(name)")
        }
        cookies[cookie] = name
      }
      if !view.description.proposal.flags.isSuperset(of: view.granted.flags)
        || !view.description.proposal.flags2.isSuperset(of: view.granted.flags2)
      {
        faults.append("\(name): granted more than was asked for")
      }
    }
  }
}

/// A node that makes CONNECTs by hand.
private final class Rogue: Program {
  private(set) var statuses: [Int32] = []

  /// One CONNECT to the metadata target of a server, with any fields.
  func connect(
    to server: Int, client: ObdUUID, handle: Cookie, clientHandle: Cookie, count: UInt32,
    isInitial: Bool
  ) {
    use { core in
      var draft = RequestDraft(
        importSlot: 0, opcode: .mdsConnect, requestPortal: .mdsRequest, replyPortal: .mdcReply,
        replyByteCount: Int(ConnectRequest.replyByteCount))
      draft.connectFlags = isInitial ? .initial : []
      draft.timeout = 5
      let buffers = BufferLengths(39, 39, 8, 192, 0)
      guard let request = try? core.rpc.begin(draft, buffers: buffers, turn: &core.turn) else {
        return
      }
      var bytes = core.turn.memory.mutableBytes(core.rpc.message(of: request))
      Server.targetUUID(1).encode(into: &bytes, at: buffers.offset(of: 1))
      client.encode(into: &bytes, at: buffers.offset(of: 2))
      clientHandle.encode(into: &bytes, at: buffers.offset(of: 3))
      Proposal(role: .mdc).first.encode(into: &bytes, at: buffers.offset(of: 4))
      core.rpc.send(
        request,
        over: ImportRoute(
          server: ProcessID(nid: World.nid(server)), handle: handle, connectionCount: count,
          headerFlags: []))
    }
  }

  override func received(_ event: RPCEvent, _ core: inout NodeCore) {
    if event.kind == .replied { statuses.append(event.status) }
    if [.replied, .failed, .timedOut].contains(event.kind) {
      core.rpc.release(event.request, turn: &core.turn)
    }
  }
}
