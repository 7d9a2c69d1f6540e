/// The name of a target, a client or a device: up to 39 bytes of text, compared as such.
///
/// **Wire:** `struct obd_uuid`, 40 bytes, NUL padded; in a CONNECT its first 39 (spec 11 §1.2, §3.1).
public struct ObdUUID: Hashable, Sendable, BitwiseCopyable {
  // The bytes in order, in the host's order of each word; behind the first NUL they are 0.
  @usableFromInline package var words: (UInt64, UInt64, UInt64, UInt64, UInt64)

  /// No name.
  @inlinable public init() { words = (0, 0, 0, 0, 0) }

  /// The name, or nil when it is longer than 38 bytes, what a CONNECT can carry, or has a NUL inside.
  public init?(_ text: String) {
    guard text.utf8.count < RPCLimits.connectUUIDBytes, !text.utf8.contains(0) else { return nil }
    self.init()
    var index = 0
    for byte in text.utf8 {
      set(byte, at: index)
      index += 1
    }
  }

  /// Whether there is no name.
  @inlinable public var isEmpty: Bool { words.0 == 0 }

  @inlinable
  public static func == (left: ObdUUID, right: ObdUUID) -> Bool {
    left.words == right.words
  }

  @inlinable
  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
    hasher.combine(words.2)
    hasher.combine(words.3)
    hasher.combine(words.4)
  }

  /// Bytes of the text, 0...39.
  @inlinable
  var count: Int {
    if words.4 != 0 { return 32 + Self.used(words.4) }
    if words.3 != 0 { return 24 + Self.used(words.3) }
    if words.2 != 0 { return 16 + Self.used(words.2) }
    return words.1 != 0 ? 8 + Self.used(words.1) : Self.used(words.0)
  }

  /// Bytes of a word before the zeros at its end.
  @inlinable @inline(__always)
  static func used(_ word: UInt64) -> Int { 8 - word.littleEndian.leadingZeroBitCount / 8 }

  /// Byte `index`, 0..<40.
  @inlinable
  func byte(at index: Int) -> UInt8 {
    let word =
      switch index >> 3 {
      case 0: words.0
      case 1: words.1
      case 2: words.2
      case 3: words.3
      default: words.4
      }
    return UInt8(truncatingIfNeeded: word.littleEndian >> UInt64(8 * (index & 7)))
  }

  @inlinable
  mutating func set(_ byte: UInt8, at index: Int) {
    let bits = (UInt64(byte) << UInt64(8 * (index & 7))).littleEndian
    switch index >> 3 {
    case 0: words.0 |= bits
    case 1: words.1 |= bits
    case 2: words.2 |= bits
    case 3: words.3 |= bits
    default: words.4 |= bits
    }
  }
}

extension ObdUUID: FixedLayout {
  public static var structure: WireStructure { .uuid }
  public static var byteCount: Int { 40 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool = false) {
    self.init(at: offset, count: Self.byteCount, in: bytes)
  }

  /// The text in the first `count` (39 or 40) of the 40 bytes at `offset`, which are all there; at most 39 are taken.
  @inlinable
  init(at offset: Int, count: Int, in bytes: borrowing RawSpan) {
    self.init()
    // What lies behind the text is cut off a word at a time.
    words.0 = Self.cut(bytes.native(UInt64.self, at: offset), count)
    guard Self.isFull(words.0) else { return }
    words.1 = Self.cut(bytes.native(UInt64.self, at: offset + 8), count - 8)
    guard Self.isFull(words.1) else { return }
    words.2 = Self.cut(bytes.native(UInt64.self, at: offset + 16), count - 16)
    guard Self.isFull(words.2) else { return }
    words.3 = Self.cut(bytes.native(UInt64.self, at: offset + 24), count - 24)
    guard Self.isFull(words.3) else { return }
    words.4 = Self.cut(bytes.native(UInt64.self, at: offset + 32), min(count - 32, 7))
  }

  /// The first `count` bytes of a word up to its first NUL, zeros behind them.
  @inlinable @inline(__always)
  static func cut(_ word: UInt64, _ count: Int) -> UInt64 {
    guard count > 0 else { return 0 }
    var bytes = word.littleEndian
    if count < 8 { bytes &= 1 << UInt64(8 * count) &- 1 }
    // The lowest byte that is 0 has its top bit set in `zeros`.
    let zeros = (bytes &- 0x0101_0101_0101_0101) & ~bytes & 0x8080_8080_8080_8080
    if zeros != 0 { bytes &= 1 << UInt64(zeros.trailingZeroBitCount & ~7) &- 1 }
    return UInt64(littleEndian: bytes)
  }

  /// Whether no byte of a word that was cut is 0.
  @inlinable @inline(__always)
  static func isFull(_ word: UInt64) -> Bool { word.littleEndian >> 56 != 0 }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(words.0, at: offset)
    bytes.storeNative(words.1, at: offset + 8)
    bytes.storeNative(words.2, at: offset + 16)
    bytes.storeNative(words.3, at: offset + 24)
    bytes.storeNative(words.4, at: offset + 32)
  }

  /// Reads a name out of a CONNECT's buffer: at least 39 bytes with a NUL among them and at most 39 before
  /// it. Throws `missingBuffer`, `truncated` or `unterminated`.
  @inlinable
  init(
    _ structure: WireStructure, at index: Int, of message: RPCMessage, in bytes: borrowing RawSpan
  ) throws(WireError) {
    guard let range = message.range(of: index, in: bytes) else {
      throw .missingBuffer(index: UInt8(index), of: UInt8(message.bufferCount))
    }
    guard range.count >= RPCLimits.connectUUIDBytes else {
      throw .truncated(
        structure, needed: UInt32(RPCLimits.connectUUIDBytes), available: UInt32(range.count))
    }
    // Messages are padded to 8 bytes, so 40 are there for a buffer of 39.
    let limit = min(range.count, Self.byteCount)
    self.init(at: range.lowerBound, count: limit, in: bytes)
    let ends =
      count < RPCLimits.connectUUIDBytes
      || limit == Self.byteCount && bytes.byte(at: range.lowerBound + count) == 0
    guard ends else { throw .unterminated(structure) }
  }
}

extension ObdUUID: CustomStringConvertible {
  /// The text; bytes that are not UTF-8 are replaced.
  public var description: String {
    let bytes = (0..<Self.byteCount).map(byte(at:)).prefix { $0 != 0 }
    return String(decoding: bytes, as: UTF8.self)
  }
}
