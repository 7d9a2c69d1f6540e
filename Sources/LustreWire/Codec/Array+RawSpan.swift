extension Array where Element == UInt8 {
  /// The bytes, for reading.
  package var rawBytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let elements = span
      // SAFETY: a UInt8 has no padding, so every byte of the elements is initialised.
      return unsafe elements.bytes
    }
  }

  /// Lends the bytes for writing.
  package mutating func withMutableRawSpan<Result, Failure: Error>(
    _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var elements = mutableSpan
    // SAFETY: raw writes cannot make an invalid UInt8; the span stays exclusive until this returns.
    var bytes = unsafe elements.mutableBytes
    return try body(&bytes)
  }
}
