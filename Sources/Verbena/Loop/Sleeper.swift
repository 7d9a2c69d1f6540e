internal import CLinuxShims

/// Where a loop sleeps: until one of its bells rings or a time has come.
struct Sleeper: ~Copyable {
  private let epoll: Int32

  /// - Parameter bells: descriptors that become readable to wake the loop.
  init(bells: [Int32]) throws(NodeError) {
    epoll = clinux_epoll()
    for bell in bells {
      let result = epoll < 0 ? epoll : clinux_epoll_add(epoll, bell)
      guard result == 0 else {
        throw NodeError(
          code: .system, operation: "start", errno: -result,
          explanation: "epoll: errno \(-result)")
      }
    }
  }

  deinit { if epoll >= 0 { clinux_close(epoll) } }

  /// - Parameter timeout: nanoseconds; negative for none.
  func sleep(timeout: Int64) { _ = clinux_epoll_sleep(epoll, timeout) }
}
