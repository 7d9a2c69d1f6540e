package import LustreWire

/// Appends little-endian fields to an array that is kept and used again.
package struct ByteWriter: Sendable {
  package var bytes: [UInt8] = []

  package init() {}

  package mutating func append<Value: FixedWidthInteger>(_ value: Value) {
    var rest = value.littleEndian
    var left = MemoryLayout<Value>.size
    while left > 0 {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
      left -= 1
    }
  }

  package mutating func append(_ uuid: ObdUUID) {
    let at = bytes.count
    bytes.append(contentsOf: repeatElement(0, count: ObdUUID.byteCount))
    bytes.withMutableRawSpan { uuid.encode(into: &$0, at: at) }
  }

  package mutating func append(_ name: BlobName) {
    for index in 0..<64 { bytes.append(name[index]) }
  }

  /// Writes over what stands at a place.
  package mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(
    _ value: Value, at offset: Int
  ) {
    bytes.withMutableRawSpan { $0.storeLittle(value, at: offset) }
  }
}

/// Reads what `ByteWriter` wrote. What is not there reads as 0 and makes the reader unsound.
struct ByteReader: ~Copyable, ~Escapable {
  private let bytes: RawSpan
  private(set) var offset: Int
  private(set) var isSound = true

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) {
    self.bytes = bytes
    offset = 0
  }

  var isAtEnd: Bool { offset >= bytes.byteCount }

  /// Steps over `count` bytes and says where they start; nil when there are not so many.
  @_lifetime(self: copy self)
  mutating func take(_ count: Int) -> Int? {
    guard isSound, count >= 0, count <= bytes.byteCount - offset else {
      isSound = false
      return nil
    }
    offset += count
    return offset - count
  }

  @_lifetime(self: copy self)
  mutating func next<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type) -> Value {
    guard let at = take(MemoryLayout<Value>.size) else { return 0 }
    return bytes.little(type, at: at)
  }

  @_lifetime(self: copy self)
  mutating func nextUUID() -> ObdUUID {
    guard let at = take(ObdUUID.byteCount) else { return ObdUUID() }
    return ObdUUID(at: at, in: bytes)
  }

  @_lifetime(self: copy self)
  mutating func nextName() -> BlobName {
    guard let at = take(64) else { return BlobName() }
    return BlobName(at: at, in: bytes)
  }
}
