// A journal read again holds what was written, up to the first record that a crash tore, and damage in front of
// what was safe is refused.
// Method: journals of hand-made records, cut at every length, and with every single bit turned.
import LustreWire
import Testing

@testable import Storage

@Suite struct JournalTests {
  private static let number: UInt64 = 0x1234_5678_9ABC_DEF0

  /// One change of each kind, so that a codec that forgets one is seen.
  private static var everyChange: ChangeList {
    let id = StoredObjectID(sequence: 0x2_0000_0400, object: 7)
    var record = StoredObject()
    record.size = 5
    record.version = 6
    var attributes = StoredAttributes()
    attributes.fields = StoredFields(rawValue: 0x7FF)
    attributes.mode = 1
    attributes.uid = 2
    attributes.gid = 3
    attributes.projectID = 4
    attributes.flags = 5
    attributes.mtime = 6
    attributes.atime = 7
    attributes.ctime = 8
    attributes.parentSequence = 9
    attributes.parentObject = 10
    attributes.parentVersion = 11
    attributes.stripeIndex = 12
    attributes.stripeSize = 13
    attributes.stripeCount = 14
    attributes.componentStart = 15
    attributes.componentEnd = 16
    attributes.componentID = 17
    attributes.layoutVersion = 18
    record.attributes = attributes
    let outcome = RequestResult(
      transno: 1, xid: 2, status: -3, data: 4, versions: (5, 6, 7, 8))
    let name = blobName("lfs-client")
    var list = ChangeList()
    list.blobBytes = [1, 2, 3, 4, 5]
    list.changes = [
      .identity(testIdentity), .transno(3), .object(id, record),
      .objectSize(id, size: 9, version: 10), .lastID(sequence: 1, id: 2),
      .client(slot: 1, uuid("client"), generation: 2),
      .result(slot: 1, outcome, isClose: false), .result(slot: 1, outcome, isClose: true),
      .reply(ReplyRecord(client: 1, place: 2, tag: 3, opcode: .ostCreate, result: outcome)),
      .reply(ReplyRecord(client: 1, place: 1, tag: 3, opcode: .ostPunch, result: outcome)),
      .reply(ReplyRecord(client: 1, place: 3, tag: 3, opcode: nil, result: outcome)),
      .replyFree(slot: 1, place: 1),
      .blob(name, offset: 0, start: 0, count: 5), .blobSize(name, size: 3),
      .blob(blobName("gone"), offset: 0, start: 1, count: 2), .blobFree(blobName("gone")),
      .client(slot: 2, uuid("other"), generation: 2), .clientFree(slot: 2),
      .object(StoredObjectID(sequence: 1, object: 1), StoredObject()),
      .destroy(StoredObjectID(sequence: 1, object: 1)),
    ]
    return list
  }

  private static func lastID(_ id: UInt64) -> ChangeList {
    var list = ChangeList()
    list.changes.append(.lastID(sequence: 1, id: id))
    return list
  }

  /// Records 1…count, each of which knows that all but `unsafe` before it are safe; and where each ends.
  private static func journal(_ count: UInt64, unsafe: UInt64) -> (bytes: [UInt8], ends: [Int]) {
    var out = ByteWriter()
    out.bytes = JournalFormat.header(number: number)
    var ends = [out.bytes.count]
    for sequence in 1...count {
      let safe = sequence > unsafe + 1 ? sequence - 1 - unsafe : 0
      JournalFormat.append(
        lastID(sequence), transno: sequence, sequence: sequence, safe: safe, number: number,
        to: &out)
      ends.append(out.bytes.count)
    }
    return (out.bytes, ends)
  }

  private static func scan(_ bytes: [UInt8]) -> JournalScan {
    JournalScan(bytes.rawBytes, number: number, identity: testIdentity)
  }

  @Test func everyChangeComesBack() throws {
    let list = Self.everyChange
    var out = ByteWriter()
    out.bytes = JournalFormat.header(number: Self.number)
    JournalFormat.append(
      list, transno: 12, sequence: 1, safe: 0, number: Self.number, to: &out)
    #expect(out.bytes.count <= JournalFormat.headerByteCount + JournalFormat.byteCountMax(of: list))
    let scan = Self.scan(out.bytes)
    #expect(scan.damage == nil)
    #expect(scan.sequence == 1)
    var direct = TargetImage(testIdentity)
    let isSound = direct.apply(list, transno: 12)
    #expect(isSound)
    expectEqual(scan.image, direct)
    let id = StoredObjectID(sequence: 0x2_0000_0400, object: 7)
    #expect(scan.image.object(id)?.attributes.layoutVersion == 18)
    #expect(scan.image.blob(blobName("lfs-client")) == [1, 2, 3])
    #expect(scan.image.client(slot: 1)?.replies.map(\.place) == [2, 3])
    #expect(scan.image.client(slot: 1)?.replies.map(\.opcode) == [.ostCreate, nil])
    #expect(scan.image.lastTransno == 12)
  }

  @Test(arguments: [1, 300, 1 << 20])
  func snapshotMakesTheSame(pieceByteCount: Int) {
    var image = TargetImage(testIdentity)
    image.apply(Self.everyChange, transno: 12)
    var out = ByteWriter()
    out.bytes = JournalFormat.header(number: Self.number)
    var sequence: UInt64 = 0
    image.snapshot(pieceByteCount: pieceByteCount) { list in
      sequence += 1
      JournalFormat.append(
        list, transno: 0, sequence: sequence, safe: 0, number: Self.number, to: &out)
    }
    let scan = Self.scan(out.bytes)
    #expect(scan.damage == nil)
    #expect(scan.sequence == sequence)
    expectEqual(scan.image, image)
  }

  private func expectEqual(_ left: TargetImage, _ right: TargetImage) {
    #expect(left.identity == right.identity)
    #expect(StoreModel.State(left) { _, _ in [] } == StoreModel.State(right) { _, _ in [] })
    for id in right.objectIDs { #expect(left.object(id) == right.object(id)) }
    #expect(left.blobByteCount == right.blobByteCount)
  }

  @Test func cutAnywhereKeepsWhatIsWhole() {
    let (bytes, ends) = Self.journal(6, unsafe: 6)
    for length in JournalFormat.headerByteCount...bytes.count {
      for padding in [0, 96] {
        let scan = Self.scan(bytes[0..<length] + [UInt8](repeating: 0, count: padding))
        // Zeros that were cut off and stand there again make a record whole.
        let whole =
          ends.lastIndex {
            $0 <= length || $0 <= length + padding && bytes[length..<$0].allSatisfy { $0 == 0 }
          } ?? 0
        #expect(scan.damage == nil)
        #expect(scan.sequence == UInt64(whole))
        #expect(scan.image.lastTransno == UInt64(whole))
        #expect(scan.end == ends[whole])
        #expect((scan.tornByteCount == 0) == (length <= ends[whole]), "length \(length)")
      }
    }
  }

  @Test func everyTurnedBitIsSeen() {
    let (bytes, ends) = Self.journal(5, unsafe: 5)
    for byte in JournalFormat.headerByteCount..<bytes.count {
      for bit in 0..<8 {
        var damaged = bytes
        damaged[byte] ^= 1 << UInt8(bit)
        let scan = Self.scan(damaged)
        let record = (ends.lastIndex { $0 <= byte } ?? 0) + 1
        #expect(scan.sequence == UInt64(record - 1), "bit \(bit) of byte \(byte)")
        #expect(scan.damage == nil, "nothing says that it was safe")
        #expect(scan.tornByteCount > 0)
      }
    }
  }

  @Test func damageInWhatWasSafeIsRefused() {
    // Each record knows that all but the two before it are safe.
    let (bytes, ends) = Self.journal(8, unsafe: 2)
    for record in 1...8 {
      var damaged = bytes
      damaged[ends[record] - 12] ^= 4
      let scan = Self.scan(damaged)
      #expect(scan.sequence == UInt64(record - 1))
      // Record 8 knows that 1…5 are safe.
      #expect((scan.damage != nil) == (record <= 5), "record \(record)")
    }
  }

  @Test func recordsOfAnotherJournalAreNone() {
    let (bytes, _) = Self.journal(3, unsafe: 3)
    let scan = JournalScan(bytes.rawBytes, number: 1, identity: testIdentity)
    #expect(scan.sequence == 0)
    #expect(scan.tornByteCount > 0)
  }

  @Test func wholeRecordOfUnknownContentsIsRefused() {
    var list = ChangeList()
    list.changes.append(.clientFree(slot: 1))
    var out = ByteWriter()
    out.bytes = JournalFormat.header(number: Self.number)
    let start = out.bytes.count
    JournalFormat.append(list, transno: 1, sequence: 1, safe: 0, number: Self.number, to: &out)
    out.bytes[start + JournalFormat.frameByteCount] = 200
    out.store(
      JournalChecksum.compute(
        over: out.bytes.rawBytes, start + 8..<out.bytes.count, seed: Self.number), at: start)
    #expect(Self.scan(out.bytes).damage != nil)
  }

  @Test func headerSaysWhatItIs() {
    let header = JournalFormat.header(number: 77)
    #expect(header.count == JournalFormat.headerByteCount)
    #expect(JournalFormat.readHeader(header.rawBytes) == .sound(number: 77))
    for byte in header.indices {
      var damaged = header
      damaged[byte] ^= 1
      #expect(JournalFormat.readHeader(damaged.rawBytes) != .sound(number: 77), "byte \(byte)")
    }
    for length in header.indices {
      let part = Array(header[0..<length])
      #expect(JournalFormat.readHeader(part.rawBytes) == .foreign)
    }
    var newer = header
    newer[8] = 3
    #expect(JournalFormat.readHeader(newer.rawBytes) == .newer(version: 3))
  }

  @Test(arguments: [(UInt8(0), false), (1, true), (2, true)])
  func olderFormats(version: UInt8, isRead: Bool) {
    let header = Self.header(JournalFormat.header(number: 77), version: version)
    #expect((JournalFormat.readHeader(header.rawBytes) == .sound(number: 77)) == isRead)
  }

  /// A header as a program of another version writes it.
  static func header(_ bytes: [UInt8], version: UInt8) -> [UInt8] {
    var out = ByteWriter()
    out.bytes = bytes
    out.bytes[8] = version
    let end = JournalFormat.headerByteCount - 8
    out.store(JournalChecksum.compute(over: out.bytes.rawBytes, 0..<end, seed: 0), at: end)
    return out.bytes
  }
}
