internal import CLinuxShims
internal import LustreWire
internal import RDMATransport
internal import Storage

/// A target's directory, used by one thread at a time: executes commands and commits what they changed.
///
/// The directory holds `journal` (small state and the attributes of objects, `JournalFormat`), `objects`
/// (`ObjectFiles`), `lock` (the pid of the process that has it open, locked by it), and for moments `journal.new`, the
/// next journal.
///
/// A commit makes safe, in this order: bytes of objects, then the journal, which is not even written before: what a
/// crash leaves in it counts as safe. Only then files are cut or removed,
/// so that a crash never takes bytes that the journal still speaks of. An object whose cut or removal waits
/// for its commit causes one before it gets bytes again.
struct DirectoryStore: ~Copyable {
  /// A journal is written anew when it is so long, and so many times as long as its snapshot was.
  static let compactionByteCount = 4 << 20
  static let compactionFactor = 4

  // Internal, not private: tests destroy stores, and a private type of a field does not link there.
  enum Deferred {
    case cut(StoredObjectID)
    case removal(StoredObjectID)
  }

  private let path: String
  private let lock: Int32
  private var engine: TransactionEngine
  private var journal: JournalFile
  private var objects: ObjectFiles
  private var deferred: [Deferred] = []
  private var deferredIDs: Set<StoredObjectID> = []
  private var nextCompaction: Int
  private(set) var report: StoreReport
  /// Transactions done that are not safe yet.
  private(set) var hasUncommitted = false
  /// Everything up to here is safe.
  private(set) var durableTransno: UInt64

  init(
    path: String, lock: Int32, image: TargetImage, journal: consuming JournalFile,
    report: StoreReport
  ) {
    self.path = path
    self.lock = lock
    engine = TransactionEngine(image)
    durableTransno = image.lastTransno
    objects = ObjectFiles(path: path + "/objects", anchor: lock)
    nextCompaction = Self.compactionLength(after: journal.byteCount)
    self.journal = journal
    self.report = report
  }

  deinit { clinux_unlock_name(lock) }

  private static func compactionLength(after byteCount: Int) -> Int {
    max(compactionByteCount, byteCount * compactionFactor)
  }

  var image: TargetImage { engine.image }
  var counters: StoreCounters { engine.counters }
  var isReadOnly: Bool { engine.isReadOnly }

  // MARK: - Commands

  /// Executes a command; done, but not safe before the next commit.
  ///
  /// - Parameter address: of the command's buffer.
  mutating func execute(_ command: StorageCommand, address: UInt64) -> StorageResult {
    if let id = command.operation.regrown, deferredIDs.contains(id) { _ = commit() }
    let obstacle = prepareGrowth(command.operation)
    let step = engine.begin(command)
    engine.end(command, errno: obstacle == 0 ? perform(step, address) : obstacle)
    guard engine.isSealed else { return engine.result }
    seal()
    let result = engine.result
    if journal.isFull { _ = commit() }
    return result
  }

  /// A file that a crash left longer than its object is cut before the object grows over it.
  private mutating func prepareGrowth(_ operation: StorageOperation) -> Int32 {
    guard case .truncate(let id, let size) = operation, !engine.cut.contains(id),
      let object = engine.object(id), size > object.size
    else { return 0 }
    return objects.cut(id, to: object.size)
  }

  private mutating func perform(_ step: StorageStep, _ address: UInt64) -> Int32 {
    switch step {
    case .done: return 0
    case .write(let id, let offset, let data):
      let size = engine.object(id)?.size ?? 0
      return objects.write(
        id, size: size, at: offset, from: address, count: UInt64(data.length))
    case .clear(let id, let offset, let count):
      // A cut that waits for its commit waits here, too: only what the object has now becomes 0.
      let size = deferredIDs.contains(id) ? UInt64.max : engine.object(id)?.size ?? 0
      return objects.clear(id, size: size, at: offset, count: count)
    case .read(let id, let offset, let into):
      // Bytes behind an end that is not safe yet stay: a crash may bring the old end back.
      let isCut = deferredIDs.contains(id) || engine.cut.contains(id)
      let size = isCut ? UInt64.max : engine.object(id)?.size ?? 0
      return objects.read(id, size: size, at: offset, into: address, count: UInt64(into.length))
    case .take(let data):
      guard let start = unsafe UnsafeRawPointer(bitPattern: UInt(address)) else {
        return StorageErrno.invalid
      }
      // SAFETY: the buffer's giver lent us its bytes until the command's completion.
      unsafe engine.changes.blobBytes.append(
        contentsOf: UnsafeRawBufferPointer(start: start, count: Int(data.length)))
    case .give(let into):
      guard let start = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
        return StorageErrno.invalid
      }
      // SAFETY: as above; there are as many bytes as the step says.
      unsafe engine.outgoing.withUnsafeBytes { bytes in
        unsafe UnsafeMutableRawBufferPointer(start: start, count: Int(into.length))
          .copyMemory(from: bytes)
      }
    case .statistics: return readStatistics()
    }
    return 0
  }

  private mutating func readStatistics() -> Int32 {
    var space = clinux_space()
    // SAFETY: a C string for the length of the call, and a structure of ours that it fills in.
    let error = unsafe -clinux_directory_space(path, &space)
    guard error == 0 else { return error }
    var value = StoreStatistics()
    value.blockByteCount = space.block_byte_count
    value.blocks = space.blocks
    value.blocksFree = space.blocks_free
    value.blocksAvailable = space.blocks_available
    value.objects = UInt64(StorageLimits.objectCountMax)
    let room = value.objects - UInt64(engine.image.objectCount)
    // File systems that make inodes as they go say 0 of 0.
    value.objectsFree = space.files == 0 ? room : min(room, space.files_free)
    engine.result.value = .statistics(value)
    return 0
  }

  private mutating func seal() {
    if engine.failure == 0, !engine.changes.isEmpty {
      let error = journal.append(
        engine.changes, transno: engine.openTransno, frees: engine.frees)
      if error != 0 { fail(error) } else { hasUncommitted = true }
    }
    if engine.failure == 0 {
      for id in engine.cut { put(off: .cut(id), id) }
      for id in engine.destroyed { put(off: .removal(id), id) }
      engine.close()
    } else {
      let written = engine.written
      engine.close()
      // What a failed transaction wrote is taken back as far as it made an object longer.
      for id in written { takeBack(id) }
    }
  }

  /// Only a full disk leaves the journal as it was; after any other failure nothing is known of it.
  private mutating func fail(_ error: Int32) {
    engine.fail(error)
    if error != StorageErrno.noSpace { engine.isReadOnly = true }
  }

  private mutating func takeBack(_ id: StoredObjectID) {
    let error =
      if let object = engine.image.object(id) {
        objects.cut(id, to: object.size)
      } else {
        objects.remove(id)
      }
    if error != 0 { engine.counters.ioErrors &+= 1 }
  }

  private mutating func put(off action: Deferred, _ id: StoredObjectID) {
    deferred.append(action)
    deferredIDs.insert(id)
  }

  // MARK: - Commits

  /// Makes everything done so far safe: true when it is.
  ///
  /// One that fails is the last: what the system was given it may have dropped, so the store takes no change
  /// any more, and what was not safe never will be.
  mutating func commit() -> Bool {
    guard !engine.isReadOnly else { return false }
    guard hasUncommitted || objects.isDirty else { return true }
    var error = objects.sync()
    if error == 0 { error = journal.sync() }
    guard error == 0 else {
      engine.isReadOnly = true
      engine.counters.ioErrors &+= 1
      report.failure = "commit: errno \(error)"
      return false
    }
    hasUncommitted = false
    durableTransno = engine.image.lastTransno
    engine.counters.commits &+= 1
    carryOut()
    if journal.byteCount >= nextCompaction { compact() }
    return !engine.isReadOnly
  }

  /// Cuts and removes what the journal has let go.
  private mutating func carryOut() {
    for action in deferred {
      let error =
        switch action {
        case .cut(let id): objects.cut(id, to: engine.image.object(id)?.size ?? 0)
        case .removal(let id): engine.image.object(id) == nil ? objects.remove(id) : 0
        }
      if error != 0 { engine.counters.ioErrors &+= 1 }
    }
    deferred.removeAll(keepingCapacity: true)
    deferredIDs.removeAll(keepingCapacity: true)
  }

  /// Writes the journal anew. Where that cannot be, the old one goes on.
  private mutating func compact() {
    do throws(StoreErrno) {
      journal = try StoreFolder.replaceJournal(in: path, image: engine.image)
      report.compactions += 1
    } catch {
      report.compactionsFailed += 1
      if error.errno != StorageErrno.noSpace { engine.counters.ioErrors &+= 1 }
    }
    nextCompaction = Self.compactionLength(after: journal.byteCount)
  }
}

/// What happened to a store that an operator should know.
package struct StoreReport: Sendable {
  /// Bytes at the end of the journal that a crash had torn, and that were cut off.
  package var tornByteCount = 0
  /// Files without an object that were removed.
  package var orphansRemoved = 0
  package var compactions = 0
  package var compactionsFailed = 0
  /// Why the store takes no change any more; nil when it does.
  package var failure: String?
}

extension StorageOperation {
  /// The object that gets bytes, or the chance of them.
  fileprivate var regrown: StoredObjectID? {
    switch self {
    case .create(let id, _), .write(let id, _, _), .truncate(let id, _): id
    case .destroy, .setAttributes, .clear, .read, .getAttributes, .listObjects, .setIdentity,
      .setLastID, .addClient, .freeClient, .setResult, .setReply, .freeReply, .writeBlob,
      .truncateBlob,
      .removeBlob, .readBlob, .none, .statistics:
      nil
    }
  }

  /// The buffer that the command lends.
  var buffer: BufferRef? {
    switch self {
    case .write(_, _, let buffer), .read(_, _, let buffer), .listObjects(_, let buffer),
      .writeBlob(_, _, let buffer), .readBlob(_, _, let buffer):
      buffer
    case .create, .destroy, .setAttributes, .truncate, .clear, .getAttributes, .setIdentity,
      .setLastID, .addClient, .freeClient, .setResult, .setReply, .freeReply, .truncateBlob,
      .removeBlob, .none,
      .statistics:
      nil
    }
  }
}
