// Property: a target whose NIDs do not fit into its registration is registered with all of them, and they are in the table
// that clients read; a list that is spoilt, too long or does not come harms nobody and leaves nothing behind.
// Method: registrations by hand with the texts as bulk, and targets on nodes with so many NIDs; what the management server
// knows then is compared.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Testing

struct NIDListTests {
  private static func texts(_ count: Int) -> [String] {
    (0..<count).map { "10.0.\($0 / 100 + 1).\($0 % 100 + 1)@o2ib" }
  }

  private static func bytes(_ texts: [String]) -> [UInt8] {
    texts.flatMap { Array($0.utf8) + [UInt8](repeating: 0, count: 64 - $0.utf8.count) }
  }

  private static func registration(
    _ flags: TargetFlags, count: Int, listFlags: UInt32 = TargetNIDList.inBulk
  ) -> [[UInt8]] {
    var info = TargetInfo()
    info.flags = flags
    info.index = 9
    info.instance = 1
    info.fileSystem = WireText("lfs") ?? WireText()
    info.nidCount = 1
    var head = [UInt8](repeating: 0, count: TargetNIDList.headByteCount)
    head.withMutableRawSpan {
      $0.storeNative(listFlags, at: 0)
      $0.storeNative(UInt32(count), at: 4)
    }
    return [info.encoded, head]
  }

  private static func ask(
    _ connected: ManagementRequestTests.Connected, _ buffers: [[UInt8]], _ data: [UInt8],
    seconds: Double = 30
  ) -> Answer? {
    let tag = connected.caller.ask(
      .mgsTargetRegister, on: connected.mgc, buffers, replyByteCount: 12_288,
      source: (.mgsBulk, data))
    connected.cluster.world.run(seconds) { connected.caller.answers[tag] != nil }
    return connected.caller.answers[tag]
  }

  @Test("11 §13, §14: NIDs as bulk", arguments: [1, 39, 64, 128])
  func registered(count: Int) throws {
    let connected = try ManagementRequestTests.Connected()
    let server = connected.cluster.management
    let before = server.use { $0.turn.memory.bulk.freePieceCount }
    let texts = Self.texts(count)
    for flags: TargetFlags in [[.virgin, .update, .register], [.ready]] {
      let answer = Self.ask(
        connected, Self.registration(flags.union([.ost, .largeNIDs]), count: count),
        Self.bytes(texts))
      #expect(answer?.status == 0)
    }
    let known = server.roles.managementServers[0].fileSystems[0].targets.first { $0.index == 9 }
    #expect(known?.place.nodes.first?.map(\.description) == texts)
    // In the table, within one page.
    let part = server.roles.managementServers[0].fileSystems[0].table(
      from: 1, hasLargeNIDs: true, unit: 4096, units: 256)
    #expect(part.bytes.count >= 24 + 20 * count)
    connected.cluster.world.run(5)
    let after = server.use { $0.turn.memory.bulk.freePieceCount }
    #expect(after == before && server.roles.managementServers[0].fetching.isEmpty)
  }

  @Test("11 §13: a node registers its targets with all its NIDs", arguments: [1, 38, 39, 64])
  func own(count: Int) throws {
    let world = World()
    let management = RoleNode([RoleDisk(.of(.mgs))])
    try world.add(management)
    let disk = RoleDisk(.of(.mdt, management: 0))
    let server = RoleNode([disk])
    let others = (1..<count).map { NID.o2ib(0x0A01_0000 + UInt32($0)) }
    try world.add(
      server, beside: others,
      limits: World.limits(cookie: 0x10_0000) { $0.driver.transmits = 512 })
    let before = server.use { $0.turn.memory.bulk.freePieceCount }
    world.run(60) { server.count(.targetOpen) == 1 }
    #expect(server.count(.targetOpen) == 1)
    world.run(30)
    let known = management.roles.managementServers[0].fileSystems.first?.targets.first
    #expect(known?.place.nodes.first == [World.nid(1)] + others)
    #expect(known?.instance == 1)
    let after = server.use { $0.turn.memory.bulk.freePieceCount }
    #expect(after == before)
    #expect(world.leaks().isEmpty)
  }

  @Test func spoilt() throws {
    let connected = try ManagementRequestTests.Connected()
    let server = connected.cluster.management
    let before = server.use { $0.turn.memory.bulk.freePieceCount }
    let flags: TargetFlags = [.ost, .virgin, .update, .largeNIDs, .register]
    var bad = Self.texts(40)
    bad[39] = "nowhere"
    let malformed = connected.counters.malformed
    for (count, listFlags, data) in [
      (40, TargetNIDList.inBulk, Self.bytes(bad)), (0, TargetNIDList.inBulk, Self.bytes(bad)),
      (129, TargetNIDList.inBulk, Self.bytes(Self.texts(129))),
      (.init(Int32.max), TargetNIDList.inBulk, Self.bytes(bad)),
      (40, TargetNIDList.inBulk | TargetNIDList.compressed, Self.bytes(bad)),
    ] {
      let answer = Self.ask(
        connected, Self.registration(flags, count: count, listFlags: listFlags), data)
      #expect(answer?.status == WireErrno.eproto.status, "\(count)")
    }
    #expect(connected.counters.malformed == malformed + 5)
    // More is promised than lies open: no answer, and nothing is kept.
    _ = Self.ask(connected, Self.registration(flags, count: 50), Self.bytes(bad), seconds: 200)
    connected.caller.close(connected.mgc)
    connected.cluster.world.run(200) {
      server.roles.managementServers[0].fetching.isEmpty
    }
    let after = server.use { $0.turn.memory.bulk.freePieceCount }
    #expect(after == before && server.roles.managementServers[0].fetching.isEmpty)
    let count = server.roles.managementServers[0].fileSystems[0].targets.count
    #expect(count == 2)
    connected.end()
  }
}
