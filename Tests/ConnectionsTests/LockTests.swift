// Property: locks are granted, called back, waited for and given back as spec 10 §11.2 and 12 §3.3 say; who does
// not give one up is evicted.
// Method: two clients want locks of one server in virtual time; what they hear and what the server keeps are compared.
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
import Structures
import Testing

@testable import Connections

/// A server that serves enqueues and completes what is granted later.
final class LockServer: Server {
  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    switch event.kind {
    case .requested
    where core.rpc.received(event.serverRequest).body.opcode == .ldlmEnqueue:
      var value = ObjectLockValue()
      value.size = 4096
      _ = core.connections.serveEnqueue(
        event.serverRequest, of: ExportHandle(raw: Handle(raw: event.tag)), value: value,
        rpc: &core.rpc, turn: &core.turn)
    case .lockGranted:
      core.connections.complete(
        LockHandle(raw: event.handle), value: ObjectLockValue(), rpc: &core.rpc,
        turn: &core.turn)
    default: super.received(event, &core)
    }
  }
}

/// A client that notes what becomes of its locks.
final class LockClient: Client {
  var news: [String] = []
  var cancelsWhenBlocked = true
  /// The callback service is not there: it never answers.
  var isDeaf = false

  override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
    switch event.kind {
    case .lockHeld: news.append("held \(event.tag)")
    case .lockFailed: news.append("failed \(event.tag) \(event.status)")
    case .lockReleased: news.append("released \(event.tag) \(event.status)")
    case .lockLost: news.append("lost \(event.tag)")
    case .lockBlocked:
      news.append("blocked \(event.tag)")
      if cancelsWhenBlocked {
        _ = core.connections.cancel(
          LockHandle(raw: event.handle), rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
      }
    default: super.received(event, &core)
    }
  }

  /// An enqueue as a real client sends it, with locks that it gives up at the same time.
  func enqueue(_ wish: LockWish, on index: Int, tag: UInt32, cancels: [Cookie]) {
    use { core in
      let lengths = BufferLengths(LockRequest.byteCount + 8 * (1 + cancels.count))
      guard
        let handle = try? core.connections.begin(
          core.connections.draft(on: imports[index], .ldlmEnqueue), on: imports[index],
          buffers: lengths, tag: tag, rpc: &core.rpc, turn: &core.turn)
      else { return }
      var request = LockRequest()
      request.descriptor = wish.descriptor
      request.count = UInt32(1 + cancels.count)
      var bytes = core.turn.memory.mutableBytes(core.rpc.message(of: handle))
      let start = lengths.offset(of: 1)
      request.encode(into: &bytes, at: start)
      for (place, cookie) in ([Cookie(rawValue: 0xAB00 + UInt64(tag))] + cancels).enumerated() {
        cookie.encode(into: &bytes, at: start + LockRequest.byteCount + 8 * place)
      }
      core.connections.submit(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
  }

  @discardableResult
  func enqueue(_ wish: LockWish, on index: Int, tag: UInt32) -> LockHandle? {
    use { core in
      try? core.connections.enqueue(
        wish, on: imports[index], tag: tag, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }
  }
}

struct LockTests {
  private let object = ResourceID(7, 0, 0x1_0000_0400, 0)
  private let configuration = LockWish(configuration: "lfs", kind: .configuration)

  private func mount(
    clients: Int = 2
  ) throws -> (World, LockServer, [LockClient]) {
    let world = World()
    let server = LockServer()
    try world.add(server)
    let clients = (0..<clients).map { LockClient(mount: "mount-\($0)") }
    for (number, client) in clients.enumerated() {
      try world.add(client, limits: World.limits(cookie: 0x10_0000 * UInt64(number + 1)))
      client.connectAll()
    }
    world.run(5) { clients.allSatisfy { $0.states.allSatisfy { $0 == .full } } }
    return (world, server, clients)
  }

  @Test("11 §11: configuration locks are shared, and given up when the server wants it")
  func configurationLocks() throws {
    let (world, server, clients) = try mount()
    for (number, client) in clients.enumerated() {
      client.enqueue(configuration, on: 0, tag: UInt32(number))
    }
    world.run(1)
    #expect(clients.map(\.news) == [["held 0"], ["held 1"]])
    #expect(server.use { $0.connections.serverLockCount } == 2)
    let count = server.use {
      $0.connections.revoke(
        configuration.descriptor.resource, ofTarget: server.targets[0], rpc: &$0.rpc,
        turn: &$0.turn)
    }
    #expect(count == 2)
    world.run(1)
    #expect(clients.map(\.news.count) == [3, 3])
    #expect(clients[0].news == ["held 0", "blocked 0", "released 0 0"])
    #expect(server.use { $0.connections.serverLockCount } == 0)
    #expect(clients[0].use { $0.connections.heldLockCount } == 0)
    #expect(world.leaks().isEmpty)
  }

  @Test("10 §11.2: a conflicting extent lock waits until the holder has given up")
  func conflict() throws {
    let (world, server, clients) = try mount()
    clients[0].enqueue(
      LockWish(object: object, mode: .protectedWrite, through: 4095), on: 2, tag: 0)
    world.run(1)
    clients[1].enqueue(LockWish(object: object, mode: .protectedRead, extent: 4096), on: 2, tag: 1)
    world.run(1)
    // They do not overlap.
    #expect(clients.map(\.news) == [["held 0"], ["held 1"]])
    clients[1].enqueue(LockWish(object: object, mode: .protectedRead), on: 2, tag: 2)
    world.run(1)
    #expect(clients[0].news == ["held 0", "blocked 0", "released 0 0"])
    #expect(clients[1].news == ["held 1", "held 2"])
    #expect(server.use { $0.connections.serverLockCount } == 2)
    #expect(world.leaks().isEmpty)
  }

  @Test("10 §11.2: an enqueue brings along locks that its client gives up, its own only")
  func earlyCancels() throws {
    let (world, server, clients) = try mount()
    let first = try #require(
      clients[0].enqueue(LockWish(object: object, mode: .protectedWrite), on: 2, tag: 0))
    world.run(1)
    clients[1].enqueue(configuration, on: 0, tag: 1)
    world.run(1)
    #expect(server.use { $0.connections.serverLockCount } == 2)
    let cookie = try #require(
      clients[0].use { $0.connections.view(ofHeldLock: first)?.otherHandle })
    let other = LockWish(object: ResourceID(9, 0, 0x1_0000_0400, 0), mode: .protectedRead)
    // Of the other client: nobody gives up what is not its own.
    clients[1].enqueue(other, on: 2, tag: 2, cancels: [cookie])
    world.run(1)
    #expect(server.use { $0.connections.serverLockCount } == 3)
    clients[0].enqueue(other, on: 2, tag: 3, cancels: [cookie, Cookie(rawValue: 0x1234)])
    world.run(1)
    #expect(server.use { $0.connections.serverLockCount } == 3)
    #expect(server.use { $0.connections.counters.locksCancelled } == 1)
    // The object is free now.
    clients[1].enqueue(LockWish(object: object, mode: .protectedWrite), on: 2, tag: 4)
    world.run(1)
    #expect(clients[1].news == ["held 1", "held 4"])
    #expect(clients[0].news == ["held 0"])
    #expect(world.leaks().isEmpty)
  }

  @Test("locks are granted in the order in which they were asked for")
  func order() throws {
    let (world, _, clients) = try mount(clients: 4)
    clients[0].cancelsWhenBlocked = false
    let first = try #require(
      clients[0].enqueue(LockWish(object: object, mode: .protectedWrite), on: 2, tag: 0))
    world.run(1)
    for number in 1...3 {
      clients[number].enqueue(
        LockWish(object: object, mode: .protectedWrite), on: 2, tag: UInt32(number))
      world.run(1)
    }
    #expect(clients[0].news == ["held 0", "blocked 0"])
    #expect(clients[1].news == [] && clients[2].news == [] && clients[3].news == [])
    let isSent = clients[0].use {
      $0.connections.cancel(first, rpc: &$0.rpc, lnet: &$0.lnet, turn: &$0.turn)
    }
    #expect(isSent)
    world.run(5)
    #expect(clients[1].news == ["held 1", "blocked 1", "released 1 0"])
    #expect(clients[2].news == ["held 2", "blocked 2", "released 2 0"])
    #expect(clients[3].news == ["held 3"])
    #expect(world.leaks().isEmpty)
  }

  @Test("12 §3.3: who does not give up a lock is evicted, and the next one gets it")
  func stubborn() throws {
    let (world, server, clients) = try mount()
    clients[0].cancelsWhenBlocked = false
    clients[0].enqueue(LockWish(object: object, mode: .protectedWrite), on: 2, tag: 0)
    world.run(1)
    clients[1].enqueue(LockWish(object: object, mode: .protectedWrite), on: 2, tag: 1)
    world.run(140)
    #expect(clients[1].news == [])
    #expect(server.exportCount(2) == 2)
    world.run(15)
    #expect(clients[1].news == ["held 1"])
    #expect(server.use { $0.connections.counters.evictionsByLock } == 1)
    world.run(60)
    #expect(clients[0].news.contains("lost 0"))
    #expect(clients[0].count(.evicted) == 1)
  }

  @Test("a client that is gone takes its locks along")
  func departure() throws {
    let (world, server, clients) = try mount()
    clients[0].enqueue(LockWish(object: object, mode: .protectedWrite), on: 2, tag: 0)
    world.run(1)
    clients[0].cancelsWhenBlocked = false
    clients[1].enqueue(LockWish(object: object, mode: .protectedRead), on: 2, tag: 1)
    world.run(1)
    clients[0].closeAll()
    world.run(5)
    #expect(clients[0].news.last == "lost 0")
    #expect(clients[1].news == ["held 1"])
    #expect(server.use { $0.connections.serverLockCount } == 1)
    #expect(world.leaks().isEmpty)
  }

  @Test("a holder that dies never answers: it is evicted when the lock's time has passed")
  func death() throws {
    let (world, server, clients) = try mount()
    clients[0].enqueue(LockWish(object: object, mode: .protectedWrite), on: 2, tag: 0)
    world.run(1)
    world.kill(clients[0].number)
    clients[1].enqueue(LockWish(object: object, mode: .protectedRead), on: 2, tag: 1)
    world.run(200) { clients[1].news == ["held 1"] }
    #expect(clients[1].news == ["held 1"])
    #expect(server.exportCount(2) == 1)
  }

  @Test("10 §11.2: what no enqueue may say")
  func badRequests() throws {
    let (world, _, clients) = try mount(clients: 1)
    var wish = LockWish(object: object, mode: .protectedRead)
    wish.flags = .changed
    clients[0].enqueue(wish, on: 2, tag: 1)
    wish.flags = []
    wish.descriptor.requestedMode = LockMode(rawValue: 3)
    clients[0].enqueue(wish, on: 2, tag: 2)
    wish.descriptor.requestedMode = .protectedRead
    wish.descriptor.type = LockType(rawValue: 9)
    clients[0].enqueue(wish, on: 2, tag: 3)
    world.run(1)
    #expect(clients[0].news == ["failed 1 -71", "failed 2 -14", "failed 3 -14"])
    #expect(clients[0].state(2) == .full)
    #expect(world.leaks().isEmpty)
  }

  @Test("modes exclude each other as the field's table says")
  func modes() {
    // EX, PW, PR, CW, CR, NL, GROUP: a row and a column each.
    let modes: [LockMode] = [
      .exclusive, .protectedWrite, .protectedRead, .concurrentWrite, .concurrentRead, .null,
      .group,
    ]
    let table = ["0000010", "0000110", "0010110", "0001110", "0111110", "1111111", "0000011"]
    for (row, one) in modes.enumerated() {
      for (column, other) in modes.enumerated() {
        let expected = Array(table[row])[column] == "1"
        #expect(LockConflict.areCompatible(one, other) == expected, "\(one) \(other)")
      }
    }
  }
}
