// A metadata target answers a client of a real file system as the captured one did, and refuses what it does not serve:
// the captured requests themselves are put to it on the simulated fabric, and the replies compared byte by byte.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Storage
import Testing

@Suite struct MetadataServerTests {
  /// A metadata target that is open, and a client that is connected to it.
  final class Pair {
    let world = World()
    let server: RoleNode
    let caller = Caller()
    var mdc = ImportHandle.none
    /// As an object target comes for sequences.
    var lwp = ImportHandle.none

    init(index: UInt32 = 0, disk: RoleDisk? = nil) throws {
      server = RoleNode([disk ?? RoleDisk(.of(.mdt, index: index))])
      try world.add(server)
      try world.add(caller)
      open()
      let name = server.disks[0].specification.uuid
      mdc = try #require(caller.connect(.mdc, to: name, on: 0))
      world.run(10) { self.caller.state(self.mdc) == .full }
      #expect(caller.state(mdc) == .full)
      lwp = try #require(
        caller.connect(.lwpOfObjects, to: name, on: 0, as: "lfs-MDT0000-lwp-OST0000_UUID"))
      world.run(10) { self.caller.state(self.lwp) == .full }
    }

    /// Its registration is another room's matter.
    private func open() {
      server.use { $0.connections.set(.open, ofTarget: self.server.roles.metadataServers[0].slot) }
    }

    func ask(
      _ opcode: Opcode, _ buffers: [[UInt8]] = [], portal: Portal? = nil,
      on handle: ImportHandle? = nil
    ) throws -> Answer {
      let tag = caller.ask(opcode, on: handle ?? mdc, buffers, portal: portal)
      world.run(30) { self.caller.answers[tag] != nil }
      return try #require(caller.answers[tag])
    }

    var counters: MetadataCounters { server.roles.metadataServers[0].counters }
  }

  /// The buffers behind the body of a captured message.
  static func captured(_ name: String) throws -> [[UInt8]] {
    let bytes = GoldenFile.vector(name, in: "captured-rpcs.txt")
    let message = try RPCMessage(decoding: bytes.rawBytes)
    return (1..<message.bufferCount).map { index in
      message.range(of: index, in: bytes.rawBytes).map { Array(bytes[$0]) } ?? []
    }
  }

  @Test func rootIsTheCapturedOne() throws {
    let pair = try Pair()
    let answer = try pair.ask(.mdsGetRoot, Self.captured("MDS_GET_ROOT request"))
    #expect(answer.status == 0)
    #expect(answer.body?.type == .reply)
    #expect(try answer.buffers == Self.captured("MDS_GET_ROOT reply"))
    #expect(pair.counters.rootsServed == 1)
  }

  @Test func attributesOfTheRootDifferInItsBirthOnly() throws {
    let pair = try Pair()
    let answer = try pair.ask(
      .mdsGetAttributes, Self.captured("MDS_GETATTR request"), portal: .mdsReadPage)
    var expected = try Self.captured("MDS_GETATTR reply")
    // When the real file system was made: this one does not tell, and no client looks.
    for offset in 192..<200 { expected[0][offset] = 0 }
    #expect(answer.status == 0)
    #expect(answer.buffers == expected)
  }

  @Test func statisticsAreTheDisks() throws {
    let pair = try Pair()
    let answer = try pair.ask(.mdsStatfs)
    let statfs = try #require(answer.value(Statfs.self))
    let real = try Self.captured("MDS_STATFS reply")
    let bytes = real[0]
    let captured = Statfs(at: 0, in: bytes.rawBytes, swapped: false)
    // How large and how full a disk is, is its own matter.
    #expect(answer.buffers.map(\.count) == real.map(\.count))
    #expect(statfs.type == captured.type)
    #expect(statfs.blockByteCount == captured.blockByteCount)
    #expect(statfs.nameByteCount == captured.nameByteCount)
    #expect(statfs.maximumByteCount == captured.maximumByteCount)
    #expect(statfs.state == captured.state)
    #expect(statfs.blocks > 0 && statfs.freeBlocks <= statfs.blocks)
  }

  @Test func whatIsNotServedIsRefusedAndCounted() throws {
    let pair = try Pair()
    let opcodes: [Opcode] = [
      .mdsReintegrate, .mdsClose, .mdsGetAttributesByName, .mdsSetInfo, .mdsGetInfo, .ldlmEnqueue,
      .quotaAcquire, .fldRead, .objectUpdate, .ostRead,
    ]
    for opcode in opcodes {
      let answer = try pair.ask(opcode)
      #expect(answer.status == WireErrno.eopnotsupp.status, "\(opcode)")
      #expect(answer.body?.type == .error, "\(opcode)")
    }
    #expect(pair.counters.unsupported == UInt64(opcodes.count))
    #expect(pair.caller.state(pair.mdc) == .full)
  }

  @Test func shortAndForeignAttributesAreRefused() throws {
    let pair = try Pair()
    #expect(try pair.ask(.mdsGetAttributes).status == WireErrno.eproto.status)
    #expect(
      try pair.ask(.mdsGetAttributes, [[UInt8](repeating: 0, count: 40)]).status
        == WireErrno.eproto.status)
    var body = MetadataBody()
    body.fid1 = FID(0x2_0000_0401, 5)
    let answer = try pair.ask(.mdsGetAttributes, [body.encoded, []])
    #expect(answer.status == WireErrno.enoent.status)
    #expect(answer.body?.type == .reply)
    #expect(pair.counters.malformed == 2 && pair.counters.unknownFiles == 1)
    // A missing body is tolerated here (spec 10 §10).
    #expect(try pair.ask(.mdsGetRoot).status == 0)
  }

  // MARK: - Sequences

  private static func query(_ operation: UInt32, _ range: SequenceRange) -> [[UInt8]] {
    [withUnsafeBytes(of: operation) { Array($0) }, range.encoded]
  }

  private static func range(index: UInt32 = 0, flags: UInt32 = 0) -> SequenceRange {
    var range = SequenceRange()
    range.index = index
    range.flags = flags
    return range
  }

  @Test func sequencesAreTheCapturedOnes() throws {
    let pair = try Pair()
    let asked = try Self.captured("SEQ_QUERY request")
    #expect(
      try pair.ask(.sequenceQuery, asked, portal: .seqMetadata).buffers
        == Self.captured("SEQ_QUERY reply"))
    // An object target's super-range, then a metadata target's, as in the capture of two servers.
    let first = try pair.ask(
      .sequenceQuery, Self.query(0, Self.range(flags: 1)), portal: .seqController,
      on: pair.lwp)
    let range = try #require(first.value(SequenceRange.self))
    #expect(range.start == 0x2_4000_0400 && range.end == 0x2_8000_0400)
    #expect(range.index == 0 && range.flags == 1)
    let second = try pair.ask(
      .sequenceQuery, Self.query(0, Self.range(index: 1)), portal: .seqController,
      on: pair.lwp)
    #expect(second.value(SequenceRange.self)?.start == 0x2_8000_0400)
    #expect(second.value(SequenceRange.self)?.index == 1)
  }

  @Test func locationsAreFound() throws {
    let pair = try Pair()
    _ = try pair.ask(.sequenceQuery, Self.query(0, Self.range(flags: 1)), on: pair.lwp)
    #expect(
      try pair.ask(.fldQuery, Self.captured("FLD_QUERY request"), portal: .fldRequest).buffers
        == Self.captured("FLD_QUERY reply"))
    var range = Self.range(flags: 3)
    range.start = 0x2_4000_0401
    let found = try pair.ask(.fldQuery, Self.query(2, range), portal: .fldRequest)
    #expect(found.value(SequenceRange.self)?.flags == 1)
    range.start = 0x2_8000_0401
    #expect(try pair.ask(.fldQuery, Self.query(2, range)).status == WireErrno.enoent.status)
    #expect(try pair.ask(.fldQuery, Self.query(0, range)).status == WireErrno.eopnotsupp.status)
    #expect(try pair.ask(.fldQuery, [[1, 0, 0, 0]]).status == WireErrno.eproto.status)
  }

  @Test func noSequenceIsGivenTwiceOverACrash() throws {
    let disk = RoleDisk(.of(.mdt), plan: DiskPlan(seed: 5))
    var seen: Set<UInt64> = []
    for _ in 0..<3 {
      let pair = try Pair(disk: disk)
      for _ in 0..<5 {
        for operation in [UInt32(0), 1] {
          let answer = try pair.ask(
            .sequenceQuery, Self.query(operation, Self.range()), on: pair.lwp)
          let range = try #require(answer.value(SequenceRange.self))
          #expect(seen.insert(range.start).inserted, "\(range.start) twice")
        }
      }
      disk.crash()
    }
  }

  @Test func otherTargetsHandOutTheirOwnOnly() throws {
    let pair = try Pair(index: 1)
    let answer = try pair.ask(.sequenceQuery, Self.query(0, Self.range()), on: pair.lwp)
    #expect(answer.status == WireErrno.eopnotsupp.status)
    var given = SequenceRange()
    given.start = SequenceTable.first + 5 * SequenceTable.width
    for (end, isOne) in [(given.start + 7, false), (given.start + SequenceTable.width, true)] {
      given.end = end
      let range = given
      pair.server.use { _ in
        pair.server.roles.links.ranges.append((owner: 0, range: range))
        pair.server.roles.takeSequences()
      }
      pair.world.run(0.1)
      let start = pair.server.roles.metadataServers[0].sequences.own.start
      #expect((start == given.start) == isOne)
    }
    let first = try pair.ask(.sequenceQuery, Self.query(1, Self.range()))
    let range = try #require(first.value(SequenceRange.self))
    #expect(range.start == given.start + 1 && range.end == range.start + 1 && range.index == 1)
    var asked = Self.range(flags: 3)
    asked.start = range.start
    let found = try pair.ask(.fldQuery, Self.query(2, asked)).value(SequenceRange.self)
    #expect(found?.start == given.start && found?.index == 1)
    asked.start = SequenceTable.first
    #expect(try pair.ask(.fldQuery, Self.query(2, asked)).status == WireErrno.enoent.status)
  }
}
