// Property: a target refuses and limits as spec 11 §6 says.
// Method: one change at a time to a client's proposal or to the target; then two at a time for the order.
import LustreWire
import Testing

@testable import Connections

private enum Change: Equatable {
  case noFID, noBulk, noChecksum, otherIndex, otherGroup, orphanWithoutMDS
  case readOnlyTarget, readOnlyMount, awaitsObjects, full, known, local, betweenMDTs, lightweight
}

private struct RuleRow {
  let name: String
  let kind: TargetKind
  let changes: [Change]
  let errno: Int32
}

private let rows: [RuleRow] = [
  RuleRow(name: "MDT", kind: .mdt, changes: [], errno: 0),
  RuleRow(name: "awaits", kind: .mdt, changes: [.awaitsObjects], errno: 11),
  RuleRow(name: "awaits, known", kind: .mdt, changes: [.awaitsObjects, .known], errno: 0),
  RuleRow(name: "awaits, LWP", kind: .mdt, changes: [.awaitsObjects, .lightweight], errno: 0),
  RuleRow(name: "awaits, MDT", kind: .mdt, changes: [.awaitsObjects, .betweenMDTs], errno: 0),
  RuleRow(
    name: "awaits first", kind: .mdt, changes: [.awaitsObjects, .readOnlyTarget], errno: 11),
  RuleRow(name: "read-only", kind: .mdt, changes: [.readOnlyTarget], errno: 13),
  RuleRow(
    name: "read-only mount", kind: .mdt, changes: [.readOnlyTarget, .readOnlyMount], errno: 0),
  RuleRow(name: "read-only, MDT", kind: .mdt, changes: [.readOnlyTarget, .betweenMDTs], errno: 0),
  RuleRow(name: "read-only first", kind: .mdt, changes: [.readOnlyTarget, .noBulk], errno: 13),
  RuleRow(name: "no bulk", kind: .mdt, changes: [.noBulk], errno: 71),
  RuleRow(name: "no bulk first", kind: .mdt, changes: [.noBulk, .noFID], errno: 71),
  RuleRow(name: "no FID", kind: .mdt, changes: [.noFID], errno: 52),
  RuleRow(name: "no FID first", kind: .mdt, changes: [.noFID, .noChecksum], errno: 52),
  RuleRow(name: "no checksum", kind: .mdt, changes: [.noChecksum], errno: 71),
  RuleRow(name: "no checksum first", kind: .mdt, changes: [.noChecksum, .full], errno: 71),
  RuleRow(name: "full", kind: .mdt, changes: [.full], errno: 75),
  RuleRow(name: "full, known", kind: .mdt, changes: [.full, .known], errno: 0),
  RuleRow(name: "full, LWP", kind: .mdt, changes: [.full, .lightweight], errno: 0),
  RuleRow(name: "full, local", kind: .mdt, changes: [.full, .local], errno: 0),
  RuleRow(name: "MDT masks the index", kind: .mdt, changes: [.otherIndex], errno: 0),
  RuleRow(name: "OST", kind: .ost, changes: [], errno: 0),
  RuleRow(name: "OST no FID", kind: .ost, changes: [.noFID], errno: 0),
  RuleRow(name: "group", kind: .ost, changes: [.otherGroup], errno: 71),
  RuleRow(name: "group first", kind: .ost, changes: [.otherGroup, .otherIndex], errno: 71),
  RuleRow(name: "orphans", kind: .ost, changes: [.orphanWithoutMDS], errno: 71),
  RuleRow(
    name: "orphans first", kind: .ost, changes: [.orphanWithoutMDS, .otherIndex], errno: 71),
  RuleRow(name: "OST no bulk", kind: .ost, changes: [.noBulk], errno: 71),
  RuleRow(name: "OST no bulk first", kind: .ost, changes: [.noBulk, .otherIndex], errno: 71),
  RuleRow(name: "index", kind: .ost, changes: [.otherIndex], errno: 9),
  RuleRow(name: "index first", kind: .ost, changes: [.otherIndex, .noChecksum], errno: 9),
  RuleRow(name: "OST no checksum", kind: .ost, changes: [.noChecksum], errno: 71),
  RuleRow(name: "OST full", kind: .ost, changes: [.full], errno: 75),
  RuleRow(name: "MGS grants anything", kind: .mgs, changes: [.noFID, .noBulk, .full], errno: 0),
]

struct TargetRuleTests {
  @Test(arguments: rows.indices)
  func everyRow(_ index: Int) {
    let row = rows[index]
    #expect(decide(row.kind, row.changes).errno == row.errno, "\(row.name)")
  }

  @Test("§6: who is evicted when silent (12 §3.1), and who takes a slot")
  func timedAndSlots() {
    #expect(decide(.mdt, []).isTimed && decide(.ost, []).isTimed)
    #expect(!decide(.mgs, []).isTimed && !decide(.mgs, []).takesSlot)
    #expect(!decide(.mdt, [.betweenMDTs]).isTimed && decide(.mdt, [.betweenMDTs]).takesSlot)
    #expect(decide(.mdt, [.lightweight]).isTimed && !decide(.mdt, [.lightweight]).takesSlot)
    #expect(decide(.mdt, []).takesSlot && !decide(.mdt, [.known]).takesSlot)
    var traits = TargetTraits(kind: .ost)
    traits.suppressesPings = true
    let decision = GrantDecision(
      asked: Proposal(role: .osc).first, target: traits, export: ExportTraits())
    #expect(decision.data.flags.contains(.pingless) && !decision.isTimed)
  }

  @Test("§4: grant is what the client holds, and what it lacks up to two bulks")
  func grants() {
    func granted(asks: UInt32, owns: UInt32, readOnly: Bool = false) -> UInt32 {
      var asked = Proposal(role: .osc).first
      asked.grantByteCount = asks
      if readOnly { asked.flags.insert(.readOnly) }
      var export = ExportTraits()
      export.grantByteCount = owns
      return GrantDecision(asked: asked, target: TargetTraits(kind: .ost), export: export)
        .data.grantByteCount
    }
    #expect(granted(asks: 128 << 20, owns: 0) == 8_437_760)
    #expect(granted(asks: 286_720, owns: 0) == 286_720)
    #expect(granted(asks: 286_720, owns: 8_437_760) == 8_437_760)
    #expect(granted(asks: 8_500_000, owns: 8_437_760) == 8_500_000)
    #expect(granted(asks: 128 << 20, owns: 0, readOnly: true) == 0)
  }

  @Test("§6: the backend's abilities")
  func abilities() {
    var traits = TargetTraits(kind: .ost)
    traits.canSeek = false
    let asked = Proposal(role: .osc).first
    let decision = GrantDecision(asked: asked, target: traits, export: ExportTraits())
    #expect(asked.flags2.contains(.seek) && !decision.data.flags2.contains(.seek))
    #expect(decision.data.bulkByteCount == 4 << 20)
    #expect(decision.data.maximumObjectByteCount == 0xFFF_FFFF_F000)
  }

  private func decide(_ kind: TargetKind, _ changes: [Change]) -> GrantDecision {
    var asked = Proposal(role: kind == .mgs ? .mgc : kind == .mdt ? .mdc : .osc).first
    if kind == .ost { asked.flags.insert(.index) }
    var target = TargetTraits(kind: kind)
    target.index = 0
    var export = ExportTraits()
    for change in changes {
      switch change {
      case .noFID: asked.flags.remove(.fid)
      case .noBulk: asked.bulkByteCount = 0
      case .noChecksum: asked.checksumTypes = ChecksumTypes(rawValue: 0x8)
      case .otherIndex:
        asked.flags.insert(.index)
        asked.targetIndex = 7
      case .otherGroup: export.group = 3
      case .orphanWithoutMDS: asked.flags.insert(.skipOrphan)
      case .readOnlyTarget: target.isReadOnly = true
      case .readOnlyMount: asked.flags.insert(.readOnly)
      case .awaitsObjects: target.awaitsObjectTargets = true
      case .full: target.freeSlots = 0
      case .known: export.isNew = false
      case .local: export.isLocal = true
      case .betweenMDTs: asked.flags.insert(.mdsToMDS)
      case .lightweight: asked.flags.insert(.lightweight)
      }
    }
    return GrantDecision(asked: asked, target: target, export: export)
  }
}
