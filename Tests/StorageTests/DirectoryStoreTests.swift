// A directory answers as the model does, and after being dropped anywhere holds what it had called durable.
// Method: drawn commands; the store let go without a commit; journals torn as a power failure tears them.
import Foundation
import LustreWire
import Structures
import Testing

@testable import Storage
@testable import Verbena

@Suite struct DirectoryStoreTests {
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func answersAsTheModel(seed: UInt64) throws {
    let directory = TestDirectory()
    var harness = StoreHarness(try SyncStore(directory.target))
    var generator = CommandGenerator(seed: seed)
    harness.run(&generator, count: 300)
    harness.settle()
    #expect(harness.failures > 20, "the commands must fail now and then")
    harness.expectState(harness.store.image)
    let isSafe = harness.store.commit()
    #expect(isSafe)
    try harness.store.reopen(directory.target)
    #expect(harness.store.image.identity.mountCount == 2)
    #expect(harness.store.report.tornByteCount == 0)
    harness.expectState(harness.store.image)
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func droppedAnywhereLosesNothingDurable(seed: UInt64) throws {
    let directory = TestDirectory()
    var harness = StoreHarness(try SyncStore(directory.target))
    var generator = CommandGenerator(seed: seed &* 77)
    for _ in 1...4 {
      harness.run(&generator, count: 30 + generator.below(60))
      harness.settle()
      harness.forget()
      try harness.store.reopen(directory.target)
      let image = harness.store.image
      harness.expectRecovered(image)
      generator.restart(after: image.lastTransno)
    }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func tornEndsAreCut(seed: UInt64) throws {
    let directory = TestDirectory()
    var dice = SeededGenerator(seed: seed)
    var harness = StoreHarness(try SyncStore(directory.target))
    var generator = CommandGenerator(seed: seed &* 99)
    var torn = 0
    for _ in 1...5 {
      harness.run(&generator, count: 60)
      harness.settle()
      let last = StorageCommand(.setLastID(sequence: 77, id: 1), ticket: 1)
      _ = harness.enqueue(Draft(command: last))
      harness.settle()
      // As they are when the last commit begins; what it completes is then taken back in part.
      let safe = directory.read("journal")
      try directory.copyObjects("objects", to: "kept")
      let (acknowledged, durable) = (harness.acknowledged, harness.durableTransno)
      let isSafe = harness.store.commit()
      #expect(isSafe)
      var journal = directory.read("journal")
      tear(&journal, from: end(of: safe), to: end(of: journal), &dice)
      harness.store.close()
      directory.write("journal", journal)
      try directory.copyObjects("kept", to: "objects")
      harness.forget()
      (harness.acknowledged, harness.durableTransno) = (acknowledged, durable)
      try harness.store.reopen(directory.target)
      torn += harness.store.report.tornByteCount > 0 ? 1 : 0
      let image = harness.store.image
      harness.expectRecovered(image)
      generator.restart(after: image.lastTransno)
    }
    #expect(torn > 0, "no journal was torn")
  }

  /// Behind the last byte that is not zero, at a record's boundary.
  private func end(of journal: [UInt8]) -> Int {
    ((journal.lastIndex { $0 != 0 } ?? 0) + 8) / 8 * 8
  }

  /// Some sectors of what was written last have reached the disk, others not.
  private func tear(
    _ journal: inout [UInt8], from start: Int, to end: Int, _ dice: inout SeededGenerator
  ) {
    var at = start
    while at < end {
      let next = min((at / 512 + 1) * 512, end)
      if dice.next(upperBound: 3 as UInt64) == 0 {
        for index in at..<next { journal[index] = 0 }
      }
      at = next
    }
    journal[end - 40] ^= 0x10
  }

  @Test func journalIsWrittenAnew() throws {
    let directory = TestDirectory()
    var disk = Disk(try SyncStore(directory.target))
    let name = blobName("big")
    let bytes = [UInt8](repeating: 7, count: 1 << 20)
    for transno in 1...12 as ClosedRange<UInt64> {
      #expect(disk.writeBlob(name, bytes, transno: transno).errno == 0)
      #expect(disk.run(.none, isSync: true).errno == 0)
    }
    #expect(disk.store.report.compactions >= 1)
    #expect(directory.read("journal").count < 8 << 20)
    try disk.store.reopen(directory.target)
    #expect(disk.store.image.blob(name) == bytes)
    #expect(disk.store.image.lastTransno == 12)
  }

  @Test func manyFilesShareOneCommit() throws {
    let directory = TestDirectory()
    var disk = Disk(try SyncStore(directory.target))
    let ids = (1...150).map { StoredObjectID(sequence: 9, object: $0) }
    for (index, id) in ids.enumerated() {
      let transno = UInt64(index + 1)
      #expect(
        disk.run(.create(id, StoredAttributes()), transno: transno, continues: true).errno == 0)
      #expect(disk.write(id, [UInt8(index)], transno: transno).errno == 0)
    }
    let before = disk.store.counters.commits
    #expect(disk.run(.none, isSync: true).errno == 0)
    #expect(disk.store.counters.commits == before + 1)
    #expect(disk.durableTransno == 150)
    try disk.store.reopen(directory.target)
    for (index, id) in ids.enumerated() { #expect(disk.read(id, count: 2) == [UInt8(index)]) }
  }

  @Test func aHoleIsAsSafeAsAWrite() throws {
    let directory = TestDirectory()
    var disk = Disk(try SyncStore(directory.target))
    let id = StoredObjectID(sequence: 9, object: 1)
    _ = disk.run(.create(id, StoredAttributes()), transno: 1)
    _ = disk.write(id, [UInt8](repeating: 7, count: 20_000), transno: 2, isSync: true)
    // What a cut that is not safe yet has taken comes back with a crash, and so a hole must not cut the file.
    #expect(disk.run(.truncate(id, size: 15_000), transno: 3).errno == 0)
    #expect(disk.run(.clear(id, from: 4096, through: 9000), transno: 4).errno == 0)
    #expect(disk.record(id)?.size == 15_000)
    #expect(disk.read(id, at: 4095, count: 2) == [7, 0])
    #expect(disk.read(id, at: 9000, count: 2) == [0, 7])
    #expect(disk.read(id, at: 14_998, count: 9) == [7, 7])
    #expect(disk.run(.none, isSync: true).errno == 0)
    try disk.store.reopen(directory.target)
    #expect(disk.record(id)?.size == 15_000)
    #expect(disk.read(id, at: 4095, count: 2) == [7, 0])
    #expect(disk.read(id, at: 9000, count: 2) == [0, 7])
  }

  @Test func filesWithoutObjectsAreRemoved() throws {
    let directory = TestDirectory()
    var disk = Disk(try SyncStore(directory.target))
    let kept = StoredObjectID(sequence: 9, object: 1)
    let lost = StoredObjectID(sequence: 9, object: 2)
    _ = disk.run(.create(kept, StoredAttributes()), transno: 1)
    _ = disk.write(kept, [1], transno: 2, isSync: true)
    _ = disk.run(.create(lost, StoredAttributes()), transno: 3)
    _ = disk.write(lost, [1], transno: 4)
    _ = disk.write(kept, [2, 2, 2], transno: 5)
    try disk.store.reopen(directory.target)
    #expect(disk.store.report.orphansRemoved == 1)
    #expect(disk.store.image.objectIDs == [kept])
    #expect(disk.record(kept)?.size == 1)
    #expect(disk.run(.truncate(kept, size: 3), transno: 3).errno == 0)
    #expect(disk.read(kept, count: 9) == [2, 0, 0], "what was not safe does not return")
  }
}
