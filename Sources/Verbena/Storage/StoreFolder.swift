internal import CLinuxShims
internal import LustreWire
internal import Storage

/// Opens and makes the directories of targets.
enum StoreFolder {
  /// Opens the directory of a target; makes it when it is not there.
  ///
  /// Blocks for as long as the disk takes. When it returns, this start is counted, durably.
  ///
  /// - Parameter identity: whose directory it must be; what is stored counts for all but the UUID and the kind.
  static func open(_ path: String, _ identity: TargetIdentity) throws(NodeError) -> DirectoryStore {
    try check(path, unsafe clinux_private_directory(path), "the directory cannot be made")
    let lock = try takeLock(path)
    do throws(NodeError) {
      return try open(path, identity, lock: lock)
    } catch {
      clinux_unlock_name(lock)
      throw error
    }
  }

  private static func open(
    _ path: String, _ identity: TargetIdentity, lock: Int32
  ) throws(NodeError) -> DirectoryStore {
    let file = unsafe clinux_file_open(path + "/journal", 0)
    if file == -StorageErrno.noEntry { return try make(path, identity, lock: lock) }
    try check(path, file, "opening its journal")
    let bytes: [UInt8]
    do throws(NodeError) {
      bytes = try contents(of: file, path)
    } catch {
      clinux_close(file)
      throw error
    }
    let number: UInt64
    let scan: JournalScan
    do throws(NodeError) {
      number = try readHeader(bytes, path)
      scan = JournalScan(bytes.rawBytes, number: number, identity: identity)
      try checkScan(scan, identity, path)
    } catch {
      clinux_close(file)
      throw error
    }
    var old = JournalFile(continuing: file, number: number, scan: scan, reserved: bytes.count)
    var image = scan.image
    let mount = image.countStart()
    var report = StoreReport()
    report.tornByteCount = scan.tornByteCount
    report.orphansRemoved = ObjectFiles.removeOrphans(path + "/objects", image)
    do throws(StoreErrno) {
      let journal = try replaceJournal(in: path, image: image)
      return DirectoryStore(
        path: path, lock: lock, image: image, journal: journal, report: report)
    } catch {
      // A full disk must not keep a target from starting: it could never be emptied.
      guard error.errno == StorageErrno.noSpace else {
        throw problem(path, error.errno, "writing a new journal")
      }
      var failure = old.clearTorn(scan.tornByteCount)
      if failure == 0 { failure = old.append(mount, transno: 0, frees: true) }
      if failure == 0 { failure = old.sync() }
      guard failure == 0 else { throw problem(path, failure, "counting this start") }
      report.compactionsFailed = 1
      return DirectoryStore(path: path, lock: lock, image: image, journal: old, report: report)
    }
  }

  /// Writes a journal that holds nothing but a snapshot, and puts it in the place of the old one.
  static func replaceJournal(in path: String, image: TargetImage) throws(StoreErrno) -> JournalFile
  {
    let fresh = path + "/journal.new"
    let journal: JournalFile
    do throws(StoreErrno) {
      journal = try JournalFile.create(fresh, number: clinux_random(), image: image)
    } catch {
      _ = unsafe clinux_file_remove(fresh)
      throw error
    }
    var failure = unsafe -clinux_file_rename(fresh, path + "/journal")
    if failure == 0 { failure = unsafe -clinux_directory_sync(path) }
    guard failure == 0 else { throw StoreErrno(failure) }
    return journal
  }

  private static func make(
    _ path: String, _ identity: TargetIdentity, lock: Int32
  ) throws(NodeError) -> DirectoryStore {
    let own: Set<String> = ["lock", "objects", "journal.new"]
    if let stranger = DirectoryListing.names(in: path).first(where: { !own.contains($0) }) {
      throw NodeError(
        code: .configuration, operation: "open store",
        explanation: "\(path) holds \(stranger) and no journal, so it is not a target's directory: "
          + "name another, or an empty one")
    }
    try check(path, -ObjectFiles.prepare(path + "/objects"), "its folders cannot be made")
    var image = TargetImage(identity)
    _ = image.countStart()
    var report = StoreReport()
    report.orphansRemoved = ObjectFiles.removeOrphans(path + "/objects", image)
    do throws(StoreErrno) {
      let journal = try replaceJournal(in: path, image: image)
      return DirectoryStore(
        path: path, lock: lock, image: image, journal: journal, report: report)
    } catch {
      throw problem(path, error.errno, "writing its first journal")
    }
  }

  private static func takeLock(_ path: String) throws(NodeError) -> Int32 {
    var owner: Int32 = 0
    // SAFETY: a C string for the length of the call; the pid is written before it returns.
    let lock = unsafe clinux_lock_name(path + "/lock", &owner)
    // EWOULDBLOCK.
    guard lock != -11 else {
      let holder = owner > 0 ? "process \(owner)" : "another process"
      throw NodeError(
        code: .configuration, operation: "open store", errno: 11,
        explanation: "\(path) is in use by \(holder): stop it, or name another directory")
    }
    try check(path, lock, "locking it")
    return lock
  }

  private static func contents(of file: Int32, _ path: String) throws(NodeError) -> [UInt8] {
    let length = clinux_file_length(file)
    try check(path, Int32(clamping: min(length, 0)), "reading its journal")
    var bytes = [UInt8](repeating: 0, count: Int(length))
    // SAFETY: the array has room for as many bytes as are asked for, and stays for the length of the call.
    let count = unsafe bytes.withUnsafeMutableBytes { bytes in
      clinux_file_read(
        file, UInt64(UInt(bitPattern: bytes.baseAddress)), UInt64(bytes.count), 0)
    }
    try check(path, Int32(clamping: min(count, 0)), "reading its journal")
    if count < length { bytes.removeLast(Int(length - count)) }
    return bytes
  }

  // MARK: - Refusals

  private static func readHeader(_ bytes: [UInt8], _ path: String) throws(NodeError) -> UInt64 {
    switch JournalFormat.readHeader(bytes.rawBytes) {
    case .sound(let number): return number
    case .foreign: throw refusal(path, "its journal is none of a Verbena target")
    case .newer(let version):
      throw refusal(
        path,
        "its journal has format \(version), and this program reads up to \(JournalFormat.version): "
          + "use the program that wrote it, or a newer one")
    case .damaged: throw refusal(path, "the first bytes of its journal are damaged")
    }
  }

  private static func checkScan(
    _ scan: JournalScan, _ identity: TargetIdentity, _ path: String
  ) throws(NodeError) {
    if let damage = scan.damage { throw refusal(path, "its journal is damaged: \(damage)") }
    guard scan.sequence > 0 else { throw refusal(path, "its journal holds no target") }
    let found = scan.image.identity
    guard found.uuid == identity.uuid, found.kind == identity.kind else {
      throw refusal(
        path, "it is the directory of target \(found.uuid), not of \(identity.uuid)")
    }
  }

  private static func refusal(_ path: String, _ reason: String) -> NodeError {
    NodeError(code: .configuration, operation: "open store", explanation: "\(path): \(reason)")
  }

  private static func check(_ path: String, _ result: Int32, _ doing: String) throws(NodeError) {
    guard result < 0 else { return }
    throw problem(path, -result, doing)
  }

  private static func problem(_ path: String, _ errno: Int32, _ doing: String) -> NodeError {
    NodeError(
      code: .system, operation: "open store", errno: errno,
      explanation: "\(path): \(doing): \(ErrnoName(Int64(errno)))")
  }
}

extension TargetImage {
  /// Adds one to the mount count; the change, for a journal.
  fileprivate mutating func countStart() -> ChangeList {
    var identity = identity
    identity.mountCount += 1
    var list = ChangeList()
    list.changes.append(.identity(identity))
    apply(list, transno: 0)
    return list
  }
}
