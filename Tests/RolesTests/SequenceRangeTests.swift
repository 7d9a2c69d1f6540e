// Property: a range of sequences that has come and cannot be recorded is recorded with a later request, not at once again;
// and what has come and is no range is asked for again.
// Method: an object server is told that its disk has failed, by hand; a server gives strange ranges, in virtual time; what
// is asked then is counted.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
import RDMATransport
@testable import Roles
import Storage
import Testing

@Suite struct SequenceRangeTests {
  private static func range(width: UInt64 = SequenceTable.width) -> SequenceRange {
    var range = SequenceRange()
    range.start = SequenceTable.first + SequenceTable.width
    range.end = range.start + width
    range.index = 0
    range.flags = 1
    return range
  }

  @Test func whatCannotBeRecordedWaitsForARequest() throws {
    let world = World()
    let node = ObjectNode([RoleDisk(.of(.ost))])
    try world.add(node, limits: ObjectWorld.limits(cookie: 0x1000))
    node.use { core in
      var disk = TargetDisk(lastTransno: 0)
      node.roles.objectServers[0].sequences.receive(Self.range(), &disk)
      for errno: Int32 in [28, 28, 30] {
        let asked = disk.commands.popFirst()?.ticket
        #expect(asked == OwnSequences.ticket)
        for _ in 0..<3 {
          node.roles.objectServers[0].ended(
            StorageResult(ticket: OwnSequences.ticket, errno: errno), &disk, &core)
          let isQuiet = disk.commands.isEmpty
          #expect(isQuiet)
        }
        node.roles.objectServers[0].sequences.record(&disk)
      }
      let asked = disk.commands.popFirst()?.ticket
      #expect(asked == OwnSequences.ticket)
      node.roles.objectServers[0].ended(
        StorageResult(ticket: OwnSequences.ticket), &disk, &core)
      let start = node.roles.objectServers[0].sequences.start
      let isQuiet = disk.commands.isEmpty
      #expect(isQuiet && start == Self.range().start)
    }
  }

  /// Gives ranges that are none, so many times; then sound ones.
  private final class StrangeServer: HandMadeServer {
    var ranges: [SequenceRange] = []
    private(set) var askedCount = 0

    override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
      guard event.kind == .requested,
        core.rpc.received(event.serverRequest).body.opcode == .sequenceQuery, !ranges.isEmpty
      else { return super.received(event, &core) }
      askedCount += 1
      let range = ranges.removeFirst()
      let lengths = BufferLengths(SequenceRange.byteCount)
      guard
        let message = try? core.rpc.beginReply(
          event.serverRequest, buffers: lengths, turn: &core.turn)
      else { return }
      var bytes = core.turn.memory.mutableBytes(message)
      range.encode(into: &bytes, at: lengths.offset(of: 1))
      core.rpc.reply(event.serverRequest, ReplyFields(), turn: &core.turn)
    }
  }

  /// An object target's light-weight connection, and what it is for.
  private final class Asker: Program {
    var proxy = TargetProxy(.lwpOfObjects, group: 0, tag: OwnerTag(.program), wantsRange: true)
    private(set) var handle = ImportHandle.none
    private(set) var ranges: [SequenceRange] = []

    override func started(_ core: inout NodeCore) {
      let description = ImportDescription(
        proposal: Proposal(role: .lwpOfObjects), target: ObdUUID("lfs-MDT0000_UUID") ?? ObdUUID(),
        client: ObdUUID("lfs-MDT0000-lwp-OST0000_UUID") ?? ObdUUID())
      guard let made = core.connections.makeImport(description, rpc: &core.rpc, turn: &core.turn)
      else { return }
      handle = made
      _ = core.connections.addConnection(World.nid(0), to: handle)
      core.connections.connect(handle, rpc: &core.rpc, lnet: &core.lnet, turn: &core.turn)
    }

    override func received(_ event: ConnectionsEvent, _ core: inout NodeCore) {
      switch event.kind {
      case .connected: proxy.came(handle, &core)
      case .replied, .failed:
        _ = proxy.ended(event, on: handle, &core)
        if let range = proxy.takeRange() { ranges.append(range) }
      default: break
      }
    }

    func tick() { use { core in proxy.tick(handle, &core) } }
  }

  @Test("11 §10: what is no range is asked for again with the next tick")
  func strangeRanges() throws {
    let world = World()
    let server = StrangeServer([RoleDisk(.of(.mdt))])
    var low = Self.range()
    low.start -= 2 * SequenceTable.width
    low.end -= 2 * SequenceTable.width
    server.ranges = [Self.range(width: 1), Self.range(width: 0), low, Self.range()]
    let asker = Asker()
    try world.add(server)
    try world.add(asker)
    world.run(2)
    for asked in 1...4 {
      #expect(server.askedCount == asked)
      #expect(asker.ranges.count == (asked == 4 ? 1 : 0))
      #expect(asker.proxy.isBusy == (asked < 4))
      asker.tick()
      world.run(1)
    }
    #expect(server.askedCount == 4)
  }
}
