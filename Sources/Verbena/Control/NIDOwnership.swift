internal import CLinuxShims

/// The claim of one process on a NID of this host: as long as it lives, nobody else can start it here.
///
/// Kept by a lock on a file, so that the kernel gives it up with its process.
final class NIDOwnership: Sendable {
  private let lock: Int32

  init(claiming name: NodeName) throws(NodeError) {
    try RuntimeDirectory.prepare()
    var owner: Int32 = 0
    // SAFETY: the string is a C string for the length of the call, the pid is written before it returns.
    let result = unsafe clinux_lock_name(name.path + ".lock", &owner)
    guard result >= 0 else {
      let holder = owner > 0 ? "process \(owner)" : "another process"
      throw NodeError(
        code: .configuration, operation: "start", errno: -result,
        explanation: "NID \(name) is in use by \(holder) on this host: stop it, or use another NID")
    }
    lock = result
  }

  deinit { clinux_unlock_name(lock) }
}
