internal import LustreWire

/// What a simulated disk would still have after a crash.
struct DurableState: Sendable {
  var image: TargetImage
  var objects: MemoryObjects
  /// The last command whose effects are here.
  var number: UInt64
  /// How many of the transactions not yet safe are here too.
  var redoCount: Int

  mutating func apply(_ record: RedoRecord) {
    write(record)
    image.apply(record.list, transno: record.transno)
    for id in record.cut { objects.cut(id, to: image.object(id)?.size ?? 0) }
    for id in record.destroyed { objects.remove(id) }
  }

  /// Bytes of a transaction that did not get through: they are written in place, so some may be there.
  mutating func applyBytes(_ record: RedoRecord) {
    write(record)
    for write in record.writes {
      guard let object = image.object(write.id) else {
        objects.remove(write.id)
        continue
      }
      objects.cut(write.id, to: object.size)
    }
  }

  private mutating func write(_ record: RedoRecord) {
    for write in record.writes {
      objects.clear(write.id, at: write.offset, count: write.clearedCount)
      guard !write.bytes.isEmpty else { continue }
      _ = objects.write(write.id, at: write.offset, from: write.bytes.rawBytes)
    }
  }
}

/// A transaction that could still be lost.
struct RedoRecord: Sendable {
  struct Write: Sendable {
    var id: StoredObjectID
    var offset: UInt64
    var bytes: [UInt8] = []
    /// Bytes that became 0 instead.
    var clearedCount: UInt64 = 0
  }

  var transno: UInt64
  var list: ChangeList
  var writes: [Write]
  var cut: [StoredObjectID]
  var destroyed: [StoredObjectID]
}

extension Array where Element == UInt8 {
  init(copying bytes: borrowing RawSpan) {
    self = [UInt8](repeating: 0, count: bytes.byteCount)
    let source = copy bytes
    withMutableRawSpan { $0.copy(from: source) }
  }

  mutating func append(copying bytes: borrowing RawSpan) {
    let at = count
    append(contentsOf: repeatElement(0, count: bytes.byteCount))
    let source = copy bytes
    withMutableRawSpan { $0.copy(from: source, at: at) }
  }
}
