// Property: identifiers, resources and lock words mean what the spec says, at the ends of their ranges too.
// Method: examples by hand from spec 10 §11.2, 11 §11 and 13 §5.3, A.1.

import LustreWire
import Testing

@Suite struct IdentifierTests {
  @Test func objects() {
    let plain = ObjectID(number: 0x1234_5678_9ABC)
    #expect(plain.isNumber && plain.sequence == 0 && plain.number == 0x1234_5678_9ABC)
    #expect(plain.resource == ResourceID(0x1234_5678_9ABC))
    let fid = ObjectID(FID(0x2_4000_0400, 2))
    #expect(!fid.isNumber && fid.sequence == 0x2_4000_0400 && fid.number == 2)
    #expect(fid.resource == ResourceID(0x2_4000_0400, 2))
    #expect(ObjectID(FID(5, 6, 7)).resource == ResourceID(5, 7 << 32 | 6))
    // An old number in FID form keeps its upper 16 bits in the sequence.
    #expect(ObjectID(FID(0x1_0001_ABCD, 0x1234)).number == 0xABCD_0000_1234)
    #expect(ObjectID.echo(3).fid == FID(2, 3))
  }

  @Test(arguments: [
    (0, true), (1, false), (2, true), (3, false), (0xFFFF_FFFF, false), (0x1_0000_0000, true),
    (0x1_FFFF_FFFF, true), (0x2_0000_0000, false), (0x2_0000_03FF, false), (0x2_0000_0400, true),
    (UInt64.max, true),
  ])
  func sequencesOfObjects(sequence: UInt64, isLegal: Bool) {
    let object = sequence == 0 ? ObjectID(number: 7) : ObjectID(FID(sequence, 7))
    #expect(object.hasLegalSequence == isLegal)
  }

  @Test func configurationLocks() {
    let lock = ResourceID(configuration: "lustre", kind: .configuration)
    #expect(lock == ResourceID(0x6572_7473_756C) && lock.configurationName == "lustre")
    #expect(ResourceID(configuration: "lustre", kind: .security) == lock)
    #expect(ResourceID(configuration: "x", kind: .recovery) == ResourceID(0x78, 2))
    #expect(ResourceID(configuration: "params", kind: .parameters).second == 3)
    #expect(
      ResourceID(configuration: "12345678", kind: .barrier).configurationName == "12345678")
    #expect(ResourceID(configuration: "123456789", kind: .barrier).first == 0x3837_3635_3433_3231)
    #expect(ResourceID(0x01).configurationName == nil)
    #expect(ResourceID(1, 2, 3, 4).description == "[0x1:0x2:0x3].0x4")
  }

  @Test func lockWords() {
    let legal = (0...1024 as ClosedRange<UInt32>).filter { LockMode(rawValue: $0).isLegal }
    #expect(legal == [1, 2, 4, 8, 16, 32, 64])
    #expect(!LockMode(rawValue: .max).isLegal && !LockMode(rawValue: 1 << 31).isLegal)
    let types = (0...100 as ClosedRange<UInt32>).filter { LockType(rawValue: $0).isLegal }
    #expect(types == [10, 11, 12, 13])
    // What spec 10 §11.2 marks "req".
    #expect(LockFlags.legalInRequests.rawValue == 0xE08C_131A)
    #expect(LockFlags.legalInCallbacks.rawValue == 0x0001_8020)
    let extent = LockPolicy(extent: 4096, through: 8191, group: 3).extent
    #expect(extent == (4096, 8191))
    #expect(LockPolicy(inodeBits: [.lookup, .update], and: .open).secondInodeBits == .open)
    #expect(FID.root.description == "[0x200000007:0x1:0x0]")
    #expect(ConfigCommand.marker.isRequired && !ConfigCommand.poolNew.isRequired)
  }

  @Test func texts() throws {
    let text = try #require(WireText<8>("1234567"))
    #expect(text.description == "1234567" && text.count == 7 && !text.isEmpty)
    #expect(WireText<8>("12345678") == nil && WireText<8>("1\u{0}2") == nil)
    #expect(WireText<8>("") == WireText<8>() && WireText<8>().isEmpty)
    #expect(WireText<8>("12345") != text)
  }
}
