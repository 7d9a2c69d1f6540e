/// Unaligned integer stores into bytes that will be sent.
///
/// A store beyond the end is a programming error and traps, in release builds too.
extension MutableRawSpan {
  /// Stores an integer in the host's byte order; the opaque fields of the wire are written so.
  @inlinable @inline(__always)
  package mutating func storeNative<Value: FixedWidthInteger & BitwiseCopyable>(
    _ value: Value, at offset: Int
  ) {
    storeBytes(of: value, toByteOffset: offset, as: Value.self)
  }

  /// Stores an integer in little-endian byte order.
  @inlinable @inline(__always)
  package mutating func storeLittle<Value: FixedWidthInteger & BitwiseCopyable>(
    _ value: Value, at offset: Int
  ) {
    storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
  }

  /// Stores an integer in big-endian byte order.
  @inlinable @inline(__always)
  package mutating func storeBig<Value: FixedWidthInteger & BitwiseCopyable>(
    _ value: Value, at offset: Int
  ) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: Value.self)
  }
}

extension MutableRawSpan {
  /// Sets `count` bytes from `offset` to zero: what is sent must not show what was there before.
  @inlinable @inline(__always)
  package mutating func zero(at offset: Int, count: Int) {
    var index = offset
    while index + 8 <= offset + count {
      storeBytes(of: 0, toByteOffset: index, as: UInt64.self)
      index += 8
    }
    while index < offset + count {
      storeBytes(of: 0, toByteOffset: index, as: UInt8.self)
      index += 1
    }
  }
}
