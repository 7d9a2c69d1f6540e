internal import LustreWire
internal import Storage

/// What must be written for a file system's new state to be on the disk.
struct BlobChanges {
  enum Step {
    case remove(BlobName)
    case truncate(BlobName, size: UInt64)
    /// A part of `bytes`.
    case write(BlobName, offset: UInt64, Range<Int>)
  }

  private(set) var steps: [Step] = []
  private(set) var bytes: [UInt8] = []

  init(from old: ManagedFileSystem?, to new: ManagedFileSystem) {
    for kept in old?.logs ?? [] where new.log(kept.log.name) == nil {
      if let name = BlobName(kept.log.name) { steps.append(.remove(name)) }
    }
    for kept in new.logs {
      let before = old.flatMap { old in old.log(kept.log.name).map { old.logs[$0].log.bytes.count }
      }
      add(kept, before: before ?? 0)
    }
    let text = Array(new.text.utf8)
    let before = old.map { $0.text.utf8.count } ?? 0
    if let name = BlobName(new.blobName) { write(name, text[...], at: 0, before: before) }
  }

  private mutating func add(_ kept: ManagedFileSystem.KeptLog, before: Int) {
    guard let name = BlobName(kept.log.name), kept.storedByteCount != kept.log.bytes.count else {
      return
    }
    if kept.storedByteCount == 0 {
      return write(name, kept.log.bytes[...], at: 0, before: before)
    }
    // The header counts the records.
    write(name, kept.log.bytes[..<ConfigLog.chunkByteCount], at: 0, before: 0)
    write(name, kept.log.bytes[kept.storedByteCount...], at: kept.storedByteCount, before: 0)
  }

  private mutating func write(
    _ name: BlobName, _ content: ArraySlice<UInt8>, at offset: Int, before: Int
  ) {
    let start = bytes.count
    bytes.append(contentsOf: content)
    steps.append(.write(name, offset: UInt64(offset), start..<bytes.count))
    if before > offset + content.count {
      steps.append(.truncate(name, size: UInt64(content.count)))
    }
  }
}
