internal import LustreWire

/// What a journal's records amount to.
package struct JournalScan: Sendable {
  package private(set) var image: TargetImage
  /// Where the next record would stand.
  package private(set) var end = JournalFormat.headerByteCount
  /// The number of the last sound record.
  package private(set) var sequence: UInt64 = 0
  /// Bytes behind the end that are not zero any more: what a crash tore.
  package private(set) var tornByteCount = 0
  /// Why the file must not be used; nil when it may.
  package private(set) var damage: String?

  /// Reads all records of a file whose header is sound.
  ///
  /// - Parameters:
  ///   - number: the journal's own.
  ///   - identity: what the image has before the first record replaces it.
  package init(_ bytes: borrowing RawSpan, number: UInt64, identity: TargetIdentity) {
    image = TargetImage(identity)
    var list = ChangeList()
    while let record = Self.record(bytes, at: end, number: number), record.sequence == sequence + 1
    {
      list.removeAll()
      let payload = bytes.extracting(record.payload)
      guard list.decode(payload), image.apply(list, transno: record.transno) else {
        damage =
          "record \(record.sequence) at byte \(end) is whole, but holds what this version does not "
          + "understand"
        return
      }
      sequence = record.sequence
      end = record.end
    }
    inspectRest(bytes, number: number)
  }

  private struct Record {
    var sequence: UInt64
    var safe: UInt64
    var transno: UInt64
    var payload: Range<Int>
    var end: Int
  }

  /// The sound record at a place; nil when there is none.
  private static func record(_ bytes: borrowing RawSpan, at start: Int, number: UInt64) -> Record? {
    guard let frame = plausible(bytes, at: start) else { return nil }
    let sum = JournalChecksum.compute(over: bytes, start + 8..<frame.end, seed: number)
    return sum == bytes.little(UInt64.self, at: start) ? frame : nil
  }

  private static func plausible(_ bytes: borrowing RawSpan, at start: Int) -> Record? {
    guard bytes.byteCount - start >= JournalFormat.frameByteCount,
      bytes.little(UInt64.self, at: start) != 0, bytes.little(UInt32.self, at: start + 12) == 0
    else { return nil }
    let count = Int(bytes.little(UInt32.self, at: start + 8))
    let payload = start + JournalFormat.frameByteCount
    let end = payload + (count + 7) / 8 * 8
    guard count <= JournalFormat.payloadByteCountMax, end <= bytes.byteCount else { return nil }
    return Record(
      sequence: bytes.little(UInt64.self, at: start + 16),
      safe: bytes.little(UInt64.self, at: start + 24),
      transno: bytes.little(UInt64.self, at: start + 32), payload: payload..<payload + count,
      end: end)
  }

  /// Looks behind the end for what a crash left, and for proof that more must have been there.
  private mutating func inspectRest(_ bytes: borrowing RawSpan, number: UInt64) {
    var at = end
    var last = end
    while at < bytes.byteCount {
      guard bytes.byteCount - at >= 8 else {
        if (at..<bytes.byteCount).contains(where: { bytes.byte(at: $0) != 0 }) {
          last = bytes.byteCount
        }
        break
      }
      if bytes.little(UInt64.self, at: at) != 0 {
        last = at + 8
        if let frame = Self.plausible(bytes, at: at), frame.safe > sequence,
          frame.sequence > frame.safe, Self.record(bytes, at: at, number: number) != nil
        {
          damage =
            "record \(sequence + 1) at byte \(end) is damaged, though record \(frame.sequence) "
            + "behind it says that it had been written safely"
          return
        }
      }
      at += 8
    }
    tornByteCount = last - end
  }
}
