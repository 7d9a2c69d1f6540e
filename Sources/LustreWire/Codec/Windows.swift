extension RawSpan {
  /// So many bytes from an offset on; traps when they do not lie inside. With a constant count the loads from it at
  /// constant offsets need no check of their own.
  @inlinable @inline(__always) @_lifetime(copy self)
  package borrowing func window(at offset: Int, count: Int) -> RawSpan {
    precondition(offset >= 0 && byteCount >= count && offset <= byteCount &- count)
    // SAFETY: the part was checked to lie inside this span, and gets its lifetime.
    let start = unsafe withUnsafeBytes { unsafe $0.baseAddress.unsafelyUnwrapped + offset }
    let part = unsafe RawSpan(_unsafeStart: start, byteCount: count)
    return unsafe _overrideLifetime(part, copying: self)
  }
}

extension MutableRawSpan {
  /// So many bytes from an offset on; traps when they do not lie inside. With a constant count the stores into it at
  /// constant offsets need no check of their own.
  @inlinable @inline(__always) @_lifetime(&self)
  package mutating func window(at offset: Int, count: Int) -> MutableRawSpan {
    precondition(offset >= 0 && byteCount >= count && offset <= byteCount &- count)
    // SAFETY: the part was checked to lie inside this span, which nobody else may use meanwhile.
    let start = unsafe withUnsafeMutableBytes { unsafe $0.baseAddress.unsafelyUnwrapped + offset }
    let part = unsafe MutableRawSpan(_unsafeStart: start, byteCount: count)
    return unsafe _overrideLifetime(part, mutating: &self)
  }
}
