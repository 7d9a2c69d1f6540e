// Property: nodes with roles host targets, on disk and in memory, and callers elsewhere connect to them, ask them and
// leave; a target's directory survives its node.
// Method: a management server and an object target on real loops over the emulated fabric, and a client.
import EmulatedTransport
import Foundation
import LustreWire
import RDMATransport
import Roles
import Testing

@testable import Verbena

@Suite struct RoleTests {
  private let fabric = "roles-\(UInt64.random(in: 0 ... .max))"

  private func configuration(_ nid: NID) -> NodeConfiguration {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 4 << 20
    configuration.driverLimits.connections = 16
    configuration.enableConnections(timing: .fast)
    return configuration
  }

  private func start(_ text: String, _ targets: [HostedTarget] = []) async throws -> LustreNode {
    let nid = try #require(NID(text))
    let fabric = fabric
    return try await LustreNode.start(
      configuration(nid), targets: targets, guest: { NoProgram() },
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
      })
  }

  private func uuid(_ text: String) throws -> ObdUUID { try #require(ObdUUID(text)) }

  @Test func aClientConnectsAsksAndLeaves() async throws {
    let server = try await start("10.0.0.1@o2ib", [HostedTarget(TargetSpecification(kind: .mgs))])
    for await notice in server.notices() {
      #expect(notice.state == .open)
      break
    }
    let client = try await start("10.0.0.2@o2ib")
    let nid = try #require(NID("10.0.0.1@o2ib"))
    let mgs = try await client.node.connect(to: uuid("MGS"), at: [nid])
    try await mgs.ping()
    let view = try #require(try await mgs.view())
    #expect(view.state == .full)
    // No management server takes this one.
    let reply = try await mgs.request(.ostStatfs)
    #expect(reply.status < 0)
    let metrics = try await server.node.metrics()
    #expect(
      metrics.contains(
        "verbena_management_unsupported_total{nid=\"10.0.0.1@o2ib\",target=\"MGS\"} 1\n"))
    // The CONNECT, the ping and the refused one.
    let received = "verbena_rpc_requests_received_total{nid=\"10.0.0.1@o2ib\"} "
    let count = metrics.components(separatedBy: received).last?.prefix { $0.isNumber }
    #expect(count.flatMap { Int($0) } ?? 0 >= 3)
    #expect(!metrics.contains("verbena_objects_"))
    await mgs.disconnect()
    #expect(try await mgs.view() == nil)
    await #expect(throws: NodeError.self) {
      _ = try await client.node.connect(
        to: uuid("lfs-OST0007_UUID"), at: [nid], timeout: .seconds(3), isPatient: false)
    }
    await client.stop()
    await server.stop()
  }

  @Test func aTargetsDirectorySurvivesItsNode() async throws {
    let directory = FileManager.default.temporaryDirectory.path + "/verbena-\(fabric)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let target = HostedTarget(TargetSpecification(kind: .mgs), directory: directory + "/MGS")
    for _ in 0..<2 {
      let server = try await start("10.0.0.3@o2ib", [target])
      for await notice in server.notices() {
        #expect(notice.state == .open)
        break
      }
      // The directory is free as soon as the node has stopped.
      await server.stop()
    }
  }
}
