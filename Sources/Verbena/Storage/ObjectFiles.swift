internal import CLinuxShims
internal import Storage

/// The bytes of objects, a file each: `objects/XX/SEQUENCE-ID`, all three hexadecimal, XX the id's low byte.
///
/// A file is made by the first write; it may be shorter than its object, and then the rest reads as zero. When
/// a crash has left it longer, it is cut as soon as it is opened.
struct ObjectFiles: ~Copyable {
  /// Files kept open.
  static let openCountMax = 64
  /// How many files a commit syncs one by one; more, and the whole file system is synced at once.
  static let syncedSinglyMax = 8

  // Internal, not private: see `DirectoryStore.Deferred`.
  struct OpenFile {
    var id: StoredObjectID
    var descriptor: Int32
    var lastUse: UInt64
    var isDirty: Bool
  }

  private let path: String
  /// A descriptor of the file system that all files are in.
  private let anchor: Int32
  private var files: [OpenFile] = []
  private var index: [StoredObjectID: Int] = [:]
  private var uses: UInt64 = 0
  /// Folders with new names since the last commit.
  private var dirtyFolders: [UInt8] = []

  /// - Parameter anchor: any descriptor of the directory's file system; it stays the caller's.
  init(path: String, anchor: Int32) {
    self.path = path
    self.anchor = anchor
    files.reserveCapacity(Self.openCountMax)
  }

  deinit { for file in files { clinux_close(file.descriptor) } }

  static func folder(_ number: UInt8) -> String {
    let digits = String(number, radix: 16)
    return number < 16 ? "0" + digits : digits
  }

  static func name(_ id: StoredObjectID) -> String {
    "\(String(id.sequence, radix: 16))-\(String(id.object, radix: 16))"
  }

  /// The object that a file's name stands for.
  static func object(named name: String) -> StoredObjectID? {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let sequence = UInt64(parts[0], radix: 16),
      let object = UInt64(parts[1], radix: 16)
    else { return nil }
    let id = StoredObjectID(sequence: sequence, object: object)
    return Self.name(id) == name ? id : nil
  }

  private func path(of id: StoredObjectID) -> String {
    "\(path)/\(Self.folder(UInt8(truncatingIfNeeded: id.object)))/\(Self.name(id))"
  }

  // MARK: - Bytes

  /// - Parameter size: of the object as it is; what the file has behind it goes when it is opened.
  /// - Returns: 0 or the errno.
  mutating func write(
    _ id: StoredObjectID, size: UInt64, at offset: UInt64, from address: UInt64, count: UInt64
  ) -> Int32 {
    let file: Int
    switch open(id, size: size, mayCreate: true) {
    case .success(let found): file = found ?? 0
    case .failure(let error): return error.errno
    }
    files[file].isDirty = true
    return -clinux_file_write(files[file].descriptor, address, count, offset)
  }

  /// Makes bytes 0; what the file does not have is that already.
  mutating func clear(
    _ id: StoredObjectID, size: UInt64, at offset: UInt64, count: UInt64
  ) -> Int32 {
    switch open(id, size: size, mayCreate: false) {
    case .success(nil): return 0
    case .success(let file?):
      let length = clinux_file_length(files[file].descriptor)
      guard length >= 0 else { return Int32(-length) }
      guard offset < UInt64(length) else { return 0 }
      files[file].isDirty = true
      return -clinux_file_clear(
        files[file].descriptor, offset, min(count, UInt64(length) - offset))
    case .failure(let error): return error.errno
    }
  }

  /// Fills the memory; what the file does not have is zero.
  mutating func read(
    _ id: StoredObjectID, size: UInt64, at offset: UInt64, into address: UInt64, count: UInt64
  ) -> Int32 {
    var found: Int64 = 0
    switch open(id, size: size, mayCreate: false) {
    case .success(let file):
      if let file {
        found = clinux_file_read(files[file].descriptor, address, count, offset)
        if found < 0 { return Int32(-found) }
      }
    case .failure(let error): return error.errno
    }
    clear(address + UInt64(found), count: Int(count) - Int(found))
    return 0
  }

  private func clear(_ address: UInt64, count: Int) {
    guard count > 0, let start = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
      return
    }
    // SAFETY: the range is the rest of a buffer that the command's giver lent us until its completion.
    unsafe start.initializeMemory(as: UInt8.self, repeating: 0, count: count)
  }

  /// Forgets what lies behind a size.
  mutating func cut(_ id: StoredObjectID, to size: UInt64) -> Int32 {
    switch open(id, size: size, mayCreate: false) {
    case .success(nil): return 0
    case .success(let file?):
      let length = clinux_file_length(files[file].descriptor)
      guard length >= 0 else { return Int32(-length) }
      guard UInt64(length) > size else { return 0 }
      files[file].isDirty = true
      return -clinux_file_cut(files[file].descriptor, size)
    case .failure(let error): return error.errno
    }
  }

  mutating func remove(_ id: StoredObjectID) -> Int32 {
    if let at = index[id] { forget(at) }
    let error = unsafe -clinux_file_remove(path(of: id))
    return error == StorageErrno.noEntry ? 0 : error
  }

  // MARK: - Commits

  var isDirty: Bool { !dirtyFolders.isEmpty || files.contains { $0.isDirty } }

  /// Makes all that was written safe; 0 or the errno.
  mutating func sync() -> Int32 {
    let dirty = files.indices.filter { files[$0].isDirty }
    var error: Int32 = 0
    if dirty.count + dirtyFolders.count > Self.syncedSinglyMax {
      error = -clinux_file_system_sync(anchor)
    } else {
      for at in dirty where error == 0 { error = -clinux_file_sync(files[at].descriptor) }
      for folder in dirtyFolders where error == 0 {
        error = unsafe -clinux_directory_sync("\(path)/\(Self.folder(folder))")
      }
    }
    guard error == 0 else { return error }
    for at in dirty { files[at].isDirty = false }
    dirtyFolders.removeAll(keepingCapacity: true)
    return 0
  }

  // MARK: - Open files

  /// The open file's place; nil when there is no file and none may be made.
  private mutating func open(_ id: StoredObjectID, size: UInt64, mayCreate: Bool) -> Result<
    Int?, StoreErrno
  > {
    uses += 1
    if let at = index[id] {
      files[at].lastUse = uses
      return .success(at)
    }
    let path = path(of: id)
    var descriptor = unsafe clinux_file_open(path, 0)
    var isNew = false
    if descriptor == -StorageErrno.noEntry {
      guard mayCreate else { return .success(nil) }
      descriptor = unsafe clinux_file_open(path, 1)
      isNew = true
    }
    guard descriptor >= 0 else { return .failure(StoreErrno(-descriptor)) }
    if isNew {
      let folder = UInt8(truncatingIfNeeded: id.object)
      if !dirtyFolders.contains(folder) { dirtyFolders.append(folder) }
    }
    let length = clinux_file_length(descriptor)
    let isTooLong = length > 0 && UInt64(length) > size
    let error = length < 0 ? Int32(-length) : isTooLong ? -clinux_file_cut(descriptor, size) : 0
    guard error == 0 else {
      clinux_close(descriptor)
      return .failure(StoreErrno(error))
    }
    let evicted = files.count < Self.openCountMax ? 0 : evict()
    guard evicted == 0 else {
      clinux_close(descriptor)
      return .failure(StoreErrno(evicted))
    }
    index[id] = files.count
    files.append(
      OpenFile(id: id, descriptor: descriptor, lastUse: uses, isDirty: isNew || isTooLong))
    return .success(files.count - 1)
  }

  /// Closes the file that was not used for longest; what was written to it is made safe first, as nobody
  /// could be told later that it was not.
  private mutating func evict() -> Int32 {
    guard let at = files.indices.min(by: { files[$0].lastUse < files[$1].lastUse }) else {
      return 0
    }
    let error = files[at].isDirty ? -clinux_file_sync(files[at].descriptor) : 0
    if error == 0 { forget(at) }
    return error
  }

  private mutating func forget(_ at: Int) {
    clinux_close(files[at].descriptor)
    index[files[at].id] = nil
    let last = files.removeLast()
    guard at < files.count else { return }
    files[at] = last
    index[last.id] = at
  }

  // MARK: - At the start

  /// Makes the folders; 0 or the errno.
  static func prepare(_ path: String) -> Int32 {
    var error = unsafe -clinux_directory_make(path)
    for number in 0...UInt8.max where error == 0 {
      error = unsafe -clinux_directory_make("\(path)/\(folder(number))")
    }
    return error == 0 ? unsafe -clinux_directory_sync(path) : error
  }

  /// Removes files whose objects are not there: of transactions that a crash undid. How many there were.
  static func removeOrphans(_ path: String, _ image: TargetImage) -> Int {
    var removed = 0
    for number in 0...UInt8.max {
      let folder = "\(path)/\(folder(number))"
      for name in DirectoryListing.names(in: folder) {
        if let id = object(named: name), image.object(id) != nil { continue }
        if unsafe clinux_file_remove("\(folder)/\(name)") == 0 { removed += 1 }
      }
    }
    return removed
  }
}
