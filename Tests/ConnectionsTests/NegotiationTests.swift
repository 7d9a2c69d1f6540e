// Property: what each role asks for and what each target grants is what real nodes sent (captures 03, 05, 16)
// and what spec 11 §4 and §6 say.
// Method: connect data written from the captures, field by field; refusals one by one and in their order;
// random requests for the subset rule.
import LustreWire
import Structures
import Testing

@testable import Connections

/// The fields of connect data in the order of the captures' listing; what is left out is 0.
private func data(
  _ flags: UInt64, _ flags2: UInt64, grant: UInt32 = 0, index: UInt32 = 0, bulk: UInt32 = 0,
  ibits: UInt64 = 0, blocks: (UInt8, UInt8, UInt16, UInt32) = (0, 0, 0, 0), group: UInt32 = 0,
  checksums: UInt32 = 0, ea: UInt32 = 0, instance: UInt32 = 0, object: UInt64 = 0,
  modifying: UInt16 = 0
) -> ConnectData {
  var data = ConnectData()
  data.flags = ConnectFlags(rawValue: flags)
  data.flags2 = ConnectFlags2(rawValue: flags2)
  data.version = LustreVersion(2, 17)
  data.grantByteCount = grant
  data.targetIndex = index
  data.bulkByteCount = bulk
  data.inodeBits = InodeBits(rawValue: ibits)
  (data.grantBlockBits, data.grantInodeBits, data.grantTaxKiB, data.grantMaximumBlocks) = blocks
  data.group = group
  data.checksumTypes = ChecksumTypes(rawValue: checksums)
  data.maximumEAByteCount = ea
  data.instance = instance
  data.maximumObjectByteCount = object
  data.maximumModifyingRequests = modifying
  return data
}

private struct CapturedConnect {
  let name: String
  let role: ImportRole
  let target: TargetKind
  let asked: ConnectData
  let granted: ConnectData
  var instance: UInt32 = 1
  var index: UInt32 = 0
  var again = false
}

private let blocks: (UInt8, UInt8, UInt16, UInt32) = (12, 5, 24, 16_384)
private let left = data(
  0xA046_5AF2_E364_0038, 0x4_0014_8202, grant: 134_217_728, bulk: 64 << 20, ibits: 0x7F,
  blocks: blocks, checksums: 0xF7, ea: 65_536, instance: 1, modifying: 8)

private let captured: [CapturedConnect] = [
  CapturedConnect(
    name: "16 MGC", role: .mgc, target: .mgs, asked: data(0xA000_4110_0100_2060, 0x1_0010_0000),
    granted: data(0xA000_0110_0100_2060, 0x1_0010_0000),
    instance: 0),
  CapturedConnect(
    name: "16 LWP of an OST", role: .lwpOfObjects, target: .mdt,
    asked: data(0x2041_4010_4300_0022, 0),
    granted: data(0x2041_4010_4300_0020, 0, ea: 65_536, instance: 1)),
  CapturedConnect(
    name: "16 LWP of an MDT", role: .lwpOfMetadata, target: .mdt,
    asked: data(0x2041_4010_4700_0022, 0),
    granted: data(0x2041_4010_4700_0020, 0, ea: 65_536, instance: 1)),
  CapturedConnect(
    name: "16 OSP to an OST", role: .ospToObjects, target: .ost,
    asked: data(0xA044_4014_4300_0026, 0x8000_0000),
    granted: data(0xA040_4014_4300_0026, 0x8000_0000, instance: 1)),
  CapturedConnect(
    name: "16 OSP to an MDT", role: .ospToMetadata, target: .mdt,
    asked: data(0xA240_0010_4500_10A2, 0, index: 1, ibits: 2),
    granted: data(
      0xA240_0010_4500_10A0, 0, index: 1, ibits: 2, ea: 65_536, instance: 1, modifying: 8),
    index: 1),
  CapturedConnect(
    name: "03 MDC", role: .mdc, target: .mdt,
    asked: data(
      0xAE7E_5E7B_E374_D2B8, 0xA4_6CDE_FFBD, grant: 134_217_728, bulk: 1 << 20, ibits: 0x7F,
      blocks: (12, 0, 0, 0), checksums: 0xF7),
    granted: data(
      0xAE7A_5E7B_E344_D2B8, 0x24_6CDE_FFBD, grant: 2_146_304, bulk: 1 << 20, ibits: 0x7F,
      blocks: blocks, checksums: 0x32, ea: 65_536, instance: 1, modifying: 8)),
  CapturedConnect(
    name: "03 OSC", role: .osc, target: .ost, asked: left,
    granted: data(
      0xA042_5AF2_E344_0038, 0x4_0014_8202, grant: 8_437_760, bulk: 4 << 20, ibits: 0x7F,
      blocks: blocks, checksums: 0x32, ea: 65_536, instance: 1, object: 0xFFF_FFFF_F000,
      modifying: 8)),
  CapturedConnect(
    name: "16 OSC after a restart", role: .osc, target: .ost,
    asked: data(
      0xA046_5AF2_E364_0038, 0x4_0014_8202, grant: 8_388_608, bulk: 4 << 20, ibits: 0x7F,
      blocks: blocks, checksums: 0x32, ea: 65_536, instance: 1, object: 0xFFF_FFFF_F000,
      modifying: 8),
    granted: data(
      0xA042_5AF2_E344_0038, 0x4_0014_8202, grant: 8_388_608, bulk: 4 << 20, ibits: 0x7F,
      blocks: blocks, checksums: 0x32, ea: 65_536, instance: 2, object: 0xFFF_FFFF_F000,
      modifying: 8),
    instance: 2, again: true),
]

struct NegotiationTests {
  @Test(arguments: captured.indices)
  func targetsGrantWhatRealOnesDid(_ index: Int) {
    let row = captured[index]
    let decision = GrantDecision(
      asked: row.asked, target: target(row), export: ExportTraits())
    #expect(decision.errno == 0)
    #expect(decision.data == row.granted, "\(row.name)")
  }

  @Test(arguments: captured.indices)
  func rolesAskForWhatRealOnesDid(_ index: Int) {
    let row = captured[index]
    let proposal = Proposal(role: row.role, targetIndex: row.index)
    if row.again {
      let again = proposal.again(
        after: captured[6].granted, held: row.asked.grantByteCount, transno: 0)
      #expect(again == row.asked, "\(row.name)")
      return
    }
    var expected = row.asked
    if row.role == .osc {
      // The kernel fills in what the metadata target has granted before (spec 11 §4): we have a struct of our own.
      expected.inodeBits = []
      (expected.grantInodeBits, expected.grantTaxKiB, expected.grantMaximumBlocks) = (0, 0, 0)
      (expected.maximumEAByteCount, expected.instance) = (0, 0)
      expected.maximumModifyingRequests = 0
    }
    #expect(proposal.first == expected, "\(row.name)")
  }

  @Test(arguments: captured.indices)
  func clientsAcceptWhatWasGranted(_ index: Int) {
    let row = captured[index]
    let agreement = Agreement(
      asked: row.asked, granted: row.granted, role: row.role, wished: 4 << 20)
    #expect(agreement.isSubset && agreement.isVersionNear && !agreement.isWithoutChecksum)
    let bulk: UInt32 =
      switch row.role {
      case .osc, .ospToObjects: 4 << 20
      case .mdc: 1 << 20
      case .mgc, .ospToMetadata, .lwpOfObjects, .lwpOfMetadata: 4096
      }
    #expect(agreement.bulkByteCount == bulk)
    #expect(agreement.modifyingRequests == ([.mdc, .ospToMetadata].contains(row.role) ? 8 : 1))
  }

  @Test("§9.5.4: a flag that was never asked for, in either word")
  func moreThanAsked() {
    let row = captured[5]
    var granted = row.granted
    granted.flags.insert(.readOnly)
    #expect(!agreement(row, granted).isSubset)
    granted = row.granted
    granted.flags2.insert(.compression)
    #expect(!agreement(row, granted).isSubset)
    granted.flags.remove(.secondFlags)
    #expect(agreement(row, granted).isSubset)
  }

  @Test("§9.5.6: no common checksum")
  func noChecksum() {
    var granted = captured[5].granted
    granted.checksumTypes = []
    #expect(agreement(captured[5], granted).isWithoutChecksum)
    granted.flags.remove(.checksum)
    #expect(!agreement(captured[5], granted).isWithoutChecksum)
  }

  @Test("§5.9: near versions")
  func nearVersions() {
    let own = LustreVersion(2, 17, 3)
    let near: [LustreVersion] = [.init(2, 17, 0), .init(2, 17, 6), .init(2, 17, 3, 9)]
    let far: [LustreVersion] = [.init(2, 17, 7), .init(2, 16, 3), .init(3, 17, 3)]
    for version in near { #expect(version.isNear(own) && own.isNear(version)) }
    for version in far { #expect(!version.isNear(own) && !own.isNear(version)) }
  }

  /// Whatever is asked for, nothing else is granted, and what cannot be is refused, never trapped on.
  @Test func grantedIsAlwaysASubset() {
    var random = SeededGenerator(seed: 11)
    for round in 0..<20_000 {
      var asked = ConnectData()
      asked.flags = ConnectFlags(rawValue: random.next() | (round % 2 == 0 ? 1 << 63 : 0))
      asked.flags2 = ConnectFlags2(rawValue: random.next())
      asked.grantByteCount = UInt32(truncatingIfNeeded: random.next())
      asked.bulkByteCount = UInt32(truncatingIfNeeded: random.next() & random.next())
      asked.checksumTypes = ChecksumTypes(rawValue: UInt32(truncatingIfNeeded: random.next()))
      for kind in TargetKind.allCases {
        var target = TargetTraits(kind: kind)
        target.canSeek = round % 3 == 0
        target.suppressesPings = round % 5 == 0
        let decision = GrantDecision(asked: asked, target: target, export: ExportTraits())
        guard decision.errno == 0 else { continue }
        #expect(asked.flags.isSuperset(of: decision.data.flags))
        #expect(asked.flags2.isSuperset(of: decision.data.flags2))
        #expect(kind.supported.isSuperset(of: decision.data.flags))
        #expect(kind.supported2.isSuperset(of: decision.data.flags2))
        if !asked.flags.contains(.secondFlags) { #expect(decision.data.flags2.isEmpty) }
      }
    }
  }

  private func agreement(_ row: CapturedConnect, _ granted: ConnectData) -> Agreement {
    Agreement(asked: row.asked, granted: granted, role: row.role, wished: 4 << 20)
  }

  private func target(_ row: CapturedConnect) -> TargetTraits {
    var traits = TargetTraits(kind: row.target)
    traits.index = row.index
    traits.instance = row.instance
    // What that machine made fast enough.
    traits.checksumTypes = ChecksumTypes(rawValue: 0x32)
    return traits
  }
}
