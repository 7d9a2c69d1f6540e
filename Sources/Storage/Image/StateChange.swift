package import LustreWire

/// One change to what a store remembers beside the bytes of objects.
///
/// Changes hold results, not differences: applied twice they leave what they left the first time, which is
/// what makes a journal of them safe to read again.
package enum StateChange: Sendable, BitwiseCopyable {
  case identity(TargetIdentity)
  /// The highest transno so far; in the snapshot at the head of a journal.
  case transno(UInt64)
  case object(StoredObjectID, StoredObject)
  case objectSize(StoredObjectID, size: UInt64, version: UInt64)
  case destroy(StoredObjectID)
  case lastID(sequence: UInt64, id: UInt64)
  case client(slot: UInt32, ObdUUID, generation: UInt32)
  case clientFree(slot: UInt32)
  case result(slot: UInt32, RequestResult, isClose: Bool)
  case reply(ReplyRecord)
  case replyFree(slot: UInt32, place: UInt16)
  /// `count` bytes that lie beside the change, from `start` on; they go to `offset` of the blob.
  case blob(BlobName, offset: UInt64, start: Int, count: Int)
  case blobSize(BlobName, size: UInt64)
  case blobFree(BlobName)
}
