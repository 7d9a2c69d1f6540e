package import RDMATransport
package import Structures

/// The disk of one target, whatever lies below.
///
/// The contract: `submit` takes commands in order, as many as there is room for, and leaves the rest in the
/// queue (which fills, and so holds its target back); `poll` appends what has come of them, in order. Neither
/// waits, and neither throws: a disk's failures are errno numbers in completions. What `poll` has
/// taken makes room for `submit`, and when it has filled its queue there may be more: nothing wakes the loop for
/// either, so it goes on until `poll` brings nothing. One store serves one target, on its
/// loop's thread.
package protocol TargetStore: ~Copyable {
  /// - Parameter now: nanoseconds; only simulated disks look at it.
  mutating func submit(
    _ commands: inout FixedQueue<StorageCommand>, memory: inout NodeMemory, at now: UInt64)

  mutating func poll(
    _ completions: inout FixedQueue<StorageCompletion>, memory: inout NodeMemory, at now: UInt64)

  /// A time by which `poll` must be called although nothing wakes the loop; nil for none.
  mutating func nextDeadline() -> UInt64?
}
