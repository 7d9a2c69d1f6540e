internal import CLinuxShims
internal import Glibc

/// Where the running nodes of a user keep their control sockets: owner-only.
package enum RuntimeDirectory {
  /// The variable that names another directory.
  package static let variableName = "VERBENA_RUNTIME_DIRECTORY"

  /// `$VERBENA_RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR/verbena`, `/run/verbena` for root, `/tmp/verbena-UID` else.
  package static var path: String {
    if let path = variable(variableName) { return path }
    if let path = variable("XDG_RUNTIME_DIR") { return path + "/verbena" }
    return geteuid() == 0 ? ofServices : "/tmp/verbena-\(geteuid())"
  }

  /// Where the system's services have theirs.
  private static let ofServices = "/run/verbena"

  /// Where running nodes are looked for: root, whose login session has a directory of its own, also finds services.
  package static var searchedPaths: [String] {
    let isRoot = geteuid() == 0 && variable(variableName) == nil
    return isRoot && path != ofServices ? [path, ofServices] : [path]
  }

  static func prepare() throws(NodeError) {
    // SAFETY: the string is passed as a C string for the length of the call.
    let result = unsafe clinux_private_directory(path)
    guard result == 0 else {
      throw NodeError(
        code: .system, operation: "control socket", errno: -result,
        explanation: "\(path): errno \(-result); it must be a directory of this user that nobody "
          + "else can write, or name another with \(variableName)")
    }
  }

  private static func variable(_ name: String) -> String? {
    // SAFETY: getenv gives a C string that stays as it is while nobody sets variables; it is copied at once.
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
  }
}
