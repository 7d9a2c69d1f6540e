// Property: a target with handlers of its own that names a management server is found by mounts, under its name and in
// each of its lives; one that cannot be registered is refused at the start.
// Method: a management server and a metadata target, a node with a target of the test's own, and a client's mounts.
import Connections
import EmulatedTransport
import LustreWire
import RDMATransport
import Roles
import Testing

@testable import Verbena

@Suite struct ServedRegistrationTests {
  private let fabric = "registered-\(UInt64.random(in: 0 ... .max))"
  private static let management = NID.o2ib(10 << 24 | 1)

  private func servers() async throws -> LustreNode {
    var configuration = NodeConfiguration(nids: [Self.management])
    configuration.bulkByteCount = 16 << 20
    configuration.enableConnections(timing: .fast)
    var metadata = TargetSpecification(kind: .mdt, fileSystem: "own")
    metadata.managementNodes = [[Self.management]]
    let fabric = fabric
    let server = try await LustreNode.start(
      configuration,
      targets: [HostedTarget(TargetSpecification(kind: .mgs)), HostedTarget(metadata)],
      guest: { NoProgram() }
    ) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [Self.management.address])
    }
    for await notice in server.notices() {
      try #require(notice.state != .failed, "\(notice.explanation)")
      if notice.name == "own-MDT0000", notice.state == .open { break }
    }
    return server
  }

  private func start(_ last: UInt32, _ targets: [ServedTarget] = []) async throws -> Node {
    let nid = NID.o2ib(10 << 24 | last)
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 1 << 20
    configuration.enableConnections(
      imports: 8, clients: targets.isEmpty ? 0 : 8, timing: .fast)
    let fabric = fabric
    return try await Node.start(configuration, targets: targets) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  private func target(_ name: String) throws -> ServedTarget {
    var target = try ServedTarget(name)
    target.managementNodes = [[Self.management]]
    target.handle(.ostGetAttributes) { (wish: ObjectAttributes, _) in
      var found = wish
      found.size = 4711
      found.valid = .size
      return found
    }
    return target
  }

  @Test func mountsFindIt() async throws {
    let servers = try await servers()
    for life in 0..<2 {
      // The second time its management server knows it already.
      let own = try await start(2, [target("own-OST0001")])
      let client = try await start(UInt32(7 + life))
      let mount = try await client.mount("own", management: [[Self.management]])
      #expect(
        try await mount.targets().map { "\($0.name)" } == ["own-MDT0000_UUID", "own-OST0001_UUID"])
      let objects = try #require(try await mount.objectTargets().first)
      #expect(try await objects.attributes(of: .echo(3)).size == 4711)
      await client.stop()
      await own.stop()
    }
    await servers.stop()
  }

  @Test func whatCannotBeRegisteredIsRefused() async throws {
    for name in ["toolongname-OST0001", "own-OST000A", "own-OST-a"] {
      await #expect { _ = try await start(2, [target(name)]) } throws: {
        ($0 as? NodeError)?.code == .configuration
      }
    }
  }
}
