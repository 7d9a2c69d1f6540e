// Property: each role connects to every target that it is for, whatever the target's number, and is refused before
// anything is sent where no such connection is made.
// Method: every role at targets of each kind, with numbers other than 0, on one server over the emulated fabric.
import Connections
import EmulatedTransport
import LustreWire
import RDMATransport
import Roles
import Testing

@testable import Verbena

@Suite struct ConnectRoleTests {
  private let fabric = "connect-roles-\(UInt32.random(in: 0 ... .max))"

  private func start(_ nid: NID, _ targets: [HostedTarget] = []) async throws -> LustreNode {
    var configuration = NodeConfiguration(nids: [nid])
    configuration.bulkByteCount = 4 << 20
    configuration.driverLimits.connections = 16
    configuration.enableConnections(timing: .fast)
    let fabric = fabric
    return try await LustreNode.start(
      configuration, targets: targets, guest: { NoProgram() },
      transport: { () throws(TransportError) in
        try EmulatedTransport.open(fabric: fabric, addresses: [nid.address])
      })
  }

  @Test func eachRoleHasItsTargets() async throws {
    let place = try #require(NID("10.0.0.1@o2ib"))
    let targets: [(TargetKind, UInt32)] = [(.mdt, 0), (.mdt, 1), (.ost, 0), (.ost, 26)]
    let server = try await start(
      place,
      [HostedTarget(TargetSpecification(kind: .mgs))]
        + targets.map {
          HostedTarget(TargetSpecification(kind: $0.0, fileSystem: "lfs", index: $0.1))
        })
    var open = 0
    for await notice in server.notices() {
      if notice.state == .open { open += 1 }
      if open == targets.count + 1 { break }
    }
    let client = try await start(try #require(NID("10.0.0.2@o2ib")))
    let metadata = ["lfs-MDT0000", "lfs-MDT0001"]
    let objects = ["lfs-OST0000", "lfs-OST001a"]
    let taken: [ConnectionRole: [String]] = [
      .mgc: ["MGS"], .mdc: metadata, .osc: objects, .osp: metadata + objects, .lwp: metadata,
    ]
    for role in ConnectionRole.allCases {
      for name in ["MGS"] + metadata + objects {
        let uuid = try #require(ObdUUID(name == "MGS" ? name : "\(name)_UUID"))
        let isTaken = taken[role]?.contains(name) == true
        do throws(NodeError) {
          let made = try await client.node.connect(
            to: uuid, at: [place], role: role, timeout: .seconds(30), isPatient: false)
          #expect(isTaken, "\(role) at \(name)")
          await made.disconnect()
        } catch {
          #expect(!isTaken && error.code == .configuration, "\(role) at \(name): \(error)")
        }
      }
    }
    await client.stop()
    await server.stop()
  }
}
