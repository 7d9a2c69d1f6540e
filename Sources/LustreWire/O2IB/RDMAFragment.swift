/// One contiguous range of remote memory.
///
/// **Wire:** `struct kib_rdma_frag`, 12 bytes packed, length before address, in the sender's byte order
/// (spec 02 §3.3). The length is as the peer says; only its sum is bounded.
package struct RDMAFragment: Hashable, Sendable, BitwiseCopyable {
  /// Length in bytes.
  package var byteCount: UInt32
  /// The remote address.
  package var address: UInt64

  /// Bytes on the wire.
  @inlinable package static var wireByteCount: Int { 12 }

  /// A fragment of its fields.
  @inlinable package init(byteCount: UInt32, address: UInt64) {
    self.byteCount = byteCount
    self.address = address
  }

  @inlinable
  package init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool) {
    byteCount = bytes.native(UInt32.self, at: offset, swapped: swapped)
    address = bytes.native(UInt64.self, at: offset + 4, swapped: swapped)
  }

  /// Writes 12 bytes at `offset` and returns that number; traps when they do not fit.
  @inlinable @discardableResult
  package func encode(into bytes: inout MutableRawSpan, at offset: Int) -> Int {
    bytes.storeNative(byteCount, at: offset)
    bytes.storeNative(address, at: offset + 4)
    return Self.wireByteCount
  }
}
