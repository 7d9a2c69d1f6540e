/// Eight opaque bytes that name an export, an import or a lock at the node that made them.
///
/// Only its maker looks inside; everybody else echoes it byte for byte, so it is never swapped, not even
/// for a sender of the other byte order (spec 10 §2.3).
///
/// **Wire:** `struct lustre_handle` (spec 11 §2).
public struct Cookie: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The bytes as an integer in the host's order.
  public var rawValue: UInt64

  /// Takes the bytes; any value is accepted.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// "No handle".
  public static let none = Cookie(rawValue: 0)

  /// True for ``none``.
  @inlinable public var isNone: Bool { rawValue == 0 }
}

extension Cookie: FixedLayout {
  public static var structure: WireStructure { .cookie }
  public static var byteCount: Int { 8 }

  @inlinable
  public init(at offset: Int, in bytes: borrowing RawSpan, swapped: Bool = false) {
    rawValue = bytes.native(UInt64.self, at: offset)
  }

  @inlinable
  public func encode(into bytes: inout MutableRawSpan, at offset: Int) {
    bytes.storeNative(rawValue, at: offset)
  }
}

extension Cookie: CustomStringConvertible {
  /// `0x` and sixteen digits, as the real tools print it.
  public var description: String {
    let digits = String(rawValue, radix: 16)
    return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
  }
}
