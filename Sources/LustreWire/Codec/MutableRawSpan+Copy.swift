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

  /// Makes `count` bytes from `offset` on zero; traps when there are not so many.
  package mutating func clear(at offset: Int, count: Int) {
    precondition(offset >= 0 && count >= 0 && count <= byteCount - offset, "beyond the end")
    guard count > 0 else { return }
    // SAFETY: the range is checked.
    unsafe withUnsafeMutableBytes { bytes in
      if let start = bytes.baseAddress {
        unsafe (start + offset).initializeMemory(as: UInt8.self, repeating: 0, count: count)
      }
    }
  }
}
