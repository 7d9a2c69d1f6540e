package import RDMATransport

/// The bytes that a command wants moved, which is all that a store itself does for it.
package enum StorageStep: Sendable, BitwiseCopyable {
  /// None.
  case done
  /// All bytes of the buffer into the object.
  case write(StoredObjectID, offset: UInt64, data: BufferRef)
  /// So many bytes of the object to 0: it logically has them.
  case clear(StoredObjectID, offset: UInt64, count: UInt64)
  /// The buffer filled from the object, which logically has so many bytes there; what was never written is 0.
  case read(StoredObjectID, offset: UInt64, into: BufferRef)
  /// The buffer's bytes appended to `changes.blobBytes`.
  case take(BufferRef)
  /// `outgoing` into the buffer, where there is room for it.
  case give(BufferRef)
  /// The value of the result: the disk's.
  case statistics
}
