/// Reads a ping info out of received bytes, without allocating.
///
/// **Wire:** `struct lnet_ping_info` (spec 01 §6.2); the checks are those of spec 01 §6.4.
package struct PingInfoReader: Hashable, Sendable, BitwiseCopyable {
  /// What the node can do.
  package var features: PingFeatures
  /// The node's process id.
  package var pid: UInt32
  /// How many entries the node has sent, 1...200.
  package var declaredEntries: Int
  /// How many of them have arrived whole, 1...``declaredEntries``.
  package var presentEntries: Int
  /// Where entries with large NIDs start, for ``nextLargeEntry(at:in:)``.
  package var largeOffset: Int
  /// Where they end.
  package var largeEnd: Int
  /// Whether less arrived than the node has sent.
  package var isTruncated: Bool
  /// Whether the sender's byte order is not ours.
  package var swapped: Bool

  /// `pi_magic`.
  @inlinable package static var magic: UInt32 { 0x7069_6E67 }
  /// Bytes before the first entry.
  @inlinable package static var headByteCount: Int { 16 }

  /// Checks the head and the loopback entry.
  package init(decoding bytes: borrowing RawSpan) throws(WireError) {
    let received = bytes.byteCount
    guard received >= Self.headByteCount + PingEntry.byteCount else {
      throw .truncated(
        .pingInfo, needed: UInt32(Self.headByteCount + PingEntry.byteCount),
        available: UInt32(received))
    }
    let magic = bytes.native(UInt32.self, at: 0)
    swapped = magic != Self.magic
    guard !swapped || magic.byteSwapped == Self.magic else {
      throw .badMagic(.pingInfo, found: magic)
    }
    features = PingFeatures(rawValue: bytes.native(UInt32.self, at: 4, swapped: swapped))
    guard features.contains(.interfaceStatus) else {
      throw .pingWithoutStatus(features: features.rawValue)
    }
    pid = bytes.native(UInt32.self, at: 8, swapped: swapped)
    let count = bytes.native(UInt32.self, at: 12, swapped: swapped)
    guard count >= 1, count <= LNetLimits.maximumInterfaces else { throw .pingEntryCount(count) }
    declaredEntries = Int(count)
    presentEntries = min(
      declaredEntries, (received - Self.headByteCount) / PingEntry.byteCount)
    let smallEnd = Self.headByteCount + declaredEntries * PingEntry.byteCount
    largeOffset = smallEnd
    var declaredEnd = smallEnd
    if features.contains(.largeAddresses) {
      let size = bytes.native(UInt32.self, at: Self.headByteCount + 12, swapped: swapped)
      declaredEnd = max(smallEnd, Int(size & ~3))
    }
    largeEnd = min(declaredEnd, received)
    isTruncated = received < declaredEnd
    let first = entry(at: 0, in: bytes)
    guard first.nid == .loopback else { throw .pingFirstEntry(first.nid) }
  }

  /// Entry `index`, 0..<``presentEntries``.
  package func entry(at index: Int, in bytes: borrowing RawSpan) -> PingEntry {
    precondition(index >= 0 && index < presentEntries)
    let offset = Self.headByteCount + index * PingEntry.byteCount
    return PingEntry(
      nid: NID(rawValue: bytes.native(UInt64.self, at: offset, swapped: swapped)),
      status: InterfaceStatus(
        rawValue: bytes.native(UInt32.self, at: offset + 8, swapped: swapped)),
      messageByteCount: bytes.native(UInt32.self, at: offset + 12, swapped: swapped))
  }

  /// The entry with a large NID at `offset`, which moves behind it; nil at the end. Entries whose NIDs
  /// are longer than 20 bytes are skipped.
  package func nextLargeEntry(at offset: inout Int, in bytes: borrowing RawSpan) -> LargePingEntry?
  {
    while largeEnd - offset >= 8 {
      let start = offset
      let size = bytes.byte(at: start + 4)
      let nidBytes = Int(size) + 8
      let end = start + (4 + nidBytes + 3) & ~3
      guard end <= largeEnd else { return nil }
      offset = end
      guard size <= LargeNID.maximumSizeField else { continue }
      var address: (high: UInt64, low: UInt64) = (0, 0)
      for index in 0..<16 {
        let used = index < Int(size) + 4
        let byte = used ? UInt64(bytes.byte(at: start + 8 + index)) : 0
        address = (address.high << 8 | address.low >> 56, address.low << 8 | byte)
      }
      return LargePingEntry(
        status: InterfaceStatus(
          rawValue: bytes.native(UInt32.self, at: start, swapped: swapped)),
        nid: LargeNID(
          sizeField: size, lndType: LNDType(rawValue: bytes.byte(at: start + 5)),
          netNumber: bytes.big(UInt16.self, at: start + 6), addressHigh: address.high,
          addressLow: address.low))
    }
    return nil
  }
}
