// Property: super-ranges are given to servers only, and one server gets no more than its share; one client gets single
// sequences as fast as real ones need them, and no faster; nobody is kept from sequences by what another one asks.
// Method: clients of each kind ask a metadata target in a loop, in virtual time; statuses and counters are compared.
import Connections
import LustreWire
import NodeCore
@testable import NodeWorld
import PtlRPC
@testable import Roles
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
