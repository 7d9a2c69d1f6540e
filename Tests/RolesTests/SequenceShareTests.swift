// Property: super-ranges are given to servers only, and one server gets no more than its share, whatever number it says it
// has; those that the configuration names get theirs, however many others lie; one client gets single sequences as fast
// as real ones need them, and no faster; nobody is kept from sequences by what another one asks.
// Method: clients of each kind ask a metadata target in a loop, in virtual time; statuses and counters are compared.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
import Simulation
import Storage
import Testing

struct SequenceShareTests {
  private static func query(_ operation: UInt8, index: UInt32 = 0) -> [[UInt8]] {
    var range = SequenceRange()
    range.index = index
    range.flags = 1
    return [[operation, 0, 0, 0], range.encoded]
  }

  @Test("11 §10: who did not connect as a server gets no super-range, however often it asks")
  func clientsGetNone() throws {
    let pair = try MetadataServerTests.Pair()
    for _ in 0..<20 {
      let answer = try pair.ask(.sequenceQuery, Self.query(0), portal: .seqController)
      #expect(answer.status == WireErrno.eperm.status)
    }
    #expect(pair.counters.sequencesRefused == 20 && pair.counters.sequencesServed == 0)
    // Nothing is lost: the first server gets the first range.
    let answer = try pair.ask(.sequenceQuery, Self.query(0), portal: .seqController, on: pair.lwp)
    #expect(answer.value(SequenceRange.self)?.start == 0x2_4000_0400)
    #expect(try pair.ask(.sequenceQuery, Self.query(1), portal: .seqMetadata).status == 0)
  }

  @Test("11 §10: metadata targets may come over their connections to each other")
  func betweenMetadataTargets() throws {
    let pair = try MetadataServerTests.Pair()
    let osp = try #require(
      pair.caller.connect(
        .ospToMetadata, to: "lfs-MDT0000_UUID", on: 0, as: "lfs-MDT0001-mdtlov_UUID", index: 1))
    pair.world.run(10) { pair.caller.state(osp) == .full }
    #expect(try pair.ask(.sequenceQuery, Self.query(0, index: 1), on: osp).status == 0)
  }

  @Test func oneServerHasItsShare() throws {
    let pair = try MetadataServerTests.Pair()
    let most = SequenceTable.superMaxOfOwner
    for number in 0..<most + 3 {
      let answer = try pair.ask(.sequenceQuery, Self.query(0), on: pair.lwp)
      #expect(answer.status == (number < most ? 0 : WireErrno.enospc.status), "\(number)")
    }
    #expect(pair.counters.sequencesRefused == 3)
    #expect(try pair.ask(.sequenceQuery, Self.query(0, index: 1), on: pair.lwp).status == 0)
  }

  @Test("one node gets no more than its share in the name of many targets, also after a restart")
  func oneNodeHasItsShare() throws {
    let disk = RoleDisk(.of(.mdt), plan: DiskPlan(seed: 5))
    var pair = try MetadataServerTests.Pair(disk: disk)
    let most = SequenceTable.superMaxOfNode
    for number in 0..<most + 3 {
      let query = Self.query(0, index: UInt32(number))
      let answer = try pair.ask(.sequenceQuery, query, on: pair.lwp)
      #expect(answer.status == (number < most ? 0 : WireErrno.enospc.status), "\(number)")
    }
    // What is no number of a target is nobody's.
    let strange = try pair.ask(.sequenceQuery, Self.query(0, index: 1 << 16), on: pair.lwp)
    #expect(strange.status == WireErrno.eproto.status)
    let other = Caller()
    try pair.world.add(other)
    try Self.expectRange(of: other, pair, start: UInt64(most + 1))
    pair.world.kill(0)
    disk.crash()
    pair = try MetadataServerTests.Pair(disk: disk)
    let refused = try pair.ask(.sequenceQuery, Self.query(0, index: 9999), on: pair.lwp)
    #expect(refused.status == WireErrno.enospc.status)
    let third = Caller()
    try pair.world.add(third)
    try Self.expectRange(of: third, pair, start: UInt64(most + 2))
  }

  /// A server on another node gets a range.
  private static func expectRange(
    of caller: Caller, _ pair: MetadataServerTests.Pair, start: UInt64
  ) throws {
    let lwp = try #require(
      caller.connect(
        .lwpOfObjects, to: "lfs-MDT0000_UUID", on: 0, as: "lfs-MDT0000-lwp-OST0007_UUID"))
    pair.world.run(10) { caller.state(lwp) == .full }
    let tag = caller.ask(
      .sequenceQuery, on: lwp, query(0, index: 7), portal: .seqController)
    pair.world.run(30) { caller.answers[tag] != nil }
    #expect(
      caller.answers[tag]?.value(SequenceRange.self)?.start == SequenceTable.first + start
        * SequenceTable.width)
  }

  @Test("many nodes that lie leave enough to those that the configuration names")
  func liars() throws {
    var table = SequenceTable(index: 0, stored: [])
    func owner(_ index: Int, _ node: Int) throws -> RangeOwner {
      var asked = SequenceRange()
      asked.index = UInt32(index)
      asked.flags = 1
      return try #require(RangeOwner(asked, at: World.nid(node)))
    }
    // Each node says in turn that it is each target, also those that there are.
    for number in 0..<SequenceTable.superMax * 2 {
      let owner = try owner(number / 32, number % 32)
      if table.mayTakeSuper(owner, isRegistered: false) { _ = table.takeSuper(owner) }
    }
    let refused = try owner(60_000, 100)
    #expect(!table.mayTakeSuper(refused, isRegistered: false))
    for target in 0..<100 {
      for _ in 0..<SequenceTable.superMaxOfOwner {
        let owner = try owner(target, 200)
        #expect(table.mayTakeSuper(owner, isRegistered: true))
        #expect(table.takeSuper(owner) != nil)
      }
      #expect(!table.mayTakeSuper(try owner(target, 200), isRegistered: true))
    }
  }

  @Test("the first metadata target knows from the configuration which targets are on which nodes")
  func registered() throws {
    let cluster = try ManagedCluster(objectTargets: 2)
    cluster.world.run(120) {
      cluster.servers[0].roles.metadataServers[0].registered.count == 3
    }
    let known = cluster.servers[0].roles.metadataServers[0].registered
      .map { "\($0.flags) \($0.index) \($0.nids)" }
    let expected = ["0 0 [10.0.0.2@o2ib]", "1 0 [10.0.0.3@o2ib]", "1 1 [10.0.0.4@o2ib]"]
    #expect(known.sorted() == expected)
  }

  @Test("10 §9.2: a client that asks too fast comes again")
  func oneClientHasItsShare() throws {
    let pair = try MetadataServerTests.Pair()
    let burst = SequenceAllowance.burst
    let query = Self.query(1)
    let tags = (0..<burst + 20).map { _ -> UInt32 in
      let tag = pair.caller.ask(.sequenceQuery, on: pair.mdc, query, portal: .seqMetadata)
      pair.world.run(0.001) { pair.caller.answers[tag] != nil }
      return tag
    }
    let served = pair.counters.sequencesServed
    #expect(served == burst)
    #expect(pair.counters.turnedAway >= 20)
    // Others are served meanwhile.
    #expect(try pair.ask(.sequenceQuery, query, on: pair.lwp).status == 0)
    pair.world.run(200) { tags.allSatisfy { pair.caller.answers[$0] != nil } }
    let good = tags.count { pair.caller.answers[$0]?.status == 0 }
    #expect(good == tags.count)
    let starts = Set(tags.compactMap { pair.caller.answers[$0]?.value(SequenceRange.self)?.start })
    #expect(starts.count == tags.count)
  }
}
