/// A wire structure of fixed length whose integers travel in the sender's byte order.
///
/// The receiver makes right: a decoder is told whether to swap, an encoder writes the host's order
/// (spec 10 §2.3). Longer input is legal everywhere, so that structures can grow; its rest is ignored.
public protocol FixedLayout: Hashable, Sendable, BitwiseCopyable {
  /// Names the structure in errors.
  static var structure: WireStructure { get }
  /// Bytes on the wire.
  static var byteCount: Int { get }

  /// Reads the structure at `offset`, where ``byteCount`` bytes are there; traps when they are not.
  init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool)

  /// Writes all ``byteCount`` bytes at `offset`, padding included; traps when they do not fit.
  func encode(into bytes: inout MutableRawSpan, at offset: Int)
}

extension FixedLayout {
  /// Reads the structure at `offset`; throws `truncated` when less than ``byteCount`` bytes are there.
  @inlinable @inline(__always)
  public init(
    decoding bytes: borrowing RawSpan, at offset: Int = 0, swapped: Bool = false
  ) throws(WireError) {
    let available = bytes.byteCount - offset
    guard offset >= 0, available >= Self.byteCount else {
      throw .truncated(
        Self.structure, needed: UInt32(Self.byteCount), available: UInt32(clamping: available))
    }
    self.init(at: offset, in: bytes, swapped: swapped)
  }
}
