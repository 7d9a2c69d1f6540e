/// What a store has done, for operators and tests.
package struct StoreCounters: Equatable, Sendable, BitwiseCopyable {
  package var commands: UInt64 = 0
  package var transactions: UInt64 = 0
  package var transactionsFailed: UInt64 = 0
  package var bytesRead: UInt64 = 0
  package var bytesWritten: UInt64 = 0
  package var commits: UInt64 = 0
  /// Commands refused because a limit of `StorageLimits` was reached.
  package var limitRefusals: UInt64 = 0
  /// Commands that a full disk refused.
  package var noSpace: UInt64 = 0
  /// Calls of the disk that failed otherwise.
  package var ioErrors: UInt64 = 0

  package init() {}
}
