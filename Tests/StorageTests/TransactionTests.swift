// What a transaction may and may not do, and what a command answers, one rule a test.
// Method: single commands on a store in memory, with the expected errno written by hand.
import LustreWire
import Testing

@testable import Storage

@Suite struct TransactionTests {
  private let a = StoredObjectID(sequence: 1, object: 1)
  private let b = StoredObjectID(sequence: 1, object: 2)

  private func disk() -> Disk<MemoryStore> {
    Disk(MemoryStore(testIdentity, byteCapacity: 64 << 20))
  }

  @Test func allOrNothing() {
    var disk = disk()
    #expect(disk.run(.create(a, StoredAttributes()), transno: 5, continues: true).errno == 0)
    #expect(disk.run(.setLastID(sequence: 1, id: 9), transno: 5, continues: true).errno == 0)
    #expect(disk.run(.destroy(b), transno: 5, continues: true).errno == 2)
    #expect(disk.run(.setLastID(sequence: 1, id: 10), transno: 5, continues: true).errno == 125)
    #expect(disk.run(.none, transno: 5).errno == 2, "the last one says why")
    #expect(disk.record(a) == nil)
    #expect(disk.store.image.lastID(sequence: 1) == nil)
    #expect(disk.durableTransno == 0)
    #expect(disk.run(.create(a, StoredAttributes()), transno: 5).errno == 0, "5 is still free")
    #expect(disk.durableTransno == 5)
    #expect(disk.store.counters.transactionsFailed == 1)
  }

  @Test func transnosRise() {
    var disk = disk()
    #expect(disk.run(.create(a, StoredAttributes()), transno: 5).errno == 0)
    #expect(disk.run(.create(b, StoredAttributes()), transno: 5).errno == 22)
    #expect(disk.run(.create(b, StoredAttributes()), transno: 4).errno == 22)
    #expect(disk.run(.create(b, StoredAttributes())).errno == 0, "0 is none")
    #expect(disk.run(.none, transno: 7, continues: true).errno == 0)
    #expect(disk.run(.destroy(b), transno: 8).errno == 22, "two numbers in one transaction")
    #expect(disk.record(b) != nil)
  }

  @Test func versionsAreTransnos() {
    var disk = disk()
    #expect(disk.run(.create(a, StoredAttributes()), transno: 5).version == 0)
    #expect(disk.write(a, [1, 2, 3], transno: 6).version == 5)
    #expect(disk.run(.truncate(a, size: 1), transno: 9).version == 6)
    #expect(disk.run(.setAttributes(a, StoredAttributes())).version == 9)
    #expect(disk.record(a)?.version == 9, "a change without transno leaves it")
  }

  @Test func holesAndEnds() {
    var disk = disk()
    _ = disk.run(.create(a, StoredAttributes()), transno: 1)
    #expect(disk.read(a, count: 10) == [])
    #expect(disk.write(a, [7], at: 70_000, transno: 2).errno == 0)
    #expect(disk.record(a)?.size == 70_001)
    #expect(disk.read(a, at: 69_998, count: 10) == [0, 0, 7])
    #expect(disk.run(.truncate(a, size: 69_999), transno: 3).errno == 0)
    #expect(disk.run(.truncate(a, size: 70_002), transno: 4).errno == 0)
    #expect(disk.read(a, at: 69_998, count: 10) == [0, 0, 0, 0], "what was cut does not return")
    #expect(disk.write(a, [], at: 80_000, transno: 5).errno == 0)
    #expect(disk.record(a)?.size == 70_002, "no bytes make nothing longer")
    #expect(disk.read(a, at: .max, count: 10) == [])
    #expect(disk.write(a, [1], at: .max, transno: 6).errno == 27)
    #expect(disk.run(.truncate(a, size: .max), transno: 6).errno == 27)
    #expect(disk.read(b, count: 1) == nil)
  }

  private func freeBlocks(_ disk: inout Disk<MemoryStore>) -> UInt64 {
    guard case .statistics(let value) = disk.run(.statistics).value else { return 0 }
    return value.blocksFree
  }

  @Test func holesAreMade() {
    var disk = disk()
    let chunk = UInt64(MemoryObjects.chunkByteCount)
    _ = disk.run(.create(a, StoredAttributes()), transno: 1)
    _ = disk.write(a, [UInt8](repeating: 7, count: Int(3 * chunk)), transno: 2)
    let free = freeBlocks(&disk)
    #expect(disk.run(.clear(a, from: 5, through: 6), transno: 3).version == 2)
    #expect(disk.read(a, count: 9) == [7, 7, 7, 7, 7, 0, 0, 7, 7])
    #expect(disk.run(.clear(a, from: chunk - 1, through: 2 * chunk), transno: 4).errno == 0)
    #expect(disk.read(a, at: chunk - 2, count: 3) == [7, 0, 0])
    #expect(disk.read(a, at: 2 * chunk - 1, count: 3) == [0, 0, 7])
    #expect(freeBlocks(&disk) - free == chunk / 4096, "a whole chunk is given back")
    #expect(disk.run(.clear(a, from: 3 * chunk - 1, through: .max), transno: 5).errno == 0)
    #expect(disk.run(.clear(a, from: 3 * chunk, through: .max), transno: 6).errno == 0)
    #expect(disk.record(a)?.size == 3 * chunk, "its size stays")
    #expect(disk.read(a, at: 3 * chunk - 2, count: 9) == [7, 0])
    #expect(disk.run(.clear(a, from: 2, through: 1), transno: 7).errno == 22)
    #expect(disk.run(.clear(b, from: 1, through: 2), transno: 7).errno == 2)
    #expect(disk.run(.truncate(a, size: 1), transno: 7, continues: true).errno == 0)
    #expect(disk.run(.clear(a, from: 0, through: 0), transno: 7).errno == 22)
  }

  @Test func cutThenGrownInOneTransactionIsRefused() {
    var disk = disk()
    _ = disk.run(.create(a, StoredAttributes()), transno: 1)
    _ = disk.write(a, [1, 2, 3, 4], transno: 2)
    #expect(disk.run(.truncate(a, size: 1), transno: 3, continues: true).errno == 0)
    #expect(disk.write(a, [9], at: 2, transno: 3).errno == 22)
    #expect(disk.read(a, count: 9) == [1, 2, 3, 4])
    #expect(disk.run(.destroy(a), transno: 3, continues: true).errno == 0)
    #expect(disk.run(.create(a, StoredAttributes()), transno: 3).errno == 22)
    #expect(disk.read(a, count: 9) == [1, 2, 3, 4])
  }

  @Test func failedTransactionLeavesNothingBehindTheEnd() {
    var disk = disk()
    _ = disk.run(.create(a, StoredAttributes()), transno: 1)
    _ = disk.write(a, [1, 2], transno: 2)
    #expect(disk.write(a, [8, 8, 8], at: 1, transno: 3, continues: true).errno == 0)
    #expect(disk.run(.destroy(b), transno: 3).errno == 2)
    #expect(disk.read(a, count: 9) == [1, 8], "in place, as documented")
    #expect(disk.run(.truncate(a, size: 4), transno: 4).errno == 0)
    #expect(disk.read(a, count: 9) == [1, 8, 0, 0])
  }

  @Test func attributesMerge() {
    var disk = disk()
    var attributes = StoredAttributes()
    attributes.fields = [.uid, .mtime]
    attributes.uid = 3
    attributes.mtime = 4
    attributes.gid = 99
    _ = disk.run(.create(a, attributes), transno: 1)
    attributes.fields = [.gid]
    attributes.uid = 77
    attributes.gid = 5
    _ = disk.run(.setAttributes(a, attributes), transno: 2)
    let found = disk.record(a)?.attributes
    #expect(found?.fields == [.uid, .mtime, .gid])
    #expect(found?.uid == 3)
    #expect(found?.gid == 5)
    #expect(found?.mtime == 4)
  }

  @Test func clientsSlotsAndReplies() {
    var disk = disk()
    let result = RequestResult(transno: 4, xid: 5)
    #expect(disk.run(.setResult(slot: 1, result, isClose: false)).errno == 2)
    #expect(disk.run(.addClient(slot: 1, ObdUUID(), generation: 1)).errno == 22)
    #expect(disk.run(.addClient(slot: 131_072, uuid("x"), generation: 1)).errno == 28)
    #expect(disk.store.counters.limitRefusals == 1)
    #expect(disk.run(.addClient(slot: 131_071, uuid("x"), generation: 1)).errno == 0)
    #expect(disk.run(.setResult(slot: 131_071, result, isClose: true)).errno == 0)
    for place in [7, 3, 7] {
      let reply = ReplyRecord(
        client: 131_071, place: UInt16(place), tag: 1, opcode: .ostCreate, result: result)
      #expect(disk.run(.setReply(reply)).errno == 0)
    }
    let client = disk.store.image.client(slot: 131_071)
    #expect(client?.replies.map(\.place) == [3, 7])
    #expect(client?.lastClose == result)
    #expect(client?.last == RequestResult())
    #expect(disk.run(.addClient(slot: 131_071, uuid("y"), generation: 2)).errno == 0)
    #expect(disk.store.image.client(slot: 131_071)?.replies == [])
    #expect(disk.run(.freeClient(slot: 131_071)).errno == 0)
    #expect(disk.run(.freeClient(slot: 131_071)).errno == 2)
    #expect(disk.store.image.clients == [])
  }

  @Test func blobsGrowFromTheirEnd() {
    var disk = disk()
    let name = blobName("lfs-client")
    #expect(disk.writeBlob(name, [1], at: 1).errno == 22, "not behind the end")
    #expect(disk.writeBlob(name, [1, 2]).errno == 0)
    #expect(disk.writeBlob(name, [3, 4], at: 1).errno == 0)
    #expect(disk.store.image.blob(name) == [1, 3, 4])
    #expect(disk.run(.truncateBlob(name, size: 4)).errno == 22)
    #expect(disk.run(.truncateBlob(name, size: 1)).errno == 0)
    #expect(disk.store.image.blobByteCount == 1)
    #expect(disk.run(.removeBlob(name)).errno == 0)
    #expect(disk.run(.removeBlob(name)).errno == 2)
    #expect(disk.writeBlob(BlobName(), [1]).errno == 22)
    #expect(disk.store.image.blobByteCount == 0)
  }

  @Test func objectsAreListedAFewAtATime() {
    var disk = disk()
    for number in 1...10 {
      let id = StoredObjectID(sequence: 3, object: UInt64(number))
      _ = disk.run(.create(id, StoredAttributes()), transno: UInt64(number))
    }
    _ = disk.run(.destroy(StoredObjectID(sequence: 3, object: 4)), transno: 11)
    let wanted = ([1, 2, 3] + (5...10)).map { StoredObjectID(sequence: 3, object: $0) }
    for atOnce in [1, 3, 9, 100] { #expect(disk.list(atOnce: atOnce) == wanted) }
  }

  @Test func identityKeepsItsMountCount() {
    var disk = disk()
    var identity = testIdentity
    identity.name = uuid("lfs-OST0009")
    identity.mountCount = 40
    #expect(disk.run(.setIdentity(identity)).errno == 0)
    #expect(disk.store.image.identity.name == identity.name)
    #expect(disk.store.image.identity.mountCount == 1)
  }

  @Test func longTransactionsEnd() {
    var disk = disk()
    for number in 0..<StorageLimits.transactionChangeCountMax {
      let sequence = UInt64(number)
      let result = disk.run(.setLastID(sequence: sequence, id: 1), transno: 1, continues: true)
      #expect(result.errno == 0)
    }
    #expect(disk.run(.setLastID(sequence: 0, id: 1), transno: 1).errno == 28)
    #expect(disk.store.image.sequenceCount == 0)
    // A row of writes to one object is one change, however long.
    _ = disk.run(.create(a, StoredAttributes()), transno: 1)
    for number in 0..<2 * StorageLimits.transactionChangeCountMax {
      let result = disk.write(a, [1], at: UInt64(number), transno: 2, continues: true)
      #expect(result.errno == 0)
    }
    #expect(disk.run(.none, transno: 2).errno == 0)
    #expect(disk.record(a)?.size == UInt64(2 * StorageLimits.transactionChangeCountMax))
  }
}
