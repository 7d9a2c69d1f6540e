internal import Glibc

/// A call of libibverbs, librdmacm or the system that failed: which one, and with which errno.
///
/// Every C call of this room goes through one of the checks below; each names the convention by which the
/// call reports failure. EINTR is never retried here: no call that is made can be interrupted, but the
/// reads of event channels, which are made again when the descriptor is readable.
struct CallFailure: Error, Equatable {
  var call: String
  /// Positive.
  var errno: Int32

  init(call: String, errno: Int32) {
    self.call = call
    self.errno = errno
  }

  /// librdmacm and the system: 0, or -1 with the reason in `errno`.
  static func checkMinusOne(_ call: StaticString, _ result: Int32) throws(CallFailure) {
    if result != 0 { throw CallFailure(call: call.description, errno: Glibc.errno) }
  }

  /// libibverbs: 0, or the errno itself. Some providers answer -1 and set `errno`.
  static func checkValue(_ call: StaticString, _ result: Int32) throws(CallFailure) {
    if result == 0 { return }
    throw CallFailure(
      call: call.description, errno: result == -1 ? Glibc.errno : result < 0 ? -result : result)
  }

  /// Our own shims: 0 or more, or the negative errno.
  static func checkNegative(_ call: StaticString, _ result: Int32) throws(CallFailure) -> Int32 {
    if result < 0 { throw CallFailure(call: call.description, errno: -result) }
    return result
  }

  /// A pointer, or NULL with the reason in `errno`.
  static func checkPointer<T>(_ call: StaticString, _ result: UnsafeMutablePointer<T>?)
    throws(CallFailure) -> UnsafeMutablePointer<T>
  {
    // SAFETY: only compared with NULL and handed on.
    if let result = unsafe result { return unsafe result }
    let reason = Glibc.errno
    throw CallFailure(call: call.description, errno: reason == 0 ? ENOMEM : reason)
  }
}
