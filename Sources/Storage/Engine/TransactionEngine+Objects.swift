internal import LustreWire
internal import RDMATransport

extension TransactionEngine {
  mutating func objectStep(_ operation: StorageOperation) -> StorageStep {
    switch operation {
    case .create(let id, let attributes): return create(id, attributes)
    case .destroy(let id):
      guard let record = object(id) else { return refuse(StorageErrno.noEntry) }
      result.version = record.version
      changes.changes.append(.destroy(id))
      destroyed.append(id)
      return .done
    case .setAttributes(let id, let attributes):
      guard var record = object(id) else { return refuse(StorageErrno.noEntry) }
      result.version = record.version
      record.attributes.merge(attributes)
      record.version = version(after: record.version)
      changes.changes.append(.object(id, record))
      return .done
    case .write(let id, let offset, let data):
      guard let record = object(id) else { return refuse(StorageErrno.noEntry) }
      let (end, overflows) = offset.addingReportingOverflow(UInt64(data.length))
      guard !overflows, end <= StorageLimits.objectByteCountMax else {
        return refuse(StorageErrno.tooBig)
      }
      guard !cut.contains(id) else { return refuse(StorageErrno.invalid) }
      result.version = record.version
      if written.last != id { written.append(id) }
      return data.length == 0 ? .done : .write(id, offset: offset, data: data)
    case .truncate(let id, let size): return truncate(id, size)
    case .clear(let id, let first, let last): return clear(id, first, last)
    case .read(let id, let offset, let into): return read(id, offset, into)
    case .getAttributes(let id):
      guard let record = object(id) else { return refuse(StorageErrno.noEntry) }
      result.version = record.version
      result.value = .object(record)
      return .done
    case .listObjects(let cursor, let into): return list(cursor, into)
    case .setIdentity, .setLastID, .addClient, .freeClient, .setResult, .setReply, .freeReply,
      .writeBlob, .truncateBlob, .removeBlob, .readBlob, .none, .statistics:
      preconditionFailure("not of an object")
    }
  }

  /// An object as the open transaction leaves it so far.
  package func object(_ id: StoredObjectID) -> StoredObject? {
    var size: (size: UInt64, version: UInt64)?
    var index = changes.changes.count
    var record: StoredObject?
    var isDecided = false
    while index > 0, !isDecided {
      index -= 1
      switch changes.changes[index] {
      case .object(id, let found):
        record = found
        isDecided = true
      case .objectSize(id, let bytes, let version):
        if size == nil { size = (bytes, version) }
      case .destroy(id): return nil
      default: break
      }
    }
    guard var found = isDecided ? record : image.object(id) else { return nil }
    if let size {
      found.size = size.size
      found.version = size.version
    }
    return found
  }

  private mutating func create(_ id: StoredObjectID, _ attributes: StoredAttributes) -> StorageStep
  {
    guard object(id) == nil else { return refuse(StorageErrno.exists) }
    guard !destroyed.contains(id) else { return refuse(StorageErrno.invalid) }
    // The changes of this transaction count as if all were new objects.
    guard image.objectCount + changes.changes.count < StorageLimits.objectCountMax else {
      return refuseByLimit()
    }
    var record = StoredObject()
    record.attributes.merge(attributes)
    record.version = version(after: 0)
    changes.changes.append(.object(id, record))
    return .done
  }

  private mutating func truncate(_ id: StoredObjectID, _ size: UInt64) -> StorageStep {
    guard let record = object(id) else { return refuse(StorageErrno.noEntry) }
    guard size <= StorageLimits.objectByteCountMax else { return refuse(StorageErrno.tooBig) }
    if size < record.size {
      if !cut.contains(id) { cut.append(id) }
    } else if cut.contains(id) {
      return refuse(StorageErrno.invalid)
    }
    result.version = record.version
    noteSize(id, size, version(after: record.version))
    return .done
  }

  private mutating func clear(_ id: StoredObjectID, _ first: UInt64, _ last: UInt64) -> StorageStep
  {
    guard let record = object(id) else { return refuse(StorageErrno.noEntry) }
    guard first <= last, !cut.contains(id) else { return refuse(StorageErrno.invalid) }
    result.version = record.version
    guard first < record.size else { return .done }
    return .clear(id, offset: first, count: min(last, record.size - 1) - first + 1)
  }

  private mutating func read(_ id: StoredObjectID, _ offset: UInt64, _ into: BufferRef)
    -> StorageStep
  {
    guard let record = object(id) else { return refuse(StorageErrno.noEntry) }
    result.version = record.version
    let left = record.size > offset ? record.size - offset : 0
    let count = min(left, UInt64(into.length))
    result.count = count
    guard count > 0 else { return .done }
    return .read(id, offset: offset, into: into.part(offset: 0, length: Int(count)))
  }

  private mutating func list(_ cursor: UInt64, _ into: BufferRef) -> StorageStep {
    var out = ByteWriter()
    var cell = Int(clamping: cursor)
    let room = Int(into.length) / StorageLimits.listedObjectByteCount
    let cells = image.objects.cells
    while cell < cells.count, result.count < UInt64(room) {
      if let found = cells[cell] {
        out.append(found.key)
        out.append(found.value.size)
        out.append(found.value.attributes.mtime)
        result.count += 1
      }
      cell += 1
    }
    result.version = cell < cells.count ? UInt64(cell) : 0
    outgoing = out.bytes
    return outgoing.isEmpty ? .done : .give(into.part(offset: 0, length: outgoing.count))
  }

  /// The object has been written up to here.
  mutating func noteWrite(_ id: StoredObjectID, end: UInt64) {
    guard let record = object(id) else { return }
    noteSize(id, max(record.size, end), version(after: record.version))
  }

  /// A row of writes to one object leaves one change.
  private mutating func noteSize(_ id: StoredObjectID, _ size: UInt64, _ version: UInt64) {
    let change = StateChange.objectSize(id, size: size, version: version)
    if case .objectSize(id, _, _)? = changes.changes.last {
      changes.changes[changes.changes.count - 1] = change
    } else {
      changes.changes.append(change)
    }
  }
}
