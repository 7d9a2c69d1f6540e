internal import BenchKit
internal import CLinuxShims
internal import Foundation

/// The service manager that has started us, if it wants to hear of us: systemd's protocol of NOTIFY_SOCKET.
enum ServiceManager {
  /// Tells it; a manager that cannot be reached is warned of, and nothing else changes.
  static func tell(_ assignments: [String]) {
    guard let path = ProcessInfo.processInfo.environment["NOTIFY_SOCKET"], !path.isEmpty else {
      return
    }
    // SAFETY: both are C strings for the length of the call.
    let result = unsafe clinux_service_notify(path, assignments.joined(separator: "\n"))
    if result != 0 {
      Streams.error(
        "verbena: warning: NOTIFY_SOCKET \(path) takes no message: errno \(-result)\n")
    }
  }
}
