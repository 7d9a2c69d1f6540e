// Property: numbers on a target's disk that no target has written neither trap it nor make it count past the end; what a
// registration may say can be read again from the disk.
// Method: tables and texts with numbers at the edges; NIDs of random bits through text and back.
import LustreWire
@testable import Roles
import Storage
import Structures
import Testing

struct DiskNumbersTests {
  @Test func sequencesBetweenTheRanges() {
    for key: UInt64 in [
      SequenceTable.first, SequenceTable.first + 1, SequenceTable.first + SequenceTable.width - 1,
      .max, 0,
    ] {
      var table = SequenceTable(index: 0, stored: [(sequence: key, lastID: .max)])
      let range = table.takeSuper(RangeOwner(stored: 3))
      #expect(range?.key == SequenceTable.first + SequenceTable.width)
    }
    var exhausted = SequenceTable(
      index: 0, stored: [(sequence: OwnSequences.nextKey, lastID: .max)])
    #expect(exhausted.takeMeta() == nil)
    // Ranges of a target's own.
    for start: UInt64 in [0, SequenceTable.first - 1, .max, .max - SequenceTable.width] {
      let own = OwnSequences(
        index: 0, flags: 1, stored: [(sequence: OwnSequences.startKey, lastID: start)])
      #expect(own.start == nil && own.areMissing)
    }
    let stored = [
      (sequence: OwnSequences.startKey, lastID: SequenceTable.first),
      (sequence: OwnSequences.nextKey, lastID: .max),
    ]
    var own = OwnSequences(index: 0, flags: 1, stored: stored)
    #expect(own.take() == nil)
    #expect(own.range(number: .max)?.start == SequenceTable.first + UInt64(UInt32.max))
  }

  @Test func countsAtTheirEnd() {
    let image = TargetImage(TargetSpecification(kind: .mgs).identity)
    for line in [
      "step 4294967295", "step -1", "version 18446744073709551615", "log lfs-client 0",
      "log lfs-client 18446744073709551615", "target mdt 65535 1 1 10.0.0.1@o2ib -",
      "target mdt 0 1 1 ; -", "target mdt 0 1 1 , -", "target", "",
    ] {
      let known = ManagedFileSystem("lfs", text: "management 1\n\(line)\n", image: image)
      #expect(known == nil || line.isEmpty, "\(line)")
    }
  }

  @Test func nidsThatAreTakenAreReadAgain() throws {
    var generator = SeededGenerator(seed: 5)
    for number in 0..<300 {
      var raw = generator.next()
      // Small networks of the kinds that there are, most of the time.
      if number % 4 != 0 { raw &= 0x000F_0003_FFFF_FFFF }
      let nid = NID(rawValue: raw)
      var info = TargetInfo()
      info.fileSystem = WireText("lfs") ?? WireText()
      info.flags = [.ost, .register, .virgin]
      let request = try RegistrationRequest(info, nids: [nid])
      var known = ManagedFileSystem("lfs")
      var nextLog: UInt64 = 3
      _ = try known.register(request, nextLog: &nextLog, at: 0)
      let lines = known.text.split(separator: "\n").filter { !$0.hasPrefix("log ") }
      let again = ManagedFileSystem(
        "lfs", text: lines.joined(separator: "\n"),
        image: TargetImage(TargetSpecification(kind: .mgs).identity))
      #expect(again?.targets == known.targets, "\(raw)")
    }
  }
}
