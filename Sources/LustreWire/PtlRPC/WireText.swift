/// A text in a field of fixed length: it ends at the first NUL.
///
/// What lies behind the NUL is kept and sent on as it came, because real servers leave remains of longer texts
/// there; it does not count when texts are compared.
///
/// **Wire:** `char[capacity]`, NUL padded.
public struct WireText<let capacity: Int>: Sendable, BitwiseCopyable {
  @usableFromInline var bytes: InlineArray<capacity, UInt8>

  /// No text.
  @inlinable public init() { bytes = InlineArray(repeating: 0) }

  /// A text of its bytes.
  @inlinable init(bytes: InlineArray<capacity, UInt8>) { self.bytes = bytes }

  /// The text, or nil when it is longer than `capacity` - 1 bytes or has a NUL inside.
  public init?(_ text: String) {
    guard text.utf8.count < capacity else { return nil }
    self.init()
    var index = 0
    for byte in text.utf8 {
      guard byte != 0 else { return nil }
      bytes[index] = byte
      index += 1
    }
  }

  /// Bytes before the first NUL; `capacity` when there is none.
  @inlinable public var count: Int {
    var index = 0
    while index < capacity, bytes[index] != 0 { index += 1 }
    return index
  }

  /// Whether there is no text.
  @inlinable public var isEmpty: Bool { capacity == 0 || bytes[0] == 0 }

  /// Byte `index`, 0..<`capacity`.
  @inlinable public subscript(index: Int) -> UInt8 { bytes[index] }

  /// Reads the field at `offset`, whose `capacity` bytes are there; traps when they are not.
  @inlinable @inline(__always)
  public init(at offset: Int, in source: borrowing RawSpan) {
    self.init()
    bytes.load(from: source, at: offset)
  }

  /// Writes `capacity` bytes at `offset`; traps when they do not fit.
  @inlinable @inline(__always)
  public func encode(into target: inout MutableRawSpan, at offset: Int) {
    bytes.store(into: &target, at: offset)
  }
}

extension WireText: Hashable {
  @inlinable
  public static func == (left: Self, right: Self) -> Bool {
    var index = 0
    while index < capacity {
      let byte = left.bytes[index]
      if byte != right.bytes[index] { return false }
      if byte == 0 { return true }
      index += 1
    }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    for index in 0..<count { hasher.combine(bytes[index]) }
  }
}

extension WireText: CustomStringConvertible {
  /// The text; bytes that are not UTF-8 are replaced.
  public var description: String {
    var result: [UInt8] = []
    for index in 0..<count { result.append(bytes[index]) }
    return String(decoding: result, as: UTF8.self)
  }
}
