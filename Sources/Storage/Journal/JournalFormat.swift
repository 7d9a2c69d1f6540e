internal import LustreWire

/// The file in which a store keeps its small state, version 2. All integers are little-endian.
///
/// **Versions**: version 2 knows what was asked in replies that are kept. A file of version 1 is read, and written anew
/// when its store is opened; where there is no room for that it goes on as it is, with changes of both versions.
///
/// **Header**, 64 bytes: `VRBSTORE` 0:8; version 8:4; header length 12:4 = 64; the journal's own random number 16:8;
/// zeros; checksum 56:8 over the bytes before it, seeded with 0.
///
/// **Records** follow, each starting at a multiple of 8: checksum 0:8 over all that follows in the record, padding
/// included, seeded with the journal's number; payload length 8:4; zero 12:4; sequence number 16:8, from 1 on,
/// without gaps; the highest sequence number known to be safe when the record was written 24:8; transno 32:8;
/// payload; zeros up to a multiple of 8. The payload is a row of changes (`ChangeList`): one transaction, or a
/// part of the snapshot that a journal begins with. Behind the last record there are zeros or nothing.
///
/// **Reading** ends at the first place where no sound record with the next number stands. What follows there
/// was being written when the power failed, and is cut off, unless a sound record behind it says that the
/// missing one was safe already: then the file is damaged, and is refused. (Damage in the last commit cannot
/// be told from a torn end.)
package enum JournalFormat {
  package static let version: UInt32 = 2
  /// The oldest that is read.
  package static let oldestVersion: UInt32 = 1
  package static let headerByteCount = 64
  package static let frameByteCount = 40
  /// What a transaction can have at most, or one piece of a snapshot.
  package static let payloadByteCountMax = 16 << 20
  /// `VRBSTORE`
  private static let magic: UInt64 = 0x4552_4F54_5342_5256

  package static func header(number: UInt64) -> [UInt8] {
    var out = ByteWriter()
    out.append(magic)
    out.append(version)
    out.append(UInt32(headerByteCount))
    out.append(number)
    while out.bytes.count < headerByteCount - 8 { out.append(UInt64(0)) }
    out.append(
      JournalChecksum.compute(over: out.bytes.rawBytes, 0..<headerByteCount - 8, seed: 0))
    return out.bytes
  }

  /// What a file's header says.
  package enum Header: Equatable, Sendable {
    case sound(number: UInt64)
    /// Too short, or begins otherwise.
    case foreign
    case newer(version: UInt32)
    case damaged
  }

  package static func readHeader(_ bytes: borrowing RawSpan) -> Header {
    guard bytes.byteCount >= headerByteCount, bytes.little(UInt64.self, at: 0) == magic else {
      return .foreign
    }
    let found = bytes.little(UInt32.self, at: 8)
    guard found <= version else { return .newer(version: found) }
    let sum = JournalChecksum.compute(over: bytes, 0..<headerByteCount - 8, seed: 0)
    guard found >= oldestVersion, bytes.little(UInt32.self, at: 12) == UInt32(headerByteCount),
      bytes.little(UInt64.self, at: headerByteCount - 8) == sum
    else { return .damaged }
    return .sound(number: bytes.little(UInt64.self, at: 16))
  }

  /// Appends a record.
  package static func append(
    _ list: borrowing ChangeList, transno: UInt64, sequence: UInt64, safe: UInt64, number: UInt64,
    to out: inout ByteWriter
  ) {
    precondition(out.bytes.count % 8 == 0)
    let start = out.bytes.count
    out.append(UInt64(0))
    out.append(UInt64(0))
    out.append(sequence)
    out.append(safe)
    out.append(transno)
    list.encode(into: &out)
    let payload = out.bytes.count - start - frameByteCount
    precondition(payload <= payloadByteCountMax)
    while out.bytes.count % 8 != 0 { out.append(UInt8(0)) }
    out.store(UInt32(payload), at: start + 8)
    let sum = JournalChecksum.compute(
      over: out.bytes.rawBytes, start + 8..<out.bytes.count, seed: number)
    out.store(sum, at: start)
  }

  /// An upper bound of a record's length.
  package static func byteCountMax(of list: borrowing ChangeList) -> Int {
    frameByteCount + list.byteCountMax + 7
  }
}
