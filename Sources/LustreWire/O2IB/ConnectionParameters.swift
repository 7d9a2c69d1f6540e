/// What a side of a connection proposes, grants or, in a reject, could do at most.
///
/// **Wire:** `struct kib_connparams`, 8 bytes, in the sender's byte order (spec 02 §3.3).
package struct ConnectionParameters: Hashable, Sendable, BitwiseCopyable {
  /// Credits per direction.
  package var queueDepth: UInt16
  /// WRITE work requests per transfer; 257 at real nodes.
  package var maximumFragments: UInt16
  /// 4096.
  package var maximumMessageBytes: UInt32

  /// Bytes on the wire.
  @inlinable package static var byteCount: Int { 8 }

  /// Parameters of their fields; by default what real nodes send.
  @inlinable
  package init(
    queueDepth: UInt16, maximumFragments: UInt16 = O2IBProtocol.maximumFragments,
    maximumMessageBytes: UInt32 = O2IBProtocol.maximumMessageBytes
  ) {
    self.queueDepth = queueDepth
    self.maximumFragments = maximumFragments
    self.maximumMessageBytes = maximumMessageBytes
  }

  @inlinable
  package init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    queueDepth = bytes.native(UInt16.self, at: offset, swapped: swapped)
    maximumFragments = bytes.native(UInt16.self, at: offset + 2, swapped: swapped)
    maximumMessageBytes = bytes.native(UInt32.self, at: offset + 4, swapped: swapped)
  }

  /// Writes 8 bytes at `offset` and returns that number; traps when they do not fit.
  @inlinable @discardableResult
  package func encode(into bytes: inout MutableRawSpan, at offset: Int) -> Int {
    bytes.storeNative(queueDepth, at: offset)
    bytes.storeNative(maximumFragments, at: offset + 2)
    bytes.storeNative(maximumMessageBytes, at: offset + 4)
    return Self.byteCount
  }
}
