/// The 16 opaque bytes that name a memory descriptor of the node that made them.
///
/// Only its maker looks inside; everybody else echoes it byte for byte, so the halves are kept in the host's
/// byte order as they were on the wire and never swapped.
///
/// **Wire:** `ack_wmd`, `return_wmd`, `dst_wmd` (spec 01 §3.4).
public struct WireHandle: Hashable, Sendable, BitwiseCopyable {
  /// Names the maker's incarnation: a handle with another interface cookie is stale.
  public var interfaceCookie: UInt64
  /// Names the object at its maker.
  public var objectCookie: UInt64

  /// A handle of its two halves.
  @inlinable public init(interfaceCookie: UInt64, objectCookie: UInt64) {
    self.interfaceCookie = interfaceCookie
    self.objectCookie = objectCookie
  }

  /// All ones: in a PUT, "no ACK wanted".
  @inlinable
  public static var none: WireHandle { WireHandle(interfaceCookie: .max, objectCookie: .max) }

  /// True only if both halves are all ones.
  @inlinable public var isNone: Bool { interfaceCookie & objectCookie == .max }

  /// Bytes on the wire.
  @inlinable package static var byteCount: Int { 16 }

  @inlinable @inline(__always)
  package init(at offset: Int, in bytes: borrowing RawSpan) {
    interfaceCookie = bytes.native(UInt64.self, at: offset)
    objectCookie = bytes.native(UInt64.self, at: offset + 8)
  }

  @inlinable @inline(__always)
  package func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(interfaceCookie, at: offset)
    bytes.storeNative(objectCookie, at: offset + 8)
  }
}
