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
