// Property: a node whose device is removed says so, stops by itself, and gives back what it had claimed; one that
// cannot listen says on which port. Method: nodes on the emulated fabric; a wrapper reports removal and refusal.
import EmulatedTransport
import LustreWire
import RDMATransport
import Roles
import Synchronization
import Testing

@testable import Verbena

/// A transport whose device can be taken away, and its ports, as far as its owner is told.
private struct Removable: RDMATransport, ~Copyable {
  final class Switch: Sendable {
    let isRemoved = Atomic<Bool>(false)
    /// Whether whoever listens is told that the port is taken.
    let isTaken: Bool
    init(isTaken: Bool = false) { self.isTaken = isTaken }
  }

  var base: EmulatedTransport
  let device: Switch
  var isTold = false
  var refused: [CMOwner] = []

  var capabilities: TransportCapabilities { base.capabilities }
  var deviceName: String { "rxe7" }
  var wakeDescriptor: Int32 { base.wakeDescriptor }

  mutating func allocate(
    byteCount: Int, access: MemoryAccess
  ) throws(TransportError) -> MemoryRegion {
    try base.allocate(byteCount: byteCount, access: access)
  }
  mutating func release(_ region: MemoryRegion) { base.release(region) }
  mutating func keepMemory() { base.keepMemory() }
  mutating func execute(_ commands: Span<CMCommand>) {
    for index in 0..<commands.count {
      if device.isTaken, case .listen(let owner, _, _) = commands[index] { refused.append(owner) }
    }
    if refused.isEmpty { base.execute(commands) }
  }
  mutating func post(receives: Span<ReceiveRequest>) -> PostResult { base.post(receives: receives) }
  mutating func post(sends: Span<SendRequest>) -> PostResult { base.post(sends: sends) }
  mutating func poll(completions: inout OutputSpan<WorkCompletion>) {
    base.poll(completions: &completions)
  }
  mutating func poll(events: inout OutputSpan<CMEvent>) {
    if !isTold && device.isRemoved.load(ordering: .acquiring) && events.freeCapacity > 0 {
      isTold = true
      events.append(CMEvent(owner: 0, kind: .deviceRemoved))
    }
    if device.isTaken {
      while !refused.isEmpty && events.freeCapacity > 0 {
        events.append(CMEvent(owner: refused.removeFirst(), kind: .listenFailed(errno: 98)))
      }
    }
    base.poll(events: &events)
  }
  mutating func arm() -> Bool { base.arm() }
  mutating func nextDeadline() -> UInt64? { base.nextDeadline() }
}

@Suite(.serialized) struct RemovalTests {
  private static func configuration(_ text: String) throws -> NodeConfiguration {
    var configuration = NodeConfiguration(nids: [try #require(NID(text))])
    configuration.bulkByteCount = 1 << 20
    configuration.driverLimits.connections = 16
    return configuration
  }

  @Test(.timeLimit(.minutes(2)))
  func theNodeStopsByItselfAndSaysWhichDevice() async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let device = Removable.Switch()
    let own = try Self.configuration("10.0.0.1@o2ib")
    let node = try await Node.start(own) { () throws(TransportError) in
      Removable(
        base: try EmulatedTransport.open(fabric: fabric, addresses: [own.nids[0].address]),
        device: device)
    }
    let far = try await PairTests.node("10.0.0.2@o2ib", on: fabric)
    _ = try await node.ping(far.nids[0], timeout: .seconds(60))
    let events = node.events()

    device.isRemoved.store(true, ordering: .releasing)
    // A sleeping loop looks when somebody asks it something; it may be gone before it answers.
    _ = try? await node.state()
    await #expect {
      try await node.waitUntilStopped()
    } throws: { error in
      let error = error as? NodeError
      return error?.code == .transport && error?.errno == 19
        && error?.explanation.contains("rxe7") == true
    }
    var told: [String] = []
    for await event in events where event.kind == .failure { told.append(event.explanation) }
    #expect(told == ["the RDMA device rxe7 was removed: the node stops"])
    await #expect { try await node.ping(far.nids[0], timeout: .seconds(60)) } throws: {
      ($0 as? NodeError)?.code == .stopped
    }
    // Asking again gives the same answer, and stopping what has stopped is no error.
    await #expect(throws: NodeError.self) { try await node.waitUntilStopped() }
    await node.stop()

    // Its address is free: the next one starts there.
    let next = try await PairTests.node("10.0.0.1@o2ib", on: fabric)
    _ = try await next.ping(far.nids[0], timeout: .seconds(60))
    await next.stop()
    await far.stop()
  }

  /// What waits for a server that is away, and the memory that it holds, must not keep the device.
  @Test(.timeLimit(.minutes(2)))
  func whatWaitsForAnObjectTargetEndsWithTheNode() async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let device = Removable.Switch()
    var own = try Self.configuration("10.0.0.1@o2ib")
    own.enableConnections(timing: .fast)
    let configuration = own
    let node = try await Node.start(configuration) { () throws(TransportError) in
      Removable(
        base: try EmulatedTransport.open(
          fabric: fabric, addresses: [configuration.nids[0].address]),
        device: device)
    }
    let server = try await Self.objectServer("10.0.0.2@o2ib", fabric)
    let uuid = try #require(ObdUUID("lfs-OST0000_UUID"))
    let target = try await node.connect(to: uuid, at: server.node.nids, role: .osc).objects()
    let object = try await target.create()
    await server.node.kill()
    let writing = Task {
      let buffer = try await node.allocate(byteCount: 100_000)
      let written = await target.write(buffer, to: object, timeout: .seconds(3600))
      return try written.result.get()
    }
    let asking = Task { try await target.attributes(of: object, timeout: .seconds(3600)) }
    let lustre = LustreNode(node: node, desk: try #require(node.desk))
    while try await lustre.withRoles("test", { roles, _ in roles.objects.operationCount }) < 2 {
      await Task.yield()
    }

    device.isRemoved.store(true, ordering: .releasing)
    _ = try? await node.state()
    await #expect { try await writing.value } throws: { ($0 as? NodeError)?.code == .stopped }
    await #expect { try await asking.value } throws: { ($0 as? NodeError)?.code == .stopped }
    await #expect { try await node.waitUntilStopped() } throws: {
      ($0 as? NodeError)?.errno == 19
    }
  }

  /// A management server and an object target.
  private static func objectServer(_ text: String, _ fabric: String) async throws -> LustreNode {
    let nid = try #require(NID(text))
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 16 << 20
    configuration.enableConnections(timing: .fast)
    var specification = TargetSpecification(kind: .ost, fileSystem: "lfs")
    specification.managementNodes = [[nid]]
    let server = try await LustreNode.start(
      configuration,
      targets: [HostedTarget(TargetSpecification(kind: .mgs)), HostedTarget(specification)],
      guest: { NoProgram() },
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
      })
    for await notice in server.notices() where notice.name == specification.name {
      if notice.state == .open { break }
    }
    return server
  }

  @Test func oneThatIsStoppedHasNoCause() async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    let node = try await PairTests.node("10.0.0.1@o2ib", on: fabric)
    async let waiting: Void = node.waitUntilStopped()
    await node.stop()
    try await waiting
    try await node.waitUntilStopped()
  }

  /// The port in the text is the one that was asked for.
  @Test(arguments: [UInt16(987), 988])
  func aTakenPortIsNamed(port: UInt16) async throws {
    let fabric = "test-\(UInt64.random(in: 0 ... .max))"
    var own = try Self.configuration("10.0.0.1@o2ib")
    try own.tunables.set("service", to: Int(port))
    let address = own.nids[0].address
    let configuration = own
    await #expect {
      _ = try await Node.start(configuration) { () throws(TransportError) in
        Removable(
          base: try EmulatedTransport.open(fabric: fabric, addresses: [address]),
          device: .init(isTaken: true))
      }
    } throws: {
      ($0 as? NodeError)?.explanation.contains("10.0.0.1:\(port) cannot be listened on (errno 98)")
        == true
    }
  }
}
