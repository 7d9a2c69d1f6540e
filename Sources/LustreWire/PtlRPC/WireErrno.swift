/// An error number as nodes tell it each other: the numbers of Linux on x86, whatever the host.
///
/// A status on the wire is a negative one of these, or 0, or a positive result. Positive statuses pass
/// unchanged.
///
/// **Wire:** `lustre_errno.h` (spec 10 §5.3). Numbers that are not listed are kept.
public struct WireErrno: RawRepresentable, Hashable, Sendable, BitwiseCopyable, Error {
  /// The number, positive.
  public var rawValue: Int32

  /// Takes the number; any value is accepted.
  @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

  /// The error of a status, or nil when it is no error.
  @inlinable public init?(status: Int32) {
    guard status < 0, status != .min else { return nil }
    rawValue = -status
  }

  /// The status that tells this error.
  @inlinable public var status: Int32 { -rawValue }

  /// `EPERM`, 1.
  public static let eperm = WireErrno(rawValue: 1)
  /// `ENOENT`, 2.
  public static let enoent = WireErrno(rawValue: 2)
  /// `EINTR`, 4.
  public static let eintr = WireErrno(rawValue: 4)
  /// `EIO`, 5.
  public static let eio = WireErrno(rawValue: 5)
  /// `ENXIO`, 6.
  public static let enxio = WireErrno(rawValue: 6)
  /// `E2BIG`, 7.
  public static let e2big = WireErrno(rawValue: 7)
  /// `EBADF`, 9.
  public static let ebadf = WireErrno(rawValue: 9)
  /// `EAGAIN`, 11.
  public static let eagain = WireErrno(rawValue: 11)
  /// `ENOMEM`, 12.
  public static let enomem = WireErrno(rawValue: 12)
  /// `EACCES`, 13.
  public static let eacces = WireErrno(rawValue: 13)
  /// `EFAULT`, 14.
  public static let efault = WireErrno(rawValue: 14)
  /// `EBUSY`, 16.
  public static let ebusy = WireErrno(rawValue: 16)
  /// `EEXIST`, 17.
  public static let eexist = WireErrno(rawValue: 17)
  /// `EXDEV`, 18.
  public static let exdev = WireErrno(rawValue: 18)
  /// `ENODEV`, 19.
  public static let enodev = WireErrno(rawValue: 19)
  /// `ENOTDIR`, 20.
  public static let enotdir = WireErrno(rawValue: 20)
  /// `EISDIR`, 21.
  public static let eisdir = WireErrno(rawValue: 21)
  /// `EINVAL`, 22.
  public static let einval = WireErrno(rawValue: 22)
  /// `ENOSPC`, 28.
  public static let enospc = WireErrno(rawValue: 28)
  /// `ESPIPE`, 29.
  public static let espipe = WireErrno(rawValue: 29)
  /// `EROFS`, 30.
  public static let erofs = WireErrno(rawValue: 30)
  /// `EMLINK`, 31.
  public static let emlink = WireErrno(rawValue: 31)
  /// `ERANGE`, 34.
  public static let erange = WireErrno(rawValue: 34)
  /// `EDEADLK`, 35.
  public static let edeadlk = WireErrno(rawValue: 35)
  /// `ENAMETOOLONG`, 36.
  public static let enametoolong = WireErrno(rawValue: 36)
  /// `ENOLCK`, 37.
  public static let enolck = WireErrno(rawValue: 37)
  /// `ENOSYS`, 38.
  public static let enosys = WireErrno(rawValue: 38)
  /// `ENOTEMPTY`, 39.
  public static let enotempty = WireErrno(rawValue: 39)
  /// `ELOOP`, 40.
  public static let eloop = WireErrno(rawValue: 40)
  /// `EBADE`, 52.
  public static let ebade = WireErrno(rawValue: 52)
  /// `EBADR`, 53.
  public static let ebadr = WireErrno(rawValue: 53)
  /// `EBADSLT`, 57.
  public static let ebadslt = WireErrno(rawValue: 57)
  /// `ENODATA`, 61.
  public static let enodata = WireErrno(rawValue: 61)
  /// `EREMOTE`, 66.
  public static let eremote = WireErrno(rawValue: 66)
  /// `EPROTO`, 71.
  public static let eproto = WireErrno(rawValue: 71)
  /// `EBADMSG`, 74.
  public static let ebadmsg = WireErrno(rawValue: 74)
  /// `EOVERFLOW`, 75.
  public static let eoverflow = WireErrno(rawValue: 75)
  /// `ENOPROTOOPT`, 92.
  public static let enoprotoopt = WireErrno(rawValue: 92)
  /// `EOPNOTSUPP`, 95.
  public static let eopnotsupp = WireErrno(rawValue: 95)
  /// `EADDRINUSE`, 98.
  public static let eaddrinuse = WireErrno(rawValue: 98)
  /// `EADDRNOTAVAIL`, 99.
  public static let eaddrnotavail = WireErrno(rawValue: 99)
  /// `ENETUNREACH`, 101.
  public static let enetunreach = WireErrno(rawValue: 101)
  /// `ENOTCONN`, 107.
  public static let enotconn = WireErrno(rawValue: 107)
  /// `ESHUTDOWN`, 108.
  public static let eshutdown = WireErrno(rawValue: 108)
  /// `ETIMEDOUT`, 110.
  public static let etimedout = WireErrno(rawValue: 110)
  /// `EHOSTUNREACH`, 113.
  public static let ehostunreach = WireErrno(rawValue: 113)
  /// `EALREADY`, 114.
  public static let ealready = WireErrno(rawValue: 114)
  /// `EINPROGRESS`, 115.
  public static let einprogress = WireErrno(rawValue: 115)
  /// `ESTALE`, 116.
  public static let estale = WireErrno(rawValue: 116)
  /// `EDQUOT`, 122.
  public static let edquot = WireErrno(rawValue: 122)
  /// `ECANCELED`, 125.
  public static let ecanceled = WireErrno(rawValue: 125)
  /// `ENOTSUPP`, 524.
  public static let enotsupp = WireErrno(rawValue: 524)
  /// `EJUKEBOX`, 528.
  public static let ejukebox = WireErrno(rawValue: 528)

  /// The name, or nil for a number without one.
  public var name: StaticString? {
    switch rawValue {
    case 1: "EPERM"
    case 2: "ENOENT"
    case 4: "EINTR"
    case 5: "EIO"
    case 6: "ENXIO"
    case 7: "E2BIG"
    case 9: "EBADF"
    case 11: "EAGAIN"
    case 12: "ENOMEM"
    case 13: "EACCES"
    case 14: "EFAULT"
    case 16: "EBUSY"
    case 17: "EEXIST"
    case 18: "EXDEV"
    case 19: "ENODEV"
    case 20: "ENOTDIR"
    case 21: "EISDIR"
    case 22: "EINVAL"
    case 28: "ENOSPC"
    case 29: "ESPIPE"
    case 30: "EROFS"
    case 31: "EMLINK"
    case 34: "ERANGE"
    case 35: "EDEADLK"
    case 36: "ENAMETOOLONG"
    case 37: "ENOLCK"
    case 38: "ENOSYS"
    case 39: "ENOTEMPTY"
    case 40: "ELOOP"
    case 52: "EBADE"
    case 53: "EBADR"
    case 57: "EBADSLT"
    case 61: "ENODATA"
    case 66: "EREMOTE"
    case 71: "EPROTO"
    case 74: "EBADMSG"
    case 75: "EOVERFLOW"
    case 92: "ENOPROTOOPT"
    case 95: "EOPNOTSUPP"
    case 98: "EADDRINUSE"
    case 99: "EADDRNOTAVAIL"
    case 101: "ENETUNREACH"
    case 107: "ENOTCONN"
    case 108: "ESHUTDOWN"
    case 110: "ETIMEDOUT"
    case 113: "EHOSTUNREACH"
    case 114: "EALREADY"
    case 115: "EINPROGRESS"
    case 116: "ESTALE"
    case 122: "EDQUOT"
    case 125: "ECANCELED"
    case 524: "ENOTSUPP"
    case 528: "EJUKEBOX"
    default: nil
    }
  }
}

extension WireErrno: CustomStringConvertible {
  /// The name, or the number.
  public var description: String { name.map { "\($0)" } ?? "errno \(rawValue)" }

  /// A status for people: `0`, `1048576`, `-107 (ENOTCONN)`.
  public static func describe(status: Int32) -> String {
    guard let name = WireErrno(status: status)?.name else { return "\(status)" }
    return "\(status) (\(name))"
  }
}
