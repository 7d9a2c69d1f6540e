// Property: a table of NIDs whose version is the highest number that there is ends a mount with words and no trap, whenever
// it is told.
// Method: a server whose answers to reads of the table are changed on their way to the wire, and a target that brings the
// table a new version.
import LustreWire
@testable import NodeWorld
@testable import Roles
import Testing

@Suite struct StrangeTableTests {
  /// Says that the table ends with a version.
  final class Liar: LyingServer {
    var version: UInt64?

    override func lie(_ message: inout [UInt8], _ body: RPCBody) -> Bool {
      guard let version, body.opcode == .mgsConfigRead, body.type == .reply else { return false }
      let start = RPCMessage.headerByteCount(buffers: 2) + RPCBody.byteCount
      guard message.count >= start + 16 else { return false }
      message.withMutableRawSpan { span in
        span.storeNative(version, at: start)
        span.storeNative(version, at: start + 8)
      }
      return true
    }
  }

  @Test(arguments: [UInt64.max, UInt64.max - 1, UInt64(1) << 63])
  func highVersions(version: UInt64) throws {
    let world = World()
    let limits = World.limits()
    let liar = Liar(
      [RoleDisk(.of(.mgs)), RoleDisk(.of(.mdt)), RoleDisk(.of(.ost))], limits: limits)
    try world.add(liar, limits: limits)
    liar.host = world.nodes[0].host
    world.run(1)
    liar.version = version
    let own = World.limits(cookie: 0x900_0000)
    let client = HonestUser(server: 0, limits: own)
    try world.add(client, limits: own)
    world.run(10)
    #expect(liar.lieCount > 0)
    #expect(client.isMounted == (version != .max))
    // Its registration takes the lock of the table away, and it is read again.
    let others = World.limits(cookie: 0xA00_0000)
    try world.add(
      RoleNode([RoleDisk(.of(.ost, index: 1, management: 0))], limits: others), limits: others)
    let before = liar.lieCount
    world.run(60)
    #expect(version == .max || liar.lieCount > before)
    client.leave()
    world.run(100)
    #expect(client.isGone)
  }
}
