/// A release of Lustre, such as 2.17.0.0.
///
/// **Wire:** `ocd_version`, `mti_lustre_ver`, `cm_vers`: four bytes, major on top (spec 11 §4).
public struct LustreVersion: RawRepresentable, Hashable, Sendable, BitwiseCopyable, Comparable {
  /// The number as on the wire.
  public var rawValue: UInt32

  /// Takes the number; any value is accepted.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The release `major.minor.patch.fix`.
  @inlinable public init(_ major: UInt8, _ minor: UInt8, _ patch: UInt8 = 0, _ fix: UInt8 = 0) {
    rawValue = UInt32(major) << 24 | UInt32(minor) << 16 | UInt32(patch) << 8 | UInt32(fix)
  }

  /// The release whose protocol we speak.
  public static let current = LustreVersion(2, 17)

  /// The first number.
  @inlinable public var major: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 24) }
  /// The second number.
  @inlinable public var minor: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 16) }
  /// The third number.
  @inlinable public var patch: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8) }
  /// The fourth number.
  @inlinable public var fix: UInt8 { UInt8(truncatingIfNeeded: rawValue) }

  /// Older releases are less.
  @inlinable public static func < (left: LustreVersion, right: LustreVersion) -> Bool {
    left.rawValue < right.rawValue
  }
}

extension LustreVersion: CustomStringConvertible {
  /// The four numbers with points between.
  public var description: String { "\(major).\(minor).\(patch).\(fix)" }
}
