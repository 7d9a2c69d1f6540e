internal import CLinuxShims

/// A thread of its own for a loop.
enum LoopThread {
  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  /// Starts a thread that runs `body` to its end.
  ///
  /// - Parameter name: at most 15 characters, as `ps -T` and `perf` show it.
  static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(NodeError) {
    let context = unsafe Unmanaged.passRetained(Body(body))
    var thread: UInt = 0
    // SAFETY: the thread takes the reference over; the entry point releases it once it has run.
    let result = unsafe clinux_thread_start(
      &thread, name,
      { context in
        guard let context = unsafe context else { return nil }
        // SAFETY: the context is the reference that `start` retained for this call.
        let body = unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
        body.run()
        return nil
      }, unsafe context.toOpaque())
    if result == 0 { clinux_thread_detach(thread) }
    guard result == 0 else {
      unsafe context.release()
      throw NodeError(
        code: .system, operation: "start", explanation: "pthread_create: errno \(-result)")
    }
  }
}
