internal import CLinuxShims
internal import LustreWire
internal import Storage

/// The journal of one store, open for appending (`JournalFormat`).
///
/// Records are gathered in memory and written when they are to be made safe, into room that was reserved
/// before the transaction was said to be done: a disk that is full says so to the transaction that it has no
/// room for, never later.
@safe
struct JournalFile: ~Copyable {
  /// Room that only transactions may use that give space back.
  static let emergencyByteCount = 64 << 10
  /// By how much the file grows.
  static let growthByteCount = 1 << 20
  /// How much is gathered before it asks to be written.
  static let bufferByteCount = 1 << 20

  private let file: Int32
  private let number: UInt64
  private var buffer = ByteWriter()
  /// Bytes in the file.
  private var written: Int
  /// Bytes that the file has room for.
  private var reserved: Int
  private var sequence: UInt64
  /// The last record known to be safe.
  private var safe: UInt64

  /// Goes on behind the records of a file that has been read.
  init(continuing file: Int32, number: UInt64, scan: JournalScan, reserved: Int) {
    self.file = file
    self.number = number
    written = scan.end
    self.reserved = reserved
    sequence = scan.sequence
    safe = scan.sequence
  }

  private init(fresh file: Int32, number: UInt64) {
    self.file = file
    self.number = number
    written = 0
    reserved = 0
    sequence = 0
    safe = 0
    buffer.bytes = JournalFormat.header(number: number)
  }

  /// Writes a new journal that holds nothing but a snapshot, and makes it safe.
  static func create(
    _ path: String, number: UInt64, image: TargetImage
  ) throws(StoreErrno) -> JournalFile {
    _ = unsafe clinux_file_remove(path)
    let file = unsafe clinux_file_open(path, 1)
    guard file >= 0 else { throw StoreErrno(-file) }
    var journal = JournalFile(fresh: file, number: number)
    let error = journal.write(image)
    guard error == 0 else { throw StoreErrno(error) }
    return journal
  }

  private mutating func write(_ image: TargetImage) -> Int32 {
    var records: UInt64 = 0
    var out = ByteWriter()
    image.snapshot(pieceByteCount: Self.bufferByteCount) { list in
      records += 1
      JournalFormat.append(list, transno: 0, sequence: records, safe: 0, number: number, to: &out)
    }
    sequence = records
    buffer.bytes.append(contentsOf: out.bytes)
    let error = reserve(0, forFreeing: false)
    return error == 0 ? sync() : error
  }

  deinit { clinux_close(file) }

  /// Bytes of records, written or not.
  var byteCount: Int { written + buffer.bytes.count }

  /// Makes room for a transaction and takes it over; 0 or the errno, and then nothing is taken.
  mutating func append(_ list: borrowing ChangeList, transno: UInt64, frees: Bool) -> Int32 {
    let error = reserve(JournalFormat.byteCountMax(of: list), forFreeing: frees)
    guard error == 0 else { return error }
    sequence += 1
    JournalFormat.append(
      list, transno: transno, sequence: sequence, safe: safe, number: number, to: &buffer)
    return 0
  }

  /// So much is gathered that it is time for a commit.
  ///
  /// Nothing is written before: a record may only reach the disk when the bytes of objects that it speaks of
  /// are safe, as whatever is read after a crash counts as safe.
  var isFull: Bool { buffer.bytes.count >= Self.bufferByteCount }

  private mutating func reserve(_ count: Int, forFreeing: Bool) -> Int32 {
    let needed = byteCount + count + (forFreeing ? 0 : Self.emergencyByteCount)
    guard needed > reserved else { return 0 }
    // A little is better than nothing when the disk is nearly full.
    let wishes = [max(Self.growthByteCount, needed - reserved), (needed - reserved + 4095) & ~4095]
    var error: Int32 = 0
    for wish in wishes {
      error = -clinux_file_reserve(file, UInt64(reserved), UInt64(wish))
      if error == 0 {
        reserved += wish
        return 0
      }
    }
    return error
  }

  private mutating func flush() -> Int32 {
    guard !buffer.bytes.isEmpty else { return 0 }
    // SAFETY: the array stays where it is for the length of the call, which reads only its bytes.
    let error = unsafe buffer.bytes.withUnsafeBytes { bytes in
      -clinux_file_write(
        file, UInt64(UInt(bitPattern: bytes.baseAddress)), UInt64(bytes.count),
        UInt64(written))
    }
    guard error == 0 else { return error }
    written += buffer.bytes.count
    let isHuge = buffer.bytes.count > 4 * Self.bufferByteCount
    buffer.bytes.removeAll(keepingCapacity: !isHuge)
    return 0
  }

  /// Makes all that was appended safe; 0 or the errno, after which nothing is known of what was not safe yet.
  mutating func sync() -> Int32 {
    var error = flush()
    if error == 0 { error = -clinux_file_sync(file) }
    if error == 0 { safe = sequence }
    return error
  }

  /// Writes zeros over what a crash tore; 0 or the errno.
  mutating func clearTorn(_ count: Int) -> Int32 {
    guard count > 0 else { return 0 }
    let zeros = [UInt8](repeating: 0, count: (count + 7) / 8 * 8)
    // SAFETY: as in `flush`.
    return unsafe zeros.withUnsafeBytes { bytes in
      -clinux_file_write(
        file, UInt64(UInt(bitPattern: bytes.baseAddress)),
        UInt64(min(bytes.count, reserved - written)), UInt64(written))
    }
  }
}

/// A call of the system that failed, by its errno.
struct StoreErrno: Error, Equatable {
  /// Positive.
  var errno: Int32
  init(_ errno: Int32) { self.errno = errno }
}
