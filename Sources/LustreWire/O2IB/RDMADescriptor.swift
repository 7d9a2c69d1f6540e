/// The sink's memory: one key and where in the message its fragments are.
///
/// A decoded descriptor holds no fragments; they are read one at a time from the message it came from, which
/// is why it can be copied and kept without allocating. Whoever needs them after the receive buffer is
/// reposted copies them first.
///
/// **Wire:** `struct kib_rdma_desc`: key, number of fragments, fragments (spec 02 §3.3).
package struct RDMADescriptor: Hashable, Sendable, BitwiseCopyable {
  /// The remote key of all fragments.
  package var remoteKey: UInt32
  /// How many fragments follow: 1...257.
  package var fragmentCount: Int
  /// Where the first fragment starts, in bytes from the start of the message.
  package var fragmentsOffset: Int
  /// Whether the sender's byte order is not ours.
  package var swapped: Bool

  /// Key and count, before the fragments.
  @inlinable package static var headByteCount: Int { 8 }
  /// The most fragments of one descriptor: 1 MiB in pages, unaligned.
  @inlinable package static var maximumFragments: UInt32 { 257 }

  /// Reads a descriptor at `offset` of a message of which `limit` bytes count, and checks that there are
  /// 1...257 fragments and that they lie within `limit`. The head's bytes must be there.
  @inlinable
  package init(
    at offset: Int, in bytes: borrowing RawSpan, limit: UInt32, swapped: Bool
  ) throws(WireError) {
    let count = bytes.native(UInt32.self, at: offset + 4, swapped: swapped)
    guard count > 0, count <= Self.maximumFragments else { throw .fragmentCount(count) }
    let end = offset + Self.headByteCount + Int(count) * RDMAFragment.wireByteCount
    guard end <= Int(limit) else {
      throw .descriptorBeyondMessage(fragments: count, declared: limit)
    }
    remoteKey = bytes.native(UInt32.self, at: offset, swapped: swapped)
    fragmentCount = Int(count)
    fragmentsOffset = offset + Self.headByteCount
    self.swapped = swapped
  }

  /// Fragment `index` (0..<``fragmentCount``) of the message that this descriptor was read from.
  @inlinable
  package func fragment(at index: Int, in bytes: borrowing RawSpan) -> RDMAFragment {
    precondition(index >= 0 && index < fragmentCount)
    return RDMAFragment(
      at: fragmentsOffset + index * RDMAFragment.wireByteCount, in: bytes, swapped: swapped)
  }

  /// The sum of all fragments' lengths, in bytes; cannot overflow.
  @inlinable
  package func totalByteCount(in bytes: borrowing RawSpan) -> UInt64 {
    var total: UInt64 = 0
    for index in 0..<fragmentCount { total += UInt64(fragment(at: index, in: bytes).byteCount) }
    return total
  }

  /// Writes key and count at `offset` and returns 8; the caller writes the fragments behind it.
  @inlinable @discardableResult
  package static func encodeHead(
    remoteKey: UInt32, fragmentCount: Int, into bytes: inout MutableRawSpan, at offset: Int
  ) -> Int {
    precondition(fragmentCount > 0 && fragmentCount <= Int(maximumFragments))
    bytes.storeNative(remoteKey, at: offset)
    bytes.storeNative(UInt32(fragmentCount), at: offset + 4)
    return headByteCount
  }
}
