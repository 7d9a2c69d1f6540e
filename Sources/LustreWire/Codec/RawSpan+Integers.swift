/// Unaligned integer loads from bytes that a peer wrote.
///
/// Callers check the length of the span before they load: a load beyond the end is a programming
/// error and traps, in release builds too.
extension RawSpan {
  /// The byte at `offset`.
  @inlinable @inline(__always)
  package borrowing func byte(at offset: Int) -> UInt8 {
    // SAFETY: UInt8 has no invalid bit patterns; the load checks `offset` against the span's length.
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// An integer in the host's byte order; the opaque fields of the wire are read so.
  @inlinable @inline(__always)
  package borrowing func native<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type, at offset: Int
  ) -> Value {
    // SAFETY: every bit pattern of a fixed-width integer is valid; the load checks the range
    // against the span's length and asks for no alignment.
    unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type)
  }

  /// An integer in the sender's byte order, swapped when the sender's differs from the host's.
  @inlinable @inline(__always)
  package borrowing func native<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type, at offset: Int, swapped: Bool
  ) -> Value {
    let value = native(type, at: offset)
    return swapped ? value.byteSwapped : value
  }

  /// A little-endian integer.
  @inlinable @inline(__always)
  package borrowing func little<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type, at offset: Int
  ) -> Value {
    Value(littleEndian: native(type, at: offset))
  }

  /// A big-endian integer.
  @inlinable @inline(__always)
  package borrowing func big<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type, at offset: Int
  ) -> Value {
    Value(bigEndian: native(type, at: offset))
  }
}

extension RawSpan {
  /// An integer whose width is that of the field it is read into, in the sender's byte order.
  @inlinable @inline(__always)
  package borrowing func field<Value: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, _ swapped: Bool
  ) -> Value {
    native(Value.self, at: offset, swapped: swapped)
  }
}
