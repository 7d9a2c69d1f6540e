extension Array where Element == UInt8 {
  /// Lends the bytes for writing.
  package mutating func withMutableRawSpan<Result, Failure: Error>(
    _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = mutableSpan
    // SAFETY: raw writes cannot make an invalid UInt8; the span stays exclusive until this returns.
    var bytes = unsafe span.mutableBytes
    return try body(&bytes)
  }
}
