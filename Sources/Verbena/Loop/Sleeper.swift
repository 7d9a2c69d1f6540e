internal import CLinuxShims

/// Where a loop sleeps: until one of its bells rings or a time has come. It takes no descriptor of its own, as a
/// process may have thousands of loops.
struct Sleeper {
  /// Descriptors that become readable to wake the loop: the transport's, and the inbox's.
  private let bells: (Int32, Int32)

  /// - Parameter second: -1 for none.
  init(_ first: Int32, _ second: Int32 = -1) { bells = (first, second) }

  /// - Parameter timeout: nanoseconds; negative for none.
  /// - Returns: whether the second bell has rung.
  func sleep(timeout: Int64) -> Bool { clinux_poll_sleep(bells.0, bells.1, -1, timeout) & 2 != 0 }
}
