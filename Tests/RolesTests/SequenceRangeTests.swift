// Property: a range of sequences that has come and cannot be recorded is recorded with a later request, not at once again.
// Method: an object server is told that its disk has failed, by hand; what it asks the disk then is counted.
import LustreWire
import NodeCore
@testable import NodeWorld
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
}
