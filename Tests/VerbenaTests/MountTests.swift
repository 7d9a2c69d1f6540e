// Property: a mounted file system tells its targets and what becomes of them, its object targets keep what is written
// byte for byte, what is given up gives its memory back, and servers that stop leave each other in order.
// Method: servers with all kinds of targets on real loops over the emulated fabric, one killed, and a client.
import Connections
import EmulatedTransport
import Foundation
import LustreWire
import NodeCore
import RDMATransport
import Roles
import Testing

@testable import Verbena

@Suite struct MountTests {
  private let fabric = "mounts-\(UInt64.random(in: 0 ... .max))"
  private static let management = NID.o2ib(10 << 24 | 1)

  private func server(
    _ nid: NID, _ specifications: [TargetSpecification], directory: String? = nil
  ) async throws -> LustreNode {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 16 << 20
    configuration.enableConnections(timing: .fast)
    let fabric = fabric
    let server = try await LustreNode.start(
      configuration, targets: specifications.map { HostedTarget($0, directory: directory) },
      guest: { NoProgram() },
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
      })
    var waiting = Set(specifications.map(\.name))
    for await notice in server.notices() {
      try #require(notice.state != .failed, "\(notice.name): \(notice.explanation)")
      if notice.state == .open { waiting.remove(notice.name) }
      if waiting.isEmpty { break }
    }
    return server
  }

  private func specification(_ kind: TargetKind) -> TargetSpecification {
    var specification = TargetSpecification(kind: kind, fileSystem: "lfs")
    specification.managementNodes = [[Self.management]]
    return specification
  }

  /// The management server and the metadata target.
  private func first() async throws -> LustreNode {
    try await server(Self.management, [TargetSpecification(kind: .mgs), specification(.mdt)])
  }

  private func second(directory: String? = nil) async throws -> LustreNode {
    try await server(NID.o2ib(10 << 24 | 2), [specification(.ost)], directory: directory)
  }

  private func client() async throws -> Node {
    let nid = NID.o2ib(10 << 24 | 9)
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 8 << 20
    configuration.enableConnections(imports: 16, timing: .fast)
    let fabric = fabric
    return try await Node.start(configuration) { () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
  }

  @Test func objectsKeepWhatIsWritten() async throws {
    let (first, second, client) = (try await first(), try await second(), try await client())
    let mount = try await client.mount("lfs", management: [[Self.management]])
    var targets = try await mount.targets()
    // A machine that stood still for seconds has connections made anew.
    while !targets.allSatisfy({ $0.state == .full }) { targets = try await mount.targets() }
    #expect(targets.map { "\($0.name)" } == ["lfs-MDT0000_UUID", "lfs-OST0000_UUID"])
    #expect(targets.map(\.role) == [.mdc, .osc])
    #expect(targets.last?.nid == NID("10.0.0.2@o2ib"))
    let target = try #require(try await mount.objectTargets().first)
    let object = try await target.create()
    let data = (0..<300_001).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 11) }
    var buffer = try await client.allocate(byteCount: 400_000)
    buffer.store(data)
    let written = await target.write(buffer, byteCount: data.count, to: object, at: 4096)
    #expect(try written.result.get() == data.count)
    try await target.sync(object)
    #expect(try await target.attributes(of: object).size == 304_097)
    let read = await target.read(into: written.takeBuffer(), from: object, at: 4096)
    #expect(try read.result.get() == data.count)
    buffer = read.takeBuffer()
    let isSame = buffer.prefix(data.count) == data
    #expect(isSame)
    try await target.truncate(object, to: 5000)
    let short = await target.read(into: buffer, from: object, at: 4096)
    #expect(try short.result.get() == 904)
    // A node does not stop before it has its memory back.
    _ = short.takeBuffer()
    #expect(try await target.statistics().blocks > 0)
    let shown = try await client.text(.imports)
    for key in [
      "       inflight: 0\n       unregistering: 0\n       timeouts: ", "\n       avg_waittime: ",
      "    service_estimates:\n       services: ", "       last_replay: 0\n       peer_committed: ",
    ] {
      // Of both targets, and not of the management client.
      #expect(shown.components(separatedBy: key).count == 3, "\(key)")
    }
    let connects = "verbena_connections_connects_total{nid=\"10.0.0.9@o2ib\"} "
    let text = try await client.metrics().components(separatedBy: connects).last
    #expect((text?.prefix { $0.isNumber }).flatMap { Int($0) } ?? 0 >= 3)
    try await target.remove(object)
    await #expect { try await target.attributes(of: object) } throws: {
      ($0 as? NodeError)?.errno == 2
    }
    // Whoever calls again waits for the same end.
    async let one = mount.unmount()
    async let other = mount.unmount()
    _ = await (one, other)
    await mount.unmount()
    #expect(try await mount.targets().isEmpty)
    await client.stop()
    await second.stop()
    await first.stop()
  }

  /// A node has few places for management servers; one that nobody uses any more leaves its own.
  @Test func anotherManagementServerMayBeTried() async throws {
    let (first, client) = (try await first(), try await client())
    for address in 70..<74 as Range<UInt32> {
      let nowhere = NID.o2ib(10 << 24 | address)
      await #expect {
        _ = try await client.mount("lfs", management: [[nowhere]], timeout: .milliseconds(30))
      } throws: { ($0 as? NodeError)?.code == .timedOut }
    }
    let mount = try await client.mount("lfs", management: [[Self.management]])
    #expect(try await mount.targets().count == 1)
    await client.stop()
    await first.stop()
  }

  /// A node that mounts and unmounts for hours must not keep a timer for each of them until their patience has passed.
  @Test func nothingWaitsForTheDeadlineOfAMountThatIsOver() async throws {
    let (first, client) = (try await first(), try await client())
    func armedTimers() async throws -> Int {
      try await client.inbox.run("test") { node, _, call in
        call.finish(.success(node.turn.timers.armedCount))
      }
    }
    func mountAndLeave() async throws {
      let mount = try await client.mount(
        "lfs", management: [[Self.management]], timeout: .seconds(3600))
      await mount.unmount()
    }
    try await mountAndLeave()
    let before = try await armedTimers()
    for _ in 0..<6 { try await mountAndLeave() }
    for _ in 0..<2 {
      await #expect(throws: NodeError.self) {
        _ = try await client.mount(
          "none", management: [[Self.management]], timeout: .seconds(3600))
      }
    }
    // Those of the management client, and of what is still closing, come and go.
    #expect(try await armedTimers() < before + 4)
    await client.stop()
    await first.stop()
  }

  @Test func aLostTargetIsToldAndWhatWaitsForItGivenUp() async throws {
    let directory = FileManager.default.temporaryDirectory.path + "/verbena-\(fabric)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let first = try await first()
    let second = try await second(directory: directory)
    let client = try await client()
    let mount = try await client.mount("lfs", management: [[Self.management]])
    let target = try #require(try await mount.objectTargets().first)
    let object = try await target.create()
    try await target.sync(object)
    var changes = mount.changes().makeAsyncIterator()
    await second.node.kill()
    let lost = try #require(await changes.next())
    #expect(lost.last?.isReady == false)
    // Nothing comes: the memory comes back.
    let buffer = try await client.allocate(byteCount: 100_000)
    let late = await target.write(buffer, to: object, timeout: .milliseconds(20))
    #expect { try late.result.get() } throws: { ($0 as? NodeError)?.code == .timedOut }
    #expect(late.takeBuffer().byteCount == 100_000)
    let cancelled = Task { try await target.attributes(of: object) }
    cancelled.cancel()
    await #expect { try await cancelled.value } throws: { ($0 as? NodeError)?.code == .cancelled }
    let again = try await self.second(directory: directory)
    while let now = await changes.next() { if now.last?.isReady == true { break } }
    #expect(try await target.attributes(of: object).size == 0)
    await client.stop()
    #expect(await changes.next() == nil)
    await again.stop()
    await first.stop()
  }

  /// What a stopping server had connected is gone at the others, without waiting for anybody's patience.
  @Test func serversLeaveEachOther() async throws {
    let (first, second) = (try await first(), try await second())
    func exports() async throws -> Int { try await first.connections().exports.count }
    // MGC and LWP of the second; those of the first at itself stay.
    let own = "lfs-MDT0000-lwp-OST0000_UUID"
    while try await !first.connections().exports.contains(where: { "\($0.client)" == own }) {
      await Task.yield()
    }
    while try await !second.connections().imports.allSatisfy({ $0.state == .full }) {
      await Task.yield()
    }
    let before = try await exports()
    await second.stop()
    #expect(try await exports() == before - 2)
    let counters = try await first.withRoles("test") { _, node in node.connections.counters }
    #expect(counters.exportsDisconnected == 2)
    #expect(counters.exportsEvicted == 0)
    await first.stop()
  }

  @Test func aNodeWithoutConnectionsCannotMount() async throws {
    let fabric = fabric
    let nid = NID.o2ib(10 << 24 | 9)
    let node = try await Node.start(NodeConfiguration(nids: [nid])) {
      () throws(TransportError) in
      try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
    }
    await #expect { try await node.mount("lfs", management: [[nid]]) } throws: {
      ($0 as? NodeError)?.code == .configuration
    }
    await node.stop()
  }
}
