/// Bytes kept in place, eight at a time.
extension InlineArray where Element == UInt8 {
  /// The bytes, for readers.
  @inlinable
  package var rawBytes: RawSpan {
    @inline(__always) @_lifetime(borrow self) get {
      // SAFETY: a UInt8 has no padding, so every byte of the elements is initialised.
      unsafe span.bytes
    }
  }

  /// Takes as many bytes from `offset` of `source` as the array has.
  @inlinable @inline(__always)
  package mutating func load(from source: borrowing RawSpan, at offset: Int) {
    var elements = mutableSpan
    // SAFETY: raw writes cannot make an invalid UInt8; the span stays exclusive until this returns.
    var own = unsafe elements.mutableBytes
    var index = 0
    while index + 8 <= count {
      own.storeNative(source.native(UInt64.self, at: offset + index), at: index)
      index += 8
    }
    while index < count {
      own.storeNative(source.byte(at: offset + index), at: index)
      index += 1
    }
  }

  /// Writes all bytes at `offset` of `target`.
  @inlinable @inline(__always)
  package func store(into target: inout MutableRawSpan, at offset: Int) {
    let elements = span
    // SAFETY: a UInt8 has no padding, so every byte of the elements is initialised.
    let own = unsafe elements.bytes
    var index = 0
    while index + 8 <= count {
      target.storeNative(own.native(UInt64.self, at: index), at: offset + index)
      index += 8
    }
    while index < count {
      target.storeNative(own.byte(at: index), at: offset + index)
      index += 1
    }
  }
}
