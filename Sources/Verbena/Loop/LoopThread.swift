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

  /// Binds the calling thread to a processor.
  static func bind(to processor: Int) throws(NodeError) {
    let result = clinux_thread_pin(Int32(clamping: processor))
    guard result != 0 else { return }
    throw NodeError(
      code: .configuration, operation: "start", errno: -result,
      explanation: "the loop cannot be bound to CPU \(processor) (\(ErrnoName(Int64(-result)))): "
        + "this process may run on \(allowedProcessors)")
  }

  /// The processors that this process may run on, as `taskset -c` takes them: `0-3,8`.
  private static var allowedProcessors: String {
    var ranges: [String] = []
    var first: Int32?
    for processor in 0...CLINUX_PROCESSORS_MAX {
      if clinux_processor_is_allowed(processor) {
        first = first ?? processor
      } else if let start = first {
        ranges.append(start == processor - 1 ? "\(start)" : "\(start)-\(processor - 1)")
        first = nil
      }
    }
    return ranges.joined(separator: ",")
  }
}
