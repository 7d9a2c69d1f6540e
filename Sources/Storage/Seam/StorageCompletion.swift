/// What a store tells its target.
package enum StorageCompletion: Sendable, BitwiseCopyable {
  /// A command has ended; in the order of the commands.
  case ended(StorageResult)
  /// Everything up to and with this transno survives a crash. Rising; comes after the completions of all
  /// commands it speaks of.
  case durable(transno: UInt64)
}

/// How a command ended.
package struct StorageResult: Sendable, BitwiseCopyable {
  package var ticket: UInt32
  /// 0, or why: positive. A transaction's last command speaks for all of it: when that one failed, nothing of
  /// the transaction has taken effect, whatever the completions of the others said.
  package var errno: Int32
  /// Bytes read, objects listed.
  package var count: UInt64
  /// The object's version before the command (spec 12 §5.5); for other commands see there.
  package var version: UInt64
  package var value: StorageValue

  package init(ticket: UInt32, errno: Int32 = 0) {
    self.ticket = ticket
    self.errno = errno
    count = 0
    version = 0
    value = .none
  }
}

/// What was asked for.
package enum StorageValue: Sendable, BitwiseCopyable {
  case none
  case object(StoredObject)
  case statistics(StoreStatistics)
}

/// How full the disk is.
package struct StoreStatistics: Equatable, Sendable, BitwiseCopyable {
  package var blockByteCount: UInt64 = 4096
  package var blocks: UInt64 = 0
  package var blocksFree: UInt64 = 0
  /// Blocks free for us.
  package var blocksAvailable: UInt64 = 0
  /// Objects there may be.
  package var objects: UInt64 = 0
  package var objectsFree: UInt64 = 0

  package init() {}
}
