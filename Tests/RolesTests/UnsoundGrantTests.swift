// Property: a server that grants what was not asked for is not believed: the import does not become FULL, the attempt counts
// as failed, and when grants are as they should be the mount is made; others have stood all the time (spec 11 §9.5 row 4).
// Method: a bit is set in the granted flags of one opcode's replies on their way to the wire.
import Connections
import LustreWire
@testable import NodeWorld
@testable import Roles
import Testing

@Suite struct UnsoundGrantTests {
  /// Grants one client more than it has asked for.
  private final class Giver: LyingServer {
    var opcode = Opcode.ping
    var offset = 0
    var mask: UInt64 = 0

    override func lie(_ message: inout [UInt8], _ body: RPCBody) -> Bool {
      guard mask != 0, body.opcode == opcode, body.type == .reply, body.status == 0 else {
        return false
      }
      let place =
        RPCMessage.headerByteCount(buffers: Int(message[0])) + RPCBody.byteCount + offset
      for index in 0..<8 {
        message[place + index] |= UInt8(truncatingIfNeeded: mask >> (8 * index))
      }
      return true
    }
  }

  static let rows: [(Opcode, ImportRole, Bool)] = [
    (.mgsConnect, .mgc, false), (.mdsConnect, .mdc, false), (.mdsConnect, .mdc, true),
    (.ostConnect, .osc, false), (.ostConnect, .osc, true),
  ]

  @Test(arguments: rows)
  func moreThanWasAsked(opcode: Opcode, role: ImportRole, isSecondWord: Bool) throws {
    let world = World()
    let limits = World.limits()
    let giver = Giver(
      [RoleDisk(.of(.mgs)), RoleDisk(.of(.mdt)), RoleDisk(.of(.ost))], limits: limits)
    try world.add(giver, limits: limits)
    giver.host = world.nodes[0].host
    world.run(1)
    let honest = HonestUser(server: 0, limits: World.limits(cookie: 0x900_0000))
    try world.add(honest, limits: World.limits(cookie: 0x900_0000))
    world.run(5) { honest.isReady }
    let before = honest.use { $0.connections.counters.attempts }
    // The highest bit that the role does not offer: none of the 64 is left out for being unknown.
    let offer = Proposal(role: role).first
    let offered = isSecondWord ? offer.flags2.rawValue : offer.flags.rawValue
    giver.opcode = opcode
    giver.offset = isSecondWord ? 80 : 0
    giver.mask = 1 << UInt64((~offered).bitWidth - 1 - (~offered).leadingZeroBitCount)
    let client = RoleNode()
    try world.add(client, limits: World.limits(cookie: 0xA00_0000))
    let place = client.use { client.roles.mount("lfs", management: [[World.nid(0)]], &$0) }
    let isMounted = { client.roles.mounts[place ?? 0].state == .mounted }
    world.run(15)
    #expect(!isMounted() && giver.lieCount > 0)
    #expect(client.use { $0.connections.counters.attemptsFailed } >= UInt64(giver.lieCount))
    #expect(honest.isReady)
    #expect(honest.use { $0.connections.counters.attempts } == before)
    giver.mask = 0
    world.run(120, until: isMounted)
    #expect(isMounted())
    #expect(world.leaks() == [])
  }
}
