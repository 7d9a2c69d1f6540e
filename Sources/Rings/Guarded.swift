public import Synchronization

/// A value behind a `Mutex`, whose order is told by an atomic as well.
///
/// `Mutex` waits inside a library that the thread sanitizer does not see into: two threads that met there
/// look unordered to it. The word costs two plain moves on x86 and stands for that order. `public` so that other
/// modules specialize it.
public struct Guarded<Value: ~Copyable>: ~Copyable, Sendable {
  @usableFromInline let value: Mutex<Value>
  @usableFromInline let order = Atomic<UInt8>(0)

  @inlinable
  public init(_ value: consuming sending Value) { self.value = Mutex(value) }

  /// Runs `body` while no other thread does. Thread rule: any; `body` must not come back here.
  @inlinable
  public borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try value.withLock { value throws(Failure) in
      _ = order.load(ordering: .acquiring)
      defer { order.store(0, ordering: .releasing) }
      return try body(&value)
    }
  }
}
