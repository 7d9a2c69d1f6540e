/// How much one target's store takes. Reaching a limit is ENOSPC, counted, and nothing else is harmed.
package enum StorageLimits {
  /// Clients: as many as a real target has slots for (spec 11 §6).
  package static let clientCountMax = 131_072
  /// Kept replies of one client: its tags are far fewer.
  package static let repliesPerClientMax = 4_096
  /// Objects: their attributes, some 200 bytes each, are held in memory.
  package static let objectCountMax = 1 << 20
  package static let sequenceCountMax = 4_096
  /// Bytes of one object in a list.
  package static let listedObjectByteCount = 32
  package static let blobCountMax = 65_536
  /// Bytes of one blob: a configuration log ends at 64768 records (spec 11 §12).
  package static let blobByteCountMax: UInt64 = 64 << 20
  /// Bytes of all blobs, which are held in memory.
  package static let blobBytesTotalMax: UInt64 = 256 << 20
  /// Changes to small state in one transaction: a request makes a few. A row of writes to one object is one.
  package static let transactionChangeCountMax = 1_024
  /// Bytes of blobs in one transaction; with the changes they fit one record of a journal.
  package static let transactionBlobBytesMax = 4 << 20
  /// Bytes of an object: the largest file of Linux.
  package static let objectByteCountMax = UInt64(Int64.max)
}
