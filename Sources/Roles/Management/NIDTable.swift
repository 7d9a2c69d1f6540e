internal import Connections
package import LustreWire

// The table of NIDs for imperative recovery (spec 11 §14).
extension ManagedFileSystem {
  /// What a reader gets who asks for the table from a version on.
  package struct TablePart: Equatable, Sendable {
    package var bytes: [UInt8]
    package var reply: ConfigReadReply
  }

  /// - Parameters:
  ///   - first: the first version wanted.
  ///   - hasLargeNIDs: entries of 20 bytes, instead of 8.
  ///   - unit: bytes that no entry crosses.
  ///   - units: how many there is room for.
  package func table(
    from first: UInt64, hasLargeNIDs: Bool, unit: Int, units: Int
  ) -> TablePart {
    var part = TablePart(bytes: [], reply: ConfigReadReply())
    part.reply.offset = version
    part.reply.size = version
    let news = targets.filter { $0.version >= max(1, first) }.sorted { $0.version < $1.version }
    var last = 0
    var lastVersion: UInt64 = 0
    for target in news {
      let entry = NIDTableEntry(
        version: target.version, instance: target.instance, index: target.index,
        targetType: target.kind == .mdt ? 1 : 2, largeNIDs: hasLargeNIDs,
        nidCount: UInt8(target.nids.count))
      let room = (unit - part.bytes.count % unit) % unit
      if room != 0, room < Int(entry.byteCount) {
        // The one before reaches to the end of its unit.
        guard part.bytes.count + room < unit * units else { break }
        Self.stretch(&part.bytes, last, by: room)
      }
      guard part.bytes.count + Int(entry.byteCount) <= unit * units else { break }
      last = part.bytes.count
      lastVersion = target.version
      Self.append(entry, target.nids, to: &part.bytes)
    }
    if let newest = news.last?.version, lastVersion < newest { part.reply.offset = lastVersion }
    return part
  }

  private static func append(
    _ entry: NIDTableEntry, _ nids: [NID], to bytes: inout [UInt8]
  ) {
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: Int(entry.byteCount)))
    bytes.withMutableRawSpan { span in
      entry.encode(into: &span, at: start)
      for (number, nid) in nids.enumerated() {
        entry.encode(LargeNID(nid), number, into: &span, at: start)
      }
    }
  }

  private static func stretch(_ bytes: inout [UInt8], _ last: Int, by count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: count))
    guard let entry = try? NIDTableEntry(decoding: bytes.rawBytes, at: last) else { return }
    bytes.withMutableRawSpan {
      $0.storeNative(entry.byteCount + UInt32(count), at: last + 16)
    }
  }
}
