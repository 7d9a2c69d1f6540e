internal import Connections
internal import LustreWire
internal import PtlRPC
internal import RDMATransport
internal import Storage

/// A client's request that an object server executes: from its turn until its answer.
struct ObjectOperation: BitwiseCopyable {
  enum Stage: UInt8, BitwiseCopyable {
    case free
    /// It waits for the disk, for an earlier one, or for the memory of a message.
    case start
    /// It waits for bulk memory, and holds back only those that need some, too.
    case memory
    /// It waits for an earlier creation, or for a lock that the server takes for it.
    case queued
    /// The client's data comes here.
    case fetch
    /// Data is to be written to the disk.
    case store
    /// Commands are with the disk.
    case disk
    /// More is to be read from the disk.
    case load
    /// Data is to be sent to the client.
    case send
    /// Data is on its way to the client.
    case sending
    /// The answer is to be made.
    case answer
  }

  enum Creation: UInt8, BitwiseCopyable {
    case none
    /// Others are before it.
    case queued
    case make
    /// An object that was lost.
    case makeAgain
    case remove
    case done
  }

  var stage = Stage.free
  var opcode: Opcode
  var handle: ServerRequestHandle
  var export: ExportHandle
  var connectionCount: UInt32 = 0
  var object = StoredObjectID(sequence: 0, object: 0)
  /// Commands with the disk; when all have ended, the operation goes on.
  var pending = 0
  /// Why it fails: positive; 0 as long as it does not.
  var errno: Int32 = 0
  var transno: UInt64 = 0
  /// What the disk knows of the object.
  var found = StoredObject()

  /// A lock that the server has taken for it, and whether it has been asked for.
  var lock = LockHandle.none
  var wantsLock = false
  /// A callback by which another client is asked what it knows of the object.
  var callback = RequestHandle.none

  /// Where its reply is kept in case that it is asked for again; and whether it was executed before, and is only
  /// answered.
  var saved = SavedReplyHandle.none
  var isRepeated = false

  // Transfers.
  /// Where the client lies open.
  var matchBits: UInt64 = 0
  /// A run of bulk memory; `.none` for short I/O.
  var memory = BufferRef.none
  var isShort = false
  /// Of a short read: where the data goes in the reply.
  var reply = BufferRef.none
  var operationLimit = 0
  /// Where the data of the object begins in its first page.
  var pageOffset: UInt32 = 0
  /// Bytes of all ranges.
  var byteCount = 0
  /// The next range that the disk is asked for, and where its bytes lie in the memory.
  var nextRange = 0
  var position = 0
  /// The next range whose bytes come from the disk; and bytes that have come.
  var doneRange = 0
  var moved = 0
  /// The object ended before the ranges did.
  var isAtEnd = false
  /// Its commands are durable when they have ended; and everything up to this transaction is, too.
  var isSync = false
  var barrier: UInt64 = 0

  // Creation: ids from the first to the last, and those of the round under way.
  var creation = Creation.none
  var firstID: UInt64 = 0
  var nextID: UInt64 = 0
  var batchEnd: UInt64 = 0
  var lastID: UInt64 = 0

  init(_ opcode: Opcode, _ handle: ServerRequestHandle, of export: ExportHandle) {
    self.opcode = opcode
    self.handle = handle
    self.export = export
  }

  static var filler: ObjectOperation { ObjectOperation(.ping, .none, of: .none) }

  /// The first error counts; a command that was given up because of another's failure does not say why.
  mutating func note(_ errno: Int32) {
    guard errno != 0, self.errno == 0 || self.errno == StorageErrno.cancelled else { return }
    self.errno = errno
  }

  var countOfBatch: UInt64 { batchEnd - nextID + 1 }

  /// Whether a command may have failed without harm: what is to go is not there, or what is to come is,
  /// or the request was executed long ago.
  func tolerates(_ errno: Int32) -> Bool {
    isRepeated || creation == .remove && errno == StorageErrno.noEntry
      || creation == .makeAgain && errno == StorageErrno.exists
  }

  /// The status that a client is told.
  var status: Int32 {
    switch errno {
    case 0: 0
    case StorageErrno.cancelled, StorageErrno.invalid: WireErrno.eio.status
    default: -errno
    }
  }
}
