internal import LustreWire
internal import RDMATransport

/// What every store does with a command: checks it, gathers the changes of its transaction, and makes them at
/// its end or not at all.
///
/// For each command a store calls `begin`, moves the bytes that the step names, calls `end`, and, when `isSealed`
/// says that a transaction is complete, writes `changes` to where they last and calls `close`. Then `result` is the
/// command's.
///
/// Bad input is one of two: what the target should not have asked (EINVAL, ENOENT, EEXIST) and what finds no
/// room (ENOSPC, EFBIG). Neither changes anything.
package struct TransactionEngine: Sendable {
  package internal(set) var image: TargetImage
  /// Of the transaction so far.
  package var changes = ChangeList()
  /// For `give`.
  package internal(set) var outgoing: [UInt8] = []
  package var result = StorageResult(ticket: 0)
  package var counters = StoreCounters()
  /// The disk has failed: nothing may change any more.
  package var isReadOnly = false

  /// Objects that got bytes in this transaction.
  package internal(set) var written: [StoredObjectID] = []
  /// Objects that this transaction makes shorter.
  package internal(set) var cut: [StoredObjectID] = []
  package internal(set) var destroyed: [StoredObjectID] = []

  private var isOpen = false
  private var transno: UInt64 = 0
  /// Why the open transaction cannot take effect; 0 as long as it can.
  package private(set) var failure: Int32 = 0
  /// A command of this transaction gives space back.
  package private(set) var frees = false
  package private(set) var isSealed = false

  package init(_ image: TargetImage) { self.image = image }

  /// The transno of the open transaction.
  package var openTransno: UInt64 { transno }

  /// Checks a command; what it changes is noted, except for bytes still to be moved.
  package mutating func begin(_ command: StorageCommand) -> StorageStep {
    counters.commands &+= 1
    result = StorageResult(ticket: command.ticket)
    isSealed = false
    let modifies = command.operation.modifies
    if modifies || command.continues { open(command) }
    guard failure == 0 else {
      result.errno = StorageErrno.cancelled
      return .done
    }
    if modifies && changes.changes.count >= StorageLimits.transactionChangeCountMax {
      return refuse(StorageErrno.noSpace)
    }
    if command.operation.frees { frees = true }
    return step(command.operation)
  }

  /// Says how the step went.
  package mutating func end(_ command: StorageCommand, errno: Int32) {
    if errno != 0 && result.errno == 0 { _ = refuse(errno) }
    if result.errno == 0 { note(command.operation) }
    if isOpen && result.errno != 0 && failure == 0 { failure = result.errno }
    isSealed = isOpen && !command.continues
  }

  /// Why the sealed transaction cannot be kept after all.
  package mutating func fail(_ errno: Int32) {
    if failure == 0 { failure = errno }
  }

  /// Ends the sealed transaction: its changes are made, or forgotten when it failed.
  package mutating func close() {
    precondition(isSealed, "no transaction is complete")
    if failure == 0 {
      counters.transactions &+= 1
      image.apply(changes, transno: transno)
    } else {
      counters.transactionsFailed &+= 1
      result.errno = failure
    }
    changes.removeAll()
    written.removeAll(keepingCapacity: true)
    cut.removeAll(keepingCapacity: true)
    destroyed.removeAll(keepingCapacity: true)
    isOpen = false
    isSealed = false
    failure = 0
    frees = false
  }

  private mutating func open(_ command: StorageCommand) {
    if isOpen {
      if command.transno != transno { fail(StorageErrno.invalid) }
      return
    }
    isOpen = true
    transno = command.transno
    if isReadOnly {
      failure = StorageErrno.readOnly
    } else if transno != 0 && transno <= image.lastTransno {
      failure = StorageErrno.invalid
    }
  }

  mutating func refuse(_ errno: Int32) -> StorageStep {
    result.errno = errno
    switch errno {
    case StorageErrno.noSpace: counters.noSpace &+= 1
    case StorageErrno.ioError: counters.ioErrors &+= 1
    default: break
    }
    return .done
  }

  mutating func refuseByLimit() -> StorageStep {
    counters.limitRefusals &+= 1
    result.errno = StorageErrno.noSpace
    return .done
  }

  private mutating func step(_ operation: StorageOperation) -> StorageStep {
    switch operation {
    case .create, .destroy, .setAttributes, .write, .truncate, .clear, .read, .getAttributes,
      .listObjects:
      return objectStep(operation)
    case .setIdentity, .setLastID, .addClient, .freeClient, .setResult, .setReply, .freeReply:
      return targetStep(operation)
    case .writeBlob, .truncateBlob, .removeBlob, .readBlob: return blobStep(operation)
    case .none: return .done
    case .statistics: return .statistics
    }
  }

  /// Notes what a moved piece of data changed.
  private mutating func note(_ operation: StorageOperation) {
    switch operation {
    case .write(let id, let offset, let data):
      if data.length > 0 { noteWrite(id, end: offset + UInt64(data.length)) }
      result.count = UInt64(data.length)
      counters.bytesWritten &+= result.count
    case .clear(let id, _, _): noteWrite(id, end: 0)
    case .read: counters.bytesRead &+= result.count
    case .writeBlob(let name, let offset, let data):
      let count = Int(data.length)
      let start = changes.blobBytes.count - count
      precondition(start >= 0, "the step's bytes were not taken")
      changes.changes.append(.blob(name, offset: offset, start: start, count: count))
      result.count = UInt64(count)
    case .create, .destroy, .setAttributes, .truncate, .getAttributes, .listObjects, .setIdentity,
      .setLastID, .addClient, .freeClient, .setResult, .setReply, .freeReply, .truncateBlob,
      .removeBlob, .readBlob, .none, .statistics:
      break
    }
  }

  /// The version that a changed object has from this transaction on.
  func version(after old: UInt64) -> UInt64 { transno == 0 ? old : transno }
}
