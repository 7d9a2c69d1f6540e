internal import LustreWire
internal import RDMATransport

// What a target remembers of itself and its clients, and blobs.
extension TransactionEngine {
  mutating func targetStep(_ operation: StorageOperation) -> StorageStep {
    switch operation {
    case .setIdentity(var identity):
      identity.mountCount = image.identity.mountCount
      changes.changes.append(.identity(identity))
    case .setLastID(let sequence, let id):
      if image.lastID(sequence: sequence) == nil,
        image.sequenceCount + changes.changes.count >= StorageLimits.sequenceCountMax
      {
        return refuseByLimit()
      }
      changes.changes.append(.lastID(sequence: sequence, id: id))
    case .addClient(let slot, let uuid, let generation):
      guard slot < StorageLimits.clientCountMax else { return refuseByLimit() }
      guard !uuid.isEmpty else { return refuse(StorageErrno.invalid) }
      changes.changes.append(.client(slot: slot, uuid, generation: generation))
    case .freeClient(let slot):
      guard hasClient(slot) else { return refuse(StorageErrno.noEntry) }
      changes.changes.append(.clientFree(slot: slot))
    case .setResult(let slot, let outcome, let isClose):
      guard hasClient(slot) else { return refuse(StorageErrno.noEntry) }
      changes.changes.append(.result(slot: slot, outcome, isClose: isClose))
    case .setReply(let reply):
      guard hasClient(reply.client) else { return refuse(StorageErrno.noEntry) }
      guard reply.place < StorageLimits.repliesPerClientMax else { return refuseByLimit() }
      changes.changes.append(.reply(reply))
    case .freeReply(let slot, let place):
      guard hasClient(slot) else { return refuse(StorageErrno.noEntry) }
      changes.changes.append(.replyFree(slot: slot, place: place))
    case .create, .destroy, .setAttributes, .write, .truncate, .clear, .read, .getAttributes,
      .listObjects,
      .writeBlob, .truncateBlob, .removeBlob, .readBlob, .none, .statistics:
      preconditionFailure("not of the target")
    }
    return .done
  }

  private func hasClient(_ slot: UInt32) -> Bool {
    var index = changes.changes.count
    while index > 0 {
      index -= 1
      switch changes.changes[index] {
      case .client(slot, _, _): return true
      case .clientFree(slot): return false
      default: break
      }
    }
    return image.hasClient(slot: slot)
  }

  mutating func blobStep(_ operation: StorageOperation) -> StorageStep {
    switch operation {
    case .writeBlob(let name, let offset, let data): return writeBlob(name, offset, data)
    case .truncateBlob(let name, let size):
      guard let old = blobSize(name) else { return refuse(StorageErrno.noEntry) }
      guard size <= old else { return refuse(StorageErrno.invalid) }
      changes.changes.append(.blobSize(name, size: size))
      return .done
    case .removeBlob(let name):
      guard blobSize(name) != nil else { return refuse(StorageErrno.noEntry) }
      changes.changes.append(.blobFree(name))
      return .done
    case .readBlob(let name, let offset, let into):
      guard let blob = image.blob(name) else { return refuse(StorageErrno.noEntry) }
      result.version = UInt64(blob.count)
      let start = min(Int(clamping: offset), blob.count)
      let count = min(blob.count - start, Int(into.length))
      result.count = UInt64(count)
      outgoing = Array(blob[start..<start + count])
      return count == 0 ? .done : .give(into.part(offset: 0, length: count))
    case .create, .destroy, .setAttributes, .write, .truncate, .clear, .read, .getAttributes,
      .listObjects,
      .setIdentity, .setLastID, .addClient, .freeClient, .setResult, .setReply, .freeReply, .none,
      .statistics:
      preconditionFailure("not of a blob")
    }
  }

  private mutating func writeBlob(
    _ name: BlobName, _ offset: UInt64, _ data: BufferRef
  ) -> StorageStep {
    guard !name.isEmpty else { return refuse(StorageErrno.invalid) }
    let old = blobSize(name)
    guard offset <= old ?? 0 else { return refuse(StorageErrno.invalid) }
    let end = offset + UInt64(data.length)
    guard end <= StorageLimits.blobByteCountMax else { return refuse(StorageErrno.tooBig) }
    let bytes = changes.blobBytes.count + Int(data.length)
    guard bytes <= StorageLimits.transactionBlobBytesMax,
      image.blobByteCount + UInt64(bytes) <= StorageLimits.blobBytesTotalMax,
      old != nil || image.blobCount + changes.changes.count < StorageLimits.blobCountMax
    else { return refuseByLimit() }
    return data.length == 0 ? .done : .take(data)
  }

  /// The size of a blob as the open transaction leaves it so far.
  private func blobSize(_ name: BlobName) -> UInt64? {
    var least: UInt64?
    var index = changes.changes.count
    while index > 0 {
      index -= 1
      switch changes.changes[index] {
      case .blob(name, let offset, _, let count): least = max(least ?? 0, offset + UInt64(count))
      case .blobSize(name, let size): return max(least ?? 0, size)
      case .blobFree(name): return least
      default: break
      }
    }
    guard let blob = image.blob(name) else { return least }
    return max(least ?? 0, UInt64(blob.count))
  }
}
