package import LustreWire
package import RDMATransport

/// What a target asks of its disk.
///
/// A buffer named here stays the store's until the command's completion has come: whoever gave it neither
/// frees nor reads nor writes it before.
package enum StorageOperation: Sendable, BitwiseCopyable {
  // MARK: Objects

  /// Makes an empty object; EEXIST when it is there.
  case create(StoredObjectID, StoredAttributes)
  /// ENOENT when it is not there, as for all that follow.
  case destroy(StoredObjectID)
  /// Takes over the attributes whose fields are set.
  case setAttributes(StoredObjectID, StoredAttributes)
  /// All bytes of the buffer, at an offset; the object grows when they end behind it.
  case write(StoredObjectID, offset: UInt64, data: BufferRef)
  /// Cuts or grows it.
  case truncate(StoredObjectID, size: UInt64)
  /// Makes the bytes from one to another 0, as far as it has them; its size stays. Not behind a cut in one transaction
  /// (EINVAL).
  case clear(StoredObjectID, from: UInt64, through: UInt64)
  /// As much as there is up to the end of the object; `count` of the completion says how much.
  case read(StoredObjectID, offset: UInt64, into: BufferRef)
  case getAttributes(StoredObjectID)
  /// Writes (sequence, id, size, mtime), 32 bytes each and little-endian, into the buffer; a time that nobody has set is
  /// 0. `count` is how many. The first call has cursor 0, the next one what `version` of the completion says; that is 0
  /// at the end.
  case listObjects(cursor: UInt64, into: BufferRef)

  // MARK: What a target remembers of itself and its clients

  /// The mount count is the store's own: what is said here does not count.
  case setIdentity(TargetIdentity)
  /// The last id given out in a sequence.
  case setLastID(sequence: UInt64, id: UInt64)
  /// Takes a slot, or gives it another owner; results and replies of an earlier one are dropped.
  case addClient(slot: UInt32, ObdUUID, generation: UInt32)
  /// ENOENT when the slot is free, as for all that follow. Its replies go too.
  case freeClient(slot: UInt32)
  case setResult(slot: UInt32, RequestResult, isClose: Bool)
  case setReply(ReplyRecord)
  case freeReply(slot: UInt32, place: UInt16)

  // MARK: Blobs

  /// All bytes of the buffer at an offset not behind the blob's end; makes the blob when it is not there.
  case writeBlob(BlobName, offset: UInt64, data: BufferRef)
  /// Cuts it.
  case truncateBlob(BlobName, size: UInt64)
  case removeBlob(BlobName)
  /// As `read`; `version` of the completion is the size of the blob.
  case readBlob(BlobName, offset: UInt64, into: BufferRef)

  // MARK: The store itself

  /// Nothing of its own: for a barrier with `isSync`, or the end of a transaction.
  case none
  case statistics
}

/// One record of a target's stream to its disk.
///
/// Commands take effect in order. Modifying commands between which `continues` stands are one transaction:
/// their changes to attributes and small state are kept or lost together, and seen when the transaction has
/// ended. Bytes of objects are written in place: of a transaction that failed or that a crash cut off, some may
/// be there, as far as the object has room for them. After making an object shorter, or destroying it, a
/// transaction cannot make it longer or anew (EINVAL).
package struct StorageCommand: Sendable, BitwiseCopyable {
  package var operation: StorageOperation
  /// The transaction's number: the same in all its commands and higher than in all before, or 0 for changes
  /// that no client replays. A lower one is EINVAL.
  package var transno: UInt64
  /// The target's name for the command; the completion brings it back.
  package var ticket: UInt32
  /// More commands of the same transaction follow.
  package var continues: Bool
  /// The completion comes when this and all before are durable, instead of when they are done.
  package var isSync: Bool

  package init(
    _ operation: StorageOperation, ticket: UInt32, transno: UInt64 = 0, continues: Bool = false,
    isSync: Bool = false
  ) {
    self.operation = operation
    self.ticket = ticket
    self.transno = transno
    self.continues = continues
    self.isSync = isSync
  }
}

extension StorageOperation {
  package var modifies: Bool {
    switch self {
    case .create, .destroy, .setAttributes, .write, .truncate, .clear, .setIdentity, .setLastID,
      .addClient, .freeClient, .setResult, .setReply, .freeReply, .writeBlob, .truncateBlob,
      .removeBlob:
      true
    case .read, .getAttributes, .listObjects, .readBlob, .none, .statistics: false
    }
  }

  /// Gives space back: a full disk must not refuse it.
  package var frees: Bool {
    switch self {
    case .destroy, .clear, .freeClient, .freeReply, .truncateBlob, .removeBlob: true
    case .create, .setAttributes, .write, .truncate, .setIdentity, .setLastID, .addClient,
      .setResult, .setReply, .writeBlob, .read, .getAttributes, .listObjects, .readBlob, .none,
      .statistics:
      false
    }
  }
}
