// Property: no status that a server's reply or callback can carry traps a client, and once replies are as they should be it is
// served again.
// Method: for each opcode that a client, a mount and another server ask, the status in what is answered is set to the
// edges of 32 bits on its way to the wire.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
@testable import Roles
import Simulation
import Testing

@Suite struct StrangeStatusTests {
  /// Says the same status in each message about an opcode.
  final class Liar: LyingServer {
    var opcode = Opcode.ping
    var status: Int32?

    override func lie(_ message: inout [UInt8], _ body: RPCBody) -> Bool {
      guard let status, body.opcode == opcode, body.type != .request else { return false }
      let start = RPCMessage.headerByteCount(buffers: Int(message[0]))
      message.withMutableRawSpan { $0.storeNative(status, at: start + 20) }
      return true
    }
  }

  static let opcodes: [Opcode] = [
    .mgsConnect, .mdsConnect, .ostConnect, .ldlmEnqueue, .logOpen, .mgsConfigRead, .mdsStatfs,
    .mdsGetRoot, .mdsGetAttributes, .ostStatfs, .ostCreate, .ostRead, .ostWrite, .ping,
  ]

  @Test(arguments: opcodes) func traps(opcode: Opcode) throws {
    let world = World()
    let limits = World.limits()
    let liar = Liar(
      [RoleDisk(.of(.mgs)), RoleDisk(.of(.mdt)), RoleDisk(.of(.ost))], limits: limits)
    try world.add(liar, limits: limits)
    liar.host = world.nodes[0].host
    world.run(1)
    let own = World.limits(cookie: 0x900_0000)
    let client = HonestUser(server: 0, limits: own)
    try world.add(client, limits: own)
    let others = World.limits(cookie: 0xA00_0000)
    try world.add(
      RoleNode([RoleDisk(.of(.ost, index: 1, management: 0))], limits: others), limits: others)
    liar.opcode = opcode
    for status in [Int32.min, .max, .min + 1, 304, 1] {
      liar.status = status
      // Creates, reads, writes, and pings in between.
      for choice: UInt8 in [0, 5, 14, 13, 1] {
        client.act(choice)
        world.run(0.1)
      }
      _ = client.isServed()
      world.run(30)
    }
    liar.status = nil
    #expect(liar.lieCount > 0)
    client.leave()
    world.run(200)
    #expect(client.isGone)
    #expect(world.leaks().filter { $0.hasPrefix("node 1") } == [])
  }
}
