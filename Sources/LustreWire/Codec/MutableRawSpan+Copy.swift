extension MutableRawSpan {
  /// Copies all bytes of `source` to `offset`; traps when they do not fit.
  @inlinable @inline(__always)
  package mutating func copy(from source: borrowing RawSpan, at offset: Int = 0) {
    let count = source.byteCount
    precondition(offset >= 0 && count <= byteCount - offset, "a copy beyond the end")
    guard count > 0 else { return }
    // SAFETY: both ranges are checked, and this span's access is exclusive, so they do not overlap.
    unsafe source.withUnsafeBytes { from in
      unsafe withUnsafeMutableBytes { to in
        if let from = from.baseAddress, let to = to.baseAddress {
          unsafe (to + offset).copyMemory(from: from, byteCount: count)
        }
      }
    }
  }

  /// Sets `count` bytes from `offset` on to zero; traps when there are not so many. What is sent must not show what was
  /// there before.
  @inlinable @inline(__always)
  package mutating func zero(at offset: Int, count: Int) {
    precondition(offset >= 0 && count >= 0 && count <= byteCount - offset, "beyond the end")
    guard count > 0 else { return }
    // SAFETY: the range is checked, and this span's access is exclusive.
    unsafe withUnsafeMutableBytes { bytes in
      if let start = bytes.baseAddress {
        unsafe (start + offset).initializeMemory(as: UInt8.self, repeating: 0, count: count)
      }
    }
  }
}
